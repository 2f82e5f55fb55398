//! The bytes of a segment: its header, its records, and the sums that tie both to their place.
//! ```text
//! segment = header (128 bytes) | witness at 512 | witness at 1024 | record* from 1536 | zeros
//! record  = 'S' 'R' 0x1e | kind: u8 | length: u32le | synced end: u64le | sum: u64le
//!         | payload | zeros to a multiple of 8
//! ```
//! Always: every sum is mixed with the log identity (kind, database, segment) and with the offset
//! of what it covers, so that a record counts only in its own file and at its own place.
//! Layout: docs/formats.md §2.

use crate::SegmentId;
use siltstone_base::{DecodeError, FILE_HEADER_BYTES, FileHeader, Reader, checksum};

/// Size of an encoded [`SegmentHeader`].
pub(crate) const HEADER_BYTES: u64 = 128;
/// Where the first record of a segment begins.
pub(crate) const RECORDS_OFFSET: u64 = 1536;
/// What the header's own sum covers, in bytes.
const HEADER_SUMMED_BYTES: usize = 120;
/// Size of an encoded [`RecordHeader`].
pub(crate) const RECORD_HEADER_BYTES: u64 = 24;
/// Records begin at multiples of this many bytes.
pub(crate) const ALIGN_BYTES: u64 = 8;
/// How every record begins.
pub(crate) const MARKER: [u8; 3] = [b'S', b'R', 0x1e];
/// Longest payload, in bytes: a batch of 2 GiB and what is put before it.
pub(crate) const MAX_PAYLOAD_BYTES: u32 = (1 << 31) + (1 << 20);
/// Size of an encoded [`Link`].
pub(crate) const LINK_BYTES: u32 = 32;

const VERSION: u32 = 3;
/// Positions stay below this, so that adding offsets to them cannot overflow.
const POSITION_MAX: u64 = 1 << 62;

const _: () = assert!(RECORDS_OFFSET.is_multiple_of(ALIGN_BYTES));
const _: () = assert!(RECORD_HEADER_BYTES.is_multiple_of(ALIGN_BYTES));

/// What a log is for. Told apart by the magic bytes of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogKind {
    /// A write-ahead log: a chain of segments.
    Log,
    /// A manifest: one file.
    Manifest,
}

impl LogKind {
    const fn magic(self) -> [u8; 8] {
        match self {
            Self::Log => *b"SILTWLOG",
            Self::Manifest => *b"SILTMANI",
        }
    }

    /// How errors call such a file.
    pub(crate) const fn what(self) -> &'static str {
        match self {
            Self::Log => "log header",
            Self::Manifest => "manifest header",
        }
    }
}

/// Whose log it is, and which file of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LogIdentity {
    /// What the log is for.
    pub kind: LogKind,
    /// Identity of the database.
    pub database: u128,
    /// Number of the segment, or of the manifest.
    pub segment: SegmentId,
}

impl LogIdentity {
    /// What every sum in the file is mixed with, beside an offset. Numbers of manifests and of
    /// segments are given out apart, so the kind is in it too.
    pub(crate) const fn mixed(&self) -> u128 {
        let kind = u64::from_le_bytes(self.kind.magic());
        self.database ^ ((self.segment.0 as u128) << 64 | kind as u128)
    }
}

/// What a segment's header remembers of the moment when it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Birth {
    /// Whose it is.
    pub identity: LogIdentity,
    /// Which start of the machine it was; 0 if nobody knows.
    pub boot_id: u128,
    /// Number of the manifest of that moment; 0 in a manifest.
    pub witness_number: u64,
    /// How many records that manifest held.
    pub witness_records: u64,
}

