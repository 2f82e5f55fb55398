//! What can go wrong with a log, by what the caller can do about it.

use crate::SegmentId;
use siltstone_base::{Corruption, DecodeError};
use std::io;

/// Why a log could not be written or replayed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Bytes of a segment cannot be right: something is lost or foreign, and no crash explains it.
    #[error("segment {segment}: {corruption}")]
    Corrupt {
        /// The segment.
        segment: SegmentId,
        /// What was found, and where in the file.
        #[source]
        corruption: Corruption,
    },
    /// The bytes may be right, but a newer version wrote them.
    #[error("segment {segment}: {what} {found} at byte {offset} is not known to this version")]
    Unsupported {
        /// The segment.
        segment: SegmentId,
        /// What is unknown, such as `"format version"`.
        what: &'static str,
        /// The number that was found.
        found: u64,
        /// Where, in bytes from the start of the file.
        offset: u64,
    },
    /// The file could not be written, synced or read. A writer takes no more.
    #[error("segment {segment}: input or output failed at byte {offset}")]
    Io {
        /// The segment.
        segment: SegmentId,
        /// Where, in bytes from the start of the file.
        offset: u64,
        /// What the file system said; [`io::ErrorKind::StorageFull`] if there is no space.
        #[source]
        source: io::Error,
    },
    /// The payload is longer than a record can hold; nothing was written.
    #[error("a record of {bytes} bytes is longer than the limit of {most}")]
    TooLarge {
        /// Length of the payload, in bytes.
        bytes: u64,
        /// The limit, in bytes.
        most: u64,
    },
    /// A write or sync of this log failed before, so nothing is written to it any more.
    #[error("the log takes no more after a failed write or sync")]
    Failed,
}

impl Error {
    /// Whether bytes on disk are damaged.
    pub const fn is_corruption(&self) -> bool {
        matches!(self, Self::Corrupt { .. })
    }

    /// The segment it is about, where it is about one.
    pub const fn segment(&self) -> Option<SegmentId> {
        match self {
            Self::Corrupt { segment, .. }
            | Self::Unsupported { segment, .. }
            | Self::Io { segment, .. } => Some(*segment),
            Self::TooLarge { .. } | Self::Failed => None,
        }
    }

    pub(crate) const fn corrupt(
        segment: SegmentId,
        what: &'static str,
        offset: u64,
        why: &'static str,
    ) -> Self {
        Self::Corrupt { segment, corruption: Corruption { what, offset, why } }
    }

    pub(crate) const fn io(segment: SegmentId, offset: u64, source: io::Error) -> Self {
        Self::Io { segment, offset, source }
    }

    /// A decoder's finding, with the segment it was about.
    pub(crate) const fn of_decode(segment: SegmentId, found: DecodeError) -> Self {
        match found {
            DecodeError::Corrupt(corruption) => Self::Corrupt { segment, corruption },
            DecodeError::Unsupported { what, found, offset } => {
                Self::Unsupported { segment, what, found, offset }
            }
            _ => Self::corrupt(segment, "log", 0, "it cannot be decoded"),
        }
    }
}
