//! Files that are not what they were: the right data or an error, never anything else.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{ID, MemRead, Row, get_with, in_order, open, source, write, write_as};
use siltstone_base::{Cursor, EntryKind, MAX_SEQNO, checksum};
use siltstone_sstable::{
    BlockCache, BlockSource, Compression, Error, Probe, ReadMode, Table, TableId, TableOptions,
    TableSummary,
};
use siltstone_vfs::{Map, ReadFile};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const MODES: [ReadMode; 2] = [ReadMode::Mmap, ReadMode::Pread];

/// A table with everything in it: several partitions, compressed and other blocks, versions.
fn small() -> (Vec<Row>, Vec<u8>, TableSummary) {
    let mut rows = vec![Row::put("apple", 7, vec![b'a'; 150]), Row::delete("apple", 6)];
    rows.extend((0..6u64).map(|n| Row::put(format!("berry{n}"), 20 + n, format!("value {n}"))));
    rows.extend((1..9u64).map(|n| Row::put("cherry", n, format!("{}", n * n * 12_345))));
    let options = TableOptions {
        block_bytes: 100,
        compression: Compression::Snap,
        partition_bytes: 120,
        ..TableOptions::default()
    };
    let rows = in_order(rows);
    let (bytes, summary) = write(&rows, options);
    (rows, bytes, summary)
}

fn read_all(
    table: &Arc<Table>,
    cursor: impl Fn(&Arc<Table>) -> siltstone_sstable::TableCursor,
) -> Result<Vec<Row>, Error> {
    let mut cursor = cursor(table);
    let mut rows = Vec::new();
    let mut more = cursor.seek_to_first()?;
    while more {
        let entry = cursor.entry();
        let value = (entry.kind == EntryKind::Put).then(|| entry.value.to_vec());
        rows.push(Row { key: entry.key.to_vec(), seqno: entry.seqno, value });
        more = cursor.next()?;
    }
    Ok(rows)
}

/// Opens and reads in every way. What is read must be right; returns whether all of it was.
fn right_or_refused(rows: &[Row], bytes: &[u8], summary: &TableSummary, mode: ReadMode) -> bool {
    let Ok(table) = open(bytes, summary, mode, 10_000) else { return false };
    let mut whole = true;
    for read in [read_all(&table, Table::cursor), read_all(&table, |t| t.scan_input(300))] {
        match read {
            Ok(read) => assert_eq!(read, rows),
            Err(_) => whole = false,
        }
    }
    for row in rows {
        match table.get(&row.key, checksum::of(&row.key), row.seqno, &mut ()) {
            Ok(Some(found)) => assert_eq!(&*found.value, row.entry().value),
            Ok(None) => panic!("{row:?} is gone"),
            Err(_) => whole = false,
        }
    }
    whole & table.verify(&mut |_| ()).is_ok()
}

#[test]
fn a_flipped_bit_is_found_wherever_it_is() {
    let (rows, bytes, summary) = small();
    for mode in MODES {
        assert!(right_or_refused(&rows, &bytes, &summary, mode));
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (at % 8);
            assert!(!right_or_refused(&rows, &damaged, &summary, mode), "byte {at}");
        }
    }
}

#[test]
fn zeroed_stretches_are_found() {
    let (rows, bytes, summary) = small();
    for start in (0..bytes.len()).step_by(16) {
        let mut damaged = bytes.clone();
        let end = bytes.len().min(start + 64);
        damaged[start..end].fill(0);
        assert!(!right_or_refused(&rows, &damaged, &summary, ReadMode::Mmap), "byte {start}");
    }
}

#[test]
fn a_file_of_another_length_is_refused_even_where_its_length_is_believed() {
    let (_, bytes, summary) = small();
    for length in 0..bytes.len() {
        let cut = &bytes[..length];
        assert!(open(cut, &summary, ReadMode::Mmap, 0).unwrap_err().is_corruption());
        let believed = TableSummary { file_bytes: length as u64, ..summary.clone() };
        assert!(open(cut, &believed, ReadMode::Mmap, 0).unwrap_err().is_corruption());
    }
    let longer = [&bytes[..], &[0]].concat();
    assert!(open(&longer, &summary, ReadMode::Pread, 0).unwrap_err().is_corruption());
}

#[test]
fn another_table_in_its_place_is_refused() {
    let (rows, bytes, summary) = small();
    let options = TableOptions { block_bytes: 100, ..TableOptions::default() };
    let other_id = TableId { number: ID.number + 1, ..ID };
    let (other, other_summary) = write_as(other_id, &rows, options);
    let refused = |bytes: &[u8], summary: &TableSummary| {
        assert!(open(bytes, summary, ReadMode::Mmap, 0).unwrap_err().is_corruption());
    };
    refused(&other, &summary);
    refused(&bytes, &other_summary);
    // Even if length and digest on record are those of the foreign file.
    refused(&other, &TableSummary { id: ID, ..other_summary });
}

