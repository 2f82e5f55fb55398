//! One segment of a log that is replayed: its good header, and the walk over its records.
//!
//! Always: a record with the right sum that this version would not have written there is an error
//! at once; a place without one is for `log_end` to judge.

use crate::format::{
    ALIGN_BYTES, Birth, Link, LogIdentity, LogKind, RECORDS_OFFSET, RecordKind, SegmentHeader,
    to_usize,
};
use crate::replay::{RecordRef, ReplayContext, ReplayError, SegmentFile};
use crate::sealed::Tail;
use crate::segment_reader::{Found, FoundRecord, SegmentReader};
use crate::{Error, SegmentId, witness};
use siltstone_base::{Corruption, Sabotage};

/// A segment whose header is good.
#[derive(Debug)]
pub(crate) struct OpenSegment<'f> {
    pub(crate) reader: SegmentReader<'f>,
    pub(crate) header: SegmentHeader,
    header_sum: u64,
    /// What it was told of another file.
    told: (u64, u64),
    cut: Option<u64>,
}

impl<'f> OpenSegment<'f> {
    pub(crate) fn open(file: &'f SegmentFile, context: &ReplayContext) -> Result<Self, Error> {
        let (kind, database) = (context.kind, context.database);
        let identity = LogIdentity { kind, database, segment: file.id };
        let io = |source| Error::io(file.id, 0, source);
        let there = file.file.bytes().map_err(io)?.min(RECORDS_OFFSET);
        let mut bytes = vec![0; to_usize(there)];
        file.file.read_exact_at(&mut bytes, 0).map_err(io)?;
        let (header, header_sum) = SegmentHeader::decode(&bytes, &identity)
            .map_err(|found| Error::of_decode(file.id, found))?;
        if there < RECORDS_OFFSET {
            // It was longer when its header was synced.
            return Err(Error::corrupt(
                file.id,
                kind.what(),
                there,
                "the file ends before the records",
            ));
        }
        let told = witness::latest(&bytes, &identity);
        let reader = SegmentReader::new(&*file.file, identity, file.cut)?;
        Ok(Self { reader, header, header_sum, told, cut: file.cut })
    }

    pub(crate) const fn id(&self) -> SegmentId {
        self.header.birth.identity.segment
    }

    /// The manifest, and how many records of it, that the header saw at its birth.
    pub(crate) const fn witness(&self) -> (u64, u64) {
        let Birth { witness_number, witness_records, .. } = self.header.birth;
        (witness_number, witness_records)
    }

    /// What it was told of another file since.
    pub(crate) const fn told(&self) -> (u64, u64) {
        self.told
    }

    /// Whether it begins where the segment before ended; false if it begins later, so that
    /// something of the one before is missing.
    pub(crate) fn continues(&mut self, before: &Tail) -> Result<bool, Error> {
        let base = self.header.base;
        if base == before.position() {
            return Ok(true);
        }
        if let Found::Record(record) = self.reader.record_at(RECORDS_OFFSET)?
            && let Some(link) = Link::decode(record.payload)
            && record.header.kind == RecordKind::Link as u8
            && link.predecessor != before.segment
        {
            return Err(self.corrupt("log record", RECORDS_OFFSET, MISSING));
        }
        if base < before.position() {
            let why = "it begins before the end of the segment before it";
            return Err(self.corrupt("log header", 0, why));
        }
        Ok(false)
    }

