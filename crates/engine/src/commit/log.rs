//! The log of a database: one segment that takes records, and those before it that memtables
//! still need.

use crate::Error;
use crate::files::FileName;
use crate::manifest::{Field, log_error};
use crate::store::Store;
use crate::sync::Mutex;
use siltstone_base::Seqno;
use siltstone_vfs::{LogWindow, Vfs};
use siltstone_wal::{Birth, LogIdentity, LogKind, LogWriter, Sealed, SegmentId};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is allocated for a new segment, in bytes.
const INITIAL_BYTES: u64 = 64 << 10;

/// The log, as the leader sees it.
#[derive(Debug)]
pub(crate) struct Log {
    /// `None` after a rotation failed: then health has stopped.
    writer: Option<LogWriter>,
    dir: PathBuf,
    segment_bytes: u64,
    /// The last seqno given out.
    pub(crate) last_seqno: Seqno,
    /// Position at which all memtables together were last looked at.
    looked_at: u64,
}

/// One segment and the positions it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) id: SegmentId,
    /// Position of its first byte.
    pub(crate) base: u64,
    /// Position behind its last record; `None` while it takes records.
    pub(crate) end: Option<u64>,
}

/// All segments that the manifest names, oldest first. A leaf lock.
#[derive(Debug, Default)]
pub(crate) struct Segments(Mutex<Vec<Segment>>);

impl Segments {
    /// Takes over what an open found. Before that the list is empty and nothing is freed.
    pub(crate) fn fill(&self, segments: Vec<Segment>) {
        *self.0.lock() = segments;
    }

    /// The segments of now.
    pub(crate) fn list(&self) -> Vec<Segment> {
        self.0.lock().clone()
    }

    pub(crate) fn remove(&self, freed: &[SegmentId]) {
        self.0.lock().retain(|segment| !freed.contains(&segment.id));
    }

    fn rotate(&self, end: u64, next: Segment) {
        let mut segments = self.0.lock();
        if let Some(last) = segments.last_mut() {
            last.end = last.end.or(Some(end));
        }
        segments.push(next);
    }
}

impl Log {
    pub(crate) fn new(
        writer: LogWriter,
        dir: &Path,
        segment_bytes: u64,
        last_seqno: Seqno,
    ) -> Self {
        Self {
            writer: Some(writer),
            dir: dir.to_path_buf(),
            segment_bytes,
            last_seqno,
            looked_at: 0,
        }
    }

    /// Begins another segment if this one is full. If its file cannot be made, this one takes
    /// more, and health tells; once the file is there, any failure stops writes.
    pub(crate) fn make_room(&mut self, store: &Store) -> Result<(), Error> {
        let writer = self.writer.as_ref().ok_or(Error::Closed)?;
        if writer.end() < self.segment_bytes {
            return Ok(());
        }
        let place = Place { vfs: &*store.vfs, dir: &self.dir, database: store.database };
        let id = next_segment(writer.segment(), &self.dir)?;
        match create_file(&place, id) {
            Ok(window) => self.rotate(store, id, window).map_err(|error| store.stop(error)),
            Err(error) => {
                store.health.set_stalled(Some(error));
                Ok(())
            }
        }
    }

    fn rotate(
        &mut self,
        store: &Store,
        id: SegmentId,
        window: Arc<dyn LogWindow>,
    ) -> Result<(), Error> {
        let parts = store.writer.as_ref().ok_or(Error::OpenedReadOnly)?;
        let full = self.writer.take().ok_or(Error::Closed)?;
        let end = full.position();
        let place = Place { vfs: &*store.vfs, dir: &self.dir, database: store.database };
        let writer = {
            let mut manifest = parts.manifest.lock();
            let witness = manifest.witness();
            let writer = begin_segment(&place, id, window, witness, Some(full.seal()))?;
            manifest.publish(&[Field::Segment(id), Field::LastSeqno(self.last_seqno)])?;
            writer
        };
        store.segments.rotate(end, Segment { id, base: end, end: None });
        self.writer = Some(writer);
        store.rotate_memtables_that_pin_log(end, self.last_seqno);
        Ok(())
    }

