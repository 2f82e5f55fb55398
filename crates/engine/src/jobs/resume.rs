//! Writes go on after the disk was full, without a byte more to the files that failed.
//!
//! 1. Jobs end and none begins; no leader is at work, and writes are refused until the end.
//! 2. Every memtable becomes a table.
//! 3. A new manifest names these tables in its first record, for every keyspace at once, and no
//!    segment of the old log: what a refused write left there is gone for good.
//! 4. The old log is removed and a new one begun. Only then writes are taken.
//!
//! A failure before CURRENT may name the new manifest leaves everything as it was. After that the
//! next try begins another manifest, and nothing that one of the two may name is removed before
//! it is durable.

use super::flush::{older_than_memtables, write};
use super::install::{discard, remove_segments};
use crate::Error;
use crate::manifest::{Field, ManifestState};
use crate::store::{Store, Writer};
use crate::sync::atomic::Ordering;
use crate::tree::Tree;
use siltstone_base::Seqno;
use siltstone_compaction::{Placed, RunId, TableMeta, VersionEdit};
use siltstone_sstable::TableId;
use siltstone_wal::SegmentId;
use std::sync::Arc;

/// The memtables of one keyspace, as tables that nobody names yet.
#[derive(Debug)]
struct Flushed {
    tree: Arc<Tree>,
    edit: VersionEdit,
}

/// Takes writes again if the disk had been full; does nothing if they are taken.
///
/// # Errors
///
/// Those of writing, after which it may be tried again; [`Error::Stopped`] if something happened
/// that only a new open mends.
pub(crate) fn resume(store: &Store) -> Result<(), Error> {
    let _tells = store.health.tell_at_end();
    let writer = store.writer()?;
    let _one_at_a_time = writer.resuming.lock();
    store.check_open()?;
    if store.health.get().takes_writes() {
        return Ok(());
    }
    store.health.check_may_go_on()?;
    let no_jobs = store.scheduler.pause();
    store.guarded("resuming", || {
        let (flushed, last_seqno) = write_tables(store, writer)?;
        publish(store, writer, flushed, last_seqno)
    })?;
    drop(no_jobs);
    store.health.go_on()?;
    store.throttle.update(store);
    store.scheduler.wake();
    Ok(())
}

/// Step 2: the tables, and the last seqno that was given out.
fn write_tables(store: &Store, writer: &Writer) -> Result<(Vec<Flushed>, Seqno), Error> {
    let last_seqno = {
        // Whoever leads when this lock is had found out that writes have stopped.
        let log = writer.commit.log.lock();
        for tree in store.trees.read().iter() {
            tree.rotate(log.last_seqno);
        }
        log.last_seqno
    };
    let mut flushed: Vec<Flushed> = Vec::new();
    for tree in store.list_trees() {
        flushed.push(Flushed { tree, edit: VersionEdit::default() });
        let written = flushed.last_mut().map_or(Ok(()), |flushed| flushed.write(store, writer));
        if let Err(error) = written {
            discard(store, tables_of(&flushed));
            return Err(error);
        }
    }
    Ok((flushed, last_seqno))
}

impl Flushed {
    /// Writes the tables, those of the oldest memtable first.
    fn write(&mut self, store: &Store, writer: &Writer) -> Result<(), Error> {
        let state = self.tree.pin();
        let mut older = older_than_memtables(&state);
        for memtable in state.immutables.iter().rev() {
            store.check_open()?;
            if let Some(summary) = write(store, writer, &self.tree, older.clone(), memtable)? {
                let run = RunId(writer.next_run.fetch_add(1, Ordering::Relaxed));
                let table = TableMeta::of_table(&summary);
                // The next memtable's tombstones must outlive what this one holds.
                older.push(vec![table.span.clone()]);
                self.edit.added.push(Placed { level: 0, run, table });
                store.counters.flushes.add(1);
                store.counters.flush_bytes.add(summary.file_bytes);
            }
        }
        Ok(())
    }
}

fn tables_of(flushed: &[Flushed]) -> Vec<TableId> {
    flushed.iter().flat_map(|flushed| &flushed.edit.added).map(|placed| placed.table.id).collect()
}

/// Steps 3 and 4.
fn publish(
    store: &Store,
    writer: &Writer,
    flushed: Vec<Flushed>,
    last_seqno: Seqno,
) -> Result<(), Error> {
    let mut log = writer.commit.log.lock();
    let trees = store.trees.read();
    let mut manifest = writer.manifest.lock();
    let exists = |flushed: &Flushed| manifest.state().keyspaces.contains_key(&flushed.tree.id);
    let (flushed, dropped): (Vec<_>, Vec<_>) = flushed.into_iter().partition(exists);
    discard(store, tables_of(&dropped));
    let old_segments: Vec<SegmentId> = manifest.state().segments.keys().copied().collect();
    let next = state_after(writer, manifest.state(), &flushed, last_seqno);
    let begun = manifest.begin_next(next).map_err(|error| {
        discard(store, tables_of(&flushed));
        stop_if_worse(store, error)
    })?;
    if let Err(error) = manifest.switch_to(begun) {
        // CURRENT may name the new one, and with it the tables.
        writer.left_behind.lock().extend(tables_of(&flushed));
        return Err(stop_if_worse(store, error));
    }
    for Flushed { tree, .. } in flushed {
        let version =
            manifest.state().keyspaces.get(&tree.id).map(|kept| Arc::clone(&kept.version));
        tree.install_all(
            version.unwrap_or_else(|| panic!("a keyspace does not go under the lock")),
        );
    }
    store.segments.fill(Vec::new());
    store.snapshots.publish(last_seqno);
    writer.commit.all_is_durable(last_seqno);
    let unnamed = log.retire();
    manifest.remove_superseded();
    remove_segments(store, &[old_segments, unnamed].concat());
    discard(store, std::mem::take(&mut *writer.left_behind.lock()));
    let begun = log.begin_anew(store, &mut manifest);
    drop((manifest, trees, log));
    begun.map_err(|error| stop_if_worse(store, error))
}

/// What the new manifest says: the same, with the tables and without a log.
fn state_after(
    writer: &Writer,
    now: &ManifestState,
    flushed: &[Flushed],
    last_seqno: Seqno,
) -> ManifestState {
    let mut fields = Vec::new();
    for Flushed { tree, edit } in flushed {
        fields.push(Field::Version { keyspace: tree.id, edit: edit.clone() });
        fields.push(Field::Installed { keyspace: tree.id, seqno: last_seqno });
    }
    fields.extend(now.segments.keys().map(|&segment| Field::SegmentFreed(segment)));
    fields.push(Field::LastSeqno(last_seqno));
    fields.push(Field::NextRun(writer.next_run.load(Ordering::Relaxed)));
    let mut next = now.clone();
    next.apply(&fields).unwrap_or_else(|why| panic!("memtables must fit the tables: {why}"));
    next
}

/// Want of room leaves it at that; after anything else no manifest or log can be trusted.
fn stop_if_worse(store: &Store, error: Error) -> Error {
    if error.is_out_of_space() { error } else { store.stop(error) }
}
