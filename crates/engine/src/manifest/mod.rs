//! The manifest: a record log that says which files make up the database.
//!
//! Always: a record is durable before anything acts on it. Each writable open, and a manifest
//! that has grown, begins a new file whose first record holds the whole state; CURRENT names it
//! once it is durable, so that nobody ever appends behind a torn tail.

mod record;
mod state;

pub(crate) use record::{Field, decode};
pub(crate) use state::{KeyspaceState, ManifestState};

use crate::Error;
use crate::current::Current;
use crate::files::FileName;
use siltstone_vfs::Vfs;
use siltstone_wal::{Birth, LogIdentity, LogKind, LogWriter, SegmentId};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A manifest is written anew once it is this many times as long as its first record ..
const GROWTH_MAX: u64 = 4;
/// .. and at least this long, in bytes, unless the database is small: see
/// [`rolling_from`](Manifest::rolling_from).
const ROLL_BYTES_MIN: u64 = 1 << 20;
/// What is allocated at first, in bytes.
const INITIAL_BYTES: u64 = 16 << 10;

/// The manifest of a database that is open for writing.
#[derive(Debug)]
pub(crate) struct Manifest {
    vfs: Arc<dyn Vfs>,
    dir: PathBuf,
    database: u128,
    number: u64,
    writer: LogWriter,
    begin_bytes: u64,
    roll_bytes_min: u64,
    state: ManifestState,
    failed: bool,
    closed: bool,
}

impl Manifest {
    /// Begins manifest `number` with `state` and makes it the one.
    ///
    /// # Errors
    ///
    /// Of the file system; then the manifest before is still the one, or CURRENT already names
    /// the new one, which is whole.
    pub(crate) fn begin(
        vfs: Arc<dyn Vfs>,
        dir: &Path,
        database: u128,
        number: u64,
        state: ManifestState,
    ) -> Result<Self, Error> {
        let (writer, begin_bytes) = write_first(&*vfs, dir, database, number, &state)?;
        Current { database, manifest: number }.store(&*vfs, dir)?;
        let dir = dir.to_path_buf();
        Ok(Self {
            vfs,
            dir,
            database,
            number,
            writer,
            begin_bytes,
            roll_bytes_min: ROLL_BYTES_MIN,
            state,
            failed: false,
            closed: false,
        })
    }

    /// The same, written anew from this length on already.
    #[must_use]
    pub(crate) const fn rolling_from(mut self, bytes: u64) -> Self {
        self.roll_bytes_min = bytes;
        self
    }

    /// What the manifest says now.
    pub(crate) const fn state(&self) -> &ManifestState {
        &self.state
    }

    /// Its number and how many records it holds, for the headers of logs.
    pub(crate) const fn witness(&self) -> (u64, u64) {
        (self.number, self.writer.records())
    }

    /// Makes one record durable and applies it; begins a new manifest first if this one has
    /// grown.
    ///
    /// # Errors
    ///
    /// Of the file system, after which every later call fails: the record may or may not be
    /// there when the database is opened again.
    ///
    /// # Panics
    ///
    /// If the record contradicts the state: a mistake of ours, found before it is written.
    pub(crate) fn publish(&mut self, fields: &[Field]) -> Result<(), Error> {
        if self.closed {
            return Err(Error::Closed);
        }
        let mut next = self.state.clone();
        next.apply(fields).unwrap_or_else(|why| panic!("a manifest record must fit: {why}"));
        if self.failed {
            return Err(Error::io(&self.path(), "writing after a failure", failed_before()));
        }
        let written = self.roll_if_grown().and_then(|()| self.append(fields));
        self.failed = written.is_err();
        written?;
        self.state = next;
        Ok(())
    }

    /// Syncs what is left to sync. Nothing is written any more: the next process may have the
    /// directory.
    pub(crate) fn close(&mut self) -> Result<(), Error> {
        self.closed = true;
        if self.failed {
            return Ok(());
        }
        let closed = self.writer.close();
        closed.map_err(|error| log_error(&self.path(), error))
    }

    fn append(&mut self, fields: &[Field]) -> Result<(), Error> {
        let payload = record::encode(fields);
        let appended = self.writer.append(&[&payload]).and_then(|_| self.writer.sync());
        appended.map_err(|error| log_error(&self.path(), error))
    }

    fn roll_if_grown(&mut self) -> Result<(), Error> {
        let grown_to = self.roll_bytes_min.max(self.begin_bytes.saturating_mul(GROWTH_MAX));
        if self.writer.end() < grown_to {
            return Ok(());
        }
        let old = self.path();
        let number = self.number + 1;
        let (writer, begin_bytes) =
            write_first(&*self.vfs, &self.dir, self.database, number, &self.state)?;
        Current { database: self.database, manifest: number }.store(&*self.vfs, &self.dir)?;
        (self.writer, self.begin_bytes, self.number) = (writer, begin_bytes, number);
        // What is left behind is found by the next open.
        drop(self.vfs.unlink(&old));
        Ok(())
    }

    fn path(&self) -> PathBuf {
        FileName::Manifest(self.number).path(&self.dir)
    }
}

/// Writes manifest `number` with `state` as its first record, durable with its name.
fn write_first(
    vfs: &dyn Vfs,
    dir: &Path,
    database: u128,
    number: u64,
    state: &ManifestState,
) -> Result<(LogWriter, u64), Error> {
    let path = FileName::Manifest(number).path(dir);
    let window = vfs.create_window(&path).map_err(|e| Error::io(&path, "creating", e))?;
    let identity = LogIdentity { kind: LogKind::Manifest, database, segment: SegmentId(number) };
    let birth = Birth { identity, boot_id: vfs.boot_id(), witness_number: 0, witness_records: 0 };
    let mut writer = LogWriter::create(window, birth, None, INITIAL_BYTES)
        .map_err(|error| log_error(&path, error))?;
    let payload = record::encode(&state.to_fields());
    writer
        .append(&[&payload])
        .and_then(|_| writer.sync())
        .map_err(|error| log_error(&path, error))?;
    vfs.sync_dir(dir).map_err(|e| Error::io(dir, "syncing", e))?;
    let begin_bytes = writer.end();
    Ok((writer, begin_bytes))
}

fn failed_before() -> io::Error {
    io::Error::other("an earlier write or sync of this file failed")
}

/// What the record log says, with the name of its file.
pub(crate) fn log_error(path: &Path, error: siltstone_wal::Error) -> Error {
    use siltstone_wal::Error as Log;
    match error {
        Log::Corrupt { corruption, .. } => Error::Corrupt { path: path.to_path_buf(), corruption },
        Log::Unsupported { what, found, offset, .. } => {
            Error::Unsupported { path: path.to_path_buf(), what, found, offset }
        }
        Log::Io { source, .. } => Error::io(path, "reading or writing", source),
        other => Error::io(path, "writing", io::Error::other(other)),
    }
}
