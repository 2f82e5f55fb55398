//! How often each class of fault was really applied.

use super::fault::FaultKind;
use super::policy::CrashPolicy;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// The thirteen classes of faults, in the order K1 to K13.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum FaultClass {
    /// K1: all that was not synced is lost.
    LoseUnsynced,
    /// K2: the first operations survive.
    Prefix,
    /// K3: any blocks survive.
    Blocks,
    /// K4: sectors are torn.
    Torn,
    /// K5: length and bytes part.
    SizeAndData,
    /// K6: changes of names part.
    Names,
    /// K7: a sync fails.
    FailedSync,
    /// K8: no room.
    NoSpace,
    /// K9: an I/O error, or fewer bytes.
    Error,
    /// K10: wrong bytes.
    Rot,
    /// K11: files cut, missing, doubled, exchanged.
    ForeignHand,
    /// K12: time passes.
    Latency,
    /// K13: a crash of what had crashed before.
    CrashAgain,
}

impl FaultClass {
    /// Every class.
    pub const ALL: [Self; 13] = [
        Self::LoseUnsynced,
        Self::Prefix,
        Self::Blocks,
        Self::Torn,
        Self::SizeAndData,
        Self::Names,
        Self::FailedSync,
        Self::NoSpace,
        Self::Error,
        Self::Rot,
        Self::ForeignHand,
        Self::Latency,
        Self::CrashAgain,
    ];

    pub(super) fn of_policy(policy: CrashPolicy) -> Self {
        match policy {
            CrashPolicy::LoseUnsynced => Self::LoseUnsynced,
            CrashPolicy::Prefix | CrashPolicy::CutLast { .. } => Self::Prefix,
            CrashPolicy::Blocks => Self::Blocks,
            CrashPolicy::Torn(_) => Self::Torn,
            CrashPolicy::SizeWithoutData | CrashPolicy::DataWithoutSize => Self::SizeAndData,
            CrashPolicy::Names => Self::Names,
        }
    }

    pub(super) fn of_fault(kind: FaultKind) -> Self {
        match kind {
            FaultKind::FailedSync(_) => Self::FailedSync,
            FaultKind::NoSpace(_) => Self::NoSpace,
            FaultKind::Error(_) | FaultKind::Short => Self::Error,
            FaultKind::Rot(_) => Self::Rot,
            FaultKind::Latency(_) => Self::Latency,
        }
    }
}

/// How often each class of fault was applied: a crash that lost something, a fault that met a call
/// and changed its outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultCounts([u64; 13]);

impl FaultCounts {
    /// How often faults of this class were applied.
    pub fn of(&self, class: FaultClass) -> u64 {
        self.0[class as usize]
    }

    /// Adds what another file system counted.
    pub fn add(&mut self, other: &Self) {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            *count += more;
        }
    }
}

impl fmt::Display for FaultCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, class) in FaultClass::ALL.into_iter().enumerate() {
            let gap = if index == 0 { "" } else { ", " };
            write!(f, "{gap}K{} {class:?} {}", index + 1, self.of(class))?;
        }
        Ok(())
    }
}

/// Counts that a file system shares with what is left of it after a crash.
#[derive(Debug, Default)]
pub(super) struct Counters([AtomicU64; 13]);

impl Counters {
    pub(super) fn add(&self, class: FaultClass) {
        // Relaxed: a number to show; no other memory hangs on it.
        self.0[class as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn counts(&self) -> FaultCounts {
        FaultCounts(std::array::from_fn(|index| self.0[index].load(Ordering::Relaxed)))
    }
}
