//! How much of a workload is done: a number of operations, a time, or the first that ends.

use std::time::Duration;

/// How much of a workload is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// The number of operations that the workload has.
    Counted,
    /// What this time allows; a fill ends with its last key at the latest.
    Timed(Duration),
    /// As `Counted`, so that every engine does the same work, but no longer than this.
    Capped(Duration),
}

impl Length {
    /// When to end, whatever is done by then.
    pub(crate) const fn deadline(self) -> Option<Duration> {
        match self {
            Self::Counted => None,
            Self::Timed(time) | Self::Capped(time) => Some(time),
        }
    }

    /// Whether the operations are counted.
    pub(crate) const fn is_counted(self) -> bool {
        matches!(self, Self::Counted | Self::Capped(_))
    }
}

impl From<Option<Duration>> for Length {
    fn from(duration: Option<Duration>) -> Self {
        duration.map_or(Self::Counted, Self::Timed)
    }
}
