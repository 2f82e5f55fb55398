//! Compaction policies of other kinds than the default, so that trees of every shape are read.
//!
//! None of them is good; each is legal, and ends.

use siltstone::{CompactionPolicy, TableId};
use siltstone_compaction::{
    Action, Cut, Dest, Error, OutputClass, Pressure, Run, TreeView, Why, check,
};
use std::sync::Arc;

/// The deepest level that these use.
const LAST_LEVEL: u8 = 6;

/// Merges `runs` into a new run.
fn merge(runs: &[Arc<Run>], level: u8, table_bytes: u64) -> Action {
    Action::Merge {
        inputs: tables(runs).collect(),
        dest: Dest::NewRun { level },
        cut: Cut::Bytes(table_bytes),
        class: OutputClass::default(),
        why: Why::Asked,
    }
}

fn tables(runs: &[Arc<Run>]) -> impl Iterator<Item = TableId> {
    runs.iter().flat_map(|run| run.tables().iter().map(|table| table.id))
}

fn is_free(view: &dyn TreeView, runs: &[Arc<Run>]) -> bool {
    tables(runs).all(|table| !view.is_busy(table))
}

/// Writers are never slowed.
fn no_pressure(view: &dyn TreeView) -> Pressure {
    let depth = u32::try_from(view.runs().len()).unwrap_or(u32::MAX);
    Pressure { debt_bytes: 0, debt_limit_bytes: u64::MAX, depth, depth_limit: u32::MAX }
}

/// As soon as a level has so many runs, they become one of the next level.
#[derive(Clone, Debug)]
pub(crate) struct Tiers {
    pub(crate) runs: usize,
    pub(crate) table_bytes: u64,
}

impl CompactionPolicy for Tiers {
    fn name(&self) -> &'static str {
        "tiers"
    }

    fn pick(&mut self, view: &dyn TreeView, out: &mut Vec<Action>) {
        let same_level = |a: &Arc<Run>, b: &Arc<Run>| a.level() == b.level();
        for runs in view.runs().chunk_by(same_level) {
            if runs.len() >= self.runs && is_free(view, runs) {
                let level = (runs[0].level() + 1).min(LAST_LEVEL);
                let action = merge(runs, level, self.table_bytes);
                out.extend(check(view, &action).is_ok().then_some(action));
            }
        }
    }

    fn pressure(&self, view: &dyn TreeView) -> Pressure {
        no_pressure(view)
    }
}

/// Everything becomes one run, always.
#[derive(Clone, Debug)]
pub(crate) struct OneRun {
    pub(crate) table_bytes: u64,
}

impl CompactionPolicy for OneRun {
    fn name(&self) -> &'static str {
        "one run"
    }

    fn pick(&mut self, view: &dyn TreeView, out: &mut Vec<Action>) {
        let runs = view.runs();
        if runs.len() > 1 && is_free(view, runs) {
            let action = merge(runs, LAST_LEVEL, self.table_bytes);
            out.extend(check(view, &action).is_ok().then_some(action));
        }
    }

    fn pressure(&self, view: &dyn TreeView) -> Pressure {
        no_pressure(view)
    }
}

/// Nothing is ever merged, unless a caller asks for it.
#[derive(Clone, Debug)]
pub(crate) struct Never;

impl CompactionPolicy for Never {
    fn name(&self) -> &'static str {
        "never"
    }

    fn pick(&mut self, _view: &dyn TreeView, _out: &mut Vec<Action>) {}

    fn pressure(&self, view: &dyn TreeView) -> Pressure {
        no_pressure(view)
    }
}

/// While there are too many runs, any neighbouring ones are merged, by lot. It counts its lots,
/// and remembers the count over a restart.
#[derive(Clone, Debug)]
pub(crate) struct Whims {
    pub(crate) runs: usize,
    pub(crate) table_bytes: u64,
    pub(crate) lots: u64,
}

impl Whims {
    fn lot(&mut self, view: &dyn TreeView, below: usize) -> usize {
        self.lots += 1;
        let lot = (self.lots ^ view.env().seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
        usize::try_from(lot % below as u64).unwrap()
    }
}

impl CompactionPolicy for Whims {
    fn name(&self) -> &'static str {
        "whims"
    }

    fn pick(&mut self, view: &dyn TreeView, out: &mut Vec<Action>) {
        let count = view.runs().len();
        for _ in 0..4 {
            if count <= self.runs.max(1) {
                return;
            }
            let first = self.lot(view, count - 1);
            let last = first + 1 + self.lot(view, count - first - 1);
            let runs = &view.runs()[first..=last];
            let action = merge(runs, runs[runs.len() - 1].level(), self.table_bytes);
            if is_free(view, runs) && check(view, &action).is_ok() {
                out.push(action);
                return;
            }
        }
    }

    fn pressure(&self, view: &dyn TreeView) -> Pressure {
        no_pressure(view)
    }

    fn save(&self) -> Vec<u8> {
        self.lots.to_le_bytes().to_vec()
    }

    fn load(&mut self, state: &[u8]) -> Result<(), Error> {
        // Where another policy worked before, there is nothing to remember.
        self.lots = state.try_into().map_or(0, u64::from_le_bytes);
        Ok(())
    }
}
