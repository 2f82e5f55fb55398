//! Real tables in a file system in memory, for tests.

use siltstone_base::{Entry, EntryKind, Seqno, checksum};
use siltstone_sstable::{
    BlockCache, Error, Origin, ReadMode, Table, TableId, TableOptions, TableSource, TableSummary,
    TableWriter,
};
use siltstone_vfs::{MemVfs, Vfs};
use std::path::PathBuf;
use std::sync::Arc;

/// A version of a key: its seqno, and its value unless it is a tombstone.
pub(crate) type Version = (Vec<u8>, Seqno, Option<Vec<u8>>);

/// The tables of one test.
#[derive(Debug)]
pub(crate) struct Shelf {
    vfs: MemVfs,
    cache: Arc<BlockCache>,
    tables: u64,
}

impl Shelf {
    pub(crate) fn new() -> Self {
        Self { vfs: MemVfs::new(), cache: Arc::new(BlockCache::new(1 << 20)), tables: 0 }
    }

    /// The writer of a table with blocks of a few entries.
    pub(crate) fn writer(&mut self) -> Result<TableWriter, Error> {
        self.tables += 1;
        let id = TableId { epoch: 7, number: self.tables };
        let file = self.vfs.create_new(&path(id)).unwrap();
        let options = TableOptions { block_bytes: 64, ..TableOptions::default() };
        TableWriter::new(file, id, options, Origin::default())
    }

    /// Opens a table that was finished.
    pub(crate) fn open(&self, summary: &TableSummary) -> Arc<Table> {
        let TableSummary { id, file_bytes, digest, .. } = *summary;
        let file = self.vfs.open_read(&path(id)).unwrap();
        let (handle, mode) = (id.number, ReadMode::Pread);
        let source = TableSource { file, id, file_bytes, digest, handle, mode };
        Table::open(source, Arc::clone(&self.cache)).unwrap()
    }

    /// Writes a table of these versions, which are in order.
    pub(crate) fn table(&mut self, versions: &[Version]) -> Arc<Table> {
        let summary = self.write(versions);
        self.open(&summary)
    }

    /// As [`table`](Self::table), of at most 126 versions; but it says that it has one more, and
    /// every checksum in it is right.
    pub(crate) fn lying_table(&mut self, versions: &[Version]) -> Arc<Table> {
        let summary = self.write(versions);
        let mut bytes = self.vfs.read(path(summary.id)).unwrap();
        let digest = forge(&mut bytes, summary.id);
        self.vfs.write(path(summary.id), &bytes).unwrap();
        self.open(&TableSummary { digest, ..summary })
    }

    /// Flips a bit of a data block.
    pub(crate) fn rot(&self, table: TableId) {
        let mut bytes = self.vfs.read(path(table)).unwrap();
        bytes[64] ^= 1;
        self.vfs.write(path(table), &bytes).unwrap();
    }

    fn write(&mut self, versions: &[Version]) -> TableSummary {
        let mut writer = self.writer().unwrap();
        for version in versions {
            writer.add(entry(version)).unwrap();
        }
        writer.finish().unwrap()
    }
}

/// The entry that is this version.
pub(crate) fn entry((key, seqno, value): &Version) -> Entry<'_> {
    let kind = if value.is_some() { EntryKind::Put } else { EntryKind::Delete };
    Entry { key, seqno: *seqno, kind, value: value.as_deref().unwrap_or_default() }
}

fn path(id: TableId) -> PathBuf {
    PathBuf::from(format!("/{id}.sst"))
}

/// Raises the count of entries in a table's properties, seals everything above it again, and
/// returns the new digest. Layout: docs/formats.md §4.
fn forge(bytes: &mut [u8], id: TableId) -> u64 {
    const FOOTER_BYTES: usize = 104;
    let identity = id.as_u128();
    let footer = bytes.len() - FOOTER_BYTES;
    let field = |bytes: &[u8], at: usize| {
        u64::from_le_bytes(bytes[footer + at..footer + at + 8].try_into().unwrap())
    };
    let (offset, length) = (field(bytes, 24), field(bytes, 32));
    let [start, length] = [offset, length].map(|number| usize::try_from(number).unwrap());
    assert_eq!(bytes[start..start + 2], [1, 1], "tag and length of the count of entries");
    bytes[start + 2] += 1;
    let sum = checksum::of_part(identity, offset, &bytes[start..=start + length]);
    bytes[start + length + 1..start + length + 9].copy_from_slice(&sum.to_le_bytes());
    bytes[footer + 40..footer + 48].copy_from_slice(&sum.to_le_bytes());
    let (body, foot) = bytes.split_at_mut(footer);
    let pieces = [&foot[..FOOTER_BYTES - 8], &body[..48]];
    let digest = checksum::of_pieces(identity, footer as u64, &pieces);
    foot[FOOTER_BYTES - 8..].copy_from_slice(&digest.to_le_bytes());
    digest
}
