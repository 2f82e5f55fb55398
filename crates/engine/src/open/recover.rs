//! Reads the manifest that CURRENT names.

use super::listing::Listing;
use super::strays;
use crate::current::Current;
use crate::files::FileName;
use crate::manifest::{ManifestState, decode, log_error};
use crate::{Error, Options};
use siltstone_vfs::Vfs;
use siltstone_wal::{LogKind, ReplayContext, ReplayError, SegmentFile, SegmentId, replay};
use std::io;
use std::path::Path;

/// What the manifest says.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) current: Current,
    pub(crate) state: ManifestState,
    /// How many records it holds.
    pub(crate) records: u64,
    /// The segment, and the offset in it, up to which it knows the log to have been durable.
    pub(crate) durable: (SegmentId, u64),
}

impl Recovered {
    /// A log tells which manifest there was, and how many records it held: no less may be left.
    pub(super) fn check_witness(
        &self,
        dir: &Path,
        (number, records): (u64, u64),
    ) -> Result<(), Error> {
        let current = self.current.manifest;
        if number < current || (number == current && records <= self.records) {
            return Ok(());
        }
        let path = FileName::Manifest(current).path(dir);
        Err(Error::corrupt(&path, "manifest", 0, "it holds less than a log segment saw of it"))
    }
}

/// Reads the manifest, which must hold no less than any log of the database was told.
pub(crate) fn recover(
    options: &Options,
    dir: &Path,
    current: Current,
    listing: &Listing,
) -> Result<Recovered, Error> {
    // Asked before the manifest is read: a writer beside a reader may add records meanwhile.
    let told = strays::told(options, dir, current.database, listing)?;
    let recovered = load_manifest(&*options.vfs, dir, current)?;
    recovered.check_witness(dir, told)?;
    Ok(recovered)
}

/// Replays the manifest.
pub(crate) fn load_manifest(
    vfs: &dyn Vfs,
    dir: &Path,
    current: Current,
) -> Result<Recovered, Error> {
    let path = FileName::Manifest(current.manifest).path(dir);
    let file = vfs.open_read(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            Error::corrupt(&path, "manifest", 0, "it is missing, though CURRENT names it")
        }
        _ => Error::io(&path, "opening", error),
    })?;
    let segments = [SegmentFile { id: SegmentId(current.manifest), file, cut: None }];
    let context = ReplayContext {
        kind: LogKind::Manifest,
        database: current.database,
        boot_id: vfs.boot_id(),
        durable: None,
    };
    let mut state = ManifestState::default();
    let replayed = replay(&segments, &context, |record| {
        let at = |error| Error::decode(&path, error);
        let payload_offset = record.offset + RECORD_HEADER_BYTES;
        let fields = decode(record.payload).map_err(|error| at(error.shifted(payload_offset)))?;
        state
            .apply(&fields)
            .map_err(|why| Error::corrupt(&path, "manifest record", record.offset, why))
    });
    let replayed = replayed.map_err(|error| match error {
        ReplayError::Log(error) => log_error(&path, error),
        ReplayError::Apply(error) => error,
    })?;
    if replayed.records == 0 {
        return Err(Error::corrupt(&path, "manifest", 0, "its first record is missing"));
    }
    let durable = (SegmentId(replayed.told.0), replayed.told.1);
    Ok(Recovered { current, state, records: replayed.records, durable })
}

/// Bytes before a record's payload: docs/formats.md §2.
pub(super) const RECORD_HEADER_BYTES: u64 = 24;

/// A table that the manifest names must be there with the length it had.
pub(super) fn check_tables(
    dir: &Path,
    state: &ManifestState,
    listing: &Listing,
) -> Result<(), Error> {
    let tables = state.keyspaces.values().flat_map(|keyspace| keyspace.version.tables());
    for table in tables {
        let bytes = listing.table_bytes(table.id);
        let why = match bytes {
            None => "it is missing, though the manifest names it",
            Some(bytes) if bytes < table.file_bytes => "it is shorter than the manifest says",
            Some(bytes) if bytes > table.file_bytes => "it is longer than the manifest says",
            Some(_) => continue,
        };
        let path = FileName::Table(table.id).path(dir);
        return Err(Error::corrupt(&path, "table", bytes.unwrap_or(0), why));
    }
    Ok(())
}
