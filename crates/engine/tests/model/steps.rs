//! What can happen next, and how often.

use crate::common::sample;
use crate::contents::Contents;
use crate::held::{HeldCursor, HeldScan, HeldSnapshot, short};
use crate::reads;
use crate::world::{NAMES, World};
use siltstone::{Durability, Error, WriteBatch, WriteOptions};

/// One thing that a program may do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Put,
    Delete,
    Batch,
    Phase,
    Get,
    Explain,
    Range,
    Prefix,
    Size,
    NewCursor,
    WalkCursor,
    NewScan,
    TakeFromScan,
    NewSnapshot,
    AskSnapshot,
    LetGo,
    Flush,
    FlushOne,
    Compact,
    CompactPart,
    Sync,
    Reopen,
    Die,
    OpenCopy,
    AskCopy,
    Checkpoint,
    DropKeyspace,
    CheckEverything,
}

const WEIGHTS: &[(Step, usize)] = &[
    (Step::Put, 490),
    (Step::Delete, 20),
    (Step::Batch, 60),
    (Step::Phase, 4),
    (Step::Get, 120),
    (Step::Explain, 10),
    (Step::Range, 30),
    (Step::Prefix, 15),
    (Step::Size, 3),
    (Step::NewCursor, 15),
    (Step::WalkCursor, 80),
    (Step::NewScan, 10),
    (Step::TakeFromScan, 40),
    (Step::NewSnapshot, 12),
    (Step::AskSnapshot, 40),
    (Step::LetGo, 25),
    (Step::Flush, 4),
    (Step::FlushOne, 8),
    (Step::Compact, 2),
    (Step::CompactPart, 4),
    (Step::Sync, 4),
    (Step::Reopen, 3),
    (Step::Die, 3),
    (Step::OpenCopy, 3),
    (Step::AskCopy, 4),
    (Step::Checkpoint, 1),
    (Step::DropKeyspace, 2),
    (Step::CheckEverything, 3),
];

impl World {
    pub(crate) fn draw_step(&self) -> Step {
        WEIGHTS[self.chance.weighted(WEIGHTS.iter().map(|(_, weight)| *weight))].0
    }

    pub(crate) fn take(&mut self, step: Step) {
        match step {
            Step::Put => self.put(),
            Step::Delete => self.delete(),
            Step::Batch => self.batch(),
            Step::Phase => self.delete_percent = *self.chance.pick(&[0, 20, 50, 90]),
            Step::Get | Step::Explain | Step::Range | Step::Prefix | Step::Size => self.read(step),
            Step::NewCursor => self.new_cursor(),
            Step::WalkCursor => self.walk_cursor(),
            Step::NewScan => self.new_scan(),
            Step::TakeFromScan => self.take_from_scan(),
            Step::NewSnapshot => self.new_snapshot(),
            Step::AskSnapshot => self.ask_snapshot(),
            Step::LetGo => self.let_one_go(),
            Step::Flush => self.db().flush().unwrap(),
            Step::FlushOne => self.space().keyspace.flush().unwrap(),
            Step::Compact => self.space().keyspace.compact_range(..).unwrap(),
            Step::CompactPart => {
                let ends = sample::range(&self.chance);
                self.space().keyspace.compact_range(ends).unwrap();
                let metrics = self.db().metrics();
                self.tally.see_levels(&metrics);
            }
            Step::Sync => {
                self.db().sync().unwrap();
                assert!(self.db().metrics().synced_seqno >= self.last_seqno);
            }
            Step::Reopen => self.reopen(),
            Step::Die => self.die(),
            Step::OpenCopy => self.open_copy(),
            Step::AskCopy => self.ask_copy(),
            Step::Checkpoint => self.checkpoint(),
            Step::DropKeyspace => self.drop_keyspace(),
            Step::CheckEverything => self.check_everything(),
        }
    }

    fn put(&mut self) {
        if self.chance.percent(self.delete_percent) {
            return self.delete();
        }
        let (name, key, value) =
            (*self.chance.pick(&NAMES), sample::key(&self.chance), self.value());
        let space = self.spaces.get_mut(name).unwrap();
        let seqno = space.keyspace.put(&key, &value).unwrap();
        space.contents.put(&key, &value);
        self.saw_seqno(seqno);
    }

    fn delete(&mut self) {
        let name = *self.chance.pick(&NAMES);
        let key = self.key_of(name);
        let space = self.spaces.get_mut(name).unwrap();
        let seqno = space.keyspace.delete(&key).unwrap();
        space.contents.delete(&key);
        self.saw_seqno(seqno);
    }

    /// Mostly a key that is there.
    fn key_of(&self, name: &str) -> Vec<u8> {
        let contents = &self.spaces[name].contents;
        if contents.len() == 0 || self.chance.percent(30) {
            return sample::key(&self.chance);
        }
        contents.keys().nth(self.chance.below(contents.len())).unwrap().clone()
    }

    fn batch(&mut self) {
        let mut batch = WriteBatch::new();
        let ops = self.chance.below(*self.chance.pick(&[2, 5, 40]));
        for _ in 0..ops {
            let name = *self.chance.pick(&NAMES);
            let delete = self.chance.percent(self.delete_percent);
            let (key, value) = (self.key_of(name), self.value());
            let space = self.spaces.get_mut(name).unwrap();
            if delete {
                batch.delete(&space.keyspace, &key);
                space.contents.delete(&key);
            } else {
                batch.put(&space.keyspace, &key, &value);
                space.contents.put(&key, &value);
            }
        }
        assert_eq!((batch.len(), batch.is_empty()), (ops, ops == 0));
        let seqno = if self.chance.percent(20) {
            let options = WriteOptions::new().durability(Durability::Sync);
            self.db().write_with(batch, &options).unwrap()
        } else {
            self.db().write(batch).unwrap()
        };
        assert!(seqno >= self.last_seqno + ops as u64, "one seqno for each op");
        self.last_seqno = seqno;
    }