/// The first 128 bytes of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) birth: Birth,
    /// Position up to which the log before was known durable.
    pub(crate) synced_end: u64,
    /// Position of the first byte.
    pub(crate) base: u64,
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let identity = &self.birth.identity;
        let mut bytes = FileHeader::new(identity.kind.magic(), VERSION).encode().to_vec();
        bytes.extend_from_slice(&identity.database.to_le_bytes());
        bytes.extend_from_slice(&identity.segment.0.to_le_bytes());
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(&self.birth.boot_id.to_le_bytes());
        bytes.extend_from_slice(&self.birth.witness_number.to_le_bytes());
        bytes.extend_from_slice(&self.birth.witness_records.to_le_bytes());
        bytes.extend_from_slice(&self.synced_end.to_le_bytes());
        bytes.extend_from_slice(&self.base.to_le_bytes());
        bytes.extend_from_slice(&[0; 8]);
        assert!(bytes.len() == HEADER_SUMMED_BYTES, "the header's sum stands in its place");
        bytes.extend_from_slice(&sum_of(identity, &bytes).to_le_bytes());
        bytes
    }

    /// Reads the header of the segment `expected` and gives its sum as well, which is the digest
    /// of a segment without records.
    ///
    /// # Errors
    ///
    /// Corruption for damaged bytes and for the header of another segment or database;
    /// [`DecodeError::Unsupported`] for what a newer version wrote.
    pub(crate) fn decode(bytes: &[u8], expected: &LogIdentity) -> Result<(Self, u64), DecodeError> {
        let what = expected.kind.what();
        FileHeader::decode(bytes, what, expected.kind.magic(), VERSION, 0)?;
        let mut reader = Reader::new(bytes, what);
        reader.bytes(FILE_HEADER_BYTES)?;
        let database = reader.u128()?;
        let segment = SegmentId(reader.u64()?);
        reader.u64()?;
        let identity = LogIdentity { kind: expected.kind, database, segment };
        let boot_id = reader.u128()?;
        let (witness_number, witness_records) = (reader.u64()?, reader.u64()?);
        let birth = Birth { identity, boot_id, witness_number, witness_records };
        let (synced_end, base) = (reader.u64()?, reader.u64()?);
        reader.u64()?;
        let (summed, sum) = (reader.offset(), reader.u64()?);
        let refuse = |offset, why| Err(DecodeError::corrupt(what, offset, why));
        if sum != sum_of(&identity, bytes.get(..summed).unwrap_or_default()) {
            return refuse(0, "its checksum does not match");
        }
        if database != expected.database {
            return refuse(32, "it belongs to another database");
        }
        if segment != expected.segment {
            return refuse(48, "it belongs to another segment");
        }
        if synced_end > base || base > POSITION_MAX {
            return refuse(96, "its positions are out of order");
        }
        Ok((Self { birth, synced_end, base }, sum))
    }

    /// Whether the sum is that of the other bytes, whichever version wrote them: length, identity
    /// and sum have their places for ever.
    pub(crate) fn is_whole(bytes: &[u8], kind: LogKind) -> bool {
        let identity = |mut reader: Reader<'_>| {
            reader.bytes(FILE_HEADER_BYTES)?;
            let (database, segment) = (reader.u128()?, SegmentId(reader.u64()?));
            reader.bytes(HEADER_SUMMED_BYTES - reader.offset())?;
            Ok::<_, DecodeError>((LogIdentity { kind, database, segment }, reader.u64()?))
        };
        let summed = bytes.get(..HEADER_SUMMED_BYTES).unwrap_or_default();
        identity(Reader::new(bytes, kind.what()))
            .is_ok_and(|(identity, sum)| sum == sum_of(&identity, summed))
    }
}

fn sum_of(identity: &LogIdentity, summed: &[u8]) -> u64 {
    checksum::of_part(identity.mixed(), 0, summed)
}

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum RecordKind {
    /// A payload that means nothing to the log.
    Data = 1,
    /// A sync ended.
    Beacon = 2,
    /// How the segment before ended.
    Link = 3,
}

/// The first 24 bytes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordHeader {
    /// A [`RecordKind`], or what a newer version wrote.
    pub(crate) kind: u8,
    /// Length of the payload, in bytes.
    pub(crate) length: u32,
    /// Everything before this position is durable.
    pub(crate) synced_end: u64,
    pub(crate) sum: u64,
}

