//! Compaction of a key range because somebody asked for it, whatever the policy.
//!
//! 1. The newest run with a table in the range that is not at the bottom gives: from level 0 the
//!    tables that overlap, from elsewhere its tables in the range, a few at a time.
//! 2. They merge into the next run below, whatever its level, or go to a new one at the bottom.
//! 3. Again, until the range lies in one run at the bottom.
//! 4. What tombstones were there by then are rewritten, each table once: a reader may have kept
//!    them from going on the way down.
//!
//! Always: each step brings tables one run down, and data written after the start is left alone,
//! so it ends while writers go on.

use crate::leveled::{LAST_LEVEL, level0_groups};
use crate::{Action, Cut, Dest, OutputClass, Run, TableMeta, TreeView, Why, check};
use siltstone_base::{Bounds, KeySpan, Seqno};
use siltstone_sstable::TableId;
use std::sync::Arc;

/// Most bytes that a step takes from its upper run, in tables' worth.
const STEP_TABLES: u64 = 8;

/// A range on its way to the bottom of a tree.
#[derive(Clone, Debug)]
pub struct RangeCompaction {
    range: Bounds,
    until: Seqno,
    /// Tables of the bottom run that are still to be rewritten, once that has begun.
    spent: Option<Vec<TableId>>,
}

/// What a range compaction needs now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RangeStep {
    /// This action; ask again when it is done.
    Act(Action),
    /// Running jobs stand in the way: ask again when one of them has ended.
    Wait,
    /// Nothing: the range lies at the bottom.
    Done,
}

impl RangeCompaction {
    /// Brings the keys of `range` down, as far as they were written up to the seqno `until`.
    pub const fn new(range: Bounds, until: Seqno) -> Self {
        Self { range, until, spent: None }
    }

    /// The next step for the tree as it is now.
    pub fn next(&mut self, view: &dyn TreeView) -> RangeStep {
        let runs = view.runs();
        let Some(bottom) = runs.last() else { return RangeStep::Done };
        let at_bottom = bottom.level() >= LAST_LEVEL;
        let above = if at_bottom { &runs[..runs.len() - 1] } else { runs };
        let Some(source) = above.iter().find(|run| self.concerns(run)) else {
            return self.rewrite_bottom(view, bottom);
        };
        let tables = match source.level() {
            0 => self.level0_tables(view),
            _ => self.tables_of(view, source),
        };
        let action = (!tables.is_empty()).then(|| step(view, source, &tables));
        match action {
            // With no job in the way the caller shall hear why it cannot be.
            Some(action) if view.jobs().is_empty() || check(view, &action).is_ok() => {
                RangeStep::Act(action)
            }
            _ => RangeStep::Wait,
        }
    }

    /// The next table of the bottom run that has tombstones to lose.
    fn rewrite_bottom(&mut self, view: &dyn TreeView, bottom: &Run) -> RangeStep {
        let (range, until) = (&self.range, self.until);
        let spent = self.spent.get_or_insert_with(|| {
            let meeting = bottom.meeting(range).iter();
            let spent =
                meeting.filter(|table| table.point_tombstones > 0 && table.seqnos.0 <= until);
            spent.map(|table| table.id).rev().collect()
        });
        while let Some(&table) = spent.last() {
            if view.is_busy(table) {
                return RangeStep::Wait;
            }
            spent.pop();
            if bottom.tables().iter().any(|other| other.id == table) {
                let dest = Dest::Into(bottom.id());
                let cut = cut(view.env().table_bytes.max(1), None);
                let class = OutputClass { runs_below: 0 };
                let why = Why::Asked;
                return RangeStep::Act(Action::Merge {
                    inputs: vec![table],
                    dest,
                    cut,
                    class,
                    why,
                });
            }
        }
        RangeStep::Done
    }

    fn concerns(&self, run: &Run) -> bool {
        run.meeting(&self.range).iter().any(|table| self.wants(table))
    }

    fn wants(&self, table: &TableMeta) -> bool {
        table.seqnos.0 <= self.until
    }

    /// A group of level 0 that no job has a part of.
    fn level0_tables(&self, view: &dyn TreeView) -> Vec<Arc<TableMeta>> {
        let wanted = |table: &Arc<TableMeta>| table.span.meets(&self.range) && self.wants(table);
        let mut groups = level0_groups(view).into_iter();
        groups.find(|group| group.iter().any(wanted)).unwrap_or_default()
    }

    /// Neighbours in the range, up to a bearable size.
    fn tables_of(&self, view: &dyn TreeView, source: &Run) -> Vec<Arc<TableMeta>> {
        let limit = view.env().table_bytes.saturating_mul(STEP_TABLES);
        let in_range = source.meeting(&self.range).iter();
        let mut bytes = 0u64;
        in_range
            .skip_while(|table| view.is_busy(table.id) || !self.wants(table))
            .take_while(|table| !view.is_busy(table.id) && self.wants(table))
            .take_while(|table| {
                let first = bytes == 0;
                bytes = bytes.saturating_add(table.file_bytes);
                first || bytes <= limit
            })
            .cloned()
            .collect()
    }
}

/// `tables` into the next run below their own.
fn step(view: &dyn TreeView, source: &Run, tables: &[Arc<TableMeta>]) -> Action {
    let runs = view.runs();
    let below = match source.level() {
        0 => runs.iter().position(|run| run.level() > 0),
        _ => runs.iter().position(|run| run.place() > source.place()),
    };
    let dest_run = below.map(|at| &runs[at]);
    let hull = hull(tables);
    let overlap = dest_run.map_or(&[][..], |run| run.overlap(&hull));
    let dest = dest_run.map_or(Dest::NewRun { level: LAST_LEVEL }, |run| Dest::Into(run.id()));
    let inputs = tables.iter().chain(overlap).map(|table| table.id).collect();
    // Tombstones are worth a rewrite: at the bottom nothing is left for them to hide.
    let plain = tables.iter().all(|table| table.point_tombstones == 0);
    if overlap.is_empty() && plain && (tables.len() == 1 || source.level() > 0) {
        return Action::Move { inputs, dest, why: Why::Asked };
    }
    let further = below.and_then(|at| runs.get(at + 1));
    let runs_below = below.map_or(0, |at| runs.len() - at - 1);
    let class = OutputClass { runs_below: u32::try_from(runs_below).unwrap_or(u32::MAX) };
    let cut = cut(view.env().table_bytes.max(1), further);
    Action::Merge { inputs, dest, cut, class, why: Why::Asked }
}

fn hull(tables: &[Arc<TableMeta>]) -> KeySpan {
    let spans = tables.iter().map(|table| table.span.clone());
    spans.reduce(|hull, span| hull.union(&span)).unwrap_or_else(|| KeySpan::new("", ""))
}

fn cut(target: u64, below: Option<&Arc<Run>>) -> Cut {
    match below {
        Some(run) => Cut::AlignTo { run: run.id(), target, max: target.saturating_mul(2) },
        None => Cut::Bytes(target),
    }
}

#[cfg(test)]
mod tests;
