//! What the database did and how it stands.

use crate::sync::atomic::{Ordering, Tally};
use siltstone_base::Seqno;
use std::time::Duration;

/// A picture of one database at one moment. Counters begin at 0 with each open.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Metrics {
    /// Everything up to this seqno is visible.
    pub visible_seqno: Seqno,
    /// Everything up to this seqno survives loss of power.
    pub synced_seqno: Seqno,
    /// Entries written.
    pub writes: u64,
    /// Groups that the log took; each holds one or more batches.
    pub groups: u64,
    /// Syncs of the log.
    pub log_syncs: u64,
    /// Key and value bytes written by users.
    pub user_bytes: u64,
    /// Bytes appended to the log.
    pub log_bytes: u64,
    /// Point reads.
    pub gets: u64,
    /// Memtables that became tables.
    pub flushes: u64,
    /// Bytes of tables that flushes wrote.
    pub flush_bytes: u64,
    /// Compactions that merged.
    pub compactions: u64,
    /// Compactions that only moved tables.
    pub moves: u64,
    /// Bytes of tables that compactions read.
    pub compaction_read_bytes: u64,
    /// Bytes of tables that compactions wrote.
    pub compaction_written_bytes: u64,
    /// Versions and tombstones that flushes and compactions dropped.
    pub dropped_entries: u64,
    /// Flushes and compactions that failed and are tried again.
    pub failed_jobs: u64,
    /// How long writers were slowed down or stopped, added up.
    pub stalled: Duration,
    /// The longest such wait of one write.
    pub longest_stall: Duration,
    /// Bytes of memtables, active and waiting.
    pub memtable_bytes: u64,
    /// Bytes of the block cache.
    pub cache_bytes: u64,
    /// Bytes that open tables hold besides.
    pub table_metadata_bytes: u64,
    /// Block reads that the cache answered.
    pub cache_hits: u64,
    /// Block reads that it did not.
    pub cache_misses: u64,
    /// Bytes of blocks and maps that values in the hands of callers keep alive.
    pub pinned_value_bytes: u64,
    /// Registered snapshots and cursors.
    pub snapshots: u64,
    /// Log segments that the manifest names; 0 if the database was opened read-only.
    pub log_segments: u64,
    /// Bytes of ended log segments that memtables still need.
    pub log_segment_bytes: u64,
    /// Bytes of compaction that the trees owe, as their policies see it.
    pub debt_bytes: u64,
    /// Write rate that writers are held to, in bytes per second; 0 for none.
    pub write_rate_limit: u64,
    /// What the last open found at the end of the log.
    pub recovery: RecoveryReport,
    /// The shape of each keyspace.
    pub keyspaces: Vec<KeyspaceMetrics>,
}

impl Metrics {
    /// Bytes of tables written per byte that users wrote, flush counting once and the log left
    /// out; 0 before the first write.
    pub fn write_amplification(&self) -> f64 {
        ratio(self.flush_bytes + self.compaction_written_bytes, self.user_bytes)
    }

    /// Bytes of tables per byte in the last level of each keyspace: 1 is the least.
    pub fn space_amplification(&self) -> f64 {
        let last =
            |keyspace: &KeyspaceMetrics| keyspace.levels.last().map_or(0, |level| level.bytes);
        ratio(
            self.keyspaces.iter().map(KeyspaceMetrics::table_bytes).sum(),
            self.keyspaces.iter().map(last).sum(),
        )
    }

    /// Most runs that a read of one keyspace may have to ask, memtables left out.
    pub fn read_amplification(&self) -> u64 {
        let runs =
            |keyspace: &KeyspaceMetrics| keyspace.levels.iter().map(|level| level.runs).sum();
        self.keyspaces.iter().map(runs).max().unwrap_or(0)
    }
}

/// How recovery went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecoveryReport {
    /// Records of the log that were replayed.
    pub replayed_records: u64,
    /// Bytes behind the end of the log that a crash had torn and that were dropped.
    pub torn_bytes: u64,
    /// Log segments that were dropped with them.
    pub dropped_segments: u64,
}

/// The shape of one keyspace.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct KeyspaceMetrics {
    /// Its name.
    pub name: String,
    /// Name of its compaction policy.
    pub policy: String,
    /// Memtables that wait for their flush.
    pub immutable_memtables: u64,
    /// Bytes of its memtables.
    pub memtable_bytes: u64,
    /// Its levels that hold tables, upper ones first.
    pub levels: Vec<LevelMetrics>,
}

impl KeyspaceMetrics {
    /// Bytes of its tables.
    pub fn table_bytes(&self) -> u64 {
        self.levels.iter().map(|level| level.bytes).sum()
    }
}

/// One level of a keyspace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LevelMetrics {
    /// Its number; 0 is where flushes go.
    pub level: u8,
    /// Sorted runs in it.
    pub runs: u64,
    /// Tables in them.
    pub tables: u64,
    /// Bytes of the tables.
    pub bytes: u64,
    /// Entries in them.
    pub entries: u64,
    /// Tombstones among these.
    pub tombstones: u64,
}

fn ratio(part: u64, whole: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a ratio to look at")]
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// The counters behind [`Metrics`]; each is only ever added to, and orders nothing.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) writes: Counter,
    pub(crate) groups: Counter,
    pub(crate) log_syncs: Counter,
    pub(crate) user_bytes: Counter,
    pub(crate) log_bytes: Counter,
    pub(crate) gets: Counter,
    pub(crate) flushes: Counter,
    pub(crate) flush_bytes: Counter,
    pub(crate) compactions: Counter,
    pub(crate) moves: Counter,
    pub(crate) compaction_read_bytes: Counter,
    pub(crate) compaction_written_bytes: Counter,
    pub(crate) dropped_entries: Counter,
    pub(crate) failed_jobs: Counter,
    pub(crate) stalled_ns: Counter,
    pub(crate) longest_stall_ns: Counter,
}

/// A number that grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(Tally);

impl Counter {
    pub(crate) fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    pub(crate) fn raise_to(&self, value: u64) {
        self.0.fetch_max(value, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
