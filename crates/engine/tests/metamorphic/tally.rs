//! What was done, to see that the test tests something.

use siltstone::Metrics;
use siltstone::vfs::FaultCounts;
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) histories: u64,
    pub(crate) ops: u64,
    pub(crate) flushes: u64,
    pub(crate) compactions: u64,
    pub(crate) moves: u64,
    pub(crate) dropped_entries: u64,
    pub(crate) levels_max: u64,
    pub(crate) opens: u64,
    pub(crate) deaths: u64,
    pub(crate) power_cuts: u64,
    /// Power cuts that lost something.
    pub(crate) losses: u64,
    /// Openings that were cut short.
    pub(crate) cut_recoveries: u64,
    pub(crate) torn_tails: u64,
    /// Unsynced writes that a power cut took, and that it left.
    pub(crate) lost_writes: u64,
    pub(crate) kept_writes: u64,
    /// How often each kind of op did something.
    pub(crate) kinds: BTreeMap<String, u64>,
    pub(crate) faults: FaultCounts,
    /// The last error that was met, in words.
    pub(crate) last_error: Option<String>,
}

impl Tally {
    /// Counters of a database begin anew with each open, so this is called once before each end.
    pub(crate) fn add_open(&mut self, metrics: &Metrics) {
        self.flushes += metrics.flushes;
        self.compactions += metrics.compactions;
        self.moves += metrics.moves;
        self.dropped_entries += metrics.dropped_entries;
        self.torn_tails += u64::from(metrics.recovery.torn_bytes > 0);
        self.opens += 1;
        let levels = metrics.keyspaces.iter().map(|keyspace| keyspace.levels.len() as u64);
        self.levels_max = self.levels_max.max(levels.max().unwrap_or(0));
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.histories += other.histories;
        self.ops += other.ops;
        self.flushes += other.flushes;
        self.compactions += other.compactions;
        self.moves += other.moves;
        self.dropped_entries += other.dropped_entries;
        self.levels_max = self.levels_max.max(other.levels_max);
        self.opens += other.opens;
        self.deaths += other.deaths;
        self.power_cuts += other.power_cuts;
        self.losses += other.losses;
        self.cut_recoveries += other.cut_recoveries;
        self.torn_tails += other.torn_tails;
        self.lost_writes += other.lost_writes;
        self.kept_writes += other.kept_writes;
        for (kind, count) in &other.kinds {
            *self.kinds.entry(kind.clone()).or_default() += count;
        }
        self.faults.add(&other.faults);
    }

    /// A test in which nothing is ever flushed, merged or recovered would pass too.
    pub(crate) fn assert_it_was_a_test(&self) {
        let idle: Vec<_> = KINDS.iter().filter(|kind| !self.kinds.contains_key(**kind)).collect();
        assert!(idle.is_empty(), "no {idle:?} did anything");
        assert!(self.flushes >= 2_000 && self.compactions >= 500 && self.moves >= 100, "{self:?}");
        assert!(self.dropped_entries >= 2_000 && self.levels_max >= 4, "{self:?}");
        assert!(self.opens >= 1_000 && self.deaths >= 100, "{self:?}");
        assert!(self.power_cuts >= 200 && self.cut_recoveries >= 10, "{self:?}");
    }
}

/// Every kind of op there is.
#[rustfmt::skip]
const KINDS: [&str; 59] = [
    "Put", "Delete", "Batch", "Fill", "PutOverLimit", "WriteForeign",
    "Get", "Contains", "Explain", "Scan", "ScanPrefix", "Keys",
    "Size", "NewCursor", "SeekFirst", "SeekLast", "Seek", "SeekForPrev",
    "Next", "Prev", "DropCursor", "NewScan", "TakeFront", "TakeBack",
    "DropScan", "TakeSnapshot", "CloneSnapshot", "SnapshotGet", "SnapshotScan", "SnapshotPrefix",
    "SnapshotKeys", "SnapshotCursor", "DropSnapshot", "HoldValue", "LookAtValue", "Sync",
    "FlushAll", "Flush", "Compact", "Checkpoint", "OpenReadOnly", "AskReadOnly",
    "DropReadOnly", "OpenTwice", "Create", "DropSpace", "Recreate", "FindSpace",
    "ListSpaces", "Reopen", "ReopenAs", "UseClosed", "Die", "PowerCut",
    "CutRecovery", "CheckAll", "Verify", "Metrics", "Tree",
];
