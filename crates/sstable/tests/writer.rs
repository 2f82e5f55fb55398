//! What a writer refuses, how it lays a table out, and what a lookup touches there.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{ID, MemAppend, Row, get_with, in_order, open, write};
use siltstone_base::{Entry, EntryKind, MAX_KEY_BYTES, MAX_SEQNO, MAX_VALUE_BYTES};
use siltstone_sstable::{
    BlockSource, Compression, Error, FilterVerdict, Origin, Probe, ReadMode, TableOptions,
    TableWriter,
};
use siltstone_vfs::AppendFile;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn writer(file: impl AppendFile + 'static) -> TableWriter {
    let options = TableOptions::default();
    TableWriter::new(Box::new(file), ID, options, Origin::default()).unwrap()
}

fn put<'a>(key: &'a [u8], seqno: u64, value: &'a [u8]) -> Entry<'a> {
    Entry { key, seqno, kind: EntryKind::Put, value }
}

#[test]
fn entries_out_of_order_are_refused_and_change_nothing() {
    let mut table = writer(MemAppend::default());
    table.add(put(b"m", 5, b"")).unwrap();
    for (key, seqno) in [(&b"m"[..], 5), (b"m", 6), (b"l", 1), (b"", 9)] {
        let refused = table.add(put(key, seqno, b"")).unwrap_err();
        assert!(matches!(refused, Error::OutOfOrder { table: ID }));
    }
    table.add(put(b"m", 4, b"")).unwrap();
    table.add(put(b"m\0", 9, b"")).unwrap();
    assert_eq!((table.entries(), table.last_key()), (3, Some(&b"m\0"[..])));
    assert_eq!(table.finish().unwrap().properties.entries, 3);
}

#[test]
fn keys_and_values_over_their_limits_are_refused_by_name() {
    let mut table = writer(MemAppend::default());
    let long = vec![b'k'; MAX_KEY_BYTES + 1];
    let refused = table.add(put(&long, 1, b"")).unwrap_err();
    assert!(matches!(refused, Error::TooLarge { what: "key", bytes: 65_536, most: 65_535, .. }));
    let huge = vec![0; MAX_VALUE_BYTES + 1];
    let refused = table.add(put(b"k", 1, &huge)).unwrap_err();
    assert!(matches!(refused, Error::TooLarge { what: "value", .. }));
    assert_eq!(table.entries(), 0);
    assert!(matches!(table.finish(), Err(Error::Empty { table: ID })));
}

#[test]
fn the_properties_count_what_was_added() {
    let rows = [Row::put("a", 9, "12345"), Row::delete("a", 3), Row::put("bb", 4, "")];
    let (_, summary) = write(&rows, TableOptions::default());
    let properties = &summary.properties;
    assert_eq!((properties.entries, properties.point_tombstones), (3, 1));
    assert_eq!((properties.raw_key_bytes, properties.raw_value_bytes), (4, 5));
    assert_eq!((properties.smallest_seqno, properties.largest_seqno), (3, 9));
    assert_eq!((&properties.first_key[..], &properties.last_key[..]), (&b"a"[..], &b"bb"[..]));
    assert_eq!(properties.origin.oldest_tombstone, Some(700));
    assert_eq!((properties.origin.born, properties.origin.data_age), (1000, (500, 900)));

    let (_, summary) = write(&rows[..1], TableOptions::default());
    assert_eq!(summary.properties.origin.oldest_tombstone, None, "no tombstone, no age");
}

