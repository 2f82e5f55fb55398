//! What must hold of every disk that a crash leaves.
//!
//! 1. It opens, and what it holds is the state after some number of writes, whole ones: every
//!    durable one, and none that was refused or never made. After the death of the process alone,
//!    every acknowledged one.
//! 2. Its files are those that the manifest names, the log segments of now, LOCK and CURRENT;
//!    `verify` finds nothing, and the levels are in order.
//! 3. It crashes again, before anything was written, and still shows the same.
//! 4. It is used, and closed or crashed again, and shows what it should. Nothing that was lost
//!    comes back.
//!
//! A disk that was looked at is not looked at again: what it holds is kept.

use crate::common::counters::Counters;
use crate::common::history::{History, difference};
use crate::common::{State, files, state_of};
use crate::images::Crash;
use crate::run::{DIR, Jobs, options, runtime};
use crate::shape::assert_in_order;
use siltstone::vfs::{CrashPolicy, ManualClock, SimVfs};
use siltstone::{Db, Durability, Options, WriteBatch, WriteOptions};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

/// How much of the above is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Up to 2.
    Open,
    /// All of it.
    Use,
}

/// Looks at disks, and counts them.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    /// Fingerprints of all disks that were looked at.
    disks: HashSet<u64>,
    /// Those of them on which a crash had lost something.
    lost: u64,
    /// What each disk holds, by fingerprint, and whether only the process died.
    known: HashMap<(u64, bool), Rc<State>>,
    /// Every state that was found.
    states: HashSet<Rc<State>>,
    /// So many were used again.
    used: u64,
}

impl Oracle {
    /// Looks at `disk`, which `crash` left of a run with this history.
    ///
    /// # Panics
    ///
    /// If anything is not as it must be.
    pub(crate) fn check(&mut self, disk: SimVfs, crash: Crash, history: &History, depth: Depth) {
        let fingerprint = disk.fingerprint();
        self.count(&disk);
        let is_death = crash == Crash::ProcessDeath;
        let least = if is_death { history.writes.len() } else { history.synced };
        if let Some(found) = self.known.get(&(fingerprint, is_death)) {
            history.assert_prefix(found, least);
            return;
        }
        let db = open(&disk, 101);
        let found = state_of(&db).unwrap();
        history.assert_prefix(&found, least);
        look_at_files(&db, &disk);
        self.keep((fingerprint, is_death), &found);
        if depth == Depth::Use {
            self.used += 1;
            look_at_copies(&disk, history);
            look_again(disk, db, found, fingerprint);
        }
    }

    /// Counts a disk that somebody else looks at; whether it is a new one.
    pub(crate) fn count(&mut self, disk: &SimVfs) -> bool {
        let is_new = self.disks.insert(disk.fingerprint());
        self.lost += u64::from(is_new && disk.lost_something());
        is_new
    }

    fn keep(&mut self, key: (u64, bool), found: &State) {
        let state = self.states.get(found).cloned().unwrap_or_else(|| Rc::new(found.clone()));
        self.states.insert(Rc::clone(&state));
        self.known.insert(key, state);
    }

    pub(crate) fn report(&self, counters: &mut Counters) {
        counters.add("crash points", self.disks.len() as u64);
        counters.add("crash points that lost something", self.lost);
        counters.add("crash points used again", self.used);
    }
}

/// Options to look at a disk with; each opening of it has another number.
pub(crate) fn options_for_look(disk: &SimVfs, open_number: u64) -> Options {
    options(disk, Jobs::Writer, runtime(&Arc::new(ManualClock::new()), open_number))
}

/// Opens what a crash left.
pub(crate) fn open(disk: &SimVfs, open_number: u64) -> Db {
    match options_for_look(disk, open_number).open(DIR) {
        Ok(db) => db,
        Err(error) => panic!("what the crash left does not open: {error}"),
    }
}

