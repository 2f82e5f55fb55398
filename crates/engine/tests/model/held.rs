//! Snapshots, cursors, scans and read-only openings that are kept while the database goes on,
//! each with what it must still show.

use crate::common::{Chance, sample};
use crate::contents::{Contents, Pair};
use crate::reads;
use siltstone::{Cursor, Db, Error, Scan, Snapshot, Value};
use std::collections::{BTreeMap, VecDeque};

/// A snapshot and the contents of each keyspace that existed then, by the keyspace's number.
pub(crate) struct HeldSnapshot {
    pub(crate) snapshot: Snapshot,
    pub(crate) contents: BTreeMap<u64, Contents>,
}

/// A cursor, what it walks over, and the key it stands on.
pub(crate) struct HeldCursor {
    pub(crate) cursor: Cursor,
    pub(crate) space: u64,
    pub(crate) contents: Contents,
    pub(crate) at: Option<Vec<u8>>,
}

impl HeldCursor {
    pub(crate) fn walk(&mut self, chance: &Chance) {
        for _ in 0..chance.between(1, 20) {
            self.walk_once(chance);
        }
    }

    fn walk_once(&mut self, chance: &Chance) {
        let (contents, cursor) = (&self.contents, &mut self.cursor);
        let target = sample::key(chance);
        let at = self.at.as_deref();
        let (moved, to) = match chance.below(20) {
            0 => (cursor.seek_to_first(), contents.first()),
            1 => (cursor.seek_to_last(), contents.last()),
            2..5 => (cursor.seek(&target), contents.at_or_behind(&target)),
            5..8 => (cursor.seek_for_prev(&target), contents.at_or_before(&target)),
            8..14 => (cursor.next(), at.and_then(|at| contents.behind(at))),
            _ => (cursor.prev(), at.and_then(|at| contents.before(at))),
        };
        let moved = moved.unwrap();
        let to = to.map(<[u8]>::to_vec);
        assert_eq!((moved, cursor.valid()), (to.is_some(), to.is_some()), "{:?}", short(&to));
        if let Some(key) = &to {
            assert_eq!(short(cursor.key()), short(key));
            assert_eq!(Some(short(cursor.value().unwrap())), contents.get(key).map(short));
            assert_eq!(Some(cursor.value().unwrap()), contents.get(key));
        }
        self.at = to;
    }
}

/// Enough of some bytes to tell them apart by eye.
pub(crate) fn short(bytes: &(impl AsShort + ?Sized)) -> String {
    bytes.as_short()
}

pub(crate) trait AsShort {
    fn as_short(&self) -> String;
}

impl AsShort for [u8] {
    fn as_short(&self) -> String {
        let shown = &self[..self.len().min(90)];
        format!("{} bytes: {}", self.len(), shown.escape_ascii())
    }
}

impl AsShort for Vec<u8> {
    fn as_short(&self) -> String {
        self.as_slice().as_short()
    }
}

impl AsShort for Option<Vec<u8>> {
    fn as_short(&self) -> String {
        self.as_ref().map_or_else(|| "nothing".into(), AsShort::as_short)
    }
}

/// A scan and what is left of it.
pub(crate) struct HeldScan {
    pub(crate) scan: Scan,
    pub(crate) space: u64,
    pub(crate) left: VecDeque<Pair>,
}

impl HeldScan {
    /// Takes a few from both ends; whether there may be more.
    pub(crate) fn step(&mut self, chance: &Chance) -> bool {
        for _ in 0..chance.between(1, 30) {
            let (found, wanted) = if chance.percent(50) {
                (self.scan.next(), self.left.pop_front())
            } else {
                (self.scan.next_back(), self.left.pop_back())
            };
            reads::assert_pair(found, wanted.as_ref());
            if wanted.is_none() {
                assert!(self.scan.next().is_none() && self.scan.next_back().is_none());
                return false;
            }
        }
        true
    }

    pub(crate) fn next(&mut self) -> Option<Result<(Value, Value), Error>> {
        self.scan.next()
    }
}

/// A database opened read-only, or a checkpoint, and what it must show.
pub(crate) struct HeldCopy {
    pub(crate) db: Db,
    pub(crate) contents: BTreeMap<String, Contents>,
}

impl HeldCopy {
    pub(crate) fn check(&self, chance: &Chance) {
        let names: Vec<_> = self.contents.keys().cloned().collect();
        assert_eq!(self.db.list_keyspaces().unwrap(), names);
        for (name, contents) in &self.contents {
            let keyspace = self.db.find_keyspace(name).unwrap().unwrap();
            reads::check_all(&keyspace, contents);
            reads::check_gets(&keyspace, contents, chance);
        }
    }
}