    /// Hands out the records; gives where they end, and if that cannot be the end, why not.
    pub(crate) fn walk<E>(
        &mut self,
        before: Option<&Tail>,
        apply: &mut impl FnMut(RecordRef<'_>) -> Result<(), E>,
    ) -> Result<(Tail, Option<&'static str>), ReplayError<E>> {
        let segment = self.id();
        let base = self.header.base;
        let synced_end = self.header.synced_end;
        let mut tail =
            Tail { segment, base, end: RECORDS_OFFSET, digest: self.header_sum, synced_end };
        while self.cut != Some(tail.end) {
            let record = match self.reader.record_at(tail.end)? {
                Found::Record(record) => record,
                Found::Nothing(why) => return Ok((tail, self.rest_of(&tail, why)?)),
            };
            let kind = check_record(&record, &tail)
                .and_then(|kind| check_kind(kind, &record, &tail, before).map(|()| kind))
                .map_err(|found| found.in_segment(&tail))?;
            if kind == RecordKind::Data && !is_sabotaged(&self.header, tail.end) {
                let (offset, position) = (tail.end, tail.position());
                apply(RecordRef { segment, offset, position, payload: record.payload })
                    .map_err(ReplayError::Apply)?;
            }
            tail.end += record.header.record_bytes();
            tail.digest = record.header.sum;
            tail.synced_end = tail.synced_end.max(record.header.synced_end);
        }
        Ok((tail, None))
    }

    /// What to make of a place without a record: `None` if only zeros follow.
    fn rest_of(&mut self, tail: &Tail, why: &'static str) -> Result<Option<&'static str>, Error> {
        if self.cut.is_some() {
            return Err(self.corrupt("log record", tail.end, BEFORE_CUT));
        }
        let zeros = self.reader.written_end(tail.end)? == tail.end;
        Ok((!zeros).then_some(why))
    }

    fn corrupt(&self, what: &'static str, offset: u64, why: &'static str) -> Error {
        Error::corrupt(self.id(), what, offset, why)
    }
}

/// Whether the record at `offset` of a log of writes is to be left out.
fn is_sabotaged(header: &SegmentHeader, offset: u64) -> bool {
    let kind = header.birth.identity.kind;
    Sabotage::LogRecordsDropped.is_on() && kind == LogKind::Log && offset.is_multiple_of(64)
}

const MISSING: &str = "it links to a segment that is missing";
const BEFORE_CUT: &str = "it is damaged, and lies before the end that an earlier recovery found";

/// Why a record with the right sum is refused all the same.
enum Refused {
    Corrupt(&'static str),
    UnknownKind(u8),
}

impl Refused {
    fn in_segment(self, tail: &Tail) -> Error {
        let (segment, offset) = (tail.segment, tail.end);
        match self {
            Self::Corrupt(why) => {
                let corruption = Corruption { what: "log record", offset, why };
                Error::Corrupt { segment, corruption }
            }
            Self::UnknownKind(kind) => {
                Error::Unsupported { segment, what: "record kind", found: kind.into(), offset }
            }
        }
    }
}

/// Checks what the sum does not: that this version could have written it.
fn check_record(record: &FoundRecord<'_>, tail: &Tail) -> Result<RecordKind, Refused> {
    debug_assert!(tail.end.is_multiple_of(ALIGN_BYTES), "records begin at multiples of 8");
    if record.header.synced_end > tail.position() {
        return Err(Refused::Corrupt("it calls durable what comes after it"));
    }
    match record.header.kind {
        1 => Ok(RecordKind::Data),
        2 => Ok(RecordKind::Beacon),
        3 => Ok(RecordKind::Link),
        kind => Err(Refused::UnknownKind(kind)),
    }
}

/// Checks that the record may stand here: a link first, if there was a segment before, and
/// nowhere else.
fn check_kind(
    kind: RecordKind,
    record: &FoundRecord<'_>,
    tail: &Tail,
    before: Option<&Tail>,
) -> Result<(), Refused> {
    let wants_link = tail.end == RECORDS_OFFSET && tail.base > 0;
    match kind {
        RecordKind::Link if wants_link => check_link(record.payload, tail, before),
        RecordKind::Link => Err(Refused::Corrupt("a link stands where none may")),
        _ if wants_link => Err(Refused::Corrupt("it does not link to the segment before it")),
        RecordKind::Beacon if !record.payload.is_empty() => {
            Err(Refused::Corrupt("a beacon has a payload"))
        }
        RecordKind::Beacon | RecordKind::Data => Ok(()),
    }
}

fn check_link(payload: &[u8], tail: &Tail, before: Option<&Tail>) -> Result<(), Refused> {
    let link = Link::decode(payload).ok_or(Refused::Corrupt("a link has another length"))?;
    if link.base != tail.base || link.predecessor >= tail.segment {
        return Err(Refused::Corrupt("a link contradicts its segment"));
    }
    let Some(before) = before else { return Ok(()) };
    if link.predecessor != before.segment {
        return Err(Refused::Corrupt(MISSING));
    }
    if link.predecessor_end != before.end || link.predecessor_digest != before.digest {
        return Err(Refused::Corrupt("the segment before it does not end as it links to"));
    }
    Ok(())
}
