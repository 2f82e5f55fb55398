//! A table from its first entry to a lookup, and what a lookup touches.

use siltstone_base::{Cursor, Entry, EntryKind, MAX_SEQNO, checksum};
use siltstone_sstable::{
    BlockCache, BlockSource, Compression, FilterVerdict, Origin, Probe, ReadMode, Table, TableId,
    TableOptions, TableSource, TableWriter,
};
use siltstone_vfs::{MemVfs, Vfs};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

/// Says what a lookup touches.
struct Narrator;

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
impl Probe for Narrator {
    fn filter(&mut self, verdict: FilterVerdict, _: bool, bytes: u64) {
        println!("  a filter of {bytes} bytes says {verdict:?}");
    }

    fn index(&mut self, _: bool, bytes: u64) {
        println!("  an index of {bytes} bytes is searched");
    }

    fn block(&mut self, offset: u64, bytes: u64, source: BlockSource) {
        println!("  a block of {bytes} bytes at {offset} is searched ({source:?})");
    }
}

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
fn main() -> Result<(), Box<dyn Error>> {
    let (vfs, path) = (MemVfs::new(), Path::new("/layers.sst"));
    let id = TableId { epoch: 0x5117, number: 1 };
    let options = TableOptions { compression: Compression::Snap, ..TableOptions::default() };
    let mut writer = TableWriter::new(vfs.create_new(path)?, id, options, Origin::default())?;
    for layer in 0..10_000u64 {
        let (key, value) = (format!("layer{layer:05}"), format!("{layer} metres below").repeat(3));
        let (key, value) = (key.as_bytes(), value.as_bytes());
        writer.add(Entry { key, seqno: layer + 1, kind: EntryKind::Put, value })?;
    }
    let summary = writer.finish()?;
    let properties = &summary.properties;
    println!(
        "table {id}: {} entries, {} bytes raw, {} in the file, {} blocks",
        properties.entries,
        properties.raw_bytes(),
        summary.file_bytes,
        properties.data_blocks
    );

    let source = TableSource {
        file: vfs.open_read(path)?,
        id,
        file_bytes: summary.file_bytes,
        digest: summary.digest,
        handle: 0,
        mode: ReadMode::Mmap,
    };
    let table = Table::open(source, Arc::new(BlockCache::new(8 << 20)))?;
    for key in ["layer04711", "layer04711 and a half"] {
        println!("{key}:");
        let key = key.as_bytes();
        let found = table.get(key, checksum::of(key), MAX_SEQNO, &mut Narrator)?;
        assert_eq!(found.is_some(), key == b"layer04711");
    }

    let mut cursor = table.cursor();
    assert!(cursor.seek_for_prev(b"layer05000x", 0)?);
    assert_eq!(cursor.entry().key, b"layer05000");
    assert!(cursor.prev()?);
    println!("before layer05000 comes {}", String::from_utf8_lossy(cursor.entry().key));

    let report = table.verify(&mut |_| ())?;
    assert_eq!((report.entries, report.blocks), (10_000, properties.data_blocks));
    println!("verified {} blocks and {} entries", report.blocks, report.entries);
    Ok(())
}
