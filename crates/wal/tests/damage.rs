//! What no drawing covers: every length, every bit, every sector, and bytes of no log at all.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use common::{Log, RECORDS_OFFSET, index, path, record};
use proptest::collection::vec;
use proptest::prelude::*;
use siltstone_vfs::Vfs;
use siltstone_wal::{LogEnd, SegmentId};

/// Three segments with records of many lengths, all durable, and a beacon last.
fn synced_log() -> (Log, Vec<Vec<u8>>) {
    let mut log = Log::new();
    let mut payloads = Vec::new();
    for number in 0..12_u8 {
        let payload = vec![number + 1; usize::from(number) * 3];
        log.append(&number.to_string(), &payload).unwrap();
        payloads.push(payload);
        match number {
            2 | 6 => log.sync().unwrap(),
            3 | 7 => log.rotate().unwrap(),
            _ => {}
        }
    }
    log.sync().unwrap();
    (log, payloads)
}

#[test]
fn every_length_gives_the_records_that_are_whole() {
    let mut log = Log::new();
    let mut ends = Vec::new();
    for name in ["a", "bb", "ccc", "dddd"] {
        log.append(name, &record(name)).unwrap();
        ends.push(log.writer().end());
    }
    let bytes = log.vfs.read(path(SegmentId(1))).unwrap();
    for length in RECORDS_OFFSET..bytes.len() as u64 {
        log.vfs.write(path(SegmentId(1)), &bytes[..index(length)]).unwrap();
        let whole = ends.iter().filter(|end| **end <= length).count();
        let ended = whole.checked_sub(1).map_or(RECORDS_OFFSET, |last| ends[last]);
        let (payloads, replayed) = log.replay().unwrap();
        assert_eq!(payloads.len(), whole, "{length}");
        match replayed.end {
            LogEnd::Clean => assert!(length == ended || whole == ends.len(), "{length}"),
            LogEnd::Torn { offset, .. } => assert_eq!((offset, offset < length), (ended, true)),
            _ => panic!("{length}"),
        }
        assert_eq!(replayed.last.unwrap().end(), ended);
    }
}

#[test]
fn no_flipped_bit_of_a_synced_log_loses_or_changes_a_record() {
    let (log, payloads) = synced_log();
    let mut refused = 0;
    for segment in [SegmentId(1), SegmentId(2), SegmentId(3)] {
        let bytes = log.vfs.read(path(segment)).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            log.vfs.write(path(segment), &flipped).unwrap();
            for boot_id in [log.vfs.boot_id(), 99] {
                match log.replay_in(boot_id) {
                    Ok((found, _)) => assert_eq!(found, payloads, "{segment}, bit {bit}"),
                    Err(_) => refused += 1,
                }
            }
        }
        log.vfs.write(path(segment), &bytes).unwrap();
    }
    assert!(refused > 10_000, "{refused}");
}

#[test]
fn no_zeroed_sector_of_a_synced_log_loses_a_record() {
    for sector in [8, 24, 64, 512] {
        let (mut log, payloads) = synced_log();
        let (last, beacon, _) = log.places["!3"];
        for segment in [SegmentId(1), SegmentId(2), SegmentId(3)] {
            let bytes = log.vfs.read(path(segment)).unwrap();
            for start in (0..bytes.len()).step_by(sector) {
                let mut zeroed = bytes.clone();
                let end = bytes.len().min(start + sector);
                zeroed[start..end].fill(0);
                log.vfs.write(path(segment), &zeroed).unwrap();
                // A sector may take the last record and its beacon together: then only somebody
                // else can know.
                let takes_beacon = segment.0 == last && end > index(beacon);
                for durable in [None, Some((SegmentId(last), beacon))] {
                    log.durable = durable;
                    if let Ok((found, _)) = log.replay_in(99) {
                        let may_lose = takes_beacon && durable.is_none();
                        assert!(found == payloads || may_lose, "{segment}, sector {start}");
                        assert_eq!(found, payloads[..found.len()]);
                    }
                }
            }
            log.vfs.write(path(segment), &bytes).unwrap();
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_behind_a_header_give_a_verdict(
        tail in vec(prop_oneof![4 => Just(0), 1 => any::<u8>()], 0..200),
        heads in vec((any::<prop::sample::Index>(), 0..5_u8, 0..64_u32), 0..4),
        boot_id in 0..2_u128,
    ) {
        let log = Log::drawn("");
        log.change(SegmentId(1), |file| {
            file.truncate(index(RECORDS_OFFSET));
            file.extend_from_slice(&tail);
            for (at, kind, length) in heads {
                let at = at.index(file.len() - 127) + 127;
                let head = [&[b'S', b'R', 0x1e, kind][..], &length.to_le_bytes()].concat();
                for (target, byte) in file[at..].iter_mut().zip(head) {
                    *target = byte;
                }
            }
        });
        if let Ok((payloads, _)) = log.replay_in(boot_id) {
            prop_assert!(payloads.is_empty());
        }
    }

    #[test]
    fn bytes_replaced_anywhere_give_a_prefix_or_an_error(
        segment in 1..=3_u64,
        at in any::<prop::sample::Index>(),
        bytes in vec(any::<u8>(), 1..40),
        boot_id in 0..2_u128,
    ) {
        let (log, payloads) = synced_log();
        log.change(SegmentId(segment), |file| {
            let at = at.index(file.len());
            for (target, byte) in file[at..].iter_mut().zip(bytes) {
                *target = byte;
            }
        });
        if let Ok((found, _)) = log.replay_in(boot_id) {
            prop_assert_eq!(&found[..], &payloads[..found.len()]);
        }
    }
}
