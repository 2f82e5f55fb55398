//! A database, what it should hold, and everything that was taken from it and is still held.

use crate::common::settings::Settings;
use crate::common::{Chance, files, sample};
use crate::contents::Contents;
use crate::held::{HeldCopy, HeldCursor, HeldScan, HeldSnapshot};
use crate::reads;
use siltstone::vfs::MemVfs;
use siltstone::{Db, Health, Keyspace, Metrics, Seqno};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) const DIR: &str = "/db";
pub(crate) const NAMES: [&str; 3] = ["default", "busy", "sparse"];

/// What happened over one life or many, to see that the test tests something.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) flushes: u64,
    pub(crate) compactions: u64,
    pub(crate) moves: u64,
    pub(crate) dropped_entries: u64,
    pub(crate) levels_max: u64,
    pub(crate) opens: u64,
    pub(crate) deaths: u64,
    pub(crate) replayed_records: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        self.flushes += other.flushes;
        self.compactions += other.compactions;
        self.moves += other.moves;
        self.dropped_entries += other.dropped_entries;
        self.levels_max = self.levels_max.max(other.levels_max);
        self.opens += other.opens;
        self.deaths += other.deaths;
        self.replayed_records += other.replayed_records;
    }

    /// Counters begin anew with each open, so this is called once before each close.
    pub(crate) fn add_open(&mut self, metrics: &Metrics) {
        self.flushes += metrics.flushes;
        self.compactions += metrics.compactions;
        self.moves += metrics.moves;
        self.dropped_entries += metrics.dropped_entries;
        self.replayed_records += metrics.recovery.replayed_records;
        self.opens += 1;
        self.see_levels(metrics);
    }

    pub(crate) fn see_levels(&mut self, metrics: &Metrics) {
        let levels = metrics.keyspaces.iter().map(|keyspace| keyspace.levels.len() as u64);
        self.levels_max = self.levels_max.max(levels.max().unwrap_or(0));
    }

    /// A model test in which nothing is ever flushed, merged or recovered would pass too.
    pub(crate) fn assert_it_was_a_test(&self) {
        assert!(self.flushes >= 1_000, "{self:?}");
        assert!(self.compactions >= 500, "{self:?}");
        assert!(self.moves >= 20, "{self:?}");
        assert!(self.dropped_entries >= 5_000, "{self:?}");
        assert!(self.levels_max >= 3, "{self:?}");
        assert!(self.opens >= 50 && self.deaths >= 20, "{self:?}");
        assert!(self.replayed_records >= 1_000, "{self:?}");
    }
}

/// A keyspace and what it should hold. A dropped one that was made again has another number.
pub(crate) struct Space {
    pub(crate) keyspace: Keyspace,
    pub(crate) number: u64,
    pub(crate) contents: Contents,
}

pub(crate) struct World {
    pub(crate) chance: Chance,
    pub(crate) settings: Settings,
    pub(crate) vfs: MemVfs,
    /// `None` only between two opens.
    pub(crate) open_db: Option<Db>,
    pub(crate) spaces: BTreeMap<&'static str, Space>,
    pub(crate) next_number: u64,
    pub(crate) writes: u64,
    pub(crate) last_seqno: Seqno,
    pub(crate) delete_percent: usize,
    pub(crate) snapshots: Vec<HeldSnapshot>,
    pub(crate) cursors: Vec<HeldCursor>,
    pub(crate) scans: Vec<HeldScan>,
    pub(crate) copies: Vec<HeldCopy>,
    pub(crate) checkpoints: u64,
    pub(crate) tally: Tally,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let chance = Chance::new(seed);
        let settings = Settings::draw(&chance);
        let vfs = MemVfs::new();
        let db = settings.options(Arc::new(vfs.clone())).open(DIR).unwrap();
        let mut world = Self {
            chance,
            settings,
            vfs,
            open_db: Some(db),
            spaces: BTreeMap::new(),
            next_number: 0,
            writes: 0,
            last_seqno: 0,
            delete_percent: 20,
            snapshots: Vec::new(),
            cursors: Vec::new(),
            scans: Vec::new(),
            copies: Vec::new(),
            checkpoints: 0,
            tally: Tally::default(),
        };
        for name in NAMES {
            world.create(name);
        }
        world
    }

    pub(crate) fn db(&self) -> &Db {
        self.open_db.as_ref().unwrap()
    }

    pub(crate) fn create(&mut self, name: &'static str) {
        let keyspace = self.db().keyspace(name).unwrap();
        let space = Space { keyspace, number: self.next_number, contents: Contents::default() };
        self.next_number += 1;
        assert!(self.spaces.insert(name, space).is_none());
    }

    pub(crate) fn space(&self) -> &Space {
        &self.spaces[self.chance.pick(&NAMES)]
    }

    pub(crate) fn contents(&self) -> BTreeMap<String, Contents> {
        let contents = self.spaces.iter();
        contents.map(|(name, space)| ((*name).to_owned(), space.contents.clone())).collect()
    }

    /// A value that was not written before, unless it is very short.
    pub(crate) fn value(&mut self) -> Vec<u8> {
        self.writes += 1;
        sample::value(&self.chance, self.writes)
    }

    pub(crate) fn saw_seqno(&mut self, seqno: Seqno) {
        assert!(seqno > self.last_seqno, "{seqno} does not follow {}", self.last_seqno);
        self.last_seqno = seqno;
    }

    pub(crate) fn check_everything(&self) {
        for space in self.spaces.values() {
            reads::check_all(&space.keyspace, &space.contents);
            reads::check_gets(&space.keyspace, &space.contents, &self.chance);
        }
        for held in &self.snapshots {
            for space in self.spaces.values() {
                let contents = held.contents.get(&space.number).cloned().unwrap_or_default();
                let snapshot = &held.snapshot;
                reads::check_snapshot(snapshot, &space.keyspace, &contents, &self.chance);
            }
        }
        for copy in &self.copies {
            copy.check(&self.chance);
        }
        assert!(matches!(self.db().health(), Health::Healthy), "{:?}", self.db().health());
        let report = self.db().verify().unwrap();
        assert!(report.findings.is_empty(), "{report:?}");
    }

    pub(crate) fn let_go(&mut self) {
        self.snapshots.clear();
        self.cursors.clear();
        self.scans.clear();
        self.copies.clear();
    }

    /// Looks at everything once more, closes, and looks at what is left on disk.
    pub(crate) fn end(mut self) -> Tally {
        self.check_everything();
        self.let_go();
        for space in self.spaces.values() {
            space.keyspace.compact_range(..).unwrap();
        }
        self.check_everything();
        let metrics = self.db().metrics();
        assert_eq!((metrics.snapshots, metrics.pinned_value_bytes), (0, 0), "{metrics:?}");
        assert_eq!(metrics.failed_jobs, 0, "{metrics:?}");
        self.db().close().unwrap();
        self.check_files();
        let metrics = self.db().metrics();
        self.tally.add_open(&metrics);
        self.tally
    }

    /// After a close without cursors, every table on disk is one that the manifest names.
    pub(crate) fn check_files(&self) {
        let options = self.settings.options(Arc::new(self.vfs.clone()));
        let db = options.open_read_only(DIR).unwrap();
        let runs = db.tree().unwrap().into_iter().flat_map(|tree| tree.runs);
        let tables: usize = runs.map(|run| run.tables.len()).sum();
        let files = files(&self.vfs, DIR);
        let count = |end: &str| files.iter().filter(|(name, _)| name.ends_with(end)).count();
        assert_eq!(count(".sst"), tables, "{files:?}");
        assert_eq!(count(".manifest"), 1, "{files:?}");
    }
}
