//! What one lookup did, probe by probe.

use siltstone_base::{EntryKind, Seqno};
use siltstone_sstable::{FilterVerdict, TableId};
use std::time::Duration;

/// The course of one `get`: each place that was asked, newest first, until one decided.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Explanation {
    /// The key.
    pub key: Vec<u8>,
    /// The seqno at which was read.
    pub read_seqno: Seqno,
    /// What was asked, in order.
    pub steps: Vec<ExplainStep>,
    /// What decided, if the key was found at all (a tombstone decides too).
    pub decided_by: Option<Decision>,
    /// How long it took altogether.
    pub took: Duration,
}

/// The version that decided a lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Decision {
    /// Its seqno.
    pub seqno: Seqno,
    /// A value or a tombstone.
    pub kind: EntryKind,
    /// Length of the value, in bytes.
    pub value_bytes: u64,
}

/// One place that was asked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ExplainStep {
    /// Where.
    pub place: Place,
    /// What was touched there, in order; nothing inside a memtable.
    pub probes: Vec<TableProbe>,
    /// Whether the key was there.
    pub found: bool,
    /// How long it took.
    pub took: Duration,
}

/// A place where a key can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// The memtable that takes writes.
    ActiveMemtable,
    /// A memtable that waits for its flush; 0 is the newest.
    ImmutableMemtable {
        /// Which.
        index: usize,
    },
    /// A table.
    Table {
        /// Its level.
        level: u8,
        /// Its name.
        table: TableId,
    },
    /// A run of a level none of whose tables covers the key.
    NoTable {
        /// The level.
        level: u8,
    },
}

/// One part of a table that was touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TableProbe {
    /// The filter.
    Filter {
        /// What it said.
        verdict: FilterVerdict,
        /// Whether it was in memory.
        cached: bool,
        /// Its length.
        bytes: u64,
    },
    /// A partition of the index.
    Index {
        /// Whether it was in memory.
        cached: bool,
        /// Its length.
        bytes: u64,
    },
    /// A data block.
    Block {
        /// Where in the file.
        offset: u64,
        /// Its length.
        bytes: u64,
        /// Where it came from.
        source: siltstone_sstable::BlockSource,
    },
}
