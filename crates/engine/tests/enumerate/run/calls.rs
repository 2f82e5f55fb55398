//! Each call of a script, and what it leaves in the history.

use super::{DIR, Held, Jobs, Run, options, runtime};
use crate::common::history::{Copy, Op, Spaces, Write};
use crate::common::state_of;
use crate::script::ScriptOp;
use siltstone::{Db, Durability, Error, Keyspace, Options, WriteBatch, WriteOptions};

impl Run {
    fn options(&self) -> Options {
        options(&self.disk, self.jobs, runtime(&self.clock, self.next_open))
    }

    pub(super) fn open(&mut self) {
        self.is_open = true;
        self.next_open += 1;
        match self.options().open(DIR) {
            Ok(db) => self.settle(db),
            Err(error) => drop(self.note("open", Err(error))),
        }
    }

    /// What failed before this opening happened or did not, and stays so. The power did not fail,
    /// so that every acknowledged write is there.
    fn settle(&mut self, db: Db) {
        match state_of(&db) {
            Ok(found) => {
                let count = self.history.writes.len();
                self.history.settle(&found, count, db.metrics().visible_seqno);
                self.db = Some(db);
            }
            Err(error) => drop(self.note("the first look", Err(error))),
        }
    }

    /// A look from beside: it sees everything, and changes nothing.
    pub(super) fn open_read_only(&mut self) {
        let before = self.disk.fingerprint();
        match self.options().open_read_only(DIR) {
            Ok(db) => match state_of(&db) {
                Ok(found) => drop(self.history.assert_prefix(&found, self.history.writes.len())),
                Err(error) => drop(self.note("a read", Err(error))),
            },
            Err(error) => drop(self.note("open read-only", Err(error))),
        }
        assert_eq!(self.disk.fingerprint(), before, "a read-only open changed a byte");
    }

    pub(super) fn step(&mut self, count: usize) {
        let Some(db) = &self.db else { return };
        if self.jobs == Jobs::Writer {
            return;
        }
        for _ in 0..count {
            // A job that fails is nobody's call that fails: health tells of it.
            drop(db.step());
        }
    }

    pub(super) fn write(&mut self, db: &Db, ops: &[ScriptOp], synced: bool) {
        let mut batch = WriteBatch::new();
        let mut noted: Vec<Op> = Vec::new();
        for (space, key, bytes) in ops {
            let (Some(keyspace), Some(&number)) =
                (db.find_keyspace(space).ok().flatten(), self.history.spaces.get(*space))
            else {
                continue;
            };
            let value = bytes.map(|bytes| self.value(bytes));
            match &value {
                Some(value) => batch.put(&keyspace, key, value),
                None => batch.delete(&keyspace, key),
            }
            noted.push((number, key.clone().into_bytes(), value));
        }
        if noted.is_empty() {
            return;
        }
        let takes_writes = db.health().takes_writes();
        let durability = if synced { Durability::Sync } else { Durability::Buffered };
        match db.write_with(batch, &WriteOptions::new().durability(durability)) {
            Ok(seqno) => {
                assert!(takes_writes, "a write was acknowledged by what takes none");
                // One that failed before was refused for good.
                self.history.failed = None;
                self.history.writes.push(Write { ops: noted, seqno });
                if synced {
                    self.history.sync_by("a write");
                }
            }
            Err(error) => {
                self.note("write", Err(error));
                if takes_writes && !db.health().takes_writes() {
                    self.history.failed.get_or_insert(noted);
                }
            }
        }
    }

    /// Bytes that no other write has.
    fn value(&mut self, bytes: usize) -> Vec<u8> {
        self.values += 1;
        let mut value = format!("{:04}.", self.values).repeat(bytes / 5 + 1).into_bytes();
        value.truncate(bytes);
        value
    }

    pub(super) fn on_keyspace(
        &mut self,
        db: &Db,
        name: &str,
        call: impl FnOnce(&Keyspace) -> Result<(), Error>,
    ) -> bool {
        let Ok(Some(keyspace)) = db.find_keyspace(name) else { return false };
        let outcome = call(&keyspace);
        self.note("flush or compact", outcome)
    }

    /// What is in tables is durable, and so is every write before it.
    pub(super) fn flush(&mut self, db: &Db, name: &str) {
        let number = self.history.spaces.get(name).copied();
        if self.on_keyspace(db, name, Keyspace::flush) {
            let touches = |write: &Write| write.ops.iter().any(|op| Some(op.0) == number);
            let last = self.history.writes.iter().rposition(touches);
            self.history.sync_to(last.map_or(0, |last| last + 1), "flush of a keyspace");
        }
    }

    pub(super) fn create(&mut self, db: &Db, name: &str) {
        if self.history.spaces.contains_key(name) {
            return;
        }
        let created = db.keyspace(name).map(drop);
        let mut spaces = self.history.spaces.clone();
        spaces.insert(name.into(), self.next_number);
        self.next_number += 1;
        self.note_spaces("create", created, spaces);
    }

    pub(super) fn drop_keyspace(&mut self, db: &Db, name: &str) {
        let mut spaces = self.history.spaces.clone();
        if spaces.remove(name).is_some() {
            let dropped = db.drop_keyspace(name);
            self.note_spaces("drop", dropped, spaces);
        }
    }

    /// Keyspaces come and go durably; a failed call may have done it or not.
    fn note_spaces(&mut self, what: &str, outcome: Result<(), Error>, spaces: Spaces) {
        if self.note(what, outcome) {
            self.history.spaces = spaces;
            self.history.spaces_perhaps = None;
        } else {
            self.history.spaces_perhaps.get_or_insert(spaces);
        }
    }

    pub(super) fn hold(&mut self, db: &Db) {
        let (snapshot, spaces) = (db.snapshot(), self.history.spaces.clone());
        let state = self.history.state_now();
        self.held.push(Held { snapshot, spaces, state });
    }

    /// A copy is synced and whole, or no database.
    pub(super) fn checkpoint(&mut self, db: &Db, dir: &str) {
        let outcome = db.checkpoint(dir);
        let state = self.history.state_now();
        let is_done = self.note("checkpoint", outcome);
        self.history.copies.push(Copy { dir: dir.to_owned(), state, is_done });
        if is_done {
            self.history.sync_by("checkpoint");
        }
    }

    pub(super) fn close(&mut self, db: &Db) {
        self.makes_durable("close", db.close());
        self.held.clear();
        (self.db, self.is_open) = (None, false);
    }
}