impl RecordHeader {
    /// Reads the header, or gives `None` where there is no marker or too few bytes.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes, "log record");
        if reader.array().ok()? != MARKER {
            return None;
        }
        Some(Self {
            kind: reader.u8().ok()?,
            length: reader.u32().ok()?,
            synced_end: reader.u64().ok()?,
            sum: reader.u64().ok()?,
        })
    }

    /// Length of the whole record, in bytes.
    pub(crate) const fn record_bytes(&self) -> u64 {
        RECORD_HEADER_BYTES + (self.length as u64).next_multiple_of(ALIGN_BYTES)
    }

    /// The sum that the record must have at `offset`.
    pub(crate) fn expected_sum(&self, identity: &LogIdentity, offset: u64, payload: &[u8]) -> u64 {
        checksum::of_pieces(identity.mixed(), offset, &[&self.summed(), payload])
    }

    /// The bytes before the sum.
    fn summed(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..3].copy_from_slice(&MARKER);
        bytes[3] = self.kind;
        bytes[4..8].copy_from_slice(&self.length.to_le_bytes());
        bytes[8..].copy_from_slice(&self.synced_end.to_le_bytes());
        bytes
    }
}

/// A record that is to be written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewRecord<'a> {
    pub(crate) kind: RecordKind,
    pub(crate) synced_end: u64,
    /// Its payload, one after the other.
    pub(crate) pieces: &'a [&'a [u8]],
    /// Length of all of them, in bytes.
    pub(crate) length: u32,
}

impl NewRecord<'_> {
    /// Appends the record as it must stand at `offset`, and returns its sum.
    pub(crate) fn encode(&self, bytes: &mut Vec<u8>, identity: &LogIdentity, offset: u64) -> u64 {
        debug_assert!(offset.is_multiple_of(ALIGN_BYTES), "records begin at multiples of 8");
        let (kind, length) = (self.kind as u8, self.length);
        let header = RecordHeader { kind, length, synced_end: self.synced_end, sum: 0 };
        let summed = header.summed();
        let start = bytes.len();
        let payload = start + to_usize(RECORD_HEADER_BYTES);
        // What is summed is put together first, over the place of the sum: in one piece it is
        // summed several times faster than in two.
        bytes.extend_from_slice(&[0; size_of::<u64>()]);
        bytes.extend_from_slice(&summed);
        for piece in self.pieces {
            bytes.extend_from_slice(piece);
        }
        assert!(
            bytes.len() - payload == length as usize,
            "the pieces have the length that was said"
        );
        let sum = checksum::of_part(identity.mixed(), offset, &bytes[start + size_of::<u64>()..]);
        debug_assert_eq!(
            sum,
            header.expected_sum(identity, offset, &bytes[payload..]),
            "what is written is what a reader expects"
        );
        bytes[start..start + summed.len()].copy_from_slice(&summed);
        bytes[start + summed.len()..payload].copy_from_slice(&sum.to_le_bytes());
        bytes.resize(start + to_usize(header.record_bytes()), 0);
        sum
    }
}

/// Payload of a link record: how the segment before ended, as its successor saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) predecessor: SegmentId,
    /// Offset behind its last record.
    pub(crate) predecessor_end: u64,
    /// Sum of its last record, or of its header if it has none.
    pub(crate) predecessor_digest: u64,
    /// Position of the first byte of the segment that the link is in.
    pub(crate) base: u64,
}

impl Link {
    pub(crate) fn encode(&self) -> [u8; LINK_BYTES as usize] {
        let mut bytes = [0; LINK_BYTES as usize];
        bytes[..8].copy_from_slice(&self.predecessor.0.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.predecessor_end.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.predecessor_digest.to_le_bytes());
        bytes[24..].copy_from_slice(&self.base.to_le_bytes());
        bytes
    }

    pub(crate) fn decode(payload: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(payload, "link");
        let link = Self {
            predecessor: SegmentId(reader.u64().ok()?),
            predecessor_end: reader.u64().ok()?,
            predecessor_digest: reader.u64().ok()?,
            base: reader.u64().ok()?,
        };
        reader.is_empty().then_some(link)
    }
}

/// For lengths of what is, or shall be, in memory.
pub(crate) fn to_usize(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
