//! A table against a sorted list of the same entries.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Row, assert_found, expected, get, in_order, lower_bound, open, write};
use proptest::prelude::*;
use siltstone_base::{Cursor, MAX_SEQNO};
use siltstone_sstable::{Compression, ReadMode, Table, TableCursor, TableOptions};
use std::sync::Arc;

fn keys() -> impl Strategy<Value = Vec<u8>> {
    let bytes = prop_oneof![Just(0u8), Just(b'a'), Just(b'b'), Just(255)];
    prop_oneof![
        3 => proptest::collection::vec(bytes, 0..6),
        2 => (0u32..500).prop_map(|n| format!("a/long/common/prefix/{n:08}").into_bytes()),
        1 => (0usize..40).prop_map(|n| vec![255; n]),
        1 => (0usize..300).prop_map(|n| vec![b'a'; n]),
    ]
}

fn values() -> impl Strategy<Value = Option<Vec<u8>>> {
    prop_oneof![
        1 => Just(None),
        2 => proptest::collection::vec(any::<u8>(), 0..30).prop_map(Some),
        1 => (any::<u8>(), 0usize..600).prop_map(|(byte, bytes)| Some(vec![byte; bytes])),
    ]
}

fn tables() -> impl Strategy<Value = Vec<Row>> {
    let row =
        (keys(), 1u64..20, values()).prop_map(|(key, seqno, value)| Row { key, seqno, value });
    // A handful of keys with many versions each, so that versions straddle blocks.
    let versions = (keys(), 1u64..60, values()).prop_map(|(key, count, value)| -> Vec<Row> {
        let row = |seqno| Row { key: key.clone(), seqno: 3 * seqno, value: value.clone() };
        (1..=count).map(row).collect()
    });
    (proptest::collection::vec(row, 1..150), proptest::collection::vec(versions, 0..3))
        .prop_map(|(rows, versions)| in_order([rows, versions.concat()].concat()))
}

fn options() -> impl Strategy<Value = TableOptions> {
    let block = prop_oneof![Just(64usize), Just(200), Just(1000), Just(4096)];
    let partition = prop_oneof![Just(1usize), Just(200), Just(64 << 10)];
    let filter = prop_oneof![Just(0u8), Just(1), Just(10)];
    (block, any::<bool>(), filter, partition).prop_map(|(block, snap, filter, partition)| {
        TableOptions {
            block_bytes: block,
            compression: if snap { Compression::Snap } else { Compression::None },
            filter_bits_per_key: filter,
            partition_bytes: partition,
        }
    })
}

fn modes() -> impl Strategy<Value = (ReadMode, u64)> {
    let mode = prop_oneof![Just(ReadMode::Mmap), Just(ReadMode::Pread)];
    // Caches that hold nothing, little, everything.
    (mode, prop_oneof![Just(0u64), Just(2_000), Just(1 << 20)])
}

#[derive(Clone, Debug)]
enum Move {
    First,
    Last,
    Seek(Vec<u8>, u64),
    SeekForPrev(Vec<u8>, u64),
    Next,
    Prev,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let step = prop_oneof![
        1 => Just(Move::First),
        1 => Just(Move::Last),
        3 => (keys(), 0u64..62).prop_map(|(key, seqno)| Move::Seek(key, seqno)),
        3 => (keys(), 0u64..62).prop_map(|(key, seqno)| Move::SeekForPrev(key, seqno)),
        6 => Just(Move::Next),
        6 => Just(Move::Prev),
    ];
    proptest::collection::vec(step, 0..80)
}

/// Where the move leads in a sorted list.
fn moved(rows: &[Row], at: Option<usize>, step: &Move) -> Option<usize> {
    let to = match step {
        Move::First => Some(0),
        Move::Last => rows.len().checked_sub(1),
        Move::Seek(key, seqno) => Some(lower_bound(rows, key, *seqno)),
        Move::SeekForPrev(key, seqno) => {
            let at = lower_bound(rows, key, *seqno);
            match rows.get(at) {
                Some(row) if row.key == *key && row.seqno == *seqno => Some(at),
                _ => at.checked_sub(1),
            }
        }
        Move::Next => at.map(|at| at + 1),
        Move::Prev => at.and_then(|at| at.checked_sub(1)),
    };
    to.filter(|&to| to < rows.len())
}

fn make(cursor: &mut TableCursor, step: &Move) -> bool {
    let moved = match step {
        Move::First => cursor.seek_to_first(),
        Move::Last => cursor.seek_to_last(),
        Move::Seek(key, seqno) => cursor.seek(key, *seqno),
        Move::SeekForPrev(key, seqno) => cursor.seek_for_prev(key, *seqno),
        Move::Next => cursor.next(),
        Move::Prev => cursor.prev(),
    };
    moved.unwrap()
}

fn check_scans(table: &Arc<Table>, rows: &[Row]) {
    for mut cursor in [table.cursor(), table.scan_input(0), table.scan_input(1000)] {
        assert!(!cursor.valid() && !cursor.next().unwrap() && !cursor.prev().unwrap());
        let mut more = cursor.seek_to_first().unwrap();
        for row in rows {
            assert!(more && cursor.valid());
            assert_eq!(cursor.entry(), row.entry());
            more = cursor.next().unwrap();
        }
        assert!(!more && !cursor.valid() && !cursor.next().unwrap());
        let mut more = cursor.seek_to_last().unwrap();
        for row in rows.iter().rev() {
            assert!(more);
            assert_eq!(cursor.entry(), row.entry());
            assert_eq!(&*cursor.pin_value(), row.entry().value);
            more = cursor.prev().unwrap();
        }
        assert!(!more && !cursor.valid() && !cursor.prev().unwrap());
    }
}

