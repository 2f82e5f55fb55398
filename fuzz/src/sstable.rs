//! Tables: forged parts under right sums, whole files of anything, and what was written.

use crate::draw::Draw;
use crate::forge::{self, TABLE};
use siltstone_base::{Cursor as _, Entry, EntryKind, MAX_SEQNO, checksum};
use siltstone_sstable::{
    BlockCache, Compression, Origin, Properties, ReadMode, Salvaged, Salvager, Table, TableId,
    TableOptions, TableSource, TableWriter,
};
use siltstone_vfs::{MemVfs, ReadFile, Vfs};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

const PATH: &str = "/table.sst";
/// Entries looked at in a table that may claim any number of them.
const STEPS_MAX: usize = 2000;

type Row = (Vec<u8>, u64, EntryKind, Vec<u8>);

fn file_of(bytes: &[u8]) -> Arc<dyn ReadFile> {
    let vfs = MemVfs::new();
    vfs.write(PATH, bytes).expect("memory takes it");
    vfs.open_read(Path::new(PATH)).expect("the file is there")
}

fn open(bytes: &[u8], id: TableId, mode: ReadMode) -> Option<Arc<Table>> {
    let source = TableSource::as_it_says(file_of(bytes), id).ok()?;
    Table::open(TableSource { mode, ..source }, Arc::new(BlockCache::new(1 << 20))).ok()
}

/// Does everything to a table that may be anything.
fn use_all(bytes: &[u8], id: TableId) {
    drop(salvaged(bytes, id));
    for mode in [ReadMode::Mmap, ReadMode::Pread] {
        let Some(table) = open(bytes, id, mode) else { continue };
        let sound = table.verify(&mut |_| {}).is_ok();
        for mut cursor in [table.cursor(), table.scan_input(4096)] {
            let mut steps = 0;
            let mut more = cursor.seek_to_first();
            while matches!(more, Ok(true)) && steps < STEPS_MAX {
                let entry = cursor.entry();
                let (key, seqno) = (entry.key.to_vec(), entry.seqno);
                assert!(cursor.pin_value().len() == cursor.entry().value.len());
                if steps < 20 {
                    let found = table.get(&key, checksum::of(&key), seqno, &mut ());
                    assert!(!sound || matches!(found, Ok(Some(_))), "a key is not found");
                }
                steps += 1;
                more = cursor.next();
            }
            assert!(!sound || more.is_ok(), "a verified table cannot be read");
            let mut more = cursor.seek_to_last();
            while matches!(more, Ok(true)) && steps > 0 {
                steps -= 1;
                more = cursor.prev();
            }
            for key in [&b""[..], b"a", b"b", b"zz"] {
                drop(cursor.seek(key, MAX_SEQNO));
                drop(cursor.seek_for_prev(key, 0));
                drop(table.get(key, checksum::of(key), MAX_SEQNO, &mut ()));
            }
        }
    }
}

fn salvaged(bytes: &[u8], id: TableId) -> Vec<Row> {
    let salvager = Salvager::new(file_of(bytes), id).expect("memory is read");
    let mut rows = Vec::new();
    let walked = salvager.run(|found| {
        if let Salvaged::Entry(entry) = found {
            rows.push((entry.key.to_vec(), entry.seqno, entry.kind, entry.value.to_vec()));
        }
        Ok::<(), io::Error>(())
    });
    walked.expect("memory is read");
    rows
}

/// The bytes are a data block.
pub(crate) fn block_fixed(data: &[u8]) {
    let mut table = forge::Table::small();
    let raw_bytes = u32::try_from(data.len()).unwrap_or(u32::MAX);
    table.blocks[0].stored = data.to_vec();
    table.blocks[0].raw_bytes = raw_bytes;
    use_all(&table.bytes(), TABLE);
}

/// The bytes are a block whose trailer does not match.
pub(crate) fn block_raw(data: &[u8]) {
    let bytes = forge::Table::small().bytes();
    let block = forge::plain_block();
    let mut changed = bytes.clone();
    for (at, byte) in data.iter().take(block.len() + 9).enumerate() {
        changed[48 + at] ^= byte;
    }
    use_all(&changed, TABLE);
    if changed != bytes {
        let table = open(&changed, TABLE, ReadMode::Pread).expect("only the block was changed");
        assert!(table.cursor().seek_to_first().is_err(), "a changed block was believed");
    }
}

