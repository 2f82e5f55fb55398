//! How a segment ended, for the one that comes after it.
//!
//! Always: a chain of segments becomes durable from its oldest to its newest. A sealed segment
//! therefore carries the windows, its own and those before, that may hold bytes which are not
//! durable yet; the successor syncs them before it syncs itself.

use crate::{Error, SegmentId};
use siltstone_vfs::LogWindow;
use std::sync::Arc;

/// Where a segment ends, as numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tail {
    pub(crate) segment: SegmentId,
    /// Position of the segment's first byte.
    pub(crate) base: u64,
    /// Offset behind its last record.
    pub(crate) end: u64,
    /// Sum of its last record, or of its header if it has none.
    pub(crate) digest: u64,
    /// Position up to which the log is known to be durable.
    pub(crate) synced_end: u64,
}

impl Tail {
    /// Position behind the last record.
    pub(crate) const fn position(&self) -> u64 {
        self.base.saturating_add(self.end)
    }
}

/// A segment that takes no more records.
#[derive(Debug)]
pub struct Sealed {
    pub(crate) tail: Tail,
    pub(crate) unsynced: Unsynced,
    /// A write of it failed, so that there may be bytes behind its end.
    pub(crate) failed: bool,
}

impl Sealed {
    /// As a replay found the segment: nobody holds its window any more.
    pub(crate) const fn of_replayed(tail: Tail) -> Self {
        Self { tail, unsynced: Unsynced::Unreachable, failed: false }
    }

    /// Says that this segment and all before it are durable up to their ends: the caller has
    /// synced their files.
    ///
    /// After a replay this must be done before a segment is created behind it. The dead process
    /// may have left bytes with the operating system alone, and no window is left to sync them.
    #[must_use]
    pub fn made_durable(mut self) -> Self {
        self.tail.synced_end = self.tail.position();
        self.unsynced = Unsynced::Windows(Vec::new());
        self
    }

    /// Its number.
    pub const fn segment(&self) -> SegmentId {
        self.tail.segment
    }

    /// Position of its first byte.
    pub const fn base(&self) -> u64 {
        self.tail.base
    }

    /// Offset behind its last record.
    pub const fn end(&self) -> u64 {
        self.tail.end
    }

    /// Position behind its last record: the base of its successor.
    pub const fn position(&self) -> u64 {
        self.tail.position()
    }

    /// Position up to which the log is known to be durable.
    pub const fn synced_position(&self) -> u64 {
        self.tail.synced_end
    }
}

/// What must be synced before a successor may be.
#[derive(Debug)]
pub(crate) enum Unsynced {
    /// These windows, the oldest first; none if all is durable.
    Windows(Vec<(SegmentId, Arc<dyn LogWindow>)>),
    /// There are no windows to do it with.
    Unreachable,
}

impl Unsynced {
    pub(crate) const fn nothing() -> Self {
        Self::Windows(Vec::new())
    }

    pub(crate) fn push(&mut self, segment: SegmentId, window: Arc<dyn LogWindow>) {
        if let Self::Windows(windows) = self {
            windows.push((segment, window));
        }
    }

    /// Syncs all, the oldest first. After an error it must not be called again.
    pub(crate) fn sync(&mut self) -> Result<(), Error> {
        let Self::Windows(windows) = self else { return Err(Error::Failed) };
        for (segment, window) in windows.iter() {
            window.sync().map_err(|source| Error::io(*segment, 0, source))?;
        }
        windows.clear();
        Ok(())
    }
}