fn check_gets(table: &Table, rows: &[Row]) {
    for row in rows {
        for seqno in [0, row.seqno - 1, row.seqno, row.seqno + 1, MAX_SEQNO] {
            let found = get(table, &row.key, seqno).unwrap();
            assert_found(found, expected(rows, &row.key, seqno));
        }
        let absent = [&row.key[..], b"\0"].concat();
        assert_found(get(table, &absent, 30).unwrap(), expected(rows, &absent, 30));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_table_answers_like_a_sorted_list(
        rows in tables(),
        options in options(),
        (mode, cache_bytes) in modes(),
        moves in moves(),
    ) {
        let (bytes, summary) = write(&rows, options);
        let table = open(&bytes, &summary, mode, cache_bytes).unwrap();
        prop_assert_eq!(table.properties(), &summary.properties);
        check_gets(&table, &rows);
        check_scans(&table, &rows);
        for mut cursor in [table.cursor(), table.scan_input(500)] {
            let mut at = None;
            for step in &moves {
                at = moved(&rows, at, step);
                prop_assert_eq!(make(&mut cursor, step), at.is_some(), "{:?}", step);
                prop_assert_eq!(cursor.valid(), at.is_some());
                if let Some(at) = at {
                    prop_assert_eq!(cursor.entry(), rows[at].entry(), "{:?}", step);
                }
            }
        }
        let mut on_block = 0;
        let report = table.verify(&mut |bytes| on_block += bytes).unwrap();
        prop_assert_eq!(report.entries, rows.len() as u64);
        prop_assert_eq!(report.blocks, summary.properties.data_blocks);
        prop_assert_eq!(on_block, summary.properties.data_bytes);
    }
}

#[test]
fn the_longest_keys_and_large_values_come_back() {
    let long = |byte: u8, last: u8| {
        let mut key = vec![byte; 65_535];
        key[65_534] = last;
        key
    };
    let rows = in_order(vec![
        Row::put("", 1, ""),
        Row::put("", 2, vec![1; 70_000]),
        Row::put("\0", 3, "zero"),
        Row::put(long(b'k', 1), 9, vec![2; 1 << 20]),
        Row::delete(long(b'k', 1), 8),
        Row::put(long(b'k', 2), 7, "x"),
        Row::put(long(b'k', 3), 7, ""),
        Row::put(long(255, 255), 5, vec![0; 5000]),
        Row::put(long(255, 255), 4, "older"),
        Row::put(vec![255; 65_534], 4, "shorter"),
    ]);
    for mode in [ReadMode::Mmap, ReadMode::Pread] {
        for compression in [Compression::None, Compression::Snap] {
            for block_bytes in [64, 4096, 1 << 20] {
                let options = TableOptions { block_bytes, compression, ..TableOptions::default() };
                let (bytes, summary) = write(&rows, options);
                let table = open(&bytes, &summary, mode, 1 << 20).unwrap();
                check_gets(&table, &rows);
                check_scans(&table, &rows);
                table.verify(&mut |_| ()).unwrap();
            }
        }
    }
}

#[test]
fn a_pinned_value_outlives_table_and_cache() {
    let rows = [Row::put("k", 1, vec![9; 10_000])];
    for mode in [ReadMode::Mmap, ReadMode::Pread] {
        for compression in [Compression::None, Compression::Snap] {
            let options = TableOptions { compression, ..TableOptions::default() };
            let (bytes, summary) = write(&rows, options);
            let table = open(&bytes, &summary, mode, 1 << 20).unwrap();
            let mut cursor = table.cursor();
            assert!(cursor.seek_to_last().unwrap());
            let values = [get(&table, b"k", 5).unwrap().unwrap().value, cursor.pin_value()];
            drop((cursor, table));
            assert!(values.iter().all(|value| **value == [9; 10_000]));
        }
    }
}

#[test]
fn offsets_rise_with_keys_and_splits_cut_where_keys_are() {
    let rows: Vec<Row> =
        (0..5000).map(|n| Row::put(format!("key{n:05}"), n + 1, vec![1; 100])).collect();
    let options = TableOptions { partition_bytes: 2000, ..TableOptions::default() };
    let (bytes, summary) = write(&rows, options);
    let table = open(&bytes, &summary, ReadMode::Mmap, 1 << 20).unwrap();
    let offset = |key: &str| table.approximate_offset(key.as_bytes()).unwrap();
    let data = summary.properties.data_bytes;
    assert_eq!((offset(""), offset("key99999")), (0, data));
    let middle = offset("key02500");
    assert!(middle > data * 48 / 100 && middle < data * 52 / 100, "{middle} of {data}");
    assert!(rows.is_sorted_by_key(|row| table.approximate_offset(&row.key).unwrap()));

    assert_eq!(table.approximate_splits(1).unwrap(), Vec::<Vec<u8>>::new());
    let splits = table.approximate_splits(4).unwrap();
    assert_eq!(splits.len(), 3);
    for (at, split) in splits.iter().enumerate() {
        let below = rows.partition_point(|row| row.key <= *split);
        let wanted = (at + 1) * 5000 / 4;
        assert!(below.abs_diff(wanted) < 100, "{below} for {wanted}");
    }
    let all = table.approximate_splits(usize::MAX).unwrap();
    assert!(all.is_sorted() && all.len() as u64 == summary.properties.data_blocks - 1);
}
