//! Blocks against sorted lists, and bytes that are no blocks.

use super::*;
use crate::block_builder::BlockBuilder;
use proptest::prelude::*;
use siltstone_base::Entry;

type Row = (Vec<u8>, Seqno, bool, Vec<u8>);

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let key = proptest::collection::vec(prop_oneof![Just(0u8), Just(b'a'), Just(255)], 0..9);
    let row = (key, 1u64..40, any::<bool>(), proptest::collection::vec(any::<u8>(), 0..9));
    (proptest::collection::vec(row, 1..60), proptest::collection::vec(any::<u8>(), 0..6)).prop_map(
        |(mut rows, prefix)| {
            for (key, ..) in &mut rows {
                key.splice(0..0, prefix.iter().copied());
            }
            rows.sort_by(|a, b| internal_cmp((&a.0, a.1), (&b.0, b.1)));
            rows.dedup_by(|a, b| (&a.0, a.1) == (&b.0, b.1));
            rows
        },
    )
}

fn encode(rows: &[Row]) -> Vec<u8> {
    let mut builder = BlockBuilder::default();
    for (key, seqno, put, value) in rows {
        let (kind, value) =
            if *put { (EntryKind::Put, &value[..]) } else { (EntryKind::Delete, &[][..]) };
        builder.add(&Entry { key, seqno: *seqno, kind, value });
    }
    let mut bytes = Vec::new();
    builder.encode(&mut bytes);
    bytes
}

/// Touches everything that can be touched.
fn walk(bytes: &[u8], probe: &[u8]) {
    if let Ok(block) = Block::parse(bytes) {
        for index in 0..block.count().min(500) {
            let _ = block.entry(index);
        }
        let _ = (block.lower_bound(probe, 7), block.find(probe, 7));
        let _ = block.lower_bound(&[block.common(), probe].concat(), 7);
    }
}

proptest! {
    #[test]
    fn entries_come_back_and_are_found_where_a_sorted_list_has_them(
        rows in rows(),
        probe in proptest::collection::vec(any::<u8>(), 0..9),
        seqno in 0u64..42,
    ) {
        let bytes = encode(&rows);
        let block = Block::parse(&bytes).unwrap();
        prop_assert_eq!(block.count(), rows.len());
        for (index, (key, seqno, put, value)) in rows.iter().enumerate() {
            let entry = block.entry(index).unwrap();
            prop_assert_eq!([block.common(), entry.rest].concat(), &key[..]);
            prop_assert_eq!((entry.seqno, entry.kind == EntryKind::Put), (*seqno, *put));
            prop_assert_eq!(&bytes[entry.value], if *put { &value[..] } else { &[] });
        }
        for key in rows.iter().map(|row| &row.0).chain([&probe]) {
            let expected = rows
                .partition_point(|row| internal_cmp((&row.0, row.1), (key, seqno)).is_lt());
            prop_assert_eq!(block.lower_bound(key, seqno).unwrap(), expected);
            let version = match block.find(key, seqno).unwrap() {
                Version::Found(entry) => Some(Some(entry.seqno)),
                Version::Absent => Some(None),
                Version::GoesOn => None,
            };
            let row = rows.get(expected);
            let same = |row: &Row| (row.0 == *key).then_some(row.1);
            prop_assert_eq!(version, row.map(same));
        }
    }

    #[test]
    fn any_bytes_give_entries_or_errors(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        probe in proptest::collection::vec(any::<u8>(), 0..4),
    ) {
        walk(&bytes, &probe);
    }

    #[test]
    fn damaged_blocks_give_entries_or_errors(
        rows in rows(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
        probe in proptest::collection::vec(any::<u8>(), 0..4),
    ) {
        let mut bytes = encode(&rows);
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        walk(&bytes, &probe);
        walk(&bytes[..cut.index(bytes.len())], &probe);
    }
}

#[test]
fn forged_lengths_and_seqnos_do_not_overflow() {
    let block = |base: u64, entry: &[u8]| {
        let mut bytes = vec![1, 0, 0, 0, 0, 0, 0, 0];
        bytes.extend_from_slice(&base.to_le_bytes());
        bytes.extend_from_slice(&[0, 0, 0, 0, 0, 0, u8::try_from(entry.len()).unwrap(), 0]);
        bytes.extend_from_slice(entry);
        bytes
    };
    let largest = [255, 255, 255, 255, 255, 255, 255, 255, 255, 1];
    let good = block(7, &[1, 0]);
    assert_eq!(Block::parse(&good).unwrap().entry(0).unwrap().seqno, 7);
    for forged in [
        block(7, &[&[1][..], &largest].concat()),
        block(7, &[&largest[..], &[0]].concat()),
        block(u64::MAX, &[0x11, 0]),
        block(MAX_SEQNO, &[0x11, 0]),
    ] {
        assert!(Block::parse(&forged).unwrap().entry(0).is_err());
    }
}

#[test]
fn a_large_entry_area_has_wide_offsets() {
    let row = |key: &[u8], bytes| (key.to_vec(), 5, true, vec![3; bytes]);
    for bytes in [60_000, 65_535, 70_000, 200_000] {
        let rows = vec![row(b"a", 3), row(b"b", bytes), row(b"c", 2)];
        let encoded = encode(&rows);
        let block = Block::parse(&encoded).unwrap();
        let entry = block.entry(1).unwrap();
        assert_eq!(entry.value.len(), bytes);
        assert_eq!(block.lower_bound(b"c", 9).unwrap(), 2);
    }
}
