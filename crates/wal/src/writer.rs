//! Appends records to one segment.
//!
//! 1. A new segment is a header, durable before anybody names the file.
//! 2. Its first append writes, in front of the record, a link to the segment before.
//! 3. A record is one write: header, payload, padding. When it returns, the record survives the
//!    death of the process.
//! 4. A sync makes the segments before durable, then this one. What it covered is the end taken
//!    before it began, and a beacon behind it says so.
//!
//! Always: records are contiguous from the header on, zeros follow them, and after the first
//! failed write, allocation or sync nothing is ever written or synced again.

use crate::format::{
    ALIGN_BYTES, Birth, LINK_BYTES, Link, LogIdentity, LogKind, MAX_PAYLOAD_BYTES, NewRecord,
    RECORD_HEADER_BYTES, RECORDS_OFFSET, RecordKind, SegmentHeader, to_usize,
};
use crate::sealed::{Sealed, Tail, Unsynced};
use crate::{Error, SegmentId, Witness};
use siltstone_base::Sabotage;
use siltstone_vfs::LogWindow;
use std::io;
use std::sync::Arc;

/// The window grows by no more than this at once, beyond what a record needs, in bytes.
const GROWTH_BYTES_MAX: u64 = 8 << 20;
/// It grows by no less, and to multiples of it, in bytes.
const GROWTH_BYTES_MIN: u64 = 4 << 10;
/// Memory kept between two appends, in bytes: a group and some.
const BUFFER_BYTES_MAX: usize = 2 << 20;

/// The one that appends to a segment.
#[derive(Debug)]
pub struct LogWriter {
    window: Arc<dyn LogWindow>,
    identity: LogIdentity,
    tail: Tail,
    /// The link that the first append writes.
    link: Option<Link>,
    /// Segments before this one that are not durable yet.
    before: Unsynced,
    allocated: u64,
    data_records: u64,
    /// The last record is a beacon, so all that is worth it is durable.
    rests: bool,
    failed: bool,
    buffer: Vec<u8>,
}

impl LogWriter {
    /// Makes a segment out of an empty window: allocates `initial_bytes`, writes the header and
    /// syncs it. Before the first append the caller makes the file's name durable and names the
    /// segment in the manifest.
    ///
    /// `before` is the segment that this one continues.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::Failed`] if a write of the segment before failed, because then
    /// bytes may lie behind its end.
    ///
    /// # Panics
    ///
    /// If `before` has a higher number, or comes from a replay and was not
    /// [made durable](Sealed::made_durable).
    pub fn create(
        window: Arc<dyn LogWindow>,
        birth: Birth,
        before: Option<Sealed>,
        initial_bytes: u64,
    ) -> Result<Self, Error> {
        let segment = birth.identity.segment;
        let link = before.as_ref().map(link_to);
        let base = link.map_or(0, |link| link.base);
        let (before, synced_end) = continue_from(before, segment)?;
        let header = SegmentHeader { birth, synced_end, base }.encode();
        let allocated = initial_bytes.max(RECORDS_OFFSET);
        let made = window.allocate(allocated).and_then(|()| window.write_at(&header, 0));
        made.and_then(|()| window.sync()).map_err(|source| Error::io(segment, 0, source))?;
        let digest = header.last_chunk().map_or(0, |sum| u64::from_le_bytes(*sum));
        Ok(Self {
            window,
            identity: birth.identity,
            tail: Tail { segment, base, end: RECORDS_OFFSET, digest, synced_end },
            link,
            before,
            allocated,
            data_records: 0,
            rests: false,
            failed: false,
            buffer: Vec::new(),
        })
    }

