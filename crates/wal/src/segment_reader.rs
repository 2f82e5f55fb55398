//! Reads records of one segment, at any offset, through one buffer.
//!
//! Always: no byte at or behind the limit (a cut, or the end of the file) is looked at, and no
//! length is believed before it was compared with what is left up to there.

use crate::format::{
    ALIGN_BYTES, LogIdentity, MARKER, MAX_PAYLOAD_BYTES, RECORD_HEADER_BYTES, RecordHeader,
    to_usize,
};
use crate::{Error, SegmentId};
use siltstone_base::Sabotage;
use siltstone_vfs::ReadFile;
use std::io;

/// How much is read at once, in bytes.
const CHUNK_BYTES: u64 = 1 << 20;
/// Bytes that merely look like records are hashed up to this many times the file's length.
const LOOKALIKE_FACTOR: u64 = 64;

/// The bytes of one segment.
#[derive(Debug)]
pub(crate) struct SegmentReader<'f> {
    file: &'f dyn ReadFile,
    identity: LogIdentity,
    limit: u64,
    buffer: Vec<u8>,
    /// Where the buffer begins in the file.
    buffer_offset: u64,
}

/// What stands where a record should.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Found<'b> {
    /// A record whose sum is right and whose padding is zero.
    Record(FoundRecord<'b>),
    /// None, and why not.
    Nothing(&'static str),
}

/// A record whose sum is right and whose padding is zero.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FoundRecord<'b> {
    pub(crate) header: RecordHeader,
    pub(crate) payload: &'b [u8],
}

impl<'f> SegmentReader<'f> {
    /// Reads `file` up to `cut`, if there is one.
    pub(crate) fn new(
        file: &'f dyn ReadFile,
        identity: LogIdentity,
        cut: Option<u64>,
    ) -> Result<Self, Error> {
        let bytes = file.bytes().map_err(|source| Error::io(identity.segment, 0, source))?;
        let limit = cut.map_or(bytes, |cut| cut.min(bytes));
        Ok(Self { file, identity, limit, buffer: Vec::new(), buffer_offset: 0 })
    }

    /// The bytes from `offset` on: at least `count` of them, or all up to the limit.
    pub(crate) fn bytes_at(&mut self, offset: u64, count: u64) -> Result<&[u8], Error> {
        let count = count.min(self.limit.saturating_sub(offset));
        let buffered_end = self.buffer_offset + self.buffer.len() as u64;
        if offset < self.buffer_offset || offset + count > buffered_end {
            self.fill(offset, count.max(CHUNK_BYTES))?;
        }
        let start = to_usize(offset.saturating_sub(self.buffer_offset));
        Ok(self.buffer.get(start..).unwrap_or_default())
    }

