//! The one way by which tables become part of the database, for flush and compaction alike:
//! bytes durable, manifest durable, visible, old files removed.

use crate::Error;
use crate::commit::Segment;
use crate::files::FileName;
use crate::manifest::Field;
use crate::store::Store;
use crate::sync::atomic::Ordering;
use crate::tree::{LoggedMemtable, Tree};
use siltstone_base::Sabotage;
use siltstone_compaction::VersionEdit;
use siltstone_sstable::TableId;
use siltstone_wal::SegmentId;
use std::collections::HashSet;
use std::sync::Arc;

/// Publishes `edit`, and with it that `flushed` is now in tables, and lets go of what it makes
/// obsolete. The new tables are synced already; their names are not yet.
///
/// # Errors
///
/// Of the directory and the manifest, which stop writes. The manifest may name the new tables
/// then, so they stay where they are; a `resume` or the next open removes them.
pub(super) fn install(
    store: &Store,
    tree: &Arc<Tree>,
    edit: VersionEdit,
    flushed: Option<&Arc<LoggedMemtable>>,
) -> Result<(), Error> {
    let writer = store.writer.as_ref().ok_or(Error::OpenedReadOnly)?;
    // A table that only moves is none of them.
    let added = edit.added.iter().map(|placed| placed.table.id);
    let new: Vec<TableId> = added.filter(|table| !edit.removed.contains(table)).collect();
    let stop = |error| {
        writer.left_behind.lock().extend(&new);
        store.stop(error)
    };
    let skipped = Sabotage::DirectorySyncSkipped.is_on();
    let synced = if skipped { Ok(()) } else { store.vfs.sync_dir(&store.dir) };
    // A second sync that succeeds would not say that the first names are durable: no retry.
    synced.map_err(|error| stop(Error::io(&store.dir, "syncing", error)))?;
    let mut freed = flushed.map(|flushed| free_segments(store, Some(flushed))).unwrap_or_default();
    let mut manifest = writer.manifest.lock();
    if tree.is_dropped() {
        drop(manifest);
        discard(store, new);
        return Ok(());
    }
    let dropped: HashSet<TableId> = edit.dropped().collect();
    let mut fields = vec![Field::Version { keyspace: tree.id, edit }];
    fields.extend(flushed.map(|flushed| {
        let seqno = flushed.last_seqno();
        Field::Installed { keyspace: tree.id, seqno }
    }));
    freed.retain(|segment| manifest.state().segments.contains_key(segment));
    fields.extend(freed.iter().map(|&segment| Field::SegmentFreed(segment)));
    fields.push(Field::NextRun(writer.next_run.load(Ordering::Relaxed)));
    let state = tree.policy.lock().save();
    if !state.is_empty() {
        fields.push(Field::PolicyState { keyspace: tree.id, state });
    }
    let before = tree.pin();
    manifest.publish(&fields).map_err(stop)?;
    let installed = manifest.state().keyspaces.get(&tree.id);
    let version = installed.map(|keyspace| Arc::clone(&keyspace.version));
    let version = version.unwrap_or_else(|| panic!("a keyspace that exists is in the manifest"));
    tree.install(version, flushed);
    store.segments.remove(&freed);
    drop(manifest);
    let obsolete = before.version.tables().filter(|table| dropped.contains(&table.id));
    store.tables.retire(obsolete.cloned());
    drop(before);
    remove_segments(store, &freed);
    store.tables.sweep();
    store.throttle.update(store);
    Ok(())
}

/// Ended segments that no memtable but `flushed` needs.
///
/// The segments are listed before the keyspaces: what is written meanwhile, to a new keyspace
/// too, goes into a segment that has not ended.
fn free_segments(store: &Store, flushed: Option<&Arc<LoggedMemtable>>) -> Vec<SegmentId> {
    let segments = store.segments.list();
    let trees = store.list_trees();
    let first_of = |tree: &Arc<Tree>| {
        let state = tree.pin();
        let goes = |memtable: &Arc<LoggedMemtable>| {
            flushed.is_some_and(|flushed| Arc::ptr_eq(memtable, flushed))
        };
        let needed = state.memtables().filter(|memtable| !goes(memtable));
        needed.filter_map(|memtable| memtable.first_position()).min()
    };
    let mut needed_from = trees.iter().filter_map(first_of).min().unwrap_or(u64::MAX);
    if Sabotage::LogFreedEarly.is_on() {
        needed_from = trees.iter().filter_map(first_of).max().unwrap_or(u64::MAX);
    }
    let free = |segment: &&Segment| segment.end.is_some_and(|end| end <= needed_from);
    segments.iter().take_while(free).map(|segment| segment.id).collect()
}

/// Frees the segments that no memtable needs: after an open, those whose entries are all in
/// tables.
pub(crate) fn free_log(store: &Store) -> Result<(), Error> {
    let writer = store.writer()?;
    let mut freed = free_segments(store, None);
    let mut manifest = writer.manifest.lock();
    freed.retain(|segment| manifest.state().segments.contains_key(segment));
    if freed.is_empty() {
        return Ok(());
    }
    let fields: Vec<_> = freed.iter().map(|&segment| Field::SegmentFreed(segment)).collect();
    manifest.publish(&fields).map_err(|error| store.stop(error))?;
    store.segments.remove(&freed);
    drop(manifest);
    remove_segments(store, &freed);
    Ok(())
}

pub(super) fn remove_segments(store: &Store, freed: &[SegmentId]) {
    for &segment in freed {
        // What stays behind is found by the next open.
        drop(store.vfs.unlink(&FileName::Log(segment).path(&store.dir)));
    }
}

/// Removes tables that a job wrote and that are nobody's.
pub(super) fn discard(store: &Store, tables: impl IntoIterator<Item = TableId>) {
    for id in tables {
        drop(store.vfs.unlink(&store.tables.path(id)));
    }
}
