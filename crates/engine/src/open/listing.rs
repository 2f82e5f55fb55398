//! The files of ours in a directory: looked at once, handed from stage to stage.
//!
//! A writer takes it when it holds the lock, so that nobody else changes what it says. What the
//! open itself makes and removes afterwards is not in it.

use crate::Error;
use crate::files::FileName;
use siltstone_sstable::TableId;
use siltstone_vfs::{FileKind, Metadata, Vfs};
use siltstone_wal::SegmentId;
use std::collections::BTreeMap;
use std::path::Path;

/// Names and what they name; names that are not ours are left out.
#[derive(Debug)]
pub(crate) struct Listing(BTreeMap<FileName, Metadata>);

impl Listing {
    pub(crate) fn of(vfs: &dyn Vfs, dir: &Path) -> Result<Self, Error> {
        let entries = vfs.list(dir).map_err(|error| Error::io(dir, "listing", error))?;
        let ours = entries
            .iter()
            .filter_map(|entry| FileName::parse(&entry.name).map(|name| (name, entry.metadata)));
        Ok(Self(ours.collect()))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = FileName> {
        self.0.keys().copied()
    }

    /// Length of the table's file; `None` if there is none.
    pub(super) fn table_bytes(&self, id: TableId) -> Option<u64> {
        self.0.get(&FileName::Table(id)).map(|metadata| metadata.bytes)
    }

    /// Length of the segment's file; `None` if there is none.
    pub(crate) fn log_bytes(&self, id: SegmentId) -> Option<u64> {
        self.0.get(&FileName::Log(id)).map(|metadata| metadata.bytes)
    }

    /// The regular files with their lengths: a manifest, log or table is nothing else.
    pub(crate) fn files(&self) -> impl DoubleEndedIterator<Item = (FileName, u64)> {
        let files = self.0.iter().filter(|(_, metadata)| metadata.kind == FileKind::File);
        files.map(|(&name, metadata)| (name, metadata.bytes))
    }

    /// The largest number of a manifest, 0 if there is none.
    pub(super) fn last_manifest(&self) -> u64 {
        let number = |name| if let FileName::Manifest(number) = name { Some(number) } else { None };
        self.names().filter_map(number).max().unwrap_or(0)
    }

    /// The largest number of a log segment, 0 if there is none.
    pub(super) fn last_segment(&self) -> u64 {
        let number = |name| if let FileName::Log(segment) = name { Some(segment.0) } else { None };
        self.names().filter_map(number).max().unwrap_or(0)
    }

    /// The upper halves of the ids of all tables.
    pub(super) fn epochs(&self) -> impl Iterator<Item = u64> {
        self.names().filter_map(|name| match name {
            FileName::Table(id) => Some(id.epoch),
            _ => None,
        })
    }
}
