//! A life of a database, drawn from a seed, that goes on until calls fail.

use crate::common::history::{Copy, History, Op, Write};
use crate::common::settings::Settings;
use crate::common::{Chance, State, state_of};
use crate::open;
use siltstone::vfs::SimVfs;
use siltstone::{Db, Durability, Error, Keyspace, WriteBatch, WriteOptions};
use std::collections::BTreeMap;

pub(crate) const DIR: &str = "/db";
const STEPS: usize = 120;
/// Steps that are still tried after the first failure.
const STEPS_AFTER_FAILURE: usize = 4;
/// `busy` is flushed all the time, `sparse` hardly ever, `brief` comes and goes.
const NAMES: [&str; 4] = ["default", "busy", "sparse", "brief"];

/// Who does the jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Threads {
    /// The calls: a seed and a number of operations always give the same run.
    None,
    /// One or two workers, so that a cut may fall into several things at once.
    Workers,
}

/// A scenario on its way.
pub(crate) struct Run {
    pub(crate) history: History,
    chance: Chance,
    vfs: SimVfs,
    threads: Threads,
    db: Option<Db>,
    spaces: BTreeMap<&'static str, Keyspace>,
    next_number: u64,
    writes: u64,
    failures: Vec<String>,
}

impl Run {
    pub(crate) fn new(seed: u64, vfs: &SimVfs, threads: Threads) -> Self {
        Self {
            threads,
            history: History::default(),
            chance: Chance::new(seed),
            vfs: vfs.clone(),
            db: None,
            spaces: BTreeMap::new(),
            next_number: 1,
            writes: 0,
            failures: Vec::new(),
        }
    }

    pub(crate) fn go(&mut self) {
        // It is there after the first open, and a crash before leaves it to the next.
        self.history.spaces.insert("default".into(), 0);
        self.open();
        for name in &NAMES[1..] {
            self.create(name);
        }
        let mut left = STEPS_AFTER_FAILURE;
        for _ in 0..STEPS {
            if !self.failures.is_empty() {
                left -= 1;
            }
            if left == 0 || self.db.is_none() {
                return;
            }
            self.step();
        }
    }

    pub(crate) fn assert_nothing_failed(&self) {
        assert!(self.failures.is_empty(), "{:?}", self.failures);
    }

    /// Whatever failed, acknowledged writes are read, and no others.
    pub(crate) fn check_reads(&self) {
        let Some(db) = &self.db else { return };
        let found = state_of(db).unwrap();
        let history = History {
            failed: None,
            writes: self.history.writes.clone(),
            spaces: self.history.spaces.clone(),
            spaces_perhaps: self.history.spaces_perhaps.clone(),
            ..History::default()
        };
        history.assert_prefix(&found, history.writes.len());
    }

    fn step(&mut self) {
        match self.chance.below(100) {
            0..55 => self.write(1),
            55..75 => self.write(self.chance.between(2, 8)),
            75..80 => self.sync(),
            80..88 => self.flush("busy"),
            88..89 => self.flush_all(),
            89..91 => self.flush("brief"),
            91..93 => self.compact("busy"),
            93..94 => self.compact("sparse"),
            94..96 => self.drop_and_create(),
            96..97 => self.checkpoint(),
            _ => self.reopen(),
        }
    }

    fn note<T>(&mut self, what: &str, outcome: Result<T, Error>) -> Option<T> {
        match outcome {
            Ok(value) => Some(value),
            Err(error) => {
                self.failures.push(format!("{what}: {error}"));
                None
            }
        }
    }

    fn open(&mut self) {
        let mut settings = Settings::draw(&self.chance).without_threads();
        if self.threads == Threads::Workers {
            settings.background_threads = self.chance.between(1, 2);
        }
        let opened = open(&self.vfs, &settings);
        self.db = self.note("open", opened);
        self.spaces.clear();
        let Some(db) = &self.db else { return };
        for name in NAMES {
            let found = db.find_keyspace(name).unwrap();
            assert_eq!(found.is_some(), self.history.spaces.contains_key(name), "{name}");
            self.spaces.extend(found.map(|keyspace| (name, keyspace)));
        }
    }

    /// A clean end makes everything durable.
    fn reopen(&mut self) {
        let Some(db) = self.db.take() else { return };
        self.spaces.clear();
        if self.note("close", db.close()).is_some() {
            self.history.sync_by("close");
        }
        drop(db);
        self.open();
    }

    fn create(&mut self, name: &'static str) {
        let Some(db) = &self.db else { return };
        let created = db.keyspace(name);
        let mut spaces = self.history.spaces.clone();
        spaces.insert(name.into(), self.next_number);
        self.next_number += 1;
        self.note_spaces("create", created.as_ref().map(|_| ()).map_err(Error::clone), spaces);
        self.spaces.extend(created.ok().map(|keyspace| (name, keyspace)));
    }

