//! Records whose sums are right and which no writer of this version writes there: a mistake of
//! ours or a newer version's, never the end of a log.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use common::{DATABASE, Log, RECORDS_OFFSET, index};
use siltstone_base::checksum;
use siltstone_wal::{Error, SegmentId};

const DATA: u8 = 1;
const BEACON: u8 = 2;
const LINK: u8 = 3;

struct Forged<'a> {
    kind: u8,
    synced_end: u64,
    payload: &'a [u8],
    padding: u8,
}

impl<'a> Forged<'a> {
    fn new(kind: u8, payload: &'a [u8]) -> Self {
        Self { kind, synced_end: 0, payload, padding: 0 }
    }

    /// Puts the record at `offset`, with the sum that it must have there.
    fn put(&self, log: &Log, segment: SegmentId, offset: u64) {
        let length = u32::try_from(self.payload.len()).unwrap().to_le_bytes();
        let mut bytes = [&b"SR\x1e"[..], &[self.kind], &length].concat();
        bytes.extend_from_slice(&self.synced_end.to_le_bytes());
        let kind = u128::from(u64::from_le_bytes(*b"SILTWLOG"));
        let identity = DATABASE ^ (u128::from(segment.0) << 64 | kind);
        let sum = checksum::of_pieces(identity, offset, &[&bytes, self.payload]);
        bytes.extend_from_slice(&sum.to_le_bytes());
        bytes.extend_from_slice(self.payload);
        bytes.resize(bytes.len().next_multiple_of(8), self.padding);
        log.change(segment, |file| {
            file[index(offset)..index(offset) + bytes.len()].copy_from_slice(&bytes);
        });
    }
}

/// Puts a record behind the only record of a log and replays it.
fn behind(forged: &Forged<'_>) -> Result<usize, Error> {
    let mut log = Log::drawn("a");
    let end = log.writer().end();
    forged.put(&log, SegmentId(1), end);
    log.replay_in(99).map(|(payloads, _)| payloads.len())
}

#[track_caller]
fn refused(found: Result<usize, Error>, why: &str) {
    let error = found.unwrap_err();
    assert!(error.is_corruption() && error.to_string().contains(why), "{error}");
}

#[test]
fn a_record_as_a_writer_writes_it_is_taken() {
    assert_eq!(behind(&Forged::new(DATA, b"b")).unwrap(), 2);
    assert_eq!(behind(&Forged::new(BEACON, b"")).unwrap(), 1);
}

#[test]
fn a_kind_of_a_newer_version_is_not_supported() {
    for kind in [0, 4, 200] {
        let error = behind(&Forged::new(kind, b"")).unwrap_err();
        let known = matches!(error, Error::Unsupported { what: "record kind", found, .. }
            if found == u64::from(kind));
        assert!(known && !error.is_corruption(), "{error}");
        assert_eq!(error.segment(), Some(SegmentId(1)));
    }
}

#[test]
fn a_beacon_with_a_payload_is_corruption() {
    refused(behind(&Forged::new(BEACON, b"x")), "payload");
}

/// A torn write may leave garbage in the last bytes of a record whose sum is right.
#[test]
fn a_record_with_padding_that_is_not_zero_is_a_bad_one() {
    let bad = Forged { padding: 1, ..Forged::new(DATA, b"b") };
    assert_eq!(behind(&bad).unwrap(), 1, "a torn tail");
    let mut log = Log::drawn("a");
    let end = log.writer().end();
    bad.put(&log, SegmentId(1), end);
    let next = end + 32;
    Forged { synced_end: next, ..Forged::new(BEACON, b"") }.put(&log, SegmentId(1), next);
    refused(log.replay_in(99).map(|found| found.0.len()), "was durable");
}

#[test]
fn nothing_calls_itself_durable() {
    let own = Log::drawn("a").writer().position();
    assert_eq!(behind(&Forged { synced_end: own, ..Forged::new(BEACON, b"") }).unwrap(), 1);
    refused(behind(&Forged { synced_end: own + 1, ..Forged::new(BEACON, b"") }), "comes after");
}

#[test]
fn a_link_stands_nowhere_but_first() {
    refused(behind(&Forged::new(LINK, &[0; 32])), "where none may");
    let log = Log::drawn("");
    Forged::new(LINK, &[0; 32]).put(&log, SegmentId(1), RECORDS_OFFSET);
    refused(log.replay_in(99).map(|found| found.0.len()), "where none may");
}

#[test]
fn a_segment_with_a_predecessor_begins_with_a_sound_link() {
    let base = Log::drawn("a").writer().position();
    let link = |predecessor: u64, base: u64| {
        let numbers = [predecessor, 0, 0, base].map(u64::to_le_bytes);
        Forged::new(LINK, &numbers.concat()).check_first()
    };
    for (error, why) in [
        (Forged::new(DATA, b"b").check_first(), "does not link"),
        (Forged::new(BEACON, b"").check_first(), "does not link"),
        (Forged::new(LINK, &[0; 31]).check_first(), "another length"),
        (Forged::new(LINK, &[0; 40]).check_first(), "another length"),
        (link(1, base + 8), "contradicts"),
        (link(2, base), "contradicts"),
    ] {
        for found in error {
            refused(found, why);
        }
    }
    // With the predecessor gone its end is not known any more.
    assert!(link(1, base)[1].is_ok());
    assert!(link(1, base)[0].is_err());
}

impl Forged<'_> {
    /// What a replay finds with this as the first record of segment 2: of both segments, and of
    /// the second alone.
    fn check_first(&self) -> [Result<usize, Error>; 2] {
        let mut log = Log::drawn("a |");
        self.put(&log, SegmentId(2), RECORDS_OFFSET);
        let both = log.replay_in(99).map(|found| found.0.len());
        log.damage("-1");
        [both, log.replay_in(99).map(|found| found.0.len())]
    }
}