#[test]
fn the_estimate_is_near_the_length_of_the_file_all_the_way() {
    for compression in [Compression::None, Compression::Snap] {
        let rows: Vec<Row> = (0..3000u64)
            .map(|n| Row::put(format!("user:{n:07}"), n + 1, n.to_le_bytes().repeat(11)))
            .collect();
        let options = TableOptions { compression, ..TableOptions::default() };
        let mut table =
            TableWriter::new(Box::new(MemAppend::default()), ID, options, Origin::default())
                .unwrap();
        let mut last = table.estimated_bytes();
        for row in &rows {
            table.add(row.entry()).unwrap();
            // A block that is compressed is smaller than it was while it waited.
            let estimate = table.estimated_bytes();
            assert!(estimate > last || compression == Compression::Snap || last - estimate < 2000);
            last = estimate;
        }
        let bytes = table.finish().unwrap().file_bytes;
        assert!(last.abs_diff(bytes) < 4096 + bytes / 20, "{last} for {bytes}");
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Touched {
    Filter(FilterVerdict, bool),
    Index(bool),
    Block(BlockSource, u64),
}

#[derive(Debug, Default)]
struct Touches(Vec<Touched>);

impl Probe for Touches {
    fn filter(&mut self, verdict: FilterVerdict, cached: bool, _: u64) {
        self.0.push(Touched::Filter(verdict, cached));
    }

    fn index(&mut self, cached: bool, bytes: u64) {
        assert!(bytes > 0);
        self.0.push(Touched::Index(cached));
    }

    fn block(&mut self, offset: u64, bytes: u64, source: BlockSource) {
        assert!(offset >= 48);
        self.0.push(Touched::Block(source, bytes));
    }
}

#[test]
fn no_block_is_larger_than_asked_unless_one_entry_is() {
    let mut rows: Vec<Row> =
        (0..500u64).map(|n| Row::put(format!("k{n:04}"), n + 1, vec![7; 40])).collect();
    rows.push(Row::put("k0250x", 1, vec![7; 5000]));
    let rows = in_order(rows);
    for block_bytes in [64, 100, 1000, 4096] {
        let options = TableOptions { block_bytes, ..TableOptions::default() };
        let (bytes, summary) = write(&rows, options);
        let table = open(&bytes, &summary, ReadMode::Mmap, 1 << 20).unwrap();
        for row in &rows {
            let mut touches = Touches::default();
            get_with(&table, &row.key, MAX_SEQNO, &mut touches).unwrap().unwrap();
            let Some(Touched::Block(_, bytes)) = touches.0.last() else { panic!("no block") };
            let alone = row.key == b"k0250x" || block_bytes == 64;
            assert!(alone || *bytes <= block_bytes as u64, "{bytes} > {block_bytes}");
        }
    }
}

#[test]
fn a_lookup_touches_filter_index_and_one_block_and_the_cache_keeps_them() {
    use BlockSource::{Cache, Mapped, Read};
    let rows = [Row::put("k", 1, vec![3; 1000])];
    let check = |mode, compression, first: BlockSource, second: BlockSource| {
        let options = TableOptions { compression, ..TableOptions::default() };
        let (bytes, summary) = write(&rows, options);
        let table = open(&bytes, &summary, mode, 1 << 20).unwrap();
        for (cached, source) in [(false, first), (true, second)] {
            let mut touches = Touches::default();
            assert!(get_with(&table, b"k", 1, &mut touches).unwrap().is_some());
            let [Touched::Filter(FilterVerdict::Maybe, filter), Touched::Index(index), block] =
                &touches.0[..]
            else {
                panic!("{touches:?}")
            };
            assert_eq!((*filter, *index), (cached, cached));
            assert!(matches!(block, Touched::Block(from, _) if *from == source), "{block:?}");
        }
    };
    check(ReadMode::Mmap, Compression::None, Mapped, Mapped);
    check(ReadMode::Mmap, Compression::Snap, Read, Cache);
    check(ReadMode::Pread, Compression::None, Read, Cache);
    check(ReadMode::Pread, Compression::Snap, Read, Cache);
}

#[test]
fn what_does_not_shrink_by_an_eighth_is_not_compressed() {
    let noise: Vec<u8> = (0..1000u64)
        .flat_map(|n| siltstone_base::checksum::of(&n.to_le_bytes()).to_le_bytes())
        .collect();
    let source_of = |value: &[u8]| {
        let rows = [Row::put("k", 1, value)];
        let options = TableOptions { compression: Compression::Snap, ..TableOptions::default() };
        let (bytes, summary) = write(&rows, options);
        let table = open(&bytes, &summary, ReadMode::Mmap, 1 << 20).unwrap();
        let mut touches = Touches::default();
        get_with(&table, b"k", 1, &mut touches).unwrap().unwrap();
        (touches.0.pop(), bytes.len())
    };
    let (touched, bytes) = source_of(&noise);
    assert!(matches!(touched, Some(Touched::Block(BlockSource::Mapped, _))) && bytes > 8000);
    let (touched, bytes) = source_of(&[5; 8000]);
    assert!(matches!(touched, Some(Touched::Block(BlockSource::Read, _))) && bytes < 2000);
}

#[test]
fn a_filter_lets_few_absent_keys_through_and_none_lets_all() {
    let rows: Vec<Row> = (0..20_000u64).map(|n| Row::put(format!("key{n:06}"), 1, "v")).collect();
    let admitted = |filter_bits_per_key| {
        let options =
            TableOptions { filter_bits_per_key, partition_bytes: 4000, ..TableOptions::default() };
        let (bytes, summary) = write(&rows, options);
        let table = open(&bytes, &summary, ReadMode::Mmap, 1 << 20).unwrap();
        let mut admitted = 0;
        for n in 0..10_000u64 {
            let mut touches = Touches::default();
            let absent = format!("key{:06}x", n * 2);
            assert!(get_with(&table, absent.as_bytes(), 9, &mut touches).unwrap().is_none());
            admitted += usize::from(touches.0.len() > 1);
        }
        admitted
    };
    let with = admitted(10);
    assert!(with < 200, "{with} of 10,000");
    assert_eq!(admitted(0), 10_000);
}

#[derive(Debug, Default)]
struct IndexBytes(u64);

impl Probe for IndexBytes {
    fn index(&mut self, _: bool, bytes: u64) {
        self.0 = bytes;
    }
}

#[test]
fn the_index_holds_short_separators_instead_of_long_keys() {
    let key = |n: u8| [&[2 * n][..], &[b'x'; 300]].concat();
    let rows: Vec<Row> = (0..128).map(|n| Row::put(key(n), 1, "")).collect();
    let options = TableOptions { block_bytes: 64, ..TableOptions::default() };
    let (bytes, summary) = write(&rows, options);
    let table = open(&bytes, &summary, ReadMode::Mmap, 1 << 20).unwrap();
    let mut index = IndexBytes::default();
    get_with(&table, &rows[25].key, 1, &mut index).unwrap().unwrap();
    assert_eq!(summary.properties.data_blocks, 128);
    // One byte each but the last, which is the last key; 28 bytes each in the arrays.
    assert_eq!(index.0, 8 + 4 + 128 * (28 + 1) + 300);
}

/// A file that fails at one of its operations and counts those after it.
#[derive(Debug)]
struct FailsAt {
    operation: usize,
    counted: Arc<AtomicUsize>,
}

impl FailsAt {
    fn step(&self) -> io::Result<()> {
        let at = self.counted.fetch_add(1, Ordering::Relaxed);
        if at == self.operation { Err(io::Error::other("no space")) } else { Ok(()) }
    }
}

impl AppendFile for FailsAt {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        assert!(!bytes.is_empty());
        self.step()
    }

    fn sync(&mut self) -> io::Result<()> {
        self.step()
    }
}

#[test]
fn nothing_is_written_or_synced_after_a_failed_write() {
    let value = vec![1; 100_000];
    let mut completed = false;
    for operation in 0..20 {
        let counted = Arc::new(AtomicUsize::new(0));
        let file = FailsAt { operation, counted: Arc::clone(&counted) };
        let mut table = writer(file);
        let mut failures = 0;
        for n in 0..20u32 {
            let key = format!("{n:04}");
            failures += usize::from(matches!(
                table.add(put(key.as_bytes(), 1, &value)),
                Err(Error::Io { .. })
            ));
        }
        let finished = table.finish();
        let operations = counted.load(Ordering::Relaxed);
        if finished.is_ok() {
            // 2 MB in pieces of at least 256 KiB, and the sync.
            assert!(failures == 0 && operations <= 9 && operations <= operation);
            completed = true;
        } else {
            assert_eq!(operations, operation + 1, "the failed operation was the last one");
        }
    }
    assert!(completed);
}