    fn drop_and_create(&mut self) {
        let Some(db) = &self.db else { return };
        if !self.spaces.contains_key("brief") {
            return self.create("brief");
        }
        let dropped = db.drop_keyspace("brief");
        let mut spaces = self.history.spaces.clone();
        spaces.remove("brief");
        if self.note_spaces("drop", dropped, spaces) {
            self.spaces.remove("brief");
            if self.chance.percent(70) {
                self.create("brief");
            }
        }
    }

    /// Keyspaces come and go durably; a failed call may have done it or not.
    fn note_spaces(
        &mut self,
        what: &str,
        outcome: Result<(), Error>,
        spaces: BTreeMap<String, u64>,
    ) -> bool {
        if self.note(what, outcome).is_some() {
            self.history.spaces = spaces;
            return true;
        }
        self.history.spaces_perhaps.get_or_insert(spaces);
        false
    }

    fn write(&mut self, ops: usize) {
        let ops: Vec<_> = (0..ops).map(|_| self.draw_op()).collect();
        let Some(db) = &self.db else { return };
        let mut batch = WriteBatch::new();
        for (name, (_, key, value)) in &ops {
            match value {
                Some(value) => batch.put(&self.spaces[name], key, value),
                None => batch.delete(&self.spaces[name], key),
            }
        }
        let sync = self.chance.percent(10);
        let durability = if sync { Durability::Sync } else { Durability::Buffered };
        let written = db.write_with(batch, &WriteOptions::new().durability(durability));
        let ops: Vec<Op> = ops.into_iter().map(|(_, op)| op).collect();
        match self.note("write", written) {
            Some(seqno) => {
                assert!(self.history.failed.is_none(), "a write went on after a failed one");
                self.history.writes.push(Write { ops, seqno });
                if sync {
                    self.history.sync_by("a write");
                }
            }
            None => drop(self.history.failed.get_or_insert(ops)),
        }
    }

    fn draw_op(&mut self) -> (&'static str, Op) {
        let chance = &self.chance;
        let drawn = ["default", "sparse", "brief", "busy"][chance.below(10).min(3)];
        // One that was not made, or not again, is left out.
        let name = if self.spaces.contains_key(drawn) { drawn } else { "default" };
        let number = self.history.spaces[name];
        let key = format!("key {}", chance.below(40)).into_bytes();
        self.writes += 1;
        let bytes = *chance.pick(&[0, 8, 30, 100, 300, 3_000]);
        let mut value = format!("{:08} ", self.writes).repeat(bytes / 9 + 1).into_bytes();
        value.truncate(bytes);
        (name, (number, key, chance.percent(80).then_some(value)))
    }

    fn sync(&mut self) {
        let Some(db) = &self.db else { return };
        let synced = db.sync();
        if self.note("sync", synced).is_some() {
            self.history.sync_by("sync");
        }
    }

    /// What is in tables survives, and with it every write before it.
    fn flush_all(&mut self) {
        let Some(db) = &self.db else { return };
        let flushed = db.flush();
        if self.note("flush", flushed).is_some() {
            self.history.sync_by("flush");
        }
    }

    /// A copy is synced and whole, or no database.
    fn checkpoint(&mut self) {
        let Some(db) = &self.db else { return };
        let dir = format!("/copy {}", self.history.copies.len());
        let outcome = db.checkpoint(&dir);
        let state = self.history.state(&self.history.spaces, self.history.writes.len());
        let is_done = self.note("checkpoint", outcome).is_some();
        self.history.copies.push(Copy { dir, state, is_done });
        if is_done {
            self.history.sync_by("checkpoint");
        }
    }

    fn flush(&mut self, name: &str) {
        let Some(keyspace) = self.spaces.get(name) else { return };
        let flushed = keyspace.flush();
        self.note("flush", flushed);
    }

    fn compact(&mut self, name: &str) {
        let Some(keyspace) = self.spaces.get(name) else { return };
        let compacted = keyspace.compact_range(..);
        self.note("compact", compacted);
    }
}

/// Writes to a recovered database, and to what it should hold.
pub(crate) fn write_on(db: &Db, state: &mut State, chance: &Chance) {
    let names: Vec<_> = state.keys().cloned().collect();
    for number in 0..chance.between(1, 12) {
        let mut batch = WriteBatch::new();
        for _ in 0..chance.between(1, 4) {
            let name = chance.pick(&names);
            let keyspace = db.keyspace(name).unwrap();
            let key = format!("key {}", chance.below(60)).into_bytes();
            let value = format!("written on {number}").repeat(chance.below(30)).into_bytes();
            batch.put(&keyspace, &key, &value);
            state.get_mut(name).unwrap().insert(key, value);
        }
        db.write(batch).unwrap();
    }
    match chance.below(4) {
        0 => db.flush().unwrap(),
        1 => db.compact_range(..).unwrap(),
        _ => {}
    }
}
