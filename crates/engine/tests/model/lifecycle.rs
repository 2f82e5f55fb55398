//! Openings and ends: a clean close, the death of the process, openings beside the writer,
//! checkpoints.

use crate::common::files;
use crate::common::settings::Settings;
use crate::contents::Contents;
use crate::held::HeldCopy;
use crate::world::{DIR, Space, World};
use siltstone::{Db, Error, Options};
use std::sync::Arc;

/// How often a read-only open beside a busy writer is tried again.
const TRIES_MAX: u32 = 100;

/// A keyspace while the database is closed.
struct Closed {
    name: &'static str,
    number: u64,
    contents: Contents,
}

impl World {
    fn options(&self) -> Options {
        self.settings.options(Arc::new(self.vfs.clone()))
    }

    pub(crate) fn reopen(&mut self) {
        let checks = self.chance.percent(50);
        // A close leaves the tables that cursors still read to the next open.
        let pinned = !self.cursors.is_empty() || !self.scans.is_empty();
        let closed = self.close();
        if checks && !pinned {
            self.check_files();
        }
        self.open(closed);
        assert_eq!(self.db().metrics().recovery.torn_bytes, 0);
        if checks {
            self.check_everything();
        }
    }

    /// As `reopen`, while the keyspace `name` is dropped.
    pub(crate) fn reopen_without(&mut self, name: &str) {
        let closed = self.close();
        self.open(closed);
        assert!(self.db().find_keyspace(name).unwrap().is_none());
    }

    /// Closes by call or by dropping every handle.
    fn close(&mut self) -> Vec<Closed> {
        let metrics = self.db().metrics();
        self.tally.add_open(&metrics);
        if self.chance.percent(70) {
            self.db().close().unwrap();
            self.check_closed();
        }
        // Copies are databases of their own and stay.
        self.snapshots.clear();
        self.cursors.clear();
        self.scans.clear();
        self.let_handles_go()
    }

    /// With the last handle the lock goes too, if it was not closed before.
    fn let_handles_go(&mut self) -> Vec<Closed> {
        self.open_db = None;
        let spaces = std::mem::take(&mut self.spaces).into_iter();
        let closed = |(name, space): (_, Space)| Closed {
            name,
            number: space.number,
            contents: space.contents,
        };
        spaces.map(closed).collect()
    }

    fn check_closed(&mut self) {
        for space in self.spaces.values() {
            assert!(matches!(space.keyspace.get("k"), Err(Error::Closed)));
            assert!(matches!(space.keyspace.put("k", "v"), Err(Error::Closed)));
            for held in &self.snapshots {
                let found = held.snapshot.get(&space.keyspace, "k");
                assert!(matches!(found, Err(Error::Closed)), "{found:?}");
            }
        }
        for held in &mut self.cursors {
            assert!(matches!(held.cursor.next(), Err(Error::Closed)));
        }
    }

    /// Opens with new settings.
    fn open(&mut self, closed: Vec<Closed>) {
        self.settings = Settings::draw(&self.chance);
        let db = self.options().create_if_missing(false).open(DIR).unwrap();
        for Closed { name, number, contents } in closed {
            let keyspace = db.find_keyspace(name).unwrap().unwrap();
            self.spaces.insert(name, Space { keyspace, number, contents });
        }
        self.open_db = Some(db);
    }

    /// The process dies and another one opens what it left. Nothing that was written is lost.
    pub(crate) fn die(&mut self) {
        let metrics = self.db().metrics();
        self.tally.add_open(&metrics);
        self.tally.deaths += 1;
        self.vfs = self.vfs.process_death();
        self.let_go();
        let closed = self.let_handles_go();
        self.open(closed);
        let recovery = self.db().metrics().recovery;
        assert_eq!((recovery.torn_bytes, recovery.dropped_segments), (0, 0));
        self.check_everything();
    }

    /// Opens read-only beside the writer; the copy shows this moment for as long as it lives.
    pub(crate) fn open_copy(&mut self) {
        let contents = self.contents();
        let Some(db) = self.try_open_copy() else { return };
        assert!(matches!(db.put("k", "v"), Err(Error::OpenedReadOnly)));
        let copy = HeldCopy { db, contents };
        copy.check(&self.chance);
        self.copies.push(copy);
    }

    fn try_open_copy(&self) -> Option<Db> {
        let settings = Settings::draw(&self.chance);
        for _ in 0..TRIES_MAX {
            match settings.options(Arc::new(self.vfs.clone())).open_read_only(DIR) {
                Ok(db) => return Some(db),
                Err(error) => assert!(error.is_retryable(), "{error}"),
            }
        }
        assert!(self.settings.background_threads > 0, "nobody changes the files meanwhile");
        None
    }

    pub(crate) fn ask_copy(&self) {
        if !self.copies.is_empty() {
            self.copies[self.chance.below(self.copies.len())].check(&self.chance);
        }
    }

    /// A checkpoint opens as a database of its own, which goes its own way.
    pub(crate) fn checkpoint(&mut self) {
        self.checkpoints += 1;
        let dir = format!("/checkpoint-{}", self.checkpoints);
        self.db().checkpoint(&dir).unwrap();
        assert!(self.db().checkpoint(&dir).is_err(), "the directory is no longer empty");
        let copy = {
            let settings = Settings::draw(&self.chance);
            let db = settings.options(Arc::new(self.vfs.clone())).open(&dir).unwrap();
            HeldCopy { db, contents: self.contents() }
        };
        copy.check(&self.chance);
        copy.db.put("only", "in the copy").unwrap();
        copy.db.compact_range(..).unwrap();
        assert_eq!(copy.db.get("only").unwrap().as_deref(), Some(&b"in the copy"[..]));
        drop(copy);
        self.check_everything();
        for (name, _) in files(&self.vfs, &dir) {
            self.vfs.remove(format!("{dir}/{name}")).unwrap();
        }
    }
}
