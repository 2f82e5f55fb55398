//! Tables in memory for the tests of this crate.

#![allow(dead_code, reason = "each test file uses a part of it")]

use siltstone_base::{Entry, EntryKind, Seqno, checksum, internal_cmp};
use siltstone_sstable::{
    BlockCache, Error, Found, Origin, Probe, ReadMode, Table, TableId, TableOptions, TableSource,
    TableSummary, TableWriter,
};
use siltstone_vfs::{AppendFile, Map, ReadFile};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

pub(crate) const ID: TableId = TableId { epoch: 0xabcd, number: 42 };

/// One entry that owns its bytes; a value of `None` is a tombstone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) key: Vec<u8>,
    pub(crate) seqno: Seqno,
    pub(crate) value: Option<Vec<u8>>,
}

impl Row {
    pub(crate) fn put(key: impl Into<Vec<u8>>, seqno: Seqno, value: impl Into<Vec<u8>>) -> Self {
        Self { key: key.into(), seqno, value: Some(value.into()) }
    }

    pub(crate) fn delete(key: impl Into<Vec<u8>>, seqno: Seqno) -> Self {
        Self { key: key.into(), seqno, value: None }
    }

    pub(crate) fn entry(&self) -> Entry<'_> {
        let kind = if self.value.is_some() { EntryKind::Put } else { EntryKind::Delete };
        let value = self.value.as_deref().unwrap_or_default();
        Entry { key: &self.key, seqno: self.seqno, kind, value }
    }
}

/// Puts rows into the order of a table; of two with the same key and seqno one stays.
pub(crate) fn in_order(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort_by(|a, b| internal_cmp((&a.key, a.seqno), (&b.key, b.seqno)));
    rows.dedup_by(|a, b| (&a.key, a.seqno) == (&b.key, b.seqno));
    rows
}

/// A file that grows in memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct MemAppend(pub(crate) Arc<Mutex<Vec<u8>>>);

impl AppendFile for MemAppend {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A finished file in memory.
#[derive(Debug)]
pub(crate) struct MemRead(pub(crate) Arc<[u8]>);

impl ReadFile for MemRead {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = self.0.get(usize::try_from(offset).unwrap()..).unwrap_or_default();
        let bytes = rest.len().min(buffer.len());
        buffer[..bytes].copy_from_slice(&rest[..bytes]);
        Ok(bytes)
    }

    fn map(&self) -> io::Result<Option<Map>> {
        Ok(Some(Map::from(Arc::clone(&self.0))))
    }
}

pub(crate) fn write(rows: &[Row], options: TableOptions) -> (Vec<u8>, TableSummary) {
    write_as(ID, rows, options)
}

pub(crate) fn write_as(
    id: TableId,
    rows: &[Row],
    options: TableOptions,
) -> (Vec<u8>, TableSummary) {
    let file = MemAppend::default();
    let origin =
        Origin { born: 1000, data_age: (500, 900), oldest_tombstone: Some(700), owner: None };
    let mut writer = TableWriter::new(Box::new(file.clone()), id, options, origin).unwrap();
    for row in rows {
        writer.add(row.entry()).unwrap();
    }
    let summary = writer.finish().unwrap();
    let bytes = std::mem::take(&mut *file.0.lock().unwrap());
    assert_eq!(summary.file_bytes, bytes.len() as u64);
    (bytes, summary)
}

pub(crate) fn source(bytes: &[u8], summary: &TableSummary, mode: ReadMode) -> TableSource {
    static HANDLES: AtomicU64 = AtomicU64::new(0);
    TableSource {
        file: Arc::new(MemRead(Arc::from(bytes))),
        id: summary.id,
        file_bytes: summary.file_bytes,
        digest: summary.digest,
        handle: HANDLES.fetch_add(1, Ordering::Relaxed),
        mode,
    }
}

pub(crate) fn open(
    bytes: &[u8],
    summary: &TableSummary,
    mode: ReadMode,
    cache_bytes: u64,
) -> Result<Arc<Table>, Error> {
    Table::open(source(bytes, summary, mode), Arc::new(BlockCache::new(cache_bytes)))
}

pub(crate) fn get(table: &Table, key: &[u8], seqno: Seqno) -> Result<Option<Found>, Error> {
    get_with(table, key, seqno, &mut ())
}

pub(crate) fn get_with(
    table: &Table,
    key: &[u8],
    seqno: Seqno,
    probe: &mut impl Probe,
) -> Result<Option<Found>, Error> {
    table.get(key, checksum::of(key), seqno, probe)
}

/// What a sorted list says to the same lookup.
pub(crate) fn expected<'a>(rows: &'a [Row], key: &[u8], seqno: Seqno) -> Option<&'a Row> {
    let at = lower_bound(rows, key, seqno);
    rows.get(at).filter(|row| row.key == key)
}

pub(crate) fn lower_bound(rows: &[Row], key: &[u8], seqno: Seqno) -> usize {
    rows.partition_point(|row| internal_cmp((&row.key, row.seqno), (key, seqno)).is_lt())
}

pub(crate) fn assert_found(found: Option<Found>, expected: Option<&Row>) {
    let found = found.map(|found| (found.seqno, found.kind, found.value.to_vec()));
    let expected = expected.map(|row| {
        let entry = row.entry();
        (entry.seqno, entry.kind, entry.value.to_vec())
    });
    assert_eq!(found, expected);
}