pub(crate) fn index_fixed(data: &[u8]) {
    use_all(&forge::Table { index: Some(data.to_vec()), ..forge::Table::small() }.bytes(), TABLE);
}

pub(crate) fn filter_fixed(data: &[u8]) {
    use_all(&forge::Table { filter: Some(data.to_vec()), ..forge::Table::small() }.bytes(), TABLE);
}

pub(crate) fn directory_fixed(data: &[u8]) {
    let table = forge::Table { directory: Some(data.to_vec()), ..forge::Table::small() };
    use_all(&table.bytes(), TABLE);
}

pub(crate) fn properties_fixed(data: &[u8]) {
    let table = forge::Table { properties: Some(data.to_vec()), ..forge::Table::small() };
    use_all(&table.bytes(), TABLE);
}

/// The bytes are a compressed block that claims any length.
pub(crate) fn compression_bomb(data: &[u8]) {
    let mut draw = Draw::new(data);
    let claims = draw.number().to_le_bytes();
    let raw_bytes = u32::from_le_bytes([claims[0], claims[1], claims[2], claims[3]]);
    let mut table = forge::Table::small();
    table.blocks[0].codec = 1;
    table.blocks[0].raw_bytes = raw_bytes;
    table.blocks[0].stored = draw.rest().to_vec();
    use_all(&table.bytes(), TABLE);
}

/// The bytes are a file.
pub(crate) fn open_raw(data: &[u8]) {
    use_all(data, TABLE);
    let id = data.get(32..48).and_then(|id| id.try_into().ok()).map(u128::from_le_bytes);
    if let Some(id) = id {
        let [number, epoch] = [id & u128::from(u64::MAX), id >> 64].map(u128::to_le_bytes);
        let half = |bytes: [u8; 16]| u64::from_le_bytes(bytes[..8].try_into().unwrap_or([0; 8]));
        use_all(data, TableId { epoch: half(epoch), number: half(number) });
    }
}

/// Several parts are changed at once, under right sums.
pub(crate) fn open_fixed(data: &[u8]) {
    let mut draw = Draw::new(data);
    let mut table = forge::Table::small();
    for _ in 0..draw.below(3) {
        let mut block = table.blocks[0].clone();
        draw.damage(&mut block.stored);
        block.raw_bytes =
            u32::try_from(block.stored.len()).unwrap_or(0) + u32::from(draw.byte() / 250);
        block.codec = u8::from(draw.one_in(10));
        block.separator = draw.bytes(12).to_vec();
        table.blocks.push(block);
    }
    for part in [&mut table.index, &mut table.filter, &mut table.directory, &mut table.properties] {
        if draw.one_in(6) {
            *part = Some(draw.bytes(200).to_vec());
        }
    }
    use_all(&table.bytes(), TABLE);
}

/// Entries in order, drawn.
fn rows(draw: &mut Draw<'_>) -> Vec<Row> {
    let mut entries = BTreeMap::new();
    for seqno in 1..=1 + draw.below(60) as u64 {
        let key = if draw.one_in(3) { draw.bytes(40).to_vec() } else { draw.key() };
        let kind = if draw.one_in(5) { EntryKind::Delete } else { EntryKind::Put };
        let value = if kind == EntryKind::Put { draw.bytes(300).to_vec() } else { Vec::new() };
        entries.insert((key, Reverse(seqno)), (kind, value));
    }
    let row = |((key, Reverse(seqno)), (kind, value))| (key, seqno, kind, value);
    entries.into_iter().map(row).collect()
}

/// A table of `rows`, laid out as drawn.
fn write(draw: &mut Draw<'_>, rows: &[Row]) -> (Vec<u8>, Properties) {
    let vfs = MemVfs::new();
    let file = vfs.create_new(Path::new(PATH)).expect("a file is made");
    let compression = if draw.one_in(2) { Compression::Snap } else { Compression::None };
    let options = TableOptions {
        block_bytes: 64 + draw.below(1000),
        compression,
        filter_bits_per_key: draw.byte() % 20,
        partition_bytes: draw.below(600),
    };
    let origin = Origin { oldest_tombstone: Some(1), ..Origin::default() };
    let mut writer = TableWriter::new(file, TABLE, options, origin).expect("a table is begun");
    for (key, seqno, kind, value) in rows {
        let entry = Entry { key, seqno: *seqno, kind: *kind, value };
        writer.add(entry).expect("entries in order are taken");
    }
    let summary = writer.finish().expect("memory takes it");
    (vfs.read(PATH).expect("the file is there"), summary.properties)
}

