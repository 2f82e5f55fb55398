//! Logs and manifests that the manifest does not name: left over from a crash, or not ours.
//!
//! Each log tells how many records the manifest held when the log was created, or since. If that is
//! more than there are now, the manifest has lost some, and a log that it does not name is not left
//! over but forgotten: corruption, with nothing deleted.

use super::Recovered;
use super::listing::Listing;
use crate::files::FileName;
use crate::{Error, Options};
use siltstone_wal::{HeaderState, LogIdentity, LogKind, SegmentId, inspect};
use std::path::Path;

/// The largest (manifest number, records in it) that any log of the database was told. What is
/// damaged says nothing here; if it is named, the replay says what is wrong with it.
pub(super) fn told(
    options: &Options,
    dir: &Path,
    database: u128,
    listing: &Listing,
) -> Result<(u64, u64), Error> {
    let mut told = (0, 0);
    for file in listing.names() {
        let FileName::Log(segment) = file else { continue };
        let identity = LogIdentity { kind: LogKind::Log, database, segment };
        if let HeaderState::Ours { witness_number, witness_records } =
            header_of(options, &file.path(dir), &identity)?
        {
            told = told.max((witness_number, witness_records));
        }
    }
    Ok(told)
}

/// Looks at each unnamed log and manifest and returns those of another database, which stay.
pub(super) fn judge(
    options: &Options,
    dir: &Path,
    recovered: &Recovered,
    listing: &Listing,
) -> Result<Vec<FileName>, Error> {
    let mut foreign = Vec::new();
    for file in listing.names() {
        let (kind, segment) = match file {
            FileName::Log(id) if !recovered.state.segments.contains_key(&id) => (LogKind::Log, id),
            FileName::Manifest(number) if number != recovered.current.manifest => {
                (LogKind::Manifest, SegmentId(number))
            }
            _ => continue,
        };
        let identity = LogIdentity { kind, database: recovered.current.database, segment };
        match header_of(options, &file.path(dir), &identity)? {
            HeaderState::Foreign => foreign.push(file),
            HeaderState::Ours { .. } | HeaderState::Unfinished => {}
        }
    }
    Ok(foreign)
}

fn header_of(options: &Options, path: &Path, identity: &LogIdentity) -> Result<HeaderState, Error> {
    let file = options.vfs.open_read(path).map_err(|error| Error::io(path, "opening", error))?;
    inspect(&*file, identity).map_err(|error| Error::io(path, "reading", error))
}
