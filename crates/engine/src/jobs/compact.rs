//! A plan of a compaction policy is carried out.

use super::flush::create_table;
use super::install::{discard, install};
use super::scheduler::MergeClaim;
use crate::Error;
use crate::store::{Store, Writer};
use crate::tree::{Tree, TreeState};
use siltstone_base::{Bounds, KeySpan, key};
use siltstone_compaction::{
    Action, Cutter, JobMeta, MergeCursor, Merged, OlderTables, Outputs, RangeCompaction, RangeStep,
    Retention, RunInput, TableMeta, Version, VersionEdit, merge_tables,
};
use siltstone_sstable::{Origin, TableSummary, TableWriter};
use siltstone_wal::KeyspaceId;
use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;

/// A legal action, with everything of the tree that carrying it out needs.
#[derive(Debug)]
pub(crate) struct PlannedMerge {
    pub(super) action: Action,
    pub(super) job: JobMeta,
    /// The version that the plan was made for.
    version: Arc<Version>,
}

impl PlannedMerge {
    pub(super) fn new(state: &TreeState, action: Action, job: JobMeta) -> Self {
        Self { action, job, version: Arc::clone(&state.version) }
    }

    /// The inputs, by run, newest first.
    fn inputs(&self) -> Vec<Vec<Arc<TableMeta>>> {
        let wanted: HashSet<_> = self.job.inputs.iter().collect();
        let of_run = |tables: &[Arc<TableMeta>]| -> Vec<_> {
            tables.iter().filter(|table| wanted.contains(&table.id)).cloned().collect()
        };
        let runs = self.version.runs().iter().map(|run| of_run(run.tables()));
        runs.filter(|tables| !tables.is_empty()).collect()
    }
}

/// Carries out what was claimed.
pub(super) fn run(store: &Store, claim: &MergeClaim<'_>) -> Result<(), Error> {
    store.guarded("compacting", || try_run(store, claim))
}

fn try_run(store: &Store, claim: &MergeClaim<'_>) -> Result<(), Error> {
    store.health.check()?;
    let planned = &claim.planned;
    if let Action::Move { .. } = planned.action {
        let edit = VersionEdit::of_move(&planned.job, &planned.version);
        install(store, &claim.tree, edit, None)?;
        store.counters.moves.add(1);
        return Ok(());
    }
    let inputs = planned.inputs();
    let began = store.options.runtime.clock.now();
    let outputs = merge(store, claim.tree.id, planned, &inputs)?;
    let written: u64 = outputs.iter().map(|summary| summary.file_bytes).sum();
    let read = inputs.iter().flatten().map(|table| table.file_bytes).sum();
    let edit = VersionEdit::of_job(&planned.job, outputs.iter().map(TableMeta::of_table).collect());
    install(store, &claim.tree, edit, None)?;
    store.counters.compactions.add(1);
    store.counters.compaction_read_bytes.add(read);
    store.counters.compaction_written_bytes.add(written);
    store.throttle.note_job(written, store.options.runtime.clock.now().saturating_sub(began));
    Ok(())
}

