//! The one error of the database, by what the caller can do about it.

use siltstone_base::{Corruption, DecodeError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why the database did not do what was asked. Cheap to clone: all writers of a group get the
/// same one.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Bytes on disk are wrong. Nothing was changed or deleted: restore the file from a copy.
    #[error("{}: {corruption}; restore the file from a checkpoint", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where in it, and what is wrong.
        corruption: Corruption,
    },
    /// A file was written by another version, mostly a newer one.
    #[error("{}: {what} {found} at byte {offset} is not known to this version; open it with the one that wrote it", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What is unknown.
        what: &'static str,
        /// The number that was found.
        found: u64,
        /// Where in the file.
        offset: u64,
    },
    /// The operating system failed.
    #[error("{}: {doing}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// Another process (or another handle of this one) has the database open for writing.
    #[error("{}: locked by {holder}; close that one, or open read-only", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// What the holder wrote into it.
        holder: String,
    },
    /// There is no database at this place, and none was to be created.
    #[error("{}: no database here{why}", path.display())]
    NotFound {
        /// The directory.
        path: PathBuf,
        /// What was found instead.
        why: &'static str,
    },
    /// A directory that must be missing or empty holds something.
    #[error("{}: the directory is not empty; choose an empty or a new one", path.display())]
    NotEmpty {
        /// The directory.
        path: PathBuf,
    },
    /// A key, value or batch is longer than the format takes. Nothing was stored.
    #[error("{what} of {bytes} bytes is over the limit of {limit}")]
    TooLarge {
        /// `"key"`, `"value"` or `"batch"`.
        what: &'static str,
        /// Its length.
        bytes: u64,
        /// The longest there may be.
        limit: u64,
    },
    /// An option has a value that cannot serve.
    #[error("option {option}: {why}")]
    InvalidOption {
        /// Name of the option.
        option: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// A keyspace name that is not allowed.
    #[error("keyspace name {name:?}: {why}")]
    InvalidName {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The keyspace was dropped; its handles stay unusable.
    #[error("the keyspace was dropped")]
    KeyspaceDropped,
    /// A batch, snapshot or handle of another open database.
    #[error("a handle of another database was passed")]
    ForeignHandle,
    /// The database was closed.
    #[error("the database is closed")]
    Closed,
    /// A write to a database that was opened read-only.
    #[error("the database was opened read-only")]
    OpenedReadOnly,
    /// A read-only open did not get one consistent state beside a busy writer; try again.
    #[error("{}: a writer kept changing the files; try again", path.display())]
    Busy {
        /// The database.
        path: PathBuf,
    },
    /// Writes have stopped, reads go on: the disk is full, or an earlier write failed.
    #[error("the database takes no writes until {}: {cause}", what_helps(cause))]
    Stopped {
        /// The first failure.
        cause: Arc<Error>,
    },
    /// A compaction policy asked for something that would break the tree; nothing was done.
    #[error("compaction policy {policy}: {why}")]
    IllegalPlan {
        /// Name of the policy.
        policy: String,
        /// The rule it broke and how.
        why: String,
    },
}

impl Error {
    /// Whether wrong bytes on disk are the cause.
    pub fn is_corruption(&self) -> bool {
        match self {
            Self::Corrupt { .. } => true,
            Self::Stopped { cause } => cause.is_corruption(),
            _ => false,
        }
    }

    /// Whether another writer was faster, so that the transaction should run again. No operation
    /// of this version conflicts.
    pub const fn is_conflict(&self) -> bool {
        false
    }

    /// Whether the same call may succeed later without anything else being done.
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Busy { .. } | Self::Locked { .. })
    }

    /// Whether the disk had no room.
    pub fn is_out_of_space(&self) -> bool {
        match self {
            Self::Io { source, .. } => {
                matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
            }
            Self::Stopped { cause } => cause.is_out_of_space(),
            _ => false,
        }
    }

    pub(crate) fn io(path: &Path, doing: &'static str, source: io::Error) -> Self {
        Self::Io { path: path.to_path_buf(), doing, source: Arc::new(source) }
    }

    pub(crate) fn corrupt(path: &Path, what: &'static str, offset: u64, why: &'static str) -> Self {
        Self::Corrupt { path: path.to_path_buf(), corruption: Corruption { what, offset, why } }
    }

    pub(crate) fn decode(path: &Path, error: DecodeError) -> Self {
        let path = path.to_path_buf();
        match error {
            DecodeError::Corrupt(corruption) => Self::Corrupt { path, corruption },
            DecodeError::Unsupported { what, found, offset } => {
                Self::Unsupported { path, what, found, offset }
            }
            _ => Self::Corrupt {
                path,
                corruption: Corruption { what: "file", offset: 0, why: "it cannot be decoded" },
            },
        }
    }
}

/// What must be done before writes are taken again.
fn what_helps(cause: &Error) -> &'static str {
    if cause.is_out_of_space() {
        "there is room and it is resumed or reopened"
    } else {
        "it is reopened"
    }
}
