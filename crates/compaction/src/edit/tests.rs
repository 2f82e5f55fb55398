//! Edits as bytes: what is written is read, and nothing else is.

use super::*;
use crate::picture::{id, table};
use proptest::prelude::*;

const GOLDEN: &str = include_str!("../../tests/golden/version_edit.hex");

/// The edit of docs/formats.md §7 and of the golden file.
fn example() -> VersionEdit {
    let mut added = table(7, b"apple", b"fig", 1234);
    added.id.epoch = 0x0102_0304_0506_0708;
    added.digest = 0x1122_3344_5566_7788;
    added.entries = 300;
    added.point_tombstones = 2;
    added.raw_bytes = 2000;
    added.seqnos = (5, 904);
    added.born = 1_000_000;
    added.data_age = (999_000, 1_000_000);
    added.oldest_tombstone = Some(999_500);
    let mut removed = id(6);
    removed.epoch = added.id.epoch;
    VersionEdit {
        removed: vec![removed],
        added: vec![Placed { level: 5, run: RunId(130), table: added }],
    }
}

fn encode(edit: &VersionEdit) -> Vec<u8> {
    let mut bytes = Vec::new();
    edit.encode(&mut bytes);
    bytes
}

/// The bytes of a text of hex digits, `#` beginning a comment.
fn unhex(text: &str) -> Vec<u8> {
    let code = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    let digits: String = code.flat_map(str::chars).filter(|c| !c.is_whitespace()).collect();
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(byte).collect()
}

#[test]
fn the_released_bytes_are_written_and_read() {
    assert_eq!(encode(&example()), unhex(GOLDEN), "written: {:02x?}", encode(&example()));
    assert_eq!(VersionEdit::decode(&unhex(GOLDEN)), Ok(example()));
}

#[test]
fn nothing_is_an_edit_that_changes_nothing() {
    assert!(encode(&VersionEdit::default()).is_empty());
    assert!(VersionEdit::decode(&[]).unwrap().is_empty());
}

#[test]
fn unknown_fields_are_refused_below_64_and_skipped_from_there() {
    let mut bytes = encode(&example());
    put_field(&mut bytes, 64, b"later");
    assert_eq!(VersionEdit::decode(&bytes), Ok(example()));
    let offset = bytes.len() as u64 + 2;
    put_field(&mut bytes, 63, b"now");
    let what = "field of a version edit";
    let refused = DecodeError::Unsupported { what, found: 63, offset };
    assert_eq!(VersionEdit::decode(&bytes), Err(refused));
}

#[test]
fn every_cut_is_an_error_or_a_whole_number_of_fields() {
    let bytes = encode(&example());
    let removal = 2 + 16;
    for cut in 1..bytes.len() {
        assert_eq!(VersionEdit::decode(&bytes[..cut]).is_ok(), cut == removal, "{cut}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        removed in prop::collection::vec(any::<u128>(), 0..4),
        numbers in prop::collection::vec((any::<u64>(), any::<u8>(), any::<u32>()), 0..4),
        keys in prop::collection::vec(any::<u8>(), 0..9),
        tombstone in any::<Option<u64>>(),
    ) {
        let added = numbers.into_iter().map(|(number, level, small)| {
            let mut table = table(number, &keys[..keys.len() / 2], &keys, number);
            table.seqnos = (u64::from(small) / 2, u64::from(small));
            table.oldest_tombstone = tombstone;
            Placed { level, run: RunId(number), table }
        });
        let removed = removed.into_iter().map(TableId::from_u128).collect();
        let edit = VersionEdit { removed, added: added.collect() };
        prop_assert_eq!(VersionEdit::decode(&encode(&edit)), Ok(edit));
    }

    #[test]
    fn any_bytes_are_an_edit_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        if let Ok(edit) = VersionEdit::decode(&bytes) {
            prop_assert!(VersionEdit::decode(&encode(&edit)).as_ref() == Ok(&edit));
        }
    }

    #[test]
    fn a_changed_byte_never_panics(at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let mut bytes = encode(&example());
        let at = at.index(bytes.len());
        bytes[at] = to;
        if let Ok(edit) = VersionEdit::decode(&bytes) {
            prop_assert_eq!(VersionEdit::decode(&encode(&edit)), Ok(edit));
        }
    }
}
