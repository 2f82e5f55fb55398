//! A memtable becomes a table.
//!
//! 1. The oldest memtable of a tree that waits is written as one table, less what nobody reads.
//! 2. The log is made durable through the memtable's last seqno, or a power cut could leave the
//!    tables of one keyspace with writes whose batch another one lost.
//! 3. The table is installed and the memtable goes, and with it the log that only it needed.

use super::install::{discard, install};
use super::scheduler::FlushClaim;
use crate::Error;
use crate::health::Stall;
use crate::store::{Store, Writer};
use crate::sync::atomic::Ordering;
use crate::tree::{LoggedMemtable, Tree, TreeState};
use siltstone_base::{KeySpan, Sabotage};
use siltstone_compaction::{OlderTables, Placed, Retention, Run, RunId, TableMeta, VersionEdit};
use siltstone_sstable::{Origin, TableId, TableOptions, TableSummary, TableWriter, write_memtable};
use std::sync::Arc;

/// Flushes what was claimed; health tells whether it stays to be done.
pub(super) fn run(store: &Store, claim: &FlushClaim<'_>) -> Result<(), Error> {
    let flushed = store.guarded("flushing", || try_run(store, claim));
    super::note(store, Stall::Flush, &flushed);
    flushed
}

fn try_run(store: &Store, claim: &FlushClaim<'_>) -> Result<(), Error> {
    let writer = store.writer.as_ref().ok_or(Error::OpenedReadOnly)?;
    let memtable = &claim.memtable;
    // Without a log that takes a sync there is no way to install anything.
    store.health.check()?;
    let began = store.options.runtime.clock.now();
    let older = older_than_memtables(&claim.tree.pin());
    let written = write(store, writer, &claim.tree, older, memtable)?;
    let bytes = written.as_ref().map_or(0, |summary| summary.file_bytes);
    if !Sabotage::FlushBeforeLogSync.is_on()
        && let Err(error) = writer.commit.make_durable(store, memtable.last_seqno())
    {
        discard(store, written.map(|summary| summary.id));
        return Err(error);
    }
    let mut edit = VersionEdit::default();
    if let Some(summary) = written {
        let run = RunId(writer.next_run.fetch_add(1, Ordering::Relaxed));
        edit.added.push(Placed { level: 0, run, table: TableMeta::of_table(&summary) });
    }
    install(store, &claim.tree, edit, Some(memtable))?;
    store.counters.flushes.add(1);
    store.counters.flush_bytes.add(bytes);
    store.throttle.note_job(bytes, store.options.runtime.clock.now().saturating_sub(began));
    Ok(())
}

/// Which keys the tables hold, run by run: they are older than every memtable.
pub(super) fn older_than_memtables(state: &TreeState) -> Vec<Vec<KeySpan>> {
    let spans = |run: &Arc<Run>| run.tables().iter().map(|table| table.span.clone()).collect();
    state.version.runs().iter().map(spans).collect()
}

/// Writes the table; `None` if nothing of the memtable is needed. `older` is what its tombstones
/// may hide, run by run.
pub(super) fn write(
    store: &Store,
    writer: &Writer,
    tree: &Tree,
    older: Vec<Vec<KeySpan>>,
    memtable: &LoggedMemtable,
) -> Result<Option<TableSummary>, Error> {
    let mut retention = Retention::new(store.snapshots.needed(), OlderTables::new(older));
    let id = writer.new_table_id();
    let now = store.options.runtime.clock.unix_ms();
    // If there is no tombstone in the table, its writer forgets when the oldest was written.
    let origin = Origin {
        born: now,
        data_age: (now, now),
        oldest_tombstone: Some(now),
        owner: Some(tree.id.0.into()),
    };
    let table = create_table(store, id, origin)?;
    let mut dropped = 0;
    let written = write_memtable(&memtable.table, table, &mut |entry| {
        let keep = retention.keep(entry);
        dropped += u64::from(!keep);
        keep
    });
    store.counters.dropped_entries.add(dropped);
    match written {
        Ok(Some(summary)) => Ok(Some(summary)),
        Ok(None) => {
            discard(store, [id]);
            Ok(None)
        }
        Err(error) => {
            discard(store, [id]);
            Err(store.tables.error(error))
        }
    }
}

/// A writer of a new table in the database's directory.
pub(super) fn create_table(
    store: &Store,
    id: TableId,
    origin: Origin,
) -> Result<TableWriter, Error> {
    let path = store.tables.path(id);
    let file = store.vfs.create_new(&path).map_err(|error| Error::io(&path, "creating", error))?;
    let options = TableOptions {
        block_bytes: store.options.block_bytes as usize,
        compression: store.options.compression,
        filter_bits_per_key: store.options.filter_bits_per_key,
        ..TableOptions::default()
    };
    TableWriter::new(file, id, options, origin).map_err(|error| store.tables.error(error))
}

/// Flushes the oldest waiting memtable of `tree` on this thread: while the log is replayed, when
/// nobody else does.
pub(crate) fn flush_oldest(store: &Store, tree: &Arc<Tree>) -> Result<(), Error> {
    match store.scheduler.claim_flush_in(tree) {
        Some(claim) => run(store, &claim),
        None => Ok(()),
    }
}

/// Turns memtables into tables, those of one tree or of all, and waits for it; helps along.
pub(crate) fn flush_now(store: &Store, only: Option<&Arc<Tree>>) -> Result<(), Error> {
    let _tells = store.health.tell_at_end();
    store.check_writes()?;
    store.rotate_all(only)?;
    let trees: Vec<Arc<Tree>> = match only {
        Some(tree) => vec![Arc::clone(tree)],
        None => store.list_trees(),
    };
    for tree in trees {
        let Some(newest) = tree.state().immutables.first().cloned() else { continue };
        let waits =
            || tree.state().immutables.iter().any(|memtable| Arc::ptr_eq(memtable, &newest));
        while waits() {
            let ended = store.scheduler.jobs_ended();
            store.check_writes()?;
            match store.scheduler.claim_flush_in(&tree) {
                Some(claim) => run(store, &claim)?,
                None if waits() => store.scheduler.wait_for_a_job(ended),
                // The keyspace was dropped just now: no job's end would tell.
                None => {}
            }
        }
    }
    store.scheduler.wake();
    Ok(())
}
