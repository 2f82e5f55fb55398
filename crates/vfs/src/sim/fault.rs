//! What can go wrong while the machine runs, and when.

use super::op::{Op, Ops};
use std::io;
use std::time::Duration;

/// One thing that goes wrong at the n-th call of some kinds: see [`SimVfs::arm`](super::SimVfs::arm).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The call it meets first, counted from 0 and from when it was armed, among those it may meet.
    pub at: u64,
    /// How often it happens.
    pub until: Until,
    /// What happens.
    pub kind: FaultKind,
    /// The kinds of calls it may meet.
    pub on: Ops,
    /// Only files with this in their path, if there is such a condition.
    pub path_part: Option<String>,
}

impl Fault {
    /// `kind`, once, at the call number `at` of those it is about: syncs, writes, reads, or for an
    /// error and latency every call.
    pub fn new(at: u64, kind: FaultKind) -> Self {
        let on = kind.usual_ops();
        Self { at, until: Until::Once, kind, on, path_part: None }
    }

    /// The same, from that call on.
    #[must_use]
    pub fn forever(self) -> Self {
        Self { until: Until::Forever, ..self }
    }

    /// The same, at that call and those after it, `count` times.
    #[must_use]
    pub fn times(self, count: u64) -> Self {
        Self { until: Until::Times(count), ..self }
    }

    /// The same, for these kinds of calls.
    #[must_use]
    pub fn on(self, ops: impl Into<Ops>) -> Self {
        Self { on: ops.into(), ..self }
    }

    /// The same, for files that have `part` in their path.
    #[must_use]
    pub fn in_path(self, part: &str) -> Self {
        Self { path_part: Some(part.to_owned()), ..self }
    }
}

/// How often a fault happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// At one call.
    Once,
    /// From that call on: a disk that died.
    Forever,
    /// At so many calls: a disk that is cleared, a line that is mended.
    Times(u64),
}

impl Until {
    pub(super) fn count(self) -> u64 {
        match self {
            Self::Once => 1,
            Self::Forever => u64::MAX,
            Self::Times(count) => count,
        }
    }
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultKind {
    /// The sync of a file gives EIO (K7). What it should have made durable is clean all the same,
    /// as Linux has it: the next sync gives `Ok` and writes none of it. A failed sync of a
    /// directory made all names durable with [`Pages::Kept`], else none, and may be tried again.
    FailedSync(Pages),
    /// There is no room (K8): a call that writes does a first part of its work. A sync (delayed
    /// allocation) loses all pages.
    NoSpace(FaultError),
    /// The call fails (K9); one that writes may have done a first part of its work.
    Error(FaultError),
    /// A read gives fewer bytes than there are, without an error (K9). A write does a first part
    /// of its work and fails with [`io::ErrorKind::WriteZero`], as a loop over `write` does.
    Short,
    /// Wrong bytes without an error (K10): on a read in the buffer alone, on a write in the file.
    Rot(Rot),
    /// The call takes so long on the clock that was given to
    /// [`SimVfs::with_clock`](super::SimVfs::with_clock) (K12), and then happens.
    Latency(Duration),
}

impl FaultKind {
    fn usual_ops(self) -> Ops {
        match self {
            Self::FailedSync(_) => Op::Sync.into(),
            Self::NoSpace(_) => Ops::WRITES,
            Self::Error(_) | Self::Latency(_) => Ops::ALL,
            Self::Short | Self::Rot(_) => Op::Read.into(),
        }
    }

    /// Whether it can do something to this kind of call.
    pub(super) fn can_meet(self, op: Op) -> bool {
        let writes = matches!(op, Op::Append | Op::Write);
        match self {
            Self::FailedSync(_) => matches!(op, Op::Sync | Op::SyncDir),
            Self::Short => writes || matches!(op, Op::Read | Op::Allocate),
            Self::Rot(_) => writes || op == Op::Read,
            Self::NoSpace(_) | Self::Error(_) | Self::Latency(_) => true,
        }
    }
}

/// What became of unsynced bytes whose sync failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pages {
    /// None reached the disk; they are read until the power fails.
    Dropped,
    /// All reached the disk.
    Kept,
    /// The first half reached the disk.
    Half,
}

/// An error of the operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultError {
    /// EIO: the device failed.
    Eio,
    /// EINTR: a signal came.
    Eintr,
    /// EAGAIN: not now.
    Eagain,
    /// ENOSPC: the disk is full.
    Enospc,
    /// EDQUOT: the user's share of it is.
    Edquot,
}

impl From<FaultError> for io::Error {
    fn from(error: FaultError) -> Self {
        use rustix::io::Errno;
        let errno = match error {
            FaultError::Eio => Errno::IO,
            FaultError::Eintr => Errno::INTR,
            FaultError::Eagain => Errno::AGAIN,
            FaultError::Enospc => Errno::NOSPC,
            FaultError::Edquot => Errno::DQUOT,
        };
        Self::from_raw_os_error(errno.raw_os_error())
    }
}

/// A way in which bytes go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rot {
    /// One bit is another.
    BitFlip,
    /// One sector of 512 bytes is zeros.
    ZeroSector,
    /// One sector holds what it held before it was written last.
    StaleSector,
    /// The bytes of another place of the file are read, or another place is written.
    Misdirected,
}

impl Rot {
    /// Every way.
    pub const ALL: [Self; 4] =
        [Self::BitFlip, Self::ZeroSector, Self::StaleSector, Self::Misdirected];
}
