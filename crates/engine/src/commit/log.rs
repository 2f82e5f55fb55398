//! The log of a database: one segment that takes records, and those before it that memtables
//! still need.

use crate::Error;
use crate::files::FileName;
use crate::health::Stall;
use crate::manifest::{Field, Manifest, log_error};
use crate::store::Store;
use crate::sync::Mutex;
use crate::witness::Witnesses;
use siltstone_base::Seqno;
use siltstone_vfs::{LogWindow, Vfs};
use siltstone_wal::{Birth, LogIdentity, LogKind, LogWriter, Sealed, SegmentId};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is allocated for a new segment, in bytes, unless it shall not become that long.
const INITIAL_BYTES_MAX: u64 = 64 << 10;

/// The log, as the leader sees it.
#[derive(Debug)]
pub(crate) struct Log {
    /// `None` after a failure: then health has stopped, and nothing is written any more.
    /// In a box, as it is taken out for each write.
    writer: Option<Box<LogWriter>>,
    /// Number of the newest segment that was tried to begin.
    last_segment: SegmentId,
    /// Segments that failed at birth: the manifest names them perhaps.
    unnamed: Vec<SegmentId>,
    dir: PathBuf,
    segment_bytes: u64,
    /// The last seqno given out.
    pub(crate) last_seqno: Seqno,
    /// Position at which all memtables together were last looked at.
    looked_at: u64,
    /// The manifest is told how far the log is durable, and tells of its records.
    witnesses: Arc<Witnesses>,
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
        witnesses: Arc<Witnesses>,
    ) -> Self {
        Self {
            witnesses,
            last_segment: writer.segment(),
            writer: Some(Box::new(writer)),
            unnamed: Vec::new(),
            dir: dir.to_path_buf(),
            segment_bytes,
            last_seqno,
            looked_at: 0,
        }
    }

    /// Begins another segment if this one is full. If there is no room for its file, this one
    /// takes more, and health tells; any other failure stops writes.
    pub(crate) fn make_room(&mut self, store: &Store) -> Result<(), Error> {
        let writer = self.writer.as_ref().ok_or(Error::Closed)?;
        if writer.end() < self.segment_bytes {
            return Ok(());
        }
        let id = self.next_id()?;
        match create_file(&self.place(store), id) {
            Ok(window) => {
                let rotated = self.rotate(store, id, window);
                rotated.map_err(|error| store.stop(error))?;
                store.health.note(Stall::Segment, None);
                Ok(())
            }
            Err(error) if leaves_the_file_system_sound(&error) => {
                store.health.note(Stall::Segment, Some(error));
                Ok(())
            }
            Err(error) => Err(store.stop(error)),
        }
    }

    fn next_id(&mut self) -> Result<SegmentId, Error> {
        self.last_segment = next_segment(self.last_segment, &self.dir)?;
        Ok(self.last_segment)
    }

    fn place<'a>(&'a self, store: &'a Store) -> Place<'a> {
        let (vfs, segment_bytes) = (&*store.vfs, self.segment_bytes);
        Place { vfs, dir: &self.dir, database: store.database, segment_bytes }
    }

    fn rotate(
        &mut self,
        store: &Store,
        id: SegmentId,
        window: Arc<dyn LogWindow>,
    ) -> Result<(), Error> {
        self.witnesses.check_log()?;
        let parts = store.writer.as_ref().ok_or(Error::OpenedReadOnly)?;
        let full = self.writer.take().ok_or(Error::Closed)?;
        let end = full.position();
        self.unnamed.push(id);
        let writer = {
            let mut manifest = parts.manifest.lock();
            let (place, witness) = (self.place(store), manifest.witness());
            let writer = begin_segment(&place, id, window, witness, Some(full.seal()))?;
            self.witnesses.log_begins(FileName::Log(id).path(&self.dir), writer.witness());
            manifest.publish(&[Field::Segment(id), Field::LastSeqno(self.last_seqno)])?;
            writer
        };
        store.segments.rotate(end, Segment { id, base: end, end: None });
        self.unnamed.clear();
        self.writer = Some(Box::new(writer));
        store.rotate_memtables_that_pin_log(end, self.last_seqno);
        Ok(())
    }

    /// Appends one record and returns its position. A failure after which the segment takes no
    /// more stops writes; one before anything was written does not.
    pub(crate) fn append(&mut self, store: &Store, pieces: &[&[u8]]) -> Result<u64, Error> {
        self.with_writer(store, |writer| {
            let position = writer.position();
            writer.append(pieces).map(|_| position)
        })
    }

    /// Makes everything appended durable.
    pub(crate) fn sync(&mut self, store: &Store) -> Result<(), Error> {
        let durable = self.with_writer(store, |writer| {
            writer.sync()?;
            Ok((writer.segment(), writer.synced_end()))
        })?;
        self.witnesses.log_is_durable(durable).map_err(|error| store.stop(error))
    }

    /// Lends the writer out, and takes it back unless the segment takes no more, or `work`
    /// panicked. Then writes stop, and the error has the file's name.
    fn with_writer<T>(
        &mut self,
        store: &Store,
        work: impl FnOnce(&mut LogWriter) -> Result<T, siltstone_wal::Error>,
    ) -> Result<T, Error> {
        self.witnesses.check_log().map_err(|error| store.stop(error))?;
        let mut writer = self.writer.take().ok_or(Error::Closed)?;
        let worked = work(&mut writer).map_err(|error| {
            let path = FileName::Log(writer.segment()).path(&self.dir);
            log_error(&path, error)
        });
        if writer.failed() {
            self.witnesses.log_ends();
            return worked.map_err(|error| store.stop(error));
        }
        self.writer = Some(writer);
        worked
    }

    /// Ends the log for good: it takes no more, and no manifest needs it. Returns segments besides
    /// those that the manifest named.
    pub(crate) fn retire(&mut self) -> Vec<SegmentId> {
        self.writer = None;
        self.witnesses.log_ends();
        std::mem::take(&mut self.unnamed)
    }

    /// Begins another log, which continues none.
    ///
    /// # Errors
    ///
    /// Those of the files, after which it may be tried again with another manifest.
    pub(crate) fn begin_anew(
        &mut self,
        store: &Store,
        manifest: &mut Manifest,
    ) -> Result<(), Error> {
        let id = self.next_id()?;
        self.unnamed.push(id);
        let writer = create_segment(&self.place(store), id, manifest.witness(), None)?;
        self.witnesses.log_begins(FileName::Log(id).path(&self.dir), writer.witness());
        manifest.publish(&[Field::Segment(id)])?;
        store.segments.fill(vec![Segment { id, base: 0, end: None }]);
        self.unnamed.clear();
        self.writer = Some(Box::new(writer));
        self.looked_at = 0;
        Ok(())
    }

    /// Whether `bytes` were appended since this last said so.
    pub(crate) fn is_due_to_look(&mut self, bytes: u64) -> bool {
        let position = self.writer.as_ref().map_or(0, |writer| writer.position());
        let due = position >= self.looked_at.saturating_add(bytes);
        if due {
            self.looked_at = position;
        }
        due
    }

    /// Syncs for the last time.
    pub(crate) fn close(&mut self) -> Result<(), Error> {
        let Some(mut writer) = self.writer.take() else { return Ok(()) };
        self.witnesses.check_log()?;
        let path = FileName::Log(writer.segment()).path(&self.dir);
        writer.close().map_err(|error| log_error(&path, error))?;
        self.witnesses.log_is_durable((writer.segment(), writer.synced_end()))
    }

    /// The segment that takes records, and the offset behind its last one.
    pub(crate) fn end(&self) -> Result<(SegmentId, u64), Error> {
        let writer = self.writer.as_ref().ok_or(Error::Closed)?;
        Ok((writer.segment(), writer.end()))
    }
}

/// Where segments lie and whose they are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) vfs: &'a dyn Vfs,
    pub(crate) dir: &'a Path,
    pub(crate) database: u128,
    /// Length at which a segment is followed by another.
    pub(crate) segment_bytes: u64,
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

/// Whether a file was not created for a reason that says nothing against the files there are: no
/// room, or too many open files.
fn leaves_the_file_system_sound(error: &Error) -> bool {
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    let Error::Io { source, .. } = error else { return false };
    error.is_out_of_space() || matches!(source.raw_os_error(), Some(ENFILE | EMFILE))
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
    let initial_bytes = INITIAL_BYTES_MAX.min(place.segment_bytes);
    let writer = LogWriter::create(window, birth, before, initial_bytes)
        .map_err(|error| log_error(&path, error))?;
    place.vfs.sync_dir(place.dir).map_err(|error| Error::io(place.dir, "syncing", error))?;
    Ok(writer)
}
