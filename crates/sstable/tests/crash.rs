//! A power cut at every operation of writing a table: finished and synced means whole.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{ID, Row};
use siltstone_sstable::{
    BlockCache, Error, Origin, ReadMode, Table, TableOptions, TableSource, TableSummary,
    TableWriter,
};
use siltstone_vfs::{MemVfs, Vfs};
use std::path::Path;
use std::sync::Arc;

const PATH: &str = "/table.sst";

/// Large enough for several writes.
fn rows() -> Vec<Row> {
    (0..900u64).map(|n| Row::put(format!("k{n:04}"), n + 1, n.to_le_bytes().repeat(120))).collect()
}

/// Writes the table and makes its name durable, as far as the file system lets it.
fn write(vfs: &MemVfs) -> Option<TableSummary> {
    let file = vfs.create_new(Path::new(PATH)).ok()?;
    let options = TableOptions::default();
    let mut writer = TableWriter::new(file, ID, options, Origin::default()).ok()?;
    for row in &rows() {
        writer.add(row.entry()).ok()?;
    }
    let summary = writer.finish().ok()?;
    vfs.sync_dir(Path::new("/")).ok()?;
    Some(summary)
}

/// Opens the table and reads all of it.
fn verify(vfs: &MemVfs, summary: &TableSummary) -> Result<u64, Error> {
    let file = vfs.open_read(Path::new(PATH)).map_err(|source| {
        let (table, offset, doing) = (ID, 0, "opening");
        Error::Io { table, offset, doing, source }
    })?;
    let TableSummary { id, file_bytes, digest, .. } = *summary;
    let source = TableSource { file, id, file_bytes, digest, handle: 0, mode: ReadMode::Mmap };
    let table = Table::open(source, Arc::new(BlockCache::new(0)))?;
    table.verify(&mut |_| ()).map(|report| report.entries)
}

#[test]
fn a_finished_table_survives_every_power_cut_and_no_part_of_one_passes_for_it() {
    let whole = write(&MemVfs::new()).unwrap();
    let mut finished = false;
    for operations in 0.. {
        let vfs = MemVfs::new();
        vfs.cut_after(operations);
        let written = write(&vfs);
        for after in [vfs.power_cut(), vfs.power_cut_keeping(operations), vfs.process_death()] {
            match (&written, verify(&after, &whole)) {
                (Some(_), found) => assert_eq!(found.unwrap(), 900),
                // The cut came after the last byte: all of it may be there.
                (None, Ok(entries)) => assert_eq!(entries, 900),
                (None, Err(_)) => {}
            }
        }
        if let Some(written) = written {
            assert_eq!(written, whole, "the same entries give the same table");
            finished = true;
            assert!(operations >= 5, "creation, several writes, two syncs");
            break;
        }
    }
    assert!(finished);
}
