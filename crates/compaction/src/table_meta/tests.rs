//! Tables that cannot be are refused, each for its own reason.

use super::*;
use crate::picture;
use crate::test_tables::{Shelf, entry};

fn sample() -> TableMeta {
    picture::table(1, b"a", b"b", 10)
}

fn encode(table: &TableMeta) -> Vec<u8> {
    let mut bytes = Vec::new();
    table.encode(&mut bytes);
    bytes
}

fn check(bytes: &[u8], expected: &'static str) {
    match TableMeta::decode(bytes) {
        Err(DecodeError::Corrupt(corruption)) => assert_eq!(corruption.why, expected),
        other => panic!("{expected}: {other:?}"),
    }
}

#[test]
fn contradictions_are_corruption() {
    let with = |change: fn(&mut TableMeta)| {
        let mut table = sample();
        change(&mut table);
        encode(&table)
    };
    check(&with(|table| table.span.first = b"c".to_vec()), "its first key lies behind its last");
    check(&with(|table| table.span.last = vec![b'z'; MAX_KEY_BYTES + 1]), "a key is too long");
    check(&with(|table| table.seqnos = (2, 1)), "its seqnos cannot be");
    check(&with(|table| table.seqnos = (1, MAX_SEQNO + 1)), "its seqnos cannot be");
    check(&with(|table| table.point_tombstones = 11), "it has more tombstones than entries");
}

#[test]
fn fields_are_there_once_and_in_order() {
    let whole = encode(&sample());
    check(&[], "a field is missing");
    check(&whole[..whole.len() - 4], "a field is missing");
    check(&[&whole[..], &whole[..]].concat(), "its fields do not rise");
    let mut long = Vec::new();
    put_field(&mut long, 2, &[1, 1]);
    check(&long, "a field has bytes left over");
}

#[test]
fn reserved_fields_are_refused_and_later_ones_skipped() {
    let mut bytes = encode(&sample());
    put_field(&mut bytes, 64, b"later");
    assert_eq!(TableMeta::decode(&bytes), Ok(sample()));
    for reserved in [20, 21] {
        let mut bytes = encode(&sample());
        put_field(&mut bytes, reserved, b"");
        let refused = TableMeta::decode(&bytes);
        let what = "field of a table meta";
        let offset = bytes.len() as u64;
        let expected = DecodeError::Unsupported { what, found: reserved, offset };
        assert_eq!(refused, Err(expected));
    }
}

#[test]
fn a_written_table_is_described_as_it_is() {
    let mut writer = Shelf::new().writer().unwrap();
    let versions = [(b"ab".to_vec(), 9, None), (b"c".to_vec(), 4, Some(b"xyz".to_vec()))];
    for version in &versions {
        writer.add(entry(version)).unwrap();
    }
    let written = writer.finish().unwrap();
    let table = TableMeta::of_table(&written);
    assert_eq!((table.id, table.digest), (written.id, written.digest));
    assert_eq!(table.span, KeySpan::new("ab", "c"));
    assert_eq!((table.entries, table.point_tombstones, table.raw_bytes), (2, 1, 6));
    assert_eq!((table.seqnos, table.file_bytes), ((4, 9), written.file_bytes));
    assert_eq!(TableMeta::decode(&encode(&table)), Ok(table));
}
