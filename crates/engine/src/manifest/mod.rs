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
use crate::witness::Witnesses;
use siltstone_base::Sabotage;
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
    /// The largest number that was tried.
    last_number: u64,
    /// Manifests that a failure left behind: CURRENT names one of them perhaps.
    superseded: Vec<u64>,
    writer: LogWriter,
    begin_bytes: u64,
    roll_bytes_min: u64,
    state: ManifestState,
    /// The failure after which nothing more is written to this file.
    failed: Option<Error>,
    closed: bool,
    /// The log is told of each record, and says here how far it is durable.
    witnesses: Arc<Witnesses>,
}

/// A manifest with its first record, durable, that nothing names yet.
#[derive(Debug)]
pub(crate) struct Begun {
    number: u64,
    writer: LogWriter,
    state: ManifestState,
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
        let writer = write_first(&*vfs, dir, database, number, &state)?;
        Current { database, manifest: number }.store(&*vfs, dir)?;
        let witnesses = Arc::<Witnesses>::default();
        witnesses.manifest_begins(FileName::Manifest(number).path(dir), writer.witness())?;
        let dir = dir.to_path_buf();
        Ok(Self {
            vfs,
            dir,
            database,
            number,
            last_number: number,
            superseded: Vec::new(),
            begin_bytes: writer.end(),
            writer,
            roll_bytes_min: ROLL_BYTES_MIN,
            state,
            failed: None,
            closed: false,
            witnesses,
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

    /// Where it and the log vouch for each other.
    pub(crate) fn witnesses(&self) -> Arc<Witnesses> {
        Arc::clone(&self.witnesses)
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
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        // So it stays if a panic comes between.
        self.failed = Some(Error::io(&self.path(), "writing", unfinished()));
        let written = self
            .witnesses
            .check_manifest()
            .and_then(|()| self.roll_if_grown())
            .and_then(|()| self.append(fields))
            .and_then(|()| self.witnesses.manifest_is_durable(self.witness()));
        self.failed = written.as_ref().err().cloned();
        if let Err(error) = written {
            self.witnesses.manifest_failed(&error);
            return Err(error);
        }
        self.state = next;
        Ok(())
    }

    /// Writes `state` as the first record of another manifest, whether or not this one failed.
    ///
    /// # Errors
    ///
    /// Of the file system; nothing names the file then, and it is removed.
    pub(crate) fn begin_next(&mut self, state: ManifestState) -> Result<Begun, Error> {
        let why = "no manifest can be numbered after it";
        let last = FileName::Manifest(self.last_number).path(&self.dir);
        let number = self.last_number.checked_add(1);
        let number = number.ok_or_else(|| Error::corrupt(&last, "file name", 0, why))?;
        self.last_number = number;
        match write_first(&*self.vfs, &self.dir, self.database, number, &state) {
            Ok(writer) => Ok(Begun { number, writer, state }),
            Err(error) => {
                drop(self.vfs.unlink(&FileName::Manifest(number).path(&self.dir)));
                Err(error)
            }
        }
    }

    /// Makes `begun` the one. The one before stays where it is until
    /// [`remove_superseded`](Self::remove_superseded).
    ///
    /// # Errors
    ///
    /// Of the file system; then CURRENT names either, both of which stay, and this one takes no
    /// more records.
    pub(crate) fn switch_to(&mut self, begun: Begun) -> Result<(), Error> {
        let Begun { number, writer, state } = begun;
        let current = Current { database: self.database, manifest: number };
        let path = FileName::Manifest(number).path(&self.dir);
        let carried = self.witnesses.manifest_begins(path, writer.witness());
        if let Err(error) = carried.and_then(|()| current.store(&*self.vfs, &self.dir)) {
            self.superseded.push(number);
            self.failed = Some(error.clone());
            return Err(error);
        }
        self.superseded.push(self.number);
        (self.begin_bytes, self.number, self.state) = (writer.end(), number, state);
        (self.writer, self.failed) = (writer, None);
        Ok(())
    }

    /// Removes the manifests before this one that this open has written. What is left behind is
    /// found by the next open.
    pub(crate) fn remove_superseded(&mut self) {
        for number in std::mem::take(&mut self.superseded) {
            drop(self.vfs.unlink(&FileName::Manifest(number).path(&self.dir)));
        }
    }

    /// Syncs what is left to sync. Nothing is written any more: the next process may have the
    /// directory.
    pub(crate) fn close(&mut self) -> Result<(), Error> {
        self.closed = true;
        if self.failed.is_some() || self.witnesses.check_manifest().is_err() {
            return Ok(());
        }
        let closed = self.writer.close();
        closed.map_err(|error| log_error(&self.path(), error))
    }

    fn append(&mut self, fields: &[Field]) -> Result<(), Error> {
        let payload = record::encode(fields);
        let mut appended = self.writer.append(&[&payload]).map(|_| ());
        if !Sabotage::ManifestSyncSkipped.is_on() {
            appended = appended.and_then(|()| self.writer.sync());
        }
        appended.map_err(|error| log_error(&self.path(), error))
    }

    fn roll_if_grown(&mut self) -> Result<(), Error> {
        let grown_to = self.roll_bytes_min.max(self.begin_bytes.saturating_mul(GROWTH_MAX));
        if self.writer.end() < grown_to {
            return Ok(());
        }
        let begun = self.begin_next(self.state.clone())?;
        self.switch_to(begun)?;
        self.remove_superseded();
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
) -> Result<LogWriter, Error> {
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
    Ok(writer)
}

fn unfinished() -> io::Error {
    io::Error::other("an earlier write of this file did not come to its end")
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