pub(crate) fn roundtrip(data: &[u8]) {
    let mut draw = Draw::new(data);
    let rows = rows(&mut draw);
    let (bytes, properties) = write(&mut draw, &rows);
    assert_eq!(properties.entries, rows.len() as u64);
    assert_eq!(salvaged(&bytes, TABLE), rows, "a salvage of a sound table");
    for mode in [ReadMode::Mmap, ReadMode::Pread] {
        let table = open(&bytes, TABLE, mode).expect("what was written is opened");
        table.verify(&mut |_| {}).expect("what was written is sound");
        let mut cursor = table.cursor();
        let mut more = cursor.seek_to_first().expect("it is read");
        for (key, seqno, kind, value) in &rows {
            assert!(more, "an entry is missing");
            let entry = cursor.entry();
            assert_eq!((entry.key, entry.seqno, entry.kind), (key.as_slice(), *seqno, *kind));
            assert_eq!(entry.value, value);
            more = cursor.next().expect("it is read");
            let found = table.get(key, checksum::of(key), *seqno, &mut ()).expect("it is read");
            let found = found.map(|found| (found.seqno, found.kind, found.value.to_vec()));
            assert_eq!(found, Some((*seqno, *kind, value.clone())), "a version of {key:?}");
        }
        assert!(!more, "there is an entry too much");
        let (key, seqno) = (draw.key(), draw.below(70) as u64);
        let at_or_after =
            |row: &&Row| (row.0.as_slice(), Reverse(row.1)) >= (key.as_slice(), Reverse(seqno));
        let expected = rows.iter().find(at_or_after);
        let found = cursor.seek(&key, seqno).expect("it is read");
        assert_eq!(found.then(|| cursor.entry().key.to_vec()), expected.map(|row| row.0.clone()));
    }
}

/// A damaged table gives entries that were in it, in order, or none.
pub(crate) fn salvage(data: &[u8]) {
    let mut draw = Draw::new(data);
    let rows = rows(&mut draw);
    let (mut bytes, _) = write(&mut draw, &rows);
    draw.damage(&mut bytes);
    let mut left = rows.iter();
    for row in salvaged(&bytes, TABLE) {
        assert!(left.any(|other| *other == row), "{row:?} was not in the table, or not there");
    }
    use_all(&bytes, TABLE);
}

pub(crate) fn seeds_block() -> Vec<Vec<u8>> {
    vec![forge::plain_block()]
}

pub(crate) fn seeds_table() -> Vec<Vec<u8>> {
    vec![forge::Table::small().bytes()]
}

/// The payloads of the small table's index, directory and properties.
pub(crate) fn seeds_parts() -> Vec<Vec<u8>> {
    let bytes = forge::Table::small().bytes();
    let footer = bytes.len() - 104;
    let number = |at: usize| {
        let bytes: [u8; 8] = bytes[at..at + 8].try_into().unwrap_or([0; 8]);
        usize::try_from(u64::from_le_bytes(bytes)).unwrap_or(0)
    };
    let (directory, properties) = (number(footer), number(footer + 24));
    let index = 48 + forge::plain_block().len() + 9;
    vec![
        bytes[index..directory - 9].to_vec(),
        bytes[directory..properties - 9].to_vec(),
        bytes[properties..footer - 9].to_vec(),
        [&[1, 10, 0, 0, 0, 0, 0, 0][..], &[0xff; 32]].concat(),
    ]
}

/// A compressed block, behind the length that it claims.
pub(crate) fn seeds_bomb() -> Vec<Vec<u8>> {
    // "aaaa.." 100 times: a literal and two copies.
    let stream = [100, 0x00, b'a', 0xfe, 1, 0, 0x8a, 1, 0];
    vec![[&100u64.to_le_bytes()[..], &stream].concat(), [&[0xff; 8][..], &stream].concat()]
}
