//! Tables that are open, and the files of those that nobody names any more.
//!
//! A table is opened at its first use and may be closed again when many are open: what it holds
//! in memory counts against the memory budget, and file descriptors are few. A table's file is
//! removed when no version names it, which is when the only share left of its `TableMeta` is the
//! one kept here.

use crate::Error;
use crate::files::FileName;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicUsize, Ordering};
use quick_cache::Weighter;
use quick_cache::sync::{Cache, DefaultLifecycle};
use siltstone_compaction::TableMeta;
use siltstone_sstable::{BlockCache, ReadMode, Table, TableId, TableSource};
use siltstone_vfs::Vfs;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Descriptors that open tables may take; a table needs one.
const OPEN_TABLES_MAX: u64 = 512;
/// Tables that may stay open in any budget.
const OPEN_TABLES_MIN: u64 = 16;
/// What a small open table takes, in bytes.
const TABLE_BYTES: u64 = 4096;

/// Opens tables and keeps the most used ones open.
#[derive(Debug)]
pub(crate) struct Tables {
    vfs: Arc<dyn Vfs>,
    dir: PathBuf,
    mode: ReadMode,
    blocks: Arc<BlockCache>,
    open: Cache<TableId, Arc<Table>, ByMetadata, BuildHasherDefault<IdHasher>>,
    /// The dense number of each table in this process: the block cache's key.
    handles: Mutex<Handles>,
    obsolete: Mutex<Vec<Arc<TableMeta>>>,
    /// Length of `obsolete`, for a look without the lock; a hint.
    obsolete_count: AtomicUsize,
}

#[derive(Debug, Default)]
struct Handles {
    next: u64,
    of_table: HashMap<TableId, u64>,
}

/// A table weighs what it holds in memory, and at least so much that the limit on weight is one
/// on descriptors too.
#[derive(Clone, Debug)]
struct ByMetadata {
    weight_min: u64,
}

impl Weighter<TableId, Arc<Table>> for ByMetadata {
    fn weight(&self, _: &TableId, table: &Arc<Table>) -> u64 {
        (table.metadata_bytes() as u64).max(self.weight_min)
    }
}