    fn read(&self, step: Step) {
        let space = self.space();
        let (keyspace, contents) = (&space.keyspace, &space.contents);
        match step {
            Step::Get => reads::check_get(keyspace, contents, &sample::key(&self.chance)),
            Step::Explain => {
                reads::check_explanation(keyspace, contents, &sample::key(&self.chance));
            }
            Step::Range => reads::check_range(keyspace, contents, &self.chance),
            Step::Prefix => reads::check_prefix(keyspace, contents, &self.chance),
            _ => {
                let part = keyspace.approximate_size(sample::range(&self.chance)).unwrap();
                let whole = keyspace.approximate_size(..).unwrap();
                // Jobs may change the tables between the two questions.
                assert!(part <= whole || self.settings.background_threads > 0, "{part} {whole}");
            }
        }
    }

    fn new_cursor(&mut self) {
        let space = self.space();
        let cursor = space.keyspace.cursor().unwrap();
        assert!(!cursor.valid());
        let (space, contents) = (space.number, space.contents.clone());
        self.cursors.push(HeldCursor { cursor, space, contents, at: None });
    }

    fn walk_cursor(&mut self) {
        if !self.cursors.is_empty() {
            let index = self.chance.below(self.cursors.len());
            self.cursors[index].walk(&self.chance);
        }
    }

    fn new_scan(&mut self) {
        let space = self.space();
        let ends = sample::range(&self.chance);
        let left = space.contents.between(&ends).into();
        let scan = space.keyspace.scan(ends).unwrap();
        let space = space.number;
        self.scans.push(HeldScan { scan, space, left });
    }

    fn take_from_scan(&mut self) {
        if !self.scans.is_empty() {
            let index = self.chance.below(self.scans.len());
            if !self.scans[index].step(&self.chance) {
                self.scans.swap_remove(index);
            }
        }
    }

    fn new_snapshot(&mut self) {
        let snapshot = self.db().snapshot();
        assert_eq!(snapshot.seqno(), self.last_seqno);
        let contents = self.spaces.values().map(|space| (space.number, space.contents.clone()));
        self.snapshots.push(HeldSnapshot { snapshot, contents: contents.collect() });
    }

    /// Reads through a snapshot, and now and then takes a cursor or a copy of it.
    fn ask_snapshot(&mut self) {
        if self.snapshots.is_empty() {
            return;
        }
        let held = &self.snapshots[self.chance.below(self.snapshots.len())];
        let space = self.space();
        let contents: Contents = held.contents.get(&space.number).cloned().unwrap_or_default();
        reads::check_snapshot(&held.snapshot, &space.keyspace, &contents, &self.chance);
        if self.chance.percent(20) {
            let cursor = held.snapshot.cursor(&space.keyspace).unwrap();
            self.cursors.push(HeldCursor { cursor, space: space.number, contents, at: None });
        } else if self.chance.percent(10) {
            let (snapshot, contents) = (held.snapshot.clone(), held.contents.clone());
            self.snapshots.push(HeldSnapshot { snapshot, contents });
        }
    }

    fn let_one_go(&mut self) {
        let limit = self.chance.between(0, 8);
        while self.cursors.len() > limit {
            self.cursors.swap_remove(self.chance.below(self.cursors.len()));
        }
        while self.scans.len() > limit {
            self.scans.swap_remove(self.chance.below(self.scans.len()));
        }
        while self.snapshots.len() > limit {
            self.snapshots.swap_remove(self.chance.below(self.snapshots.len()));
        }
        while self.copies.len() > 2 {
            self.copies.swap_remove(0);
        }
    }

    fn drop_keyspace(&mut self) {
        let name = *self.chance.pick(&NAMES[1..]);
        let gone = self.spaces.remove(name).unwrap();
        self.db().drop_keyspace(name).unwrap();
        assert!(self.db().find_keyspace(name).unwrap().is_none());
        assert!(matches!(gone.keyspace.put("k", "v"), Err(Error::KeyspaceDropped)));
        assert!(matches!(gone.keyspace.get("k"), Err(Error::KeyspaceDropped)));
        let number = gone.number;
        // The handle must not outlive the reopening below.
        drop(gone);
        self.cursors.retain_mut(|held| {
            let is_gone = held.space == number;
            if is_gone {
                let moved = held.cursor.seek_to_first();
                assert!(matches!(moved, Err(Error::KeyspaceDropped)), "{moved:?}");
            }
            !is_gone
        });
        self.scans.retain_mut(|held| {
            let is_gone = held.space == number;
            if is_gone {
                match held.next() {
                    None | Some(Err(Error::KeyspaceDropped)) => {}
                    Some(other) => panic!("a dropped keyspace gives {:?}", other.map(|_| ())),
                }
            }
            !is_gone
        });
        if self.chance.percent(30) {
            self.reopen_without(name);
        }
        self.create(name);
        let found = self.spaces[name].keyspace.scan(..).unwrap().next();
        assert!(found.is_none(), "{:?}", found.map(|found| short(&found.unwrap().0.to_vec())));
    }
}
