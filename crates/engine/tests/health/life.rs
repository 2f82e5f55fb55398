//! A short life of a database on a simulated disk, the same each time, and what it must hold.

use crate::common::counters::Counters;
use crate::common::{State, state_of};
use siltstone::vfs::{ManualClock, SeededRandom, SimVfs};
use siltstone::{
    Db, Durability, Error, Health, Leveled, Options, Runtime, ThreadSpawner, WriteBatch,
    WriteOptions,
};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

pub(crate) const DIR: &str = "/db";
const NAMES: [&str; 3] = ["default", "often", "seldom"];
const BATCHES: usize = 30;

/// Options under which a few writes meet every kind of operation.
pub(crate) fn options(vfs: &SimVfs, threads: usize) -> Options {
    let runtime = Runtime {
        clock: Arc::new(ManualClock::new()),
        random: Arc::new(SeededRandom::new(5)),
        spawner: Arc::new(ThreadSpawner),
    };
    let policy = Leveled::default().level0_runs(2).ratio(3).table_bytes(2_000).base_bytes(4_000);
    Options::new()
        .vfs(Arc::new(vfs.clone()))
        .runtime(runtime)
        .memory_budget(1 << 20)
        .memtable_bytes(1_024)
        .background_threads(threads)
        .compaction(policy)
}

/// Disks that were checked, each with how many batches it had to show.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) counters: Counters,
    images: HashSet<(u64, Expected)>,
}

/// How many batches were acknowledged, how many of them synced, which one was refused, and whether
/// all must be there.
type Expected = (usize, usize, Option<usize>, bool);

/// A database, what it acknowledged, and the batch that failed.
pub(crate) struct Life {
    pub(crate) vfs: SimVfs,
    pub(crate) db: Db,
    next: usize,
    acknowledged: Vec<usize>,
    synced: usize,
    /// The first batch that was refused: its record may be in the log.
    refused: Option<usize>,
}

impl Life {
    /// Batches of a whole life.
    pub(crate) const ALL: usize = BATCHES;

    /// A database with its keyspaces; nothing has failed so far.
    pub(crate) fn begin(options: impl FnOnce(&SimVfs) -> Options) -> Self {
        let vfs = SimVfs::new(3);
        let db = options(&vfs).open(DIR).unwrap();
        for name in NAMES {
            db.keyspace(name).unwrap();
        }
        Self { vfs, db, next: 0, acknowledged: Vec::new(), synced: 0, refused: None }
    }

    /// Writes until all is written, or a few more batches after writes have stopped.
    pub(crate) fn write_all(&mut self) {
        let mut left = 3;
        while self.next < BATCHES && left > 0 {
            self.write();
            left -= usize::from(!self.db.health().takes_writes());
        }
    }

    /// Writes one batch over keyspaces, synced now and then.
    pub(crate) fn write(&mut self) {
        let number = self.next;
        self.next += 1;
        let mut batch = WriteBatch::new();
        for (name, key, value) in ops_of(number) {
            let keyspace = self.db.find_keyspace(name).unwrap().unwrap();
            match value {
                Some(value) => batch.put(&keyspace, key, value),
                None => batch.delete(&keyspace, key),
            }
        }
        let sync = number % 5 == 4;
        let durability = if sync { Durability::Sync } else { Durability::Buffered };
        let took_writes = self.db.health().takes_writes();
        match self.db.write_with(batch, &WriteOptions::new().durability(durability)) {
            Ok(_) => {
                assert!(took_writes, "batch {number} was acknowledged after writes had stopped");
                self.acknowledged.push(number);
                if sync {
                    self.synced = self.acknowledged.len();
                }
            }
            // A batch that found no room in memory got no record.
            Err(_) if self.db.health().takes_writes() => {}
            Err(_) => drop(self.refused.get_or_insert(number)),
        }
    }

    /// How many batches were acknowledged.
    pub(crate) fn count(&self) -> usize {
        self.acknowledged.len()
    }

    /// Has the disk mended, and writes go on.
    pub(crate) fn resume(&mut self) -> Result<(), Error> {
        self.vfs.disarm();
        self.db.resume()?;
        assert!(matches!(self.db.health(), Health::Healthy | Health::Stalled(_)));
        // What is in memory is in tables now, synced, and the refused batch is gone.
        (self.synced, self.refused) = (self.count(), None);
        Ok(())
    }

    /// What is read now is what was acknowledged.
    pub(crate) fn check_reads(&self) {
        let found = state_of(&self.db).unwrap();
        assert!(found == self.state(self.count()), "reads show something else");
    }

    /// A database that was opened after a crash shows the acknowledged batches up to some one,
    /// `all` or at least the synced ones, and behind all of them perhaps the refused one.
    pub(crate) fn check_left(&self, left: &SimVfs, all: bool) -> usize {
        let db = options(left, 0).open(DIR).unwrap();
        let found = state_of(&db).unwrap();
        let least = if all { self.count() } else { self.synced };
        let most = self.count() + usize::from(self.refused.is_some());
        let count = (least..=most).find(|&count| found == self.state(count));
        let Some(count) = count else {
            let as_after = (0..least).find(|&count| found == self.state(count));
            panic!("not the first {least} to {most} batches: {as_after:?}");
        };
        assert!(db.verify().unwrap().findings.is_empty(), "{:?}", db.verify());
        drop(db);
        let again = options(left, 0).open(DIR).unwrap();
        assert!(state_of(&again).unwrap() == found, "another opening shows another state");
        count
    }

    /// Checks what a crash left, unless the same was left by another crash of such a life; counts
    /// what it checks.
    pub(crate) fn check_crash(&self, left: &SimVfs, all: bool, seen: &mut Seen) -> Option<usize> {
        let expected: Expected = (self.count(), self.synced, self.refused, all);
        if !seen.images.insert((left.fingerprint(), expected)) {
            return None;
        }
        seen.counters.add("crash points", 1);
        let lost = u64::from(left.lost_something());
        seen.counters.add("crash points that lost something", lost);
        Some(self.check_left(left, all))
    }

    fn state(&self, count: usize) -> State {
        let mut state: State = NAMES.iter().map(|&name| (name.into(), BTreeMap::new())).collect();
        for &number in self.acknowledged.iter().chain(&self.refused).take(count) {
            for (name, key, value) in ops_of(number) {
                let map = state.get_mut(name).unwrap();
                match value {
                    Some(value) => map.insert(key, value),
                    None => map.remove(&key),
                };
            }
        }
        state
    }
}

/// Name of the keyspace, key, and the value unless it is a delete.
type Op = (&'static str, Vec<u8>, Option<Vec<u8>>);

/// Every batch changes the state, so that each number of batches has one of its own.
fn ops_of(number: usize) -> Vec<Op> {
    let key = |number: usize| format!("key {}", number % 9).into_bytes();
    let value = |bytes: usize| Some(format!("{number:04} ").repeat(bytes / 5).into_bytes());
    let mut ops =
        vec![("default", b"number".to_vec(), value(10)), ("often", key(number), value(400))];
    if number % 4 == 3 {
        ops.push(("often", key(number * 5), None));
    }
    if number % 6 == 2 {
        ops.push(("seldom", key(number), value(120)));
    }
    ops
}