    /// What stands at `offset`.
    pub(crate) fn record_at(&mut self, offset: u64) -> Result<Found<'_>, Error> {
        let identity = self.identity;
        let rest = self.limit.saturating_sub(offset);
        let Some(header) = RecordHeader::decode(self.bytes_at(offset, RECORD_HEADER_BYTES)?) else {
            return Ok(Found::Nothing("no record begins here"));
        };
        if header.length > MAX_PAYLOAD_BYTES {
            return Ok(Found::Nothing("its length is out of range"));
        }
        if header.record_bytes() > rest {
            return Ok(Found::Nothing("it is cut short"));
        }
        let bytes = self.bytes_at(offset, header.record_bytes())?;
        let bytes = bytes.get(..to_usize(header.record_bytes())).unwrap_or_default();
        let Some((_, behind)) = bytes.split_at_checked(to_usize(RECORD_HEADER_BYTES)) else {
            return Ok(Found::Nothing("it is cut short"));
        };
        let Some((payload, padding)) = behind.split_at_checked(header.length as usize) else {
            return Ok(Found::Nothing("it is cut short"));
        };
        let unread = Sabotage::LogChecksumUnread.is_on();
        if !unread && header.sum != header.expected_sum(&identity, offset, payload) {
            return Ok(Found::Nothing("its checksum does not match"));
        }
        if padding.iter().any(|byte| *byte != 0) {
            return Ok(Found::Nothing("the bytes that fill it up are not zero"));
        }
        Ok(Found::Record(FoundRecord { header, payload }))
    }

    /// Offset behind the last byte that is not zero, at least `from`.
    pub(crate) fn written_end(&mut self, from: u64) -> Result<u64, Error> {
        let (mut offset, mut end) = (from, from);
        while offset < self.limit {
            let bytes = self.bytes_at(offset, 1)?;
            if bytes.is_empty() {
                break;
            }
            // First a loop without exit, which is fast: most of it is zeros.
            if bytes.iter().fold(0, |any, byte| any | byte) != 0 {
                let last = bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0);
                end = offset + last as u64 + 1;
            }
            offset += bytes.len() as u64;
        }
        Ok(end)
    }

    /// Whether a record that `proves` something stands at any multiple of 8 in `from..to`.
    ///
    /// # Errors
    ///
    /// Corruption if so many bytes look like such records that finding out would take too long.
    pub(crate) fn any_record(
        &mut self,
        from: u64,
        to: u64,
        proves: impl Fn(&RecordHeader) -> bool,
    ) -> Result<bool, Error> {
        let mut patience = self.limit.saturating_mul(LOOKALIKE_FACTOR);
        let mut offset = from;
        while let Some(candidate) = self.next_marker(offset, to)? {
            offset = candidate + ALIGN_BYTES;
            let rest = self.limit.saturating_sub(candidate);
            let header = RecordHeader::decode(self.bytes_at(candidate, RECORD_HEADER_BYTES)?);
            let looks_right = |header: &RecordHeader| header.record_bytes() <= rest;
            let Some(header) = header.filter(looks_right).filter(&proves) else { continue };
            if matches!(self.record_at(candidate)?, Found::Record(_)) {
                return Ok(true);
            }
            let left = patience.checked_sub(header.record_bytes());
            patience = left.ok_or_else(|| self.too_many(from))?;
        }
        Ok(false)
    }

    /// Where the first sound record begins in `from..to`, at a multiple of 8. Gives up, as if there
    /// were none, if so many bytes look like records that finding out would take too long.
    pub(crate) fn next_record(&mut self, from: u64, to: u64) -> Result<Option<u64>, Error> {
        let mut patience = self.limit.saturating_mul(LOOKALIKE_FACTOR);
        let mut offset = from;
        while let Some(candidate) = self.next_marker(offset, to)? {
            if matches!(self.record_at(candidate)?, Found::Record(_)) {
                return Ok(Some(candidate));
            }
            offset = candidate + ALIGN_BYTES;
            let header = RecordHeader::decode(self.bytes_at(candidate, RECORD_HEADER_BYTES)?);
            let rest = self.limit.saturating_sub(candidate);
            let hashed = header.map_or(0, |header| header.record_bytes());
            match patience.checked_sub(if hashed <= rest { hashed } else { 0 }) {
                Some(left) => patience = left,
                None => return Ok(None),
            }
        }
        Ok(None)
    }

    /// The first multiple of 8 from `from` on, below `to`, where a record may begin.
    fn next_marker(&mut self, from: u64, to: u64) -> Result<Option<u64>, Error> {
        let mut offset = from;
        while offset < to {
            let bytes = self.bytes_at(offset, RECORD_HEADER_BYTES)?;
            let mut words = bytes.chunks_exact(to_usize(ALIGN_BYTES));
            match words.position(|word| word.starts_with(&MARKER)) {
                Some(index) => {
                    let found = offset + index as u64 * ALIGN_BYTES;
                    return Ok((found < to).then_some(found));
                }
                None if bytes.len() < to_usize(ALIGN_BYTES) => return Ok(None),
                None => offset += bytes.len() as u64 / ALIGN_BYTES * ALIGN_BYTES,
            }
        }
        Ok(None)
    }

    /// Gives the buffer's memory back.
    pub(crate) fn release(&mut self) {
        self.buffer = Vec::new();
    }

    /// Fills the buffer with `count` bytes from `offset`, or all up to the limit.
    fn fill(&mut self, offset: u64, count: u64) -> Result<(), Error> {
        let segment = self.segment();
        let count = to_usize(count.min(self.limit.saturating_sub(offset)));
        self.buffer_offset = offset;
        let more = count.saturating_sub(self.buffer.len());
        let no_memory = |_| Error::io(segment, offset, io::ErrorKind::OutOfMemory.into());
        self.buffer.try_reserve(more).map_err(no_memory)?;
        self.buffer.resize(count, 0);
        let read = self.file.read_at(&mut self.buffer, offset);
        let read = read.map_err(|source| Error::io(segment, offset, source))?;
        if read < count {
            let end = offset + read as u64;
            let now = self.file.bytes().map_err(|source| Error::io(segment, offset, source))?;
            if now > end {
                // What is there and cannot be read must not pass for the end of the log.
                return Err(Error::io(segment, end, io::ErrorKind::UnexpectedEof.into()));
            }
            // The file was cut meanwhile: as if it always had been so short.
            self.buffer.truncate(read);
            self.limit = end;
        }
        Ok(())
    }

    fn too_many(&self, offset: u64) -> Error {
        let why = "too many bytes look like records to tell where the log ends";
        Error::corrupt(self.segment(), "log", offset, why)
    }

    const fn segment(&self) -> SegmentId {
        self.identity.segment
    }
}
