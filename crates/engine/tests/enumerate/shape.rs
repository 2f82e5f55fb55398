//! The order that the runs of every keyspace must have.

use siltstone::KeyspaceTree;

/// # Panics
///
/// If tables of a run share a key or are out of order, if a level other than 0 has two runs, or
/// if a table of level 0 is newer than one before it.
pub(crate) fn assert_in_order(trees: &[KeyspaceTree]) {
    for tree in trees {
        let name = &tree.name;
        let mut newest_below = u64::MAX;
        let mut level_before = None;
        for run in &tree.runs {
            assert!(level_before <= Some(run.level), "{name}: levels out of order");
            let is_another = level_before != Some(run.level);
            assert!(run.level == 0 || is_another, "{name}: two runs in level {}", run.level);
            level_before = Some(run.level);
            for table in &run.tables {
                assert!(table.first <= table.last, "{name}: table {} is backwards", table.id);
                assert!(table.entries > 0, "{name}: table {} is empty", table.id);
                assert!(table.smallest_seqno <= table.largest_seqno, "{name}: {table:?}");
            }
            let disjoint = run.tables.windows(2).all(|pair| pair[0].last < pair[1].first);
            assert!(disjoint, "{name}: tables of run {} overlap", run.run);
            if run.level == 0 {
                let newest = run.tables.iter().map(|table| table.largest_seqno).max();
                assert!(newest < Some(newest_below), "{name}: level 0 is not newest first");
                newest_below = newest.unwrap_or(0);
            }
        }
    }
}
