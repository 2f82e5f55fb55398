//! What a policy asks for, as plain data.

use crate::{JobMeta, Run, RunId, TreeView};
use siltstone_base::KeySpan;
use siltstone_sstable::TableId;
use std::fmt;
use std::sync::Arc;

/// One change of the tree that a policy asks for. [`check`](crate::check) says whether it may be.
///
/// What is dropped on the way, versions that nobody reads and tombstones that hide nothing, is
/// not the policy's to say.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Replace the inputs by one sorted run of tables with the same contents.
    Merge {
        /// The tables to read.
        inputs: Vec<TableId>,
        /// Where the outputs go.
        dest: Dest,
        /// How the outputs are cut.
        cut: Cut,
        /// What kind of tables they are.
        class: OutputClass,
        /// The reason.
        why: Why,
    },
    /// Give the inputs another place without reading them.
    Move {
        /// The tables, which share no keys with each other.
        inputs: Vec<TableId>,
        /// Where they go.
        dest: Dest,
        /// The reason.
        why: Why,
    },
}

impl Action {
    /// The tables that it takes.
    pub fn inputs(&self) -> &[TableId] {
        match self {
            Self::Merge { inputs, .. } | Self::Move { inputs, .. } => inputs,
        }
    }

    /// Where its tables go.
    pub const fn dest(&self) -> Dest {
        match self {
            Self::Merge { dest, .. } | Self::Move { dest, .. } => *dest,
        }
    }

    /// The reason.
    pub const fn why(&self) -> Why {
        match self {
            Self::Merge { why, .. } | Self::Move { why, .. } => *why,
        }
    }

    /// The job that carries it out; `next_run` becomes the number of the run if it is a new one.
    ///
    /// Returns `None` if the destination does not exist, which [`check`](crate::check) refuses.
    pub fn job(&self, view: &dyn TreeView, next_run: RunId) -> Option<JobMeta> {
        let (level, run) = match self.dest() {
            Dest::NewRun { level } => (level, next_run),
            Dest::Into(run) => (view.run(run)?.level(), run),
        };
        Some(JobMeta { inputs: self.inputs().to_vec(), level, run })
    }
}

/// Where tables go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dest {
    /// A run of its own, the newest of its level. Its number is drawn when the job starts, so
    /// that what starts later is newer; a flush draws its own when it is installed.
    NewRun {
        /// The level.
        level: u8,
    },
    /// A run that exists.
    Into(RunId),
}

/// Where one output ends and the next begins; never between versions of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cut {
    /// At about this size, in bytes.
    Bytes(u64),
    /// At the ends of the tables of another run, where that gives tables of about `target`
    /// bytes; after `max` bytes in any case.
    AlignTo {
        /// The run below the destination, so that the next merge downwards overlaps less.
        run: RunId,
        /// Size wanted, in bytes.
        target: u64,
        /// Largest size, in bytes.
        max: u64,
    },
}

impl Cut {
    /// Size that outputs shall have, in bytes.
    pub const fn target_bytes(&self) -> u64 {
        match *self {
            Self::Bytes(target) | Self::AlignTo { target, .. } => target,
        }
    }

    /// Size that outputs may have, in bytes.
    pub const fn max_bytes(&self) -> u64 {
        match *self {
            Self::Bytes(max) | Self::AlignTo { max, .. } => max,
        }
    }

    /// The keys after which cuts are welcome, ascending, for outputs within `span`: the last
    /// keys of the tables to align to.
    pub fn boundaries(&self, runs: &[Arc<Run>], span: &KeySpan) -> Vec<Vec<u8>> {
        let Self::AlignTo { run, .. } = *self else { return Vec::new() };
        let run = runs.iter().find(|other| other.id() == run);
        let tables = run.map_or(&[][..], |run| run.overlap(span));
        tables.iter().map(|table| table.span.last.clone()).collect()
    }
}

/// What kind of tables a merge makes, for whoever chooses filters and compression by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputClass {
    /// How many runs with tables lie below; 0 for the last one, which holds most of the data.
    pub runs_below: u32,
}

/// Why a policy wants something, in words by `Display`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// Level 0 has so many runs that reads would suffer.
    Level0Runs {
        /// How many.
        runs: u32,
    },
    /// A level is larger than it shall be.
    LevelFull {
        /// The level.
        level: u8,
        /// Its size per thousand bytes of its target.
        permille: u64,
    },
    /// A level has several runs where the policy wants one.
    LevelDivided {
        /// The level.
        level: u8,
        /// How many.
        runs: u32,
    },
    /// Somebody asked for it.
    Asked,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Level0Runs { runs } => write!(f, "level 0 has {runs} runs"),
            Self::LevelFull { level, permille } => {
                write!(f, "level {level} is at {}.{} % of its target", permille / 10, permille % 10)
            }
            Self::LevelDivided { level, runs } => write!(f, "level {level} has {runs} runs"),
            Self::Asked => f.write_str("it was asked for"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Env, VersionView, picture};

    #[test]
    fn outputs_align_to_the_ends_of_the_tables_they_overlap() {
        let version = picture::version(&["9[a-z]", "1[b-c] 2[e-h] 3[k-m] 4[p-q]"]);
        let run = version.runs()[1].id();
        let ends = |cut: Cut| cut.boundaries(version.runs(), &KeySpan::new("g", "o"));
        let cut = Cut::AlignTo { run, target: 10, max: 20 };
        assert_eq!(ends(cut), [b"h".to_vec(), b"m".to_vec()]);
        assert_eq!((cut.target_bytes(), cut.max_bytes()), (10, 20));
        assert!(ends(Cut::AlignTo { run: RunId(1), target: 10, max: 20 }).is_empty());
        assert!(ends(Cut::Bytes(10)).is_empty());
    }

    #[test]
    fn a_job_knows_the_run_that_its_outputs_join() {
        let version = picture::version(&["9[a-z]", "3: 1[b-c]"]);
        let view = VersionView::new(&version, &[], Env::default());
        let job = |dest| {
            let action = Action::Move { inputs: vec![picture::id(9)], dest, why: Why::Asked };
            action.job(&view, RunId(70)).map(|job| (job.inputs, job.level, job.run))
        };
        let (inputs, run) = (vec![picture::id(9)], version.runs()[1].id());
        assert_eq!(job(Dest::NewRun { level: 2 }), Some((inputs.clone(), 2, RunId(70))));
        assert_eq!(job(Dest::Into(run)), Some((inputs, 3, run)));
        assert_eq!(job(Dest::Into(RunId(1))), None);
    }

    #[test]
    fn reasons_are_said_in_words() {
        let full = Why::LevelFull { level: 5, permille: 1234 };
        assert_eq!(full.to_string(), "level 5 is at 123.4 % of its target");
        assert_eq!(Why::Level0Runs { runs: 4 }.to_string(), "level 0 has 4 runs");
    }
}