/// Where the lookups of a probe found their blocks.
#[derive(Debug, Default)]
struct Blocks(Vec<(usize, usize)>);

impl Probe for Blocks {
    fn block(&mut self, offset: u64, bytes: u64, _: BlockSource) {
        self.0.push((usize::try_from(offset).unwrap(), usize::try_from(bytes).unwrap()));
    }
}

/// A table of blocks of one entry and equal length, and where they are.
struct Even {
    rows: Vec<Row>,
    bytes: Vec<u8>,
    summary: TableSummary,
    blocks: Vec<(usize, usize)>,
}

fn even(id: TableId) -> Even {
    let rows: Vec<Row> = (10..60u8).map(|n| Row::put(format!("key{n}"), 5, vec![n; 60])).collect();
    let options = TableOptions { block_bytes: 64, ..TableOptions::default() };
    let (bytes, summary) = write_as(id, &rows, options);
    let table = open(&bytes, &summary, ReadMode::Mmap, 1 << 20).unwrap();
    let mut blocks = Blocks::default();
    for row in &rows {
        get_with(&table, &row.key, MAX_SEQNO, &mut blocks).unwrap().unwrap();
    }
    blocks.0.dedup();
    assert!(blocks.0.len() > 5);
    Even { rows, bytes, summary, blocks: blocks.0 }
}

#[test]
fn an_intact_block_in_a_wrong_place_is_found() {
    let Even { rows, bytes, summary, blocks } = even(ID);
    let [(first, length), (second, other_length)] = blocks[1..3] else { panic!("two blocks") };
    assert_eq!(length, other_length);
    let sealed = length + 9;
    let mut swapped = bytes.clone();
    swapped[first..first + sealed].copy_from_slice(&bytes[second..second + sealed]);
    swapped[second..second + sealed].copy_from_slice(&bytes[first..first + sealed]);

    let foreign = even(TableId { epoch: 1, number: 1 }).bytes;
    let mut grafted = bytes.clone();
    grafted[first..first + sealed].copy_from_slice(&foreign[first..first + sealed]);

    for mode in MODES {
        for damaged in [&swapped, &grafted] {
            assert!(!right_or_refused(&rows, damaged, &summary, mode));
            let table = open(damaged, &summary, mode, 1 << 20).unwrap();
            let error = read_all(&table, Table::cursor).unwrap_err();
            let expected = first as u64;
            let Error::Corrupt { table, corruption } = error else { panic!("{error}") };
            assert_eq!((table, corruption.offset), (ID, expected));
        }
    }
}

/// A file whose reads fail while the switch is on, and which cannot be mapped.
#[derive(Debug)]
struct Failing {
    file: MemRead,
    fails: AtomicBool,
}

impl ReadFile for Failing {
    fn bytes(&self) -> io::Result<u64> {
        self.file.bytes()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if self.fails.load(Ordering::Relaxed) {
            return Err(io::Error::other("the disk is gone"));
        }
        self.file.read_at(buffer, offset)
    }

    fn map(&self) -> io::Result<Option<Map>> {
        Ok(None)
    }
}

#[test]
fn a_failed_read_is_told_and_the_next_one_may_succeed() {
    let (rows, bytes, summary) = small();
    let file = Failing { file: MemRead(Arc::from(bytes)), fails: AtomicBool::new(false) };
    let file = Arc::new(file);
    let mut source = source(&[], &summary, ReadMode::Mmap);
    source.file = Arc::clone(&file) as Arc<dyn ReadFile>;
    let table = Table::open(source, Arc::new(BlockCache::new(0))).unwrap();
    assert_eq!(table.read_mode(), ReadMode::Pread);

    let mut cursor = table.cursor();
    assert!(cursor.seek_to_first().unwrap());
    file.fails.store(true, Ordering::Relaxed);
    let failed = loop {
        match cursor.next() {
            Ok(true) => {}
            Ok(false) => panic!("the table did not end here"),
            Err(error) => break error,
        }
    };
    assert!(matches!(failed, Error::Io { table: ID, .. }) && !failed.is_corruption());
    assert!(!cursor.valid() && !cursor.next().unwrap() && !cursor.prev().unwrap());
    assert!(get_with(&table, b"berry3", 99, &mut ()).is_err());
    file.fails.store(false, Ordering::Relaxed);
    let last = rows.last().unwrap();
    assert!(cursor.seek(&last.key, last.seqno).unwrap());
    assert_eq!(cursor.entry(), last.entry());
    assert!(right_or_refused(&rows, &file.file.0, &summary, ReadMode::Pread));
}
