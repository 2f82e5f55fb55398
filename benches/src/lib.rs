//! What the benchmarks of all layers share: keys, values, tables.
//!
//! Keys are 16 decimal digits, as users of other engines know them from their benchmarks; values
//! are 100 bytes, half of which a fast codec can take away.

use siltstone_base::{Entry, EntryKind};
use siltstone_sstable::{
    BlockCache, Compression, Origin, ReadMode, Table, TableId, TableOptions, TableSource,
    TableSummary, TableWriter,
};
use siltstone_vfs::{DiskVfs, MemVfs, Vfs};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Length of a key.
pub const KEY_BYTES: usize = 16;
/// Length of a value.
pub const VALUE_BYTES: usize = 100;
/// What an entry weighs: key and value.
pub const ENTRY_BYTES: usize = KEY_BYTES + VALUE_BYTES;

/// `number` as 16 decimal digits.
pub fn key(number: u64) -> [u8; KEY_BYTES] {
    let mut key = [b'0'; KEY_BYTES];
    let mut rest = number;
    for digit in key.iter_mut().rev() {
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
    }
    key
}

/// A value that belongs to `number`: 50 random bytes and 50 equal ones.
pub fn value(number: u64) -> [u8; VALUE_BYTES] {
    let mut value = [b'v'; VALUE_BYTES];
    for (word, bytes) in (0..).zip(value[..VALUE_BYTES / 2].chunks_mut(8)) {
        bytes.copy_from_slice(&mixed(number ^ (word << 56)).to_le_bytes()[..bytes.len()]);
    }
    value
}

/// A bijection that scatters numbers: `SplitMix64`, Steele, Lea and Flood 2014.
pub const fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The numbers below `count`, each once, in an order drawn from a fixed seed.
pub fn shuffled(count: u64) -> Vec<u64> {
    let mut numbers: Vec<u64> = (0..count).collect();
    numbers.sort_unstable_by_key(|&number| mixed(number));
    numbers
}

/// Tables in a folder that goes with this.
#[derive(Debug)]
pub struct Tables {
    vfs: Arc<dyn Vfs>,
    dir: PathBuf,
    next: u64,
    /// Removed with this; `None` where the tables are in memory.
    _folder: Option<tempfile::TempDir>,
}

impl Tables {
    /// An empty folder on the disk.
    ///
    /// # Panics
    ///
    /// If there is none to be had.
    #[expect(clippy::expect_used, reason = "a benchmark without a folder has nothing to measure")]
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder for tables");
        let dir = folder.path().to_path_buf();
        Self { vfs: Arc::new(DiskVfs::new()), dir, next: 1, _folder: Some(folder) }
    }

    /// An empty folder in memory, where no call of the system is part of what is measured.
    pub fn in_memory() -> Self {
        Self { vfs: Arc::new(MemVfs::new()), dir: PathBuf::from("/"), next: 1, _folder: None }
    }

    fn path(&self, id: TableId) -> PathBuf {
        self.dir.join(format!("{}.sst", id.number))
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The writer of a new table.
    ///
    /// # Panics
    ///
    /// If the file cannot be made.
    pub fn create(&mut self, compression: Compression) -> TableWriter {
        self.create_with(TableOptions { compression, ..TableOptions::default() })
    }

    /// The writer of a new table with these options.
    ///
    /// # Panics
    ///
    /// If the file cannot be made.
    #[expect(clippy::expect_used, reason = "a benchmark on a broken disk has nothing to measure")]
    pub fn create_with(&mut self, options: TableOptions) -> TableWriter {
        let id = TableId { epoch: 1, number: self.next };
        self.next += 1;
        let file = self.vfs.create_new(&self.path(id)).expect("a new file");
        TableWriter::new(file, id, options, Origin::default()).expect("a new table")
    }

    /// A table of the entries with these numbers, rising, and one seqno for all.
    ///
    /// # Panics
    ///
    /// If it cannot be written.
    pub fn write(
        &mut self,
        numbers: impl Iterator<Item = u64>,
        seqno: u64,
        compression: Compression,
    ) -> TableSummary {
        self.write_with(numbers, seqno, TableOptions { compression, ..TableOptions::default() })
    }

    /// As [`write`](Self::write), with these options.
    ///
    /// # Panics
    ///
    /// If it cannot be written.
    #[expect(clippy::expect_used, reason = "a benchmark on a broken disk has nothing to measure")]
    pub fn write_with(
        &mut self,
        numbers: impl Iterator<Item = u64>,
        seqno: u64,
        options: TableOptions,
    ) -> TableSummary {
        let mut writer = self.create_with(options);
        for number in numbers {
            let (key, value) = (key(number), value(number));
            let entry = Entry { key: &key, seqno, kind: EntryKind::Put, value: &value };
            writer.add(entry).expect("an entry of a table");
        }
        writer.finish().expect("a finished table")
    }

    /// Opens a table that [`write`](Self::write) gave.
    ///
    /// # Panics
    ///
    /// If it cannot be read.
    #[expect(clippy::expect_used, reason = "a benchmark on a broken disk has nothing to measure")]
    pub fn open(&self, summary: &TableSummary, cache: &Arc<BlockCache>) -> Arc<Table> {
        let source = TableSource {
            file: self.vfs.open_read(&self.path(summary.id)).expect("a table's file"),
            id: summary.id,
            file_bytes: summary.file_bytes,
            digest: summary.digest,
            handle: summary.id.number,
            mode: ReadMode::Mmap,
        };
        Table::open(source, Arc::clone(cache)).expect("a table that was just written")
    }

    /// Removes the file of a table.
    ///
    /// # Panics
    ///
    /// If it is not there.
    #[expect(clippy::expect_used, reason = "a benchmark on a broken disk has nothing to measure")]
    pub fn remove(&self, id: TableId) {
        self.vfs.unlink(&self.path(id)).expect("a table's file");
    }
}

impl Default for Tables {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_order_of_their_numbers() {
        assert_eq!(&key(1_234), b"0000000000001234");
        assert!(key(99) < key(100));
    }

    #[test]
    fn every_number_comes_once() {
        let mut numbers = shuffled(1000);
        assert_ne!(numbers[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(0..1000));
    }

    #[test]
    fn a_value_is_half_random() {
        let (one, other) = (value(1), value(2));
        assert_ne!(one[..50], other[..50]);
        assert_eq!(one[50..], other[50..]);
    }
}
