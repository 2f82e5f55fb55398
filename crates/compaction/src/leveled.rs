//! Leveled compaction: one run per level, each level `ratio` times as large as the one above.
//!
//! 1. When level 0 has [`level0_runs`](Leveled::level0_runs) runs, those that overlap merge into
//!    the first level below that is in use. A level that exceeds its target by more goes before,
//!    until level 0 has four times those runs: else writers that never pause would let level 0
//!    merge for ever into a level that only grows, at the cost of all of it each time.
//! 2. A level with several runs, which another policy left, is fused table by table.
//! 3. Else the level that exceeds its target most gives one table to the next level: the one
//!    that overlaps the fewest bytes there per byte of its own. Of equal ones the first behind
//!    the end of the level's last pick goes, then the one with the smallest key.
//! 4. Outputs end where tables of the level below the destination end. A table that overlaps
//!    nothing moves without being read.
//!
//! Targets are counted upward from the largest level's actual size, so data sits in the last
//! level first and about 1/ratio of it above: [`Targets`](targets::Targets).
//!
//! Always: data only goes down, or to an older run of its level, so picking ends. Jobs that share
//! no table and write to different keys run at the same time.
//!
//! Sources: LevelDB (score, cursors), `RocksDB` (dynamic level bytes, aligned outputs), Sarkar et
//! al., VLDB 14(11) 2021 (least overlap).

mod cursors;
mod level0;
mod pick;
mod targets;

use crate::{Action, CompactionPolicy, Error, Pressure, TreeView};
use cursors::Cursors;
use pick::Picker;
use targets::Targets;

pub(crate) use level0::groups as level0_groups;

/// Deepest level that is used by itself; a tree with deeper ones keeps them.
pub(crate) const LAST_LEVEL: u8 = 6;

/// Memtables of debt that are no trouble, whatever the shape: 64 GiB of 64 MiB ones.
const DEBT_MEMTABLES: u64 = 1024;
/// So many times the runs that start a merge may lie in level 0 before the tree is in trouble.
const LEVEL0_TROUBLE: u32 = 8;

/// From so many times the runs that start a merge, level 0 goes before any other level. It lies
/// below what slows writers, so that a tree that is slowed gives both their share.
const LEVEL0_FIRST: u64 = 4;

/// The default policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leveled {
    level0_runs: u32,
    ratio: u32,
    table_bytes: Option<u64>,
    base_bytes: Option<u64>,
    cursors: Cursors,
}

impl Default for Leveled {
    /// Four runs in level 0, ratio 10, sizes from the view's memtables and tables.
    fn default() -> Self {
        let cursors = Cursors::default();
        Self { level0_runs: 4, ratio: 10, table_bytes: None, base_bytes: None, cursors }
    }
}

impl Leveled {
    /// Merges level 0 when it has this many runs; at least 1.
    ///
    /// # Panics
    ///
    /// For 0.
    #[must_use]
    pub fn level0_runs(mut self, runs: u32) -> Self {
        assert!(runs > 0, "level 0 needs room for a run");
        self.level0_runs = runs;
        self
    }

    /// Makes each level this many times as large as the one above; at least 2.
    ///
    /// # Panics
    ///
    /// For less.
    #[must_use]
    pub fn ratio(mut self, ratio: u32) -> Self {
        assert!(ratio > 1, "levels must grow");
        self.ratio = ratio;
        self
    }

    /// Size of tables, in bytes, instead of the view's.
    ///
    /// # Panics
    ///
    /// For 0.
    #[must_use]
    pub fn table_bytes(mut self, bytes: u64) -> Self {
        assert!(bytes > 0, "tables hold something");
        self.table_bytes = Some(bytes);
        self
    }

    /// Largest target of the first level in use, in bytes, instead of `ratio` memtables.
    ///
    /// # Panics
    ///
    /// For 0.
    #[must_use]
    pub fn base_bytes(mut self, bytes: u64) -> Self {
        assert!(bytes > 0, "levels hold something");
        self.base_bytes = Some(bytes);
        self
    }

    fn targets(&self, view: &dyn TreeView) -> Targets {
        let memtables = view.env().memtable_bytes.max(1).saturating_mul(u64::from(self.ratio));
        Targets::of(view, self.base_bytes.unwrap_or(memtables), u64::from(self.ratio))
    }

    /// Whether another level needs work more than level 0 does.
    fn level0_yields(&self, view: &dyn TreeView, targets: &Targets) -> bool {
        let runs = u64::from(level0::free_runs(view));
        let permille = runs * 1000 / u64::from(self.level0_runs);
        permille < targets.urgency().min(LEVEL0_FIRST * 1000)
    }

    fn table_bytes_in(&self, view: &dyn TreeView) -> u64 {
        self.table_bytes.unwrap_or(view.env().table_bytes).max(1)
    }
}

impl CompactionPolicy for Leveled {
    fn name(&self) -> &'static str {
        "leveled"
    }

    /// Appends one action at most: the next one depends on what this one does.
    fn pick(&mut self, view: &dyn TreeView, out: &mut Vec<Action>) {
        let targets = self.targets(view);
        let picker = Picker { view, targets: &targets, table_bytes: self.table_bytes_in(view) };
        let level0 = || level0::pick(&picker, self.level0_runs);
        let first = if self.level0_yields(view, &targets) { None } else { level0() };
        let action = first
            .or_else(|| picker.fuse(&mut self.cursors))
            .or_else(|| picker.push_down(&mut self.cursors))
            .or_else(level0);
        out.extend(action);
    }

    fn pressure(&self, view: &dyn TreeView) -> Pressure {
        let targets = self.targets(view);
        let ratio = u64::from(self.ratio);
        let shape = targets.largest_upper_bytes().saturating_mul(2 * (ratio + 1));
        let runs = u32::try_from(view.runs().len()).unwrap_or(u32::MAX);
        Pressure {
            debt_bytes: targets.debt_bytes(self.level0_runs, ratio),
            debt_limit_bytes: shape.max(view.env().memtable_bytes.saturating_mul(DEBT_MEMTABLES)),
            depth: runs,
            depth_limit: self
                .level0_runs
                .saturating_mul(LEVEL0_TROUBLE)
                .saturating_add(u32::from(LAST_LEVEL)),
        }
    }

    fn save(&self) -> Vec<u8> {
        self.cursors.encode()
    }

    fn load(&mut self, state: &[u8]) -> Result<(), Error> {
        let cursors = Cursors::decode(state);
        self.cursors =
            cursors.map_err(|source| Error::PolicyState { policy: self.name(), source })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