/// Merges the inputs into new tables, which are removed again if it fails or is cancelled.
fn merge(
    store: &Store,
    keyspace: KeyspaceId,
    planned: &PlannedMerge,
    inputs: &[Vec<Arc<TableMeta>>],
) -> Result<Vec<TableSummary>, Error> {
    let writer = store.writer.as_ref().ok_or(Error::OpenedReadOnly)?;
    let Action::Merge { cut, .. } = &planned.action else { return Ok(Vec::new()) };
    let mut cursors = Vec::with_capacity(inputs.len());
    for tables in inputs {
        let tables =
            tables.iter().map(|table| store.tables.get(table)).collect::<Result<_, _>>()?;
        cursors.push(RunInput::new(tables, store.memory.read_ahead_bytes));
    }
    let older = OlderTables::of_merge(&planned.version, &planned.job.inputs);
    let mut retention = Retention::new(store.snapshots.needed(), older);
    let span = span_of(inputs);
    let shared = key::expected_prefix(&span.first, &span.last);
    let boundaries = cut.boundaries(planned.version.runs(), &span);
    let mut cutter = Cutter::new(cut.target_bytes(), cut.max_bytes(), boundaries);
    let mut outputs = NewTables {
        store,
        writer,
        origin: origin_of(store, keyspace, inputs),
        done: Vec::new(),
        open: Vec::new(),
    };
    // A job that runs is finished, at a close too: what it did would be lost otherwise. Once
    // writes have stopped, nothing can be installed any more.
    let mut progress = |_| match store.health.check() {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    };
    let merged = merge_tables(
        MergeCursor::new(cursors).expecting_prefix(shared),
        &mut retention,
        &mut cutter,
        &mut outputs,
        &mut progress,
    );
    match merged {
        Ok(Merged::Finished(stats)) => {
            store.counters.dropped_entries.add(stats.dropped_shadowed + stats.dropped_tombstones);
            Ok(outputs.done)
        }
        Ok(Merged::Cancelled) => {
            discard(store, outputs.open);
            store.health.check().and(Err(Error::Closed))
        }
        Err(error) => {
            discard(store, outputs.open);
            Err(error.0.map_or_else(|own| own, |table| store.tables.error(table)))
        }
    }
}

fn span_of(inputs: &[Vec<Arc<TableMeta>>]) -> KeySpan {
    let spans = inputs.iter().flatten().map(|table| table.span.clone());
    let span = spans.reduce(|all, span| all.union(&span));
    span.unwrap_or_else(|| panic!("a merge has inputs"))
}

/// Born now, as old as what went in.
fn origin_of(store: &Store, keyspace: KeyspaceId, inputs: &[Vec<Arc<TableMeta>>]) -> Origin {
    let tables = || inputs.iter().flatten();
    let born = store.options.runtime.clock.unix_ms();
    let oldest = tables().map(|table| table.data_age.0).min().unwrap_or(born);
    let newest = tables().map(|table| table.data_age.1).max().unwrap_or(born);
    let oldest_tombstone = tables().filter_map(|table| table.oldest_tombstone).min();
    let owner = Some(keyspace.0.into());
    Origin { born, data_age: (oldest, newest), oldest_tombstone, owner }
}

/// Where a merge puts its tables.
struct NewTables<'a> {
    store: &'a Store,
    writer: &'a Writer,
    origin: Origin,
    done: Vec<TableSummary>,
    /// Every table that was begun.
    open: Vec<siltstone_sstable::TableId>,
}

/// An error of the engine, or one of a table that still needs its file's name.
struct JobError(Result<siltstone_sstable::Error, Error>);

impl From<siltstone_sstable::Error> for JobError {
    fn from(error: siltstone_sstable::Error) -> Self {
        Self(Ok(error))
    }
}

impl Outputs for NewTables<'_> {
    type Error = JobError;

    fn create(&mut self) -> Result<TableWriter, JobError> {
        let id = self.writer.new_table_id();
        self.open.push(id);
        create_table(self.store, id, self.origin).map_err(|error| JobError(Err(error)))
    }

    fn finished(&mut self, summary: TableSummary) {
        self.done.push(summary);
    }
}

/// Merges everything within `bounds` down to the last level, on this thread.
pub(crate) fn compact_range(store: &Store, tree: &Arc<Tree>, bounds: &Bounds) -> Result<(), Error> {
    let _tells = store.health.tell_at_end();
    if bounds.is_empty() {
        return Ok(());
    }
    super::flush_now(store, Some(tree))?;
    let mut range = RangeCompaction::new(bounds.clone(), store.snapshots.visible());
    loop {
        let ended = store.scheduler.jobs_ended();
        store.check_writes()?;
        let mut waiting = false;
        let claim = store.scheduler.claim_chosen(store, tree, |view| match range.next(view) {
            RangeStep::Act(action) => Some(action),
            RangeStep::Wait => {
                waiting = true;
                None
            }
            RangeStep::Done => None,
        })?;
        match claim {
            Some(claim) => {
                run(store, &claim)?;
                drop(claim);
                store.tables.sweep();
            }
            None if waiting => store.scheduler.wait_for_a_job(ended),
            None => return Ok(()),
        }
    }
}
