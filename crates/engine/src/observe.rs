//! Collects the numbers of an open database.

use crate::commit::Segment;
use crate::metrics::{KeyspaceMetrics, LevelMetrics, Metrics};
use crate::store::Store;
use crate::sync::atomic::Ordering;
use crate::tree::Tree;
use std::time::Duration;

/// All numbers of now. They are taken one after the other, beside whatever runs.
pub(crate) fn metrics(store: &Store) -> Metrics {
    let counters = &store.counters;
    let cache = store.tables.blocks().stats();
    let keyspaces: Vec<_> = store.trees.read().iter().map(|tree| keyspace_metrics(tree)).collect();
    let segments = store.segments.list();
    let segment_bytes =
        |bytes, segment: &Segment| bytes + segment.end.map_or(0, |end| end - segment.base);
    Metrics {
        visible_seqno: store.snapshots.visible(),
        synced_seqno: store.writer.as_ref().map_or(0, |writer| writer.commit.synced()),
        writes: counters.writes.get(),
        groups: counters.groups.get(),
        log_syncs: counters.log_syncs.get(),
        user_bytes: counters.user_bytes.get(),
        log_bytes: counters.log_bytes.get(),
        gets: counters.gets.get(),
        flushes: counters.flushes.get(),
        flush_bytes: counters.flush_bytes.get(),
        compactions: counters.compactions.get(),
        moves: counters.moves.get(),
        compaction_read_bytes: counters.compaction_read_bytes.get(),
        compaction_written_bytes: counters.compaction_written_bytes.get(),
        dropped_entries: counters.dropped_entries.get(),
        failed_jobs: counters.failed_jobs.get(),
        stalled: Duration::from_nanos(counters.stalled_ns.get()),
        longest_stall: Duration::from_nanos(counters.longest_stall_ns.get()),
        memtable_bytes: keyspaces.iter().map(|keyspace| keyspace.memtable_bytes).sum(),
        cache_bytes: cache.bytes,
        table_metadata_bytes: store.tables.metadata_bytes(),
        cache_hits: cache.hits,
        cache_misses: cache.misses,
        pinned_value_bytes: store.pinned_bytes.load(Ordering::Relaxed),
        snapshots: store.snapshots.count(),
        log_segments: segments.len() as u64,
        log_segment_bytes: segments.iter().fold(0, segment_bytes),
        debt_bytes: store.throttle.debt(),
        write_rate_limit: store.throttle.rate(),
        recovery: store.recovery.clone(),
        keyspaces,
    }
}

fn keyspace_metrics(tree: &Tree) -> KeyspaceMetrics {
    let state = tree.pin();
    let mut levels: Vec<LevelMetrics> = Vec::new();
    for run in state.version.runs() {
        if levels.last().is_none_or(|level| level.level != run.level()) {
            levels.push(LevelMetrics { level: run.level(), ..LevelMetrics::default() });
        }
        let Some(level) = levels.last_mut() else { continue };
        level.runs += 1;
        for table in run.tables() {
            level.tables += 1;
            level.bytes += table.file_bytes;
            level.entries += table.entries;
            level.tombstones += table.point_tombstones;
        }
    }
    KeyspaceMetrics {
        name: tree.name.clone(),
        policy: tree.policy.lock().name().to_owned(),
        immutable_memtables: state.immutables.len() as u64,
        memtable_bytes: state.memtable_bytes(),
        levels,
    }
}