/// Hashes the two numbers of a table's id by a multiplication each.
///
/// Every read asks for its table by this. Ids are our own: nobody outside chooses them, so that a
/// hash with a secret would only cost.
#[derive(Debug, Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    #[inline]
    fn write_u64(&mut self, number: u64) {
        // 2^64 over the golden ratio. High bits of a product depend on all bits; they are mixed
        // into the low ones at the end.
        self.0 = (self.0.rotate_left(32) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
}

impl Tables {
    /// Tables of the files in `dir`. `keep_all` for a reader whose files a writer may remove:
    /// then a table once open stays open.
    pub(crate) fn new(
        vfs: Arc<dyn Vfs>,
        dir: &Path,
        mode: ReadMode,
        blocks: Arc<BlockCache>,
        metadata_bytes: u64,
        keep_all: bool,
    ) -> Self {
        let mode = if vfs.maps_are_safe(dir) { mode } else { ReadMode::Pread };
        let capacity = metadata_bytes.max(OPEN_TABLES_MIN * TABLE_BYTES);
        let by_metadata = ByMetadata { weight_min: (capacity / OPEN_TABLES_MAX).max(1) };
        let capacity = if keep_all { u64::MAX / 2 } else { capacity };
        let items = usize::try_from(OPEN_TABLES_MAX).unwrap_or(usize::MAX);
        let (hasher, life) = (BuildHasherDefault::default(), DefaultLifecycle::default());
        let open = Cache::with(items, capacity, by_metadata, hasher, life);
        Self {
            vfs,
            dir: dir.to_path_buf(),
            mode,
            blocks,
            open,
            handles: Mutex::default(),
            obsolete: Mutex::default(),
            obsolete_count: AtomicUsize::new(0),
        }
    }

    /// The open table of `meta`.
    pub(crate) fn get(&self, meta: &TableMeta) -> Result<Arc<Table>, Error> {
        if let Some(table) = self.open.get(&meta.id) {
            return Ok(table);
        }
        let table = self.open_apart(meta)?;
        self.open.insert(meta.id, Arc::clone(&table));
        Ok(table)
    }

    /// The table of `meta`, opened anew and not kept: its file is looked at as it is now.
    pub(crate) fn open_apart(&self, meta: &TableMeta) -> Result<Arc<Table>, Error> {
        let path = self.path(meta.id);
        let opened = self.vfs.open_read(&path);
        let file = opened.map_err(|error| Error::io(&path, "opening", error))?;
        let source = TableSource {
            file,
            id: meta.id,
            file_bytes: meta.file_bytes,
            digest: meta.digest,
            handle: self.handle(meta.id),
            mode: self.mode,
        };
        let table = Table::open(source, Arc::clone(&self.blocks));
        table.map_err(|error| self.error(error))
    }

    fn handle(&self, id: TableId) -> u64 {
        let mut handles = self.handles.lock();
        if let Some(&handle) = handles.of_table.get(&id) {
            return handle;
        }
        let handle = handles.next;
        handles.next += 1;
        handles.of_table.insert(id, handle);
        handle
    }

    /// What a table says, with the name of its file.
    pub(crate) fn error(&self, error: siltstone_sstable::Error) -> Error {
        table_error(&self.dir, error)
    }

    /// Where the table lies.
    pub(crate) fn path(&self, id: TableId) -> PathBuf {
        FileName::Table(id).path(&self.dir)
    }

    /// Takes tables that the newest version no longer names.
    pub(crate) fn retire(&self, tables: impl IntoIterator<Item = Arc<TableMeta>>) {
        let mut obsolete = self.obsolete.lock();
        obsolete.extend(tables);
        self.obsolete_count.store(obsolete.len(), Ordering::Relaxed);
    }

    /// Whether files wait for their removal.
    pub(crate) fn has_obsolete(&self) -> bool {
        self.obsolete_count.load(Ordering::Relaxed) > 0
    }

    /// Removes the files of retired tables that no version names any more. A file that cannot be
    /// removed is left for the next open.
    pub(crate) fn sweep(&self) {
        let mut unnamed = Vec::new();
        {
            let mut obsolete = self.obsolete.lock();
            obsolete.retain(|table| {
                let named = Arc::strong_count(table) > 1;
                if !named {
                    unnamed.push(table.id);
                }
                named
            });
            self.obsolete_count.store(obsolete.len(), Ordering::Relaxed);
        }
        for id in unnamed {
            self.open.remove(&id);
            self.handles.lock().of_table.remove(&id);
            drop(self.vfs.unlink(&self.path(id)));
        }
    }

    /// Bytes that open tables hold, blocks left out.
    pub(crate) fn metadata_bytes(&self) -> u64 {
        self.open.iter().map(|(_, table)| table.metadata_bytes() as u64).sum()
    }

    pub(crate) fn blocks(&self) -> &Arc<BlockCache> {
        &self.blocks
    }
}

/// What a table says, with the name of its file in `dir`.
pub(crate) fn table_error(dir: &Path, error: siltstone_sstable::Error) -> Error {
    use siltstone_sstable::Error as Table;
    match error {
        Table::Corrupt { table, corruption } => {
            Error::Corrupt { path: FileName::Table(table).path(dir), corruption }
        }
        Table::Unsupported { table, what, found, offset } => {
            Error::Unsupported { path: FileName::Table(table).path(dir), what, found, offset }
        }
        Table::Io { table, doing, source, .. } => {
            Error::io(&FileName::Table(table).path(dir), doing, source)
        }
        other => Error::io(dir, "writing a table", std::io::Error::other(other)),
    }
}
