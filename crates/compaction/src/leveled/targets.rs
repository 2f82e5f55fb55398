//! How large each level shall be, from how large the tree is.
//!
//! 1. The largest level below 0 counts as the last one: its target is its own size.
//! 2. Each level above has the target below it divided by `ratio`.
//! 3. The *base* is the first level, going up, whose target is at most `base_bytes`.
//! 4. Levels above the base shall be empty. One that is not may stay, with a target of
//!    `base_bytes / ratio`, until its computed target is a quarter of that: a tree that grows and
//!    shrinks by a little does not move its base to and fro.
//!
//! After `RocksDB`'s dynamic level bytes.

use super::LAST_LEVEL;
use crate::TreeView;
use siltstone_sstable::TableId;
use std::collections::HashMap;

/// Sizes and targets of the levels of one view.
#[derive(Debug)]
pub(super) struct Targets {
    levels: Vec<Level>,
    base: u8,
    /// The smallest target of a level in use.
    floor_bytes: u64,
}

/// One level, 0 included.
#[derive(Clone, Copy, Debug, Default)]
struct Level {
    bytes: u64,
    /// What of them running jobs take further down.
    leaving_bytes: u64,
    target_bytes: u64,
    runs: u32,
}

/// How many times a target must be passed by for a level to be given up.
const KEEP: u64 = 4;

impl Targets {
    pub(super) fn of(view: &dyn TreeView, base_bytes: u64, ratio: u64) -> Self {
        let mut levels = measure(view);
        let largest = levels.iter().skip(1).map(|level| level.bytes).max().unwrap_or(0);
        let floor = base_bytes / ratio;
        let last = levels.len() - 1;
        let (mut target, mut base) = (largest, last);
        for at in (1..=last).rev() {
            // Until one was small enough, each level further up is needed.
            let above_base = at < last && target.saturating_mul(ratio) <= base_bytes;
            if above_base {
                let keeps = target.saturating_mul(KEEP) > floor;
                levels[at].target_bytes = if keeps { floor } else { 0 };
            } else {
                levels[at].target_bytes = target;
                base = at;
            }
            target /= ratio;
        }
        Self { levels, base: u8::try_from(base).unwrap_or(u8::MAX), floor_bytes: floor }
    }

    /// The last level.
    pub(super) fn last(&self) -> u8 {
        u8::try_from(self.levels.len() - 1).unwrap_or(u8::MAX)
    }

    /// Where a level gives its tables: to the next level that has some, or to the base where the
    /// levels between are empty.
    pub(super) fn dest_of(&self, level: u8) -> u8 {
        let next = level + 1;
        let used = (next..self.base).find(|&level| self.levels[usize::from(level)].runs > 0);
        used.unwrap_or(self.base.max(next))
    }

    /// The levels above the last one that exceed their targets, the one that does so most first,
    /// with their size per thousand of the target; what is leaving does not count.
    pub(super) fn overfull(&self) -> Vec<(u8, u64)> {
        let mut overfull: Vec<(u8, u64)> = (1..self.last())
            .map(|level| (level, self.levels[usize::from(level)]))
            .filter(|(_, level)| level.staying_bytes() > level.target_bytes)
            .map(|(at, level)| (at, level.permille()))
            .collect();
        overfull.sort_by_key(|&(level, permille)| (std::cmp::Reverse(permille), level));
        overfull
    }

    /// Size of the fullest level that exceeds its target, per thousand of that; 0 if none does. One
    /// that shall be empty counts as if it had the smallest target.
    pub(super) fn urgency(&self) -> u64 {
        let levels = self.overfull().into_iter().map(|(at, _)| self.levels[usize::from(at)]);
        let urgency =
            levels.map(|level| level.permille_of(level.target_bytes.max(self.floor_bytes)));
        urgency.max().unwrap_or(0)
    }

    /// Bytes to rewrite until no level exceeds its target: what exceeds it, `ratio + 1` times,
    /// and then exceeds the next one. Level 0 counts once it has `level0_runs`.
    pub(super) fn debt_bytes(&self, level0_runs: u32, ratio: u64) -> u64 {
        let (mut level, mut over, mut debt) = (self.dest_of(0), 0u64, 0u64);
        if self.levels[0].runs >= level0_runs {
            over = self.levels[0].bytes;
            debt = over.saturating_add(self.levels[usize::from(level)].bytes);
        }
        while level < self.last() {
            let Level { bytes, target_bytes, .. } = self.levels[usize::from(level)];
            over = over.saturating_add(bytes).saturating_sub(target_bytes);
            debt = debt.saturating_add(over.saturating_mul(ratio + 1));
            level = self.dest_of(level);
        }
        debt
    }

    /// The largest target above the last level; 0 if all data is there.
    pub(super) fn largest_upper_bytes(&self) -> u64 {
        let last = self.levels.len() - 1;
        self.levels[1..last].iter().map(|level| level.target_bytes).max().unwrap_or(0)
    }
}

impl Level {
    fn staying_bytes(self) -> u64 {
        self.bytes - self.leaving_bytes
    }

    fn permille(self) -> u64 {
        self.permille_of(self.target_bytes)
    }

    fn permille_of(self, target_bytes: u64) -> u64 {
        let permille = u128::from(self.staying_bytes()) * 1000 / u128::from(target_bytes.max(1));
        u64::try_from(permille).unwrap_or(u64::MAX)
    }
}

/// The sizes of all levels, down to the last one.
fn measure(view: &dyn TreeView) -> Vec<Level> {
    // Inputs of running jobs, and the level that each goes to.
    let mut going: HashMap<TableId, u8> = HashMap::new();
    for job in view.jobs() {
        going.extend(job.inputs.iter().map(|&table| (table, job.level)));
    }
    let deepest = view.runs().last().map_or(0, |run| run.level());
    let mut levels = vec![Level::default(); usize::from(deepest.max(LAST_LEVEL)) + 1];
    for run in view.runs() {
        let level = &mut levels[usize::from(run.level())];
        level.runs += 1;
        level.bytes = level.bytes.saturating_add(run.bytes());
        if going.is_empty() {
            continue;
        }
        for table in run.tables() {
            if going.get(&table.id).is_some_and(|&to| to > run.level()) {
                level.leaving_bytes += table.file_bytes;
            }
        }
    }
    levels
}
