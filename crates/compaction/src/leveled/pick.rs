//! Which table goes down next.

use super::cursors::Cursors;
use super::targets::Targets;
use crate::{Action, Cut, Dest, OutputClass, Run, TableMeta, TreeView, Why, check};
use siltstone_base::KeySpan;
use siltstone_sstable::TableId;
use std::cmp::{Ordering, Reverse};
use std::sync::Arc;

/// A table moves without being read only if it overlaps at most this many tables' worth of bytes
/// one level further down: merging it there later would be a large job. As LevelDB does.
const MOVE_OVERLAP_TABLES: u64 = 10;

/// One look at the tree.
#[derive(Clone, Copy, Debug)]
pub(super) struct Picker<'a> {
    pub(super) view: &'a dyn TreeView,
    pub(super) targets: &'a Targets,
    pub(super) table_bytes: u64,
}

/// Where tables shall go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Goal<'a> {
    dest: Dest,
    /// The run there, if there is one.
    run: Option<&'a Arc<Run>>,
    /// The run below it.
    below: Option<&'a Arc<Run>>,
    runs_below: u32,
}

impl Goal<'_> {
    /// The move of `inputs` there.
    pub(super) fn shift(&self, inputs: Vec<TableId>, why: Why) -> Action {
        Action::Move { inputs, dest: self.dest, why }
    }
}

impl<'a> Picker<'a> {
    /// A table of the newest run, where a level has several, into the next one.
    pub(super) fn fuse(&self, cursors: &mut Cursors) -> Option<Action> {
        let runs = self.view.runs();
        let is_divided =
            |pair: &&[Arc<Run>]| pair[0].level() > 0 && pair[0].level() == pair[1].level();
        runs.windows(2).filter(is_divided).find_map(|pair| {
            let level = pair[0].level();
            let runs = runs.iter().filter(|run| run.level() == level).count();
            let why = Why::LevelDivided { level, runs: u32::try_from(runs).unwrap_or(u32::MAX) };
            self.give(&pair[0], &self.goal_run(&pair[1]), cursors, why)
        })
    }

    /// A table of the level that exceeds its target most and can give one.
    pub(super) fn push_down(&self, cursors: &mut Cursors) -> Option<Action> {
        self.targets.overfull().into_iter().find_map(|(level, permille)| {
            // The oldest run of a level is the one that may give.
            let source = self.view.runs().iter().rfind(|run| run.level() == level)?;
            let goal = self.goal_level(self.targets.dest_of(level))?;
            self.give(source, &goal, cursors, Why::LevelFull { level, permille })
        })
    }

    /// The newest run of a level, or a new one. `None` while a job makes that new one.
    pub(super) fn goal_level(&self, level: u8) -> Option<Goal<'a>> {
        let runs = self.view.runs();
        if let Some(run) = runs.iter().find(|run| run.level() == level) {
            return Some(self.goal_run(run));
        }
        if self.view.jobs().iter().any(|job| job.level == level) {
            return None;
        }
        let at = runs.partition_point(|run| run.level() < level);
        Some(self.goal(Dest::NewRun { level }, None, at))
    }

    fn goal_run(&self, run: &'a Arc<Run>) -> Goal<'a> {
        let at = self.view.runs().partition_point(|other| other.place() <= run.place());
        self.goal(Dest::Into(run.id()), Some(run), at)
    }

    /// `at` is how many runs lie above or are the goal.
    fn goal(&self, dest: Dest, run: Option<&'a Arc<Run>>, at: usize) -> Goal<'a> {
        let below = self.view.runs().get(at..).unwrap_or_default();
        let runs_below = u32::try_from(below.len()).unwrap_or(u32::MAX);
        Goal { dest, run, below: below.first(), runs_below }
    }

    /// The best table of `source` that can go.
    fn give(
        &self,
        source: &Run,
        goal: &Goal<'_>,
        cursors: &mut Cursors,
        why: Why,
    ) -> Option<Action> {
        for candidate in self.candidates(source, goal, cursors) {
            let action = self.send(std::slice::from_ref(&candidate), goal, why);
            if let Some(action) = action {
                cursors.advance(source.level(), &candidate.span.last);
                return Some(action);
            }
        }
        None
    }

    /// The tables of `source` that no job has, least overlap first.
    fn candidates(&self, source: &Run, goal: &Goal<'_>, cursors: &Cursors) -> Vec<Arc<TableMeta>> {
        let free = source.tables().iter().filter(|table| !self.view.is_busy(table.id));
        let mut candidates: Vec<Candidate<'_>> = free
            .map(|table| Candidate {
                overlap_bytes: goal.run.map_or(0, |run| run.bytes_in(&table.span)),
                in_turn: cursors.is_behind(source.level(), &table.span.first),
                table,
            })
            .collect();
        candidates.sort_by(Candidate::cmp);
        candidates.into_iter().map(|candidate| Arc::clone(candidate.table)).collect()
    }

    /// `tables`, which overlap nothing else above the goal, go there: moved if they can be,
    /// else merged with what they overlap. `None` if that cannot be started now.
    pub(super) fn send(
        &self,
        tables: &[Arc<TableMeta>],
        goal: &Goal<'_>,
        why: Why,
    ) -> Option<Action> {
        let action = match tables {
            [table] if self.moves(table, goal) => goal.shift(vec![table.id], why),
            _ => self.merge(tables, goal, why)?,
        };
        check(self.view, &action).is_ok().then_some(action)
    }

    /// Whether a table may move instead of being merged.
    pub(super) fn moves(&self, table: &TableMeta, goal: &Goal<'_>) -> bool {
        let overlapped = goal.run.is_some_and(|run| !run.overlap(&table.span).is_empty());
        let overlap_bytes = goal.below.map_or(0, |below| below.bytes_in(&table.span));
        !overlapped && overlap_bytes <= self.table_bytes.saturating_mul(MOVE_OVERLAP_TABLES)
    }

    fn merge(&self, tables: &[Arc<TableMeta>], goal: &Goal<'_>, why: Why) -> Option<Action> {
        let spans = tables.iter().map(|table| table.span.clone());
        let hull: KeySpan = spans.reduce(|hull, span| hull.union(&span))?;
        let overlap = goal.run.map_or(&[][..], |run| run.overlap(&hull));
        if overlap.iter().any(|table| self.view.is_busy(table.id)) {
            return None;
        }
        let inputs = tables.iter().chain(overlap).map(|table| table.id).collect();
        let class = OutputClass { runs_below: goal.runs_below };
        Some(Action::Merge { inputs, dest: goal.dest, cut: self.cut(goal), class, why })
    }

    fn cut(&self, goal: &Goal<'_>) -> Cut {
        match goal.below {
            Some(below) => Cut::AlignTo {
                run: below.id(),
                target: self.table_bytes,
                max: self.table_bytes.saturating_mul(2),
            },
            None => Cut::Bytes(self.table_bytes),
        }
    }
}

/// A table that could go.
struct Candidate<'a> {
    table: &'a Arc<TableMeta>,
    overlap_bytes: u64,
    in_turn: bool,
}

impl Candidate<'_> {
    /// Bytes overlapped per byte of its own, exactly; then whose turn it is; then by key.
    fn cmp(&self, other: &Self) -> Ordering {
        let weigh = |a: &Self, b: &Self| {
            u128::from(a.overlap_bytes) * u128::from(b.table.file_bytes.max(1))
        };
        weigh(self, other)
            .cmp(&weigh(other, self))
            .then_with(|| Reverse(self.in_turn).cmp(&Reverse(other.in_turn)))
            .then_with(|| self.table.span.first.cmp(&other.table.span.first))
    }
}
