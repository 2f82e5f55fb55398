//! What a policy sees: the tree, what is being done to it, and the world's few numbers.
//!
//! Always: a view does not change while it is looked at. The engine makes one over a version, a
//! simulator over tables that never existed; policies cannot tell them apart.

use crate::{Run, RunId, TableMeta, Version};
use siltstone_base::{KeySpan, Seqno};
use siltstone_sstable::TableId;
use std::collections::HashSet;
use std::fmt::Debug;
use std::sync::Arc;

/// A tree as policies see it.
pub trait TreeView: Debug {
    /// The runs, newest first: by level ascending, within a level by number descending.
    fn runs(&self) -> &[Arc<Run>];

    /// What is being done to the tree now.
    fn jobs(&self) -> &[JobMeta];

    /// The numbers that do not come from the tree.
    fn env(&self) -> &Env;

    /// Whether a job has the table as an input.
    fn is_busy(&self, table: TableId) -> bool {
        self.jobs().iter().any(|job| job.inputs.contains(&table))
    }

    /// The run with this number.
    fn run(&self, id: RunId) -> Option<&Arc<Run>> {
        self.runs().iter().find(|run| run.id() == id)
    }

    /// The table and its run; looks at every table.
    fn find(&self, table: TableId) -> Option<(&Arc<Run>, &Arc<TableMeta>)> {
        self.runs().iter().find_map(|run| {
            let found = run.tables().iter().find(|other| other.id == table)?;
            Some((run, found))
        })
    }

    /// The tables of a run that share a key with `span`; none if there is no such run.
    fn overlap(&self, run: RunId, span: &KeySpan) -> &[Arc<TableMeta>] {
        self.run(run).map_or(&[], |run| run.overlap(span))
    }

    /// File bytes of those tables.
    fn bytes_in(&self, run: RunId, span: &KeySpan) -> u64 {
        self.run(run).map_or(0, |run| run.bytes_in(span))
    }
}

/// A merge that runs: its inputs are still in the tree and its outputs are not yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobMeta {
    /// The tables that it replaces.
    pub inputs: Vec<TableId>,
    /// Level of the run that its outputs join.
    pub level: u8,
    /// That run. A new run's number is drawn when the job starts.
    pub run: RunId,
}

/// Numbers that a policy may want and that are not in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Env {
    /// Tick of this moment: the database's clock in milliseconds, or a count of operations.
    pub now: u64,
    /// Seed for a policy that draws lots; the same in each view of an open database.
    pub seed: u64,
    /// Size of a full memtable, in bytes, about that of a flushed run.
    pub memtable_bytes: u64,
    /// Size that tables shall have, in bytes.
    pub table_bytes: u64,
    /// Smallest seqno that some reader uses; the last one given out if there is none.
    pub oldest_seqno: Seqno,
    /// Space for new files, in bytes; the largest number if it is not known.
    pub free_bytes: u64,
}

impl Default for Env {
    /// Tables and memtables of 64 MiB, no reader, no limit on space.
    fn default() -> Self {
        Self {
            now: 0,
            seed: 0,
            memtable_bytes: 64 << 20,
            table_bytes: 64 << 20,
            oldest_seqno: 0,
            free_bytes: u64::MAX,
        }
    }
}

/// The view over a version.
#[derive(Debug)]
pub struct VersionView<'a> {
    version: &'a Version,
    jobs: &'a [JobMeta],
    busy: HashSet<TableId>,
    env: Env,
}

impl<'a> VersionView<'a> {
    /// `version` while `jobs` run.
    pub fn new(version: &'a Version, jobs: &'a [JobMeta], env: Env) -> Self {
        let busy = jobs.iter().flat_map(|job| job.inputs.iter().copied()).collect();
        Self { version, jobs, busy, env }
    }
}

impl TreeView for VersionView<'_> {
    fn runs(&self) -> &[Arc<Run>] {
        self.version.runs()
    }

    fn jobs(&self) -> &[JobMeta] {
        self.jobs
    }

    fn env(&self) -> &Env {
        &self.env
    }

    fn is_busy(&self, table: TableId) -> bool {
        self.busy.contains(&table)
    }
}