    /// Appends the pieces, one after the other, as the payload of one record, and returns the
    /// offset of the record in bytes. It is one write.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`], or [`Error::Io`] with [`io::ErrorKind::OutOfMemory`], before anything
    /// is written. Any other [`Error::Io`] if the file could not be grown
    /// ([`io::ErrorKind::StorageFull`] if there is no space) or written: what is behind the
    /// [`end`](Self::end) is unknown then, and every later call gives [`Error::Failed`].
    pub fn append(&mut self, pieces: &[&[u8]]) -> Result<u64, Error> {
        let bytes: u64 = pieces.iter().map(|piece| piece.len() as u64).sum();
        let length = u32::try_from(bytes).ok().filter(|length| *length <= MAX_PAYLOAD_BYTES);
        let most = u64::from(MAX_PAYLOAD_BYTES);
        let length = length.ok_or(Error::TooLarge { bytes, most })?;
        let offset = self.write(RecordKind::Data, pieces, length)?;
        self.data_records += 1;
        self.rests = false;
        Ok(offset)
    }

    /// Makes every record durable, those of the segments before first, and says so in a beacon.
    /// Does nothing if nothing was appended since the last sync.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] after which every later call gives [`Error::Failed`]: what is durable is
    /// not known.
    pub fn sync(&mut self) -> Result<(), Error> {
        if self.failed {
            return Err(Error::Failed);
        }
        let fresh = self.tail.end == RECORDS_OFFSET;
        if self.rests || (fresh && self.link.is_none()) {
            return Ok(());
        }
        let end = self.tail.position();
        let synced = self.before.sync().and_then(|()| {
            if self.is_sabotaged(Sabotage::LogSyncSkipped) {
                return Ok(());
            }
            self.window.sync().map_err(|source| Error::io(self.tail.segment, 0, source))
        });
        self.failed = synced.is_err() && !self.is_sabotaged(Sabotage::FailureForgotten);
        synced?;
        debug_assert!(end >= self.tail.synced_end, "what is durable only grows");
        self.tail.synced_end = end;
        self.write(RecordKind::Beacon, &[], 0)?;
        self.rests = true;
        Ok(())
    }

    /// Syncs for the last time, the beacon and what its [witness](Self::witness) was told too.
    ///
    /// # Errors
    ///
    /// As [`sync`](Self::sync).
    pub fn close(&mut self) -> Result<(), Error> {
        self.sync()?;
        let synced = self.window.sync();
        self.failed = synced.is_err();
        synced.map_err(|source| Error::io(self.tail.segment, 0, source))
    }

    /// A place in this file where what is known of another one is kept. There must be no second.
    pub fn witness(&self) -> Witness {
        Witness::new(self.identity, Arc::clone(&self.window))
    }

    /// Ends the segment, for the one that continues it. Nothing is written or synced: the
    /// successor's first sync does that.
    pub fn seal(self) -> Sealed {
        let mut unsynced = self.before;
        // The header of a segment without records has been synced; a beacon has not.
        if self.tail.end > RECORDS_OFFSET {
            unsynced.push(self.tail.segment, self.window);
        }
        Sealed { tail: self.tail, unsynced, failed: self.failed }
    }

    /// Offset behind the last record.
    pub const fn end(&self) -> u64 {
        self.tail.end
    }

    /// Position behind the last record.
    pub const fn position(&self) -> u64 {
        self.tail.position()
    }

    /// Position before which everything is known to be durable.
    pub const fn synced_position(&self) -> u64 {
        self.tail.synced_end
    }

    /// Offset before which everything is known to be durable.
    pub const fn synced_end(&self) -> u64 {
        self.tail.synced_end.saturating_sub(self.tail.base)
    }

    /// How many payloads were appended.
    pub const fn records(&self) -> u64 {
        self.data_records
    }

    /// Number of the segment.
    pub const fn segment(&self) -> SegmentId {
        self.tail.segment
    }

    /// Whether a write or sync failed, so that nothing is taken any more.
    pub const fn failed(&self) -> bool {
        self.failed
    }

