//! What can go wrong with a table, by what the caller can do about it.

use crate::TableId;
use siltstone_base::{Corruption, DecodeError};
use std::io;

/// Why a table could not be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Bytes of the table cannot be right.
    #[error("table {table}: {corruption}")]
    Corrupt {
        /// The table.
        table: TableId,
        /// What was found, and where in the file.
        corruption: Corruption,
    },
    /// The bytes may be right, but a newer version wrote them.
    #[error("table {table}: {what} {found} at byte {offset} is not known to this version")]
    Unsupported {
        /// The table.
        table: TableId,
        /// What is unknown, such as `"format version"`.
        what: &'static str,
        /// The number that was found.
        found: u64,
        /// Where, in bytes from the start of the file.
        offset: u64,
    },
    /// The file could not be written or read. After a failed write its writer must be dropped.
    #[error("table {table}: {doing} at byte {offset}")]
    Io {
        /// The table.
        table: TableId,
        /// Where, in bytes from the start of the file.
        offset: u64,
        /// What was tried, such as `"reading a data block"`.
        doing: &'static str,
        /// What the file system said.
        #[source]
        source: io::Error,
    },
    /// The entry does not come after the last one added; nothing was added.
    #[error("table {table}: an entry does not come after the one before it")]
    OutOfOrder {
        /// The table.
        table: TableId,
    },
    /// A table holds at least one entry, and none was added.
    #[error("table {table}: it would hold no entry")]
    Empty {
        /// The table.
        table: TableId,
    },
    /// The entry exceeds a limit; nothing was added.
    #[error("table {table}: {what} has {bytes} bytes, more than {most}")]
    TooLarge {
        /// The table.
        table: TableId,
        /// What is too large: `"key"` or `"value"`.
        what: &'static str,
        /// Its size, in bytes.
        bytes: u64,
        /// The limit, in bytes.
        most: u64,
    },
}

impl Error {
    /// Whether bytes on disk are damaged.
    pub const fn is_corruption(&self) -> bool {
        matches!(self, Self::Corrupt { .. })
    }

    /// A decoder's finding, with the table it was about.
    pub(crate) const fn of_decode(table: TableId, found: DecodeError) -> Self {
        match found {
            DecodeError::Unsupported { what, found, offset } => {
                Self::Unsupported { table, what, found, offset }
            }
            DecodeError::Corrupt(corruption) => Self::Corrupt { table, corruption },
            _ => Self::Corrupt {
                table,
                corruption: Corruption { what: "table", offset: 0, why: "it cannot be decoded" },
            },
        }
    }

    /// Bytes that cannot be right, at `offset` of the file.
    pub(crate) const fn corrupt(
        table: TableId,
        what: &'static str,
        offset: u64,
        why: &'static str,
    ) -> Self {
        Self::Corrupt { table, corruption: Corruption { what, offset, why } }
    }
}
