//! Decides what the first place is where a record should stand and does not.
//!
//! Let P be its position.
//!
//! 1. *The end*, if nothing but zeros follows in the segment, the next segment (if any) begins at
//!    exactly P, and nobody knows of more that was durable.
//! 2. *Corruption*, if anything valid behind P, in this or a later segment, has a synced end
//!    beyond P, or the caller knows one: then what stood at P was durable. Or if anything valid is behind P and the
//!    segment was written since the machine started: the death of a process can tear the last
//!    record alone.
//! 3. A *torn tail* otherwise: a power cut lost it before it was durable.
//!
//! A valid record is looked for at every multiple of 8. Its sum covers identity and offset, so
//! that nothing else passes for one.
//! Layout: docs/formats.md §2.

use crate::format::{ALIGN_BYTES, RECORDS_OFFSET, RecordHeader};
use crate::open_segment::OpenSegment;
use crate::sealed::Tail;
use crate::{Error, SegmentId};
use siltstone_base::Sabotage;

/// Why a segment cannot end where it does, if nothing in itself says so.
pub(crate) const SHORT: &str = "the next segment begins at a later position";
const WAS_DURABLE: &str = "it is missing or damaged, and what follows says that it was durable";
const ENDS_EARLY: &str = "the log ends here, though more of it was durable";
const NOT_LAST: &str = "it is missing or damaged, and more was written after it in this boot";

/// How a log ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogEnd {
    /// Behind its last record is nothing.
    Clean,
    /// A crash tore what was not durable yet; it is dropped.
    Torn {
        /// The segment where the log ends now.
        segment: SegmentId,
        /// Where it ends, in bytes from the start of the file.
        offset: u64,
        /// What is wrong with the bytes there.
        why: &'static str,
    },
}

/// Where a replay could not go on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stop {
    /// Which segment, counted from the oldest.
    pub(crate) index: usize,
    pub(crate) tail: Tail,
    pub(crate) why: &'static str,
}

/// What it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verdict {
    pub(crate) end: LogEnd,
    /// Bytes written behind the end.
    pub(crate) torn_bytes: u64,
}

/// Refuses an end before the position `durable`, up to which the log is known to have been durable.
pub(crate) fn check_durable(last: Option<&Tail>, durable: u64) -> Result<(), Error> {
    match last {
        Some(last) if last.position() < durable && !Sabotage::LogCutAtFirstBadRecord.is_on() => {
            Err(Error::corrupt(last.segment, "log record", last.end, ENDS_EARLY))
        }
        _ => Ok(()),
    }
}

/// Applies the rules to the place where replay stopped, if it did before the end of everything.
///
/// # Errors
///
/// Corruption at the place of `stop`.
pub(crate) fn judge(
    segments: &mut [OpenSegment<'_>],
    stop: Option<&Stop>,
    boot_id: u128,
) -> Result<Verdict, Error> {
    let Some(stop) = stop else { return Ok(Verdict { end: LogEnd::Clean, torn_bytes: 0 }) };
    if Sabotage::LogCutAtFirstBadRecord.is_on() {
        let Tail { segment, end: offset, .. } = stop.tail;
        return Ok(Verdict { end: LogEnd::Torn { segment, offset, why: stop.why }, torn_bytes: 1 });
    }
    let position = stop.tail.position();
    let stopped = segments.get(stop.index).map(|segment| segment.header.birth.boot_id);
    let same_boot = boot_id != 0 && stopped == Some(boot_id);
    if same_boot && stop.index + 1 < segments.len() {
        return Err(corrupt(stop, NOT_LAST));
    }
    let proof = if same_boot { NOT_LAST } else { WAS_DURABLE };
    let proves = |record: &RecordHeader| same_boot || record.synced_end > position;
    let mut torn_bytes = 0;
    for (index, segment) in segments.iter_mut().enumerate().skip(stop.index) {
        let here = index == stop.index;
        let written = if here { stop.tail.end } else { RECORDS_OFFSET };
        let from = if here { written + ALIGN_BYTES } else { written };
        if !here && segment.header.synced_end > position {
            return Err(corrupt(stop, WAS_DURABLE));
        }
        let end = segment.reader.written_end(written)?;
        if segment.reader.any_record(from, end, proves)? {
            return Err(corrupt(stop, proof));
        }
        torn_bytes += end - written;
    }
    let Tail { segment, end: offset, .. } = stop.tail;
    Ok(Verdict { end: LogEnd::Torn { segment, offset, why: stop.why }, torn_bytes })
}

fn corrupt(stop: &Stop, why: &'static str) -> Error {
    Error::corrupt(stop.tail.segment, "log record", stop.tail.end, why)
}