    /// Writes one record, behind the link if that is still to come, and returns its offset.
    fn write(&mut self, kind: RecordKind, pieces: &[&[u8]], length: u32) -> Result<u64, Error> {
        if self.failed {
            return Err(Error::Failed);
        }
        self.reserve_buffer(length)?;
        let link_bytes = self.encode_link();
        let synced_end = self.tail.synced_end;
        let record = NewRecord { kind, synced_end, pieces, length };
        let offset = self.tail.end + link_bytes;
        let digest = record.encode(&mut self.buffer, &self.identity, offset);
        let mut written = self.write_buffer();
        if self.is_sabotaged(Sabotage::LogAppendErrorIgnored) {
            written = Ok(());
        }
        self.failed = written.is_err() && !self.is_sabotaged(Sabotage::FailureForgotten);
        written.map_err(|source| Error::io(self.tail.segment, self.tail.end, source))?;
        self.link = None;
        self.tail.end += self.buffer.len() as u64;
        self.tail.digest = digest;
        self.buffer.clear();
        self.buffer.shrink_to(BUFFER_BYTES_MAX);
        debug_assert!(self.tail.end.is_multiple_of(ALIGN_BYTES), "records end at multiples of 8");
        Ok(offset)
    }

    fn reserve_buffer(&mut self, length: u32) -> Result<(), Error> {
        self.buffer.clear();
        let bytes = to_usize(2 * RECORD_HEADER_BYTES + ALIGN_BYTES + u64::from(LINK_BYTES))
            + length as usize;
        let no_memory = |_| Error::io(self.tail.segment, self.tail.end, out_of_memory());
        self.buffer.try_reserve(bytes).map_err(no_memory)
    }

    /// Puts the link into the buffer, if it is still to be written, and returns its length.
    fn encode_link(&mut self) -> u64 {
        let Some(link) = self.link else { return 0 };
        let record = NewRecord {
            kind: RecordKind::Link,
            synced_end: self.tail.synced_end,
            pieces: &[&link.encode()],
            length: LINK_BYTES,
        };
        record.encode(&mut self.buffer, &self.identity, self.tail.end);
        self.buffer.len() as u64
    }

    /// Whether this is a log of writes, not a manifest, and `bug` is to be made in it.
    fn is_sabotaged(&self, bug: Sabotage) -> bool {
        bug.is_on() && self.identity.kind == LogKind::Log
    }

    fn write_buffer(&mut self) -> io::Result<()> {
        let needed = self.tail.end + self.buffer.len() as u64;
        if needed > self.allocated {
            let allocated = grown(self.allocated, needed);
            self.window.allocate(allocated)?;
            self.allocated = allocated;
        }
        self.window.write_at(&self.buffer, self.tail.end)
    }
}

/// What the successor of `before` says of it.
const fn link_to(before: &Sealed) -> Link {
    Link {
        predecessor: before.tail.segment,
        predecessor_end: before.tail.end,
        predecessor_digest: before.tail.digest,
        base: before.tail.position(),
    }
}

/// What must be synced before `segment` is, and the position known to be durable so far.
fn continue_from(before: Option<Sealed>, segment: SegmentId) -> Result<(Unsynced, u64), Error> {
    let Some(before) = before else { return Ok((Unsynced::nothing(), 0)) };
    assert!(before.tail.segment < segment, "segment numbers rise");
    assert!(
        !matches!(before.unsynced, Unsynced::Unreachable),
        "a replayed segment must be made durable before another continues it"
    );
    if before.failed {
        return Err(Error::Failed);
    }
    Ok((before.unsynced, before.tail.synced_end))
}

/// How far to allocate so that `needed` bytes fit: twice as far as now, in steps of at most 8 MiB,
/// so that small databases stay small and large ones seldom ask.
fn grown(allocated: u64, needed: u64) -> u64 {
    let step = allocated.clamp(GROWTH_BYTES_MIN, GROWTH_BYTES_MAX);
    (allocated + step).max(needed).next_multiple_of(GROWTH_BYTES_MIN)
}

fn out_of_memory() -> io::Error {
    io::Error::new(io::ErrorKind::OutOfMemory, "no memory for the record")
}