    /// Appends one record and returns its position. A failure after which the segment takes no
    /// more stops writes; one before anything was written does not.
    pub(crate) fn append(&mut self, store: &Store, pieces: &[&[u8]]) -> Result<u64, Error> {
        let writer = self.writer.as_mut().ok_or(Error::Closed)?;
        let position = writer.position();
        match writer.append(pieces) {
            Ok(_) => Ok(position),
            Err(error) => Err(self.failed(store, error)),
        }
    }

    /// Makes everything appended durable.
    pub(crate) fn sync(&mut self, store: &Store) -> Result<(), Error> {
        let synced = self.writer.as_mut().ok_or(Error::Closed)?.sync();
        synced.map_err(|error| self.failed(store, error))
    }

    /// The error with its file's name, after stopping writes if the segment takes no more.
    fn failed(&self, store: &Store, error: siltstone_wal::Error) -> Error {
        let error = log_error(&self.path(), error);
        let over = self.writer.as_ref().is_none_or(LogWriter::failed);
        if over { store.stop(error) } else { error }
    }

    /// Whether `bytes` were appended since this last said so.
    pub(crate) fn is_due_to_look(&mut self, bytes: u64) -> bool {
        let position = self.writer.as_ref().map_or(0, LogWriter::position);
        let due = position >= self.looked_at.saturating_add(bytes);
        if due {
            self.looked_at = position;
        }
        due
    }

    /// Syncs for the last time.
    pub(crate) fn close(&mut self) -> Result<(), Error> {
        let path = self.path();
        match self.writer.take() {
            Some(mut writer) => writer.close().map_err(|error| log_error(&path, error)),
            None => Ok(()),
        }
    }

    /// The segment that takes records, and the offset behind its last one.
    pub(crate) fn end(&self) -> Result<(SegmentId, u64), Error> {
        let writer = self.writer.as_ref().ok_or(Error::Closed)?;
        Ok((writer.segment(), writer.end()))
    }

    fn path(&self) -> PathBuf {
        match &self.writer {
            Some(writer) => FileName::Log(writer.segment()).path(&self.dir),
            None => self.dir.clone(),
        }
    }
}

/// Where segments lie and whose they are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) vfs: &'a dyn Vfs,
    pub(crate) dir: &'a Path,
    pub(crate) database: u128,
}

/// The number after `last`.
pub(crate) fn next_segment(last: SegmentId, dir: &Path) -> Result<SegmentId, Error> {
    let why = "no segment can be numbered after it";
    let path = FileName::Log(last).path(dir);
    last.0.checked_add(1).map(SegmentId).ok_or_else(|| Error::corrupt(&path, "file name", 0, why))
}

/// Creates a segment, durable with its name, behind `before`. The manifest must name it before
/// the first record goes in.
pub(crate) fn create_segment(
    place: &Place<'_>,
    id: SegmentId,
    witness: (u64, u64),
    before: Option<Sealed>,
) -> Result<LogWriter, Error> {
    begin_segment(place, id, create_file(place, id)?, witness, before)
}

fn create_file(place: &Place<'_>, id: SegmentId) -> Result<Arc<dyn LogWindow>, Error> {
    let path = FileName::Log(id).path(place.dir);
    place.vfs.create_window(&path).map_err(|error| Error::io(&path, "creating", error))
}

fn begin_segment(
    place: &Place<'_>,
    id: SegmentId,
    window: Arc<dyn LogWindow>,
    (witness_number, witness_records): (u64, u64),
    before: Option<Sealed>,
) -> Result<LogWriter, Error> {
    let path = FileName::Log(id).path(place.dir);
    let identity = LogIdentity { kind: LogKind::Log, database: place.database, segment: id };
    let boot_id = place.vfs.boot_id();
    let birth = Birth { identity, boot_id, witness_number, witness_records };
    let writer = LogWriter::create(window, birth, before, INITIAL_BYTES)
        .map_err(|error| log_error(&path, error))?;
    place.vfs.sync_dir(place.dir).map_err(|error| Error::io(place.dir, "syncing", error))?;
    Ok(writer)
}
