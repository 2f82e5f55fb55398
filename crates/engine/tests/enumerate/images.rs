//! All that a crash may leave at one moment of a run.

use crate::common::Chance;
use siltstone::vfs::{CrashPolicy, SimVfs};
use std::fmt;

/// How often a policy that draws is asked.
const SEEDS: u64 = 4;

/// One way to crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crash {
    /// The process dies; the machine goes on.
    ProcessDeath,
    /// The power fails.
    PowerCut { policy: CrashPolicy, seed: u64 },
}

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ProcessDeath => f.write_str("ProcessDeath"),
            Self::PowerCut { policy: CrashPolicy::CutLast { bytes }, .. } => {
                write!(f, "CutLast/{bytes}")
            }
            Self::PowerCut { policy, seed } => write!(f, "{policy:?}/{seed}"),
        }
    }
}

impl Crash {
    pub(crate) fn of(self, disk: &SimVfs) -> SimVfs {
        match self {
            Self::ProcessDeath => disk.process_death(),
            Self::PowerCut { policy, seed } => disk.crash(policy, seed),
        }
    }

    /// Every way that needs a number: the death of the process, and each policy, as often as it
    /// draws. `moment` gives each moment seeds of its own.
    pub(crate) fn every(moment: u64) -> impl Iterator<Item = Self> {
        let policies = CrashPolicy::ALL.into_iter().flat_map(move |policy| {
            let count = if policy == CrashPolicy::LoseUnsynced { 1 } else { SEEDS };
            (0..count).map(move |number| {
                // Short numbers, which are easily typed, and all different.
                let seed = Chance::new(moment * SEEDS + number).next() >> 40;
                Self::PowerCut { policy, seed }
            })
        });
        std::iter::once(Self::ProcessDeath).chain(policies)
    }

    /// A power cut within the last operation, at each of its bytes.
    pub(crate) fn cuts(disk: &SimVfs) -> impl Iterator<Item = (Self, SimVfs)> {
        disk.crash_images().enumerate().map(|(number, image)| {
            let policy = CrashPolicy::CutLast { bytes: number };
            (Self::PowerCut { policy, seed: 0 }, image)
        })
    }
}
