//! Reads a log back, from its oldest segment on, and finds where it ends.
//!
//! 1. Every header is read first: a segment is named only after its header is durable, so a bad
//!    one is corruption wherever it is.
//! 2. Each segment must continue the one before: begin at its end, and link to its last record.
//! 3. Records are handed out as they are found good, up to the segment's cut or to the first
//!    place where none stands.
//! 4. What that place is, `log_end` decides: the end, a torn tail, or corruption.
//!
//! Always: nothing behind a cut is looked at. The callback may have seen records when an error
//! is returned: then they count for nothing.

use crate::format::LogKind;
use crate::log_end::{self, LogEnd, Stop};
use crate::open_segment::OpenSegment;
use crate::sealed::{Sealed, Tail};
use crate::{Error, SegmentId};
use siltstone_vfs::ReadFile;
use std::sync::Arc;

/// A segment that the manifest names.
#[derive(Clone, Debug)]
pub struct SegmentFile {
    /// Its number.
    pub id: SegmentId,
    /// Its bytes.
    pub file: Arc<dyn ReadFile>,
    /// The offset where an earlier recovery cut it.
    pub cut: Option<u64>,
}

/// What a replay must know of the log beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayContext {
    /// What the log is for.
    pub kind: LogKind,
    /// Identity of the database.
    pub database: u128,
    /// Which start of the machine this is; 0 if nobody knows.
    pub boot_id: u128,
    /// A segment, and the offset in it up to which somebody else knows the log to have been
    /// durable. Of a segment that is not replayed it says nothing.
    pub durable: Option<(SegmentId, u64)>,
}

/// A payload that was appended, with where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordRef<'a> {
    /// The segment that it is in.
    pub segment: SegmentId,
    /// Where its record begins, in bytes from the start of the file.
    pub offset: u64,
    /// The same over all segments.
    pub position: u64,
    /// What was appended.
    pub payload: &'a [u8],
}

/// A log that was replayed to its end.
#[derive(Debug)]
pub struct Replayed {
    /// How it ended. Of a torn tail the caller records the cut, durably, before it writes.
    pub end: LogEnd,
    /// The last surviving segment, to be [made durable](Sealed::made_durable) and continued.
    pub last: Option<Sealed>,
    /// The surviving segments, oldest first.
    pub segments: Vec<ReplayedSegment>,
    /// How many payloads were handed out.
    pub records: u64,
    /// Bytes behind the end that were written and are dropped.
    pub torn_bytes: u64,
    /// The segments behind the end: nothing of them survives.
    pub dropped_segments: Vec<SegmentId>,
    /// The largest (manifest number, records in it) that any header saw at its birth.
    pub witness: Option<(u64, u64)>,
    /// The largest that a [`Witness`](crate::Witness) was told in any segment; zeros if none was.
    pub told: (u64, u64),
}

/// Which positions a surviving segment holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayedSegment {
    /// Its number.
    pub id: SegmentId,
    /// Position of its first byte.
    pub base: u64,
    /// Offset behind its last record.
    pub end: u64,
    /// Which start of the machine it was made in; 0 if nobody knows.
    pub boot_id: u128,
}

/// Why a replay stopped.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError<E> {
    /// The log is damaged or cannot be read.
    #[error(transparent)]
    Log(#[from] Error),
    /// The callback gave this.
    #[error("a record was not taken")]
    Apply(E),
}

/// Hands every payload to `apply`, in the order in which they were appended, and finds the end.
///
/// `segments` are those that the manifest names, oldest first; the oldest may have predecessors
/// that were freed.
///
/// # Errors
///
/// [`Error::Corrupt`] naming segment and offset if anything is missing, foreign or damaged that
/// a crash does not explain; [`ReplayError::Apply`] with what `apply` gave.
pub fn replay<E>(
    segments: &[SegmentFile],
    context: &ReplayContext,
    mut apply: impl FnMut(RecordRef<'_>) -> Result<(), E>,
) -> Result<Replayed, ReplayError<E>> {
    let mut segments = open(segments, context)?;
    let mut tails: Vec<Tail> = Vec::with_capacity(segments.len());
    let (mut records, mut stop) = (0, None);
    let mut count = |record: RecordRef<'_>| {
        records += 1;
        apply(record)
    };
    for (index, segment) in segments.iter_mut().enumerate() {
        let before = tails.last().copied();
        if let Some(before) = before
            && !segment.continues(&before)?
        {
            stop = Some(Stop { index: index - 1, tail: before, why: log_end::SHORT });
            break;
        }
        let (tail, why) = segment.walk(before.as_ref(), &mut count)?;
        segment.reader.release();
        tails.push(tail);
        if let Some(why) = why {
            stop = Some(Stop { index, tail, why });
            break;
        }
    }
    log_end::check_durable(tails.last(), durable_position(&segments, context))?;
    let verdict = log_end::judge(&mut segments, stop.as_ref(), context.boot_id)?;
    let survivor = |(tail, segment): (&Tail, &OpenSegment<'_>)| ReplayedSegment {
        id: tail.segment,
        base: tail.base,
        end: tail.end,
        boot_id: segment.header.birth.boot_id,
    };
    let dropped = segments.get(tails.len()..).unwrap_or_default();
    Ok(Replayed {
        end: verdict.end,
        torn_bytes: verdict.torn_bytes,
        segments: tails.iter().zip(&segments).map(survivor).collect(),
        last: tails.last().map(|tail| Sealed::of_replayed(*tail)),
        records,
        dropped_segments: dropped.iter().map(OpenSegment::id).collect(),
        witness: segments.iter().map(OpenSegment::witness).max(),
        told: segments.iter().map(OpenSegment::told).max().unwrap_or_default(),
    })
}

/// Position up to which the log is known to have been durable.
fn durable_position(segments: &[OpenSegment<'_>], context: &ReplayContext) -> u64 {
    let Some((id, end)) = context.durable else { return 0 };
    let segment = segments.iter().find(|segment| segment.id() == id);
    segment.map_or(0, |segment| segment.header.base.saturating_add(end))
}

fn open<'f>(
    files: &'f [SegmentFile],
    context: &ReplayContext,
) -> Result<Vec<OpenSegment<'f>>, Error> {
    debug_assert!(files.is_sorted_by(|a, b| a.id < b.id), "segments are given oldest first");
    files.iter().map(|file| OpenSegment::open(file, context)).collect()
}
