//! Versions of a log-structured merge tree, policies that say what to compact, and the merge
//! that carries out a plan.
//!
//! A [`Version`] is the list of sorted runs of one moment, newest first. A policy
//! ([`CompactionPolicy`], [`Leveled`] is the default) sees it through a [`TreeView`] and answers
//! with [`Action`]s, [`check`] refuses those that would break the tree, and a [`VersionEdit`]
//! leads to the next version once the tables are there. Everything here is plain data in, plain
//! data out: no thread, no clock, no file names.

mod action;
mod audit;
mod cutter;
mod edit;
mod error;
mod fields;
mod job;
mod legality;
mod leveled;
mod loser_tree;
mod merge;
mod older_tables;
mod policy;
mod range_compaction;
mod retention;
mod run;
mod run_input;
mod table_meta;
mod version;
mod view;

#[cfg(test)]
mod model;
#[cfg(test)]
mod picture;
#[cfg(test)]
mod test_tables;

pub use action::{Action, Cut, Dest, OutputClass, Why};
pub use cutter::Cutter;
pub use edit::{Placed, VersionEdit};
pub use error::Error;
pub use job::{MergeStats, Merged, Outputs, merge_tables};
pub use legality::{Illegal, check};
pub use leveled::Leveled;
pub use merge::MergeCursor;
pub use older_tables::OlderTables;
pub use policy::{CompactionPolicy, PolicyFactory, Pressure};
pub use range_compaction::{RangeCompaction, RangeStep};
pub use retention::{BottomRule, Retention, Verdict};
pub use run::{Run, RunId};
pub use run_input::RunInput;
pub use table_meta::TableMeta;
pub use version::Version;
pub use view::{Env, JobMeta, TreeView, VersionView};