/// Nothing on disk is unknown, missing or wrong.
pub(crate) fn look_at_files(db: &Db, disk: &SimVfs) {
    let trees = db.tree().unwrap();
    let tables = trees.iter().flat_map(|tree| &tree.runs).flat_map(|run| &run.tables);
    let mut wanted: Vec<String> = tables.map(|table| format!("{}.sst", table.id)).collect();
    let (mut logs, mut manifests) = (0, 0);
    let mut found: Vec<String> = Vec::new();
    for (name, _) in files(disk, DIR) {
        match name.rsplit_once('.') {
            Some((_, "log")) => logs += 1,
            Some((_, "manifest")) => manifests += 1,
            _ if name == "LOCK" || name == "CURRENT" => {}
            _ => found.push(name),
        }
    }
    wanted.sort();
    found.sort();
    assert_eq!(found, wanted, "the tables on disk are not those of the manifest");
    assert_eq!(logs, db.metrics().log_segments, "log segments on disk and in the manifest");
    assert_eq!(manifests, 1, "manifests on disk");
    assert_in_order(&trees);
    let report = db.verify().unwrap();
    assert!(report.findings.is_empty(), "{:?}", report.findings);
}

/// A checkpoint that was taken is there and whole; one that was not is that, or no database.
fn look_at_copies(disk: &SimVfs, history: &History) {
    for copy in &history.copies {
        // On a copy of the disk, which is used again.
        let opened = options_for_look(&disk.process_death(), 104)
            .create_if_missing(false)
            .open(copy.dir.as_str());
        match opened {
            Ok(db) => assert_same(&db, &copy.state, &copy.dir),
            Err(error) => assert!(!copy.is_done, "{} is lost: {error}", copy.dir),
        }
    }
}

/// Steps 3 and 4. The fingerprint draws how.
fn look_again(disk: SimVfs, db: Db, mut found: State, draw: u64) {
    let policy = CrashPolicy::ALL[usize::try_from(draw % CrashPolicy::ALL.len() as u64).unwrap()];
    let disk = match draw % 5 {
        0 => {
            db.close().unwrap();
            disk
        }
        1 => disk.process_death(),
        _ => disk.crash(policy, draw),
    };
    drop(db);
    let db = open(&disk, 102);
    assert_same(&db, &found, "a second opening");
    use_it(&db, &mut found, draw);
    assert_same(&db, &found, "what was written on");
    let disk = match draw / 5 % 3 {
        0 => {
            db.close().unwrap();
            disk
        }
        1 => disk.process_death(),
        // The last thing was a sync.
        _ => disk.crash(policy, !draw),
    };
    drop(db);
    let db = open(&disk, 103);
    assert_same(&db, &found, "the last opening");
    look_at_files(&db, &disk);
}

/// Five calls, the last of which makes all durable.
fn use_it(db: &Db, state: &mut State, draw: u64) {
    let names: Vec<String> = state.keys().cloned().collect();
    let name = &names[usize::try_from(draw / 15 % names.len() as u64).unwrap()];
    let keyspace = db.keyspace(name).unwrap();
    let mut batch = WriteBatch::new();
    batch.put(&keyspace, "b", "written on");
    batch.put(&db.default_keyspace(), "z", vec![b'z'; 400]);
    batch.delete(&keyspace, "c");
    db.write(batch).unwrap();
    let map = state.get_mut(name).unwrap();
    map.insert(b"b".to_vec(), b"written on".to_vec());
    map.remove(&b"c"[..]);
    state.get_mut("default").unwrap().insert(b"z".to_vec(), vec![b'z'; 400]);
    match draw / 60 % 3 {
        0 => db.flush().unwrap(),
        1 => keyspace.compact_range(..).unwrap(),
        _ => db.sync().unwrap(),
    }
    db.put("y", vec![b'y'; 700]).unwrap();
    db.delete("a").unwrap();
    let durably = WriteOptions::new().durability(Durability::Sync);
    let mut batch = WriteBatch::new();
    batch.put(&keyspace, "x", "the last");
    db.write_with(batch, &durably).unwrap();
    let default = state.get_mut("default").unwrap();
    default.insert(b"y".to_vec(), vec![b'y'; 700]);
    default.remove(&b"a"[..]);
    state.get_mut(name).unwrap().insert(b"x".to_vec(), b"the last".to_vec());
}

/// # Panics
///
/// If the database holds anything else.
pub(crate) fn assert_same(db: &Db, wanted: &State, what: &str) {
    let found = state_of(db).unwrap();
    let names = (found.keys(), wanted.keys());
    assert!(names.0.clone().eq(names.1.clone()), "{what} shows the keyspaces {names:?}");
    assert!(found == *wanted, "{what} shows something else: {:?}", difference(&found, wanted));
}
