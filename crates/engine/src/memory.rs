//! Who gets how much of the memory budget: the one place that decides.
//!
//! Half goes to memtables (those that take writes and those that wait for a flush, whose memory
//! is given back late), three eighths to cached blocks and open tables, the last eighth is for
//! jobs: read-ahead and write buffers, filters and indexes being built.

use crate::Options;

/// Shares of the memory budget, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "the unit stands last, also where all have one")]
pub(crate) struct MemoryPlan {
    /// Size at which one memtable is flushed.
    pub(crate) memtable_bytes: u64,
    /// All memtables together; writers wait when it is exceeded.
    pub(crate) all_memtables_bytes: u64,
    /// Blocks, and partitions of indexes and filters.
    pub(crate) cache_bytes: u64,
    /// What open tables hold besides.
    pub(crate) tables_bytes: u64,
    /// Read-ahead of one input of a compaction.
    pub(crate) read_ahead_bytes: usize,
    /// Size of the tables that compactions write.
    pub(crate) table_bytes: u64,
    /// Size at which a log segment is followed by another.
    pub(crate) segment_bytes: u64,
    /// Length from which a manifest that has grown is written anew: small where memtables are,
    /// so that what must be read to open stays in proportion to the data.
    pub(crate) manifest_bytes: u64,
}

impl MemoryPlan {
    pub(crate) fn new(options: &Options) -> Self {
        let budget = options.memory_budget;
        let memtable_bytes = options.memtable_bytes_or_default();
        let read_ahead = (budget / 1024).clamp(4 << 10, 256 << 10);
        Self {
            memtable_bytes,
            all_memtables_bytes: budget / 2,
            cache_bytes: budget / 16 * 5,
            tables_bytes: budget / 16,
            read_ahead_bytes: usize::try_from(read_ahead).unwrap_or(64 << 10),
            table_bytes: memtable_bytes.clamp(4 << 10, 64 << 20),
            segment_bytes: memtable_bytes.clamp(4 << 10, 64 << 20),
            manifest_bytes: memtable_bytes.clamp(4 << 10, 1 << 20),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_stay_within_the_budget() {
        for budget in [1 << 20, 256 << 20, 4 << 30] {
            let plan = MemoryPlan::new(&Options::new().memory_budget(budget));
            assert!(plan.all_memtables_bytes + plan.cache_bytes + plan.tables_bytes < budget);
            assert!(plan.memtable_bytes * 2 <= plan.all_memtables_bytes);
        }
    }
}
