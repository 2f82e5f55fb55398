//! Names of the files of a database, and what a name stands for.

use siltstone_sstable::TableId;
use siltstone_wal::SegmentId;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Name of the lock file.
pub(crate) const LOCK: &str = "LOCK";
/// Name of the pointer to the manifest.
pub(crate) const CURRENT: &str = "CURRENT";
/// Name of the next [`CURRENT`] before it is renamed.
pub(crate) const CURRENT_NEW: &str = "CURRENT.new";

/// What a file of a database is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FileName {
    Lock,
    Current,
    CurrentNew,
    Manifest(u64),
    Log(SegmentId),
    /// The next [`Log`](Self::Log) of this number before it is renamed.
    LogNew(SegmentId),
    Table(TableId),
}

impl FileName {
    /// What `name` stands for; `None` if it is not one of ours.
    pub(crate) fn parse(name: &OsStr) -> Option<Self> {
        let name = name.to_str()?;
        match name {
            LOCK => return Some(Self::Lock),
            CURRENT => return Some(Self::Current),
            CURRENT_NEW => return Some(Self::CurrentNew),
            _ => {}
        }
        let (stem, extension) = name.split_once('.')?;
        match extension {
            "manifest" => hex(stem).map(Self::Manifest),
            "log" => hex(stem).map(|number| Self::Log(SegmentId(number))),
            "log.new" => hex(stem).map(|number| Self::LogNew(SegmentId(number))),
            "sst" => {
                let (epoch, number) = stem.split_once('-')?;
                Some(Self::Table(TableId { epoch: hex(epoch)?, number: hex(number)? }))
            }
            _ => None,
        }
    }

    /// Where it lies in `dir`.
    pub(crate) fn path(self, dir: &Path) -> PathBuf {
        match self {
            Self::Lock => dir.join(LOCK),
            Self::Current => dir.join(CURRENT),
            Self::CurrentNew => dir.join(CURRENT_NEW),
            Self::Manifest(number) => dir.join(format!("{number:016x}.manifest")),
            Self::Log(SegmentId(number)) => dir.join(format!("{number:016x}.log")),
            Self::LogNew(SegmentId(number)) => dir.join(format!("{number:016x}.log.new")),
            Self::Table(TableId { epoch, number }) => {
                dir.join(format!("{epoch:016x}-{number:016x}.sst"))
            }
        }
    }
}

/// Sixteen lower-case hex digits: the one form that [`FileName::path`] writes.
fn hex(digits: &str) -> Option<u64> {
    let ours = digits.len() == 16
        && digits.bytes().all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit));
    if ours { u64::from_str_radix(digits, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parsed_back() {
        let table = TableId { epoch: u64::MAX, number: 7 };
        for name in [
            FileName::Lock,
            FileName::Current,
            FileName::CurrentNew,
            FileName::Manifest(3),
            FileName::Log(SegmentId(0xabc)),
            FileName::LogNew(SegmentId(0xabc)),
            FileName::Table(table),
        ] {
            let path = name.path(Path::new("db"));
            assert_eq!(FileName::parse(path.file_name().unwrap()), Some(name), "{path:?}");
        }
    }

    #[test]
    fn foreign_names_are_left_alone() {
        for name in [
            "",
            "notes.txt",
            "1.log",
            "000000000000000A.log",
            "+00000000000000a.log",
            "0000000000000001.log.bak",
            "0000000000000001.sst",
            "current",
        ] {
            assert_eq!(FileName::parse(OsStr::new(name)), None, "{name}");
        }
    }
}
