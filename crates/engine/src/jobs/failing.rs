//! Which compaction failed last, so that health tells of it until it is done, whatever others
//! succeed meanwhile.

use crate::sync::Mutex;
use crate::tree::Tree;
use siltstone_sstable::TableId;
use std::sync::Arc;

/// See the module. A leaf lock.
#[derive(Debug, Default)]
pub(crate) struct Failing(Mutex<Option<Job>>);

#[derive(Debug)]
struct Job {
    tree: Arc<Tree>,
    inputs: Vec<TableId>,
}

impl Failing {
    /// Notes that a compaction of `inputs` failed.
    pub(super) fn set(&self, tree: &Arc<Tree>, inputs: &[TableId]) {
        *self.0.lock() = Some(Job { tree: Arc::clone(tree), inputs: inputs.to_vec() });
    }

    /// Whether what failed needs no doing any more: an input is gone, so somebody has done it.
    pub(super) fn is_over(&self) -> bool {
        let mut failing = self.0.lock();
        let stays = failing.as_ref().is_some_and(|job| {
            let state = job.tree.state();
            let is_there = |input: &TableId| state.version.find(*input).is_some();
            !job.tree.is_dropped() && job.inputs.iter().all(is_there)
        });
        if !stays {
            *failing = None;
        }
        !stays
    }

    /// Nobody wants it any more.
    pub(super) fn forget(&self) {
        *self.0.lock() = None;
    }
}
