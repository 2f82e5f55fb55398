//! An open table: what it holds in memory, and what the rest of the crate needs of it.
//!
//! Opening reads header, footer, directory and properties, and believes them only if the file has
//! the length and the footer the digest that the caller knows. Index, filter and data come in
//! when they are used.
//!
//! Always: a table never changes; everything here takes `&self` and serves any number of threads.

use crate::cache::BlockCache;
use crate::cursor::TableCursor;
use crate::directory::{Directory, Partition};
use crate::footer::HEADER_BYTES;
use crate::index::Index;
use crate::parts::{Parts, ReadAhead};
use crate::table_source::{read_directory, read_footer, wrong_length};
use crate::{Error, Properties, ReadMode, TableId, TableSource};
use siltstone_base::DecodeError;
use std::sync::Arc;

/// An open table.
#[derive(Debug)]
pub struct Table {
    parts: Parts,
    directory: Directory,
    properties: Properties,
    source: TableSource,
}

impl Table {
    /// Opens a table. Index, filter and data are not touched yet.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if the file is not the table that `source` says, byte for byte of what
    /// was read; [`Error::Unsupported`] if a newer version wrote it.
    pub fn open(source: TableSource, cache: Arc<BlockCache>) -> Result<Arc<Self>, Error> {
        let footer = read_footer(&source)?;
        let (directory, properties) = read_directory(&source, &footer)?;
        let map = match source.mode {
            // Without a map every byte is still there: reads will say if the file is not.
            ReadMode::Mmap => source.file.map().ok().flatten().map(Arc::new),
            ReadMode::Pread => None,
        };
        if map.as_ref().is_some_and(|map| map.len() as u64 != source.file_bytes) {
            return Err(wrong_length(&source));
        }
        let data = HEADER_BYTES as u64..data_end(&directory);
        let parts = Parts::new(
            Arc::clone(&source.file),
            map,
            source.id,
            (cache, source.handle),
            data,
            properties.data_blocks,
        );
        Ok(Arc::new(Self { parts, directory, properties, source }))
    }

    /// A cursor over all entries, through map and cache. It stands on none yet.
    pub fn cursor(self: &Arc<Self>) -> TableCursor {
        TableCursor::new(Arc::clone(self), None)
    }

    /// A cursor for a compaction: it reads the file in pieces of about `read_ahead_bytes`, by
    /// positioned reads, verifies every block, and leaves cache and map alone. Made to go
    /// forward; other moves are right but slow.
    pub fn scan_input(self: &Arc<Self>, read_ahead_bytes: usize) -> TableCursor {
        TableCursor::new(Arc::clone(self), Some(ReadAhead::new(read_ahead_bytes)))
    }

    /// What the table says of itself.
    pub const fn properties(&self) -> &Properties {
        &self.properties
    }

    /// Its name.
    pub const fn id(&self) -> TableId {
        self.source.id
    }

    /// Length of its file.
    pub const fn file_bytes(&self) -> u64 {
        self.source.file_bytes
    }

    /// How it is read in fact.
    pub const fn read_mode(&self) -> ReadMode {
        if self.parts.is_mapped() { ReadMode::Mmap } else { ReadMode::Pread }
    }

    /// Memory that the open table holds, in bytes; what it has in the cache is not counted.
    pub fn metadata_bytes(&self) -> usize {
        let keys = self.properties.first_key.len() + self.properties.last_key.len();
        size_of::<Self>() + keys + self.directory.memory_bytes() + self.parts.memory_bytes()
    }

    pub(crate) const fn parts(&self) -> &Parts {
        &self.parts
    }

    pub(crate) const fn directory(&self) -> &Directory {
        &self.directory
    }

    pub(crate) const fn source(&self) -> &TableSource {
        &self.source
    }

    pub(crate) fn partition(&self, at: usize) -> Result<&Partition, Error> {
        self.directory.get(at).ok_or_else(|| self.corrupt("directory", 0, "a partition is missing"))
    }

    /// The index in `bytes`, which must have as many blocks as the directory says.
    pub(crate) fn parse_index<'a>(
        &self,
        at: usize,
        partition: &Partition,
        bytes: &'a [u8],
    ) -> Result<Index<'a>, Error> {
        let offset = partition.index.offset;
        let index = Index::parse(bytes).map_err(|error| self.decode_error(error, offset))?;
        let next = self.directory.get(at + 1);
        let end = next.map_or(self.properties.data_blocks, |next| next.first_block);
        if partition.first_block.checked_add(index.count() as u64) != Some(end) {
            let why = "it has another number of blocks than the directory says";
            return Err(self.corrupt("index partition", offset, why));
        }
        Ok(index)
    }

    pub(crate) fn corrupt(&self, what: &'static str, offset: u64, why: &'static str) -> Error {
        Error::corrupt(self.source.id, what, offset, why)
    }

    /// What a decoder found in the part at `offset`.
    #[cold]
    pub(crate) fn decode_error(&self, found: DecodeError, offset: u64) -> Error {
        Error::of_decode(self.source.id, found.shifted(offset))
    }
}

/// Where the data blocks end and the first partition begins.
fn data_end(directory: &Directory) -> u64 {
    directory.get(0).map_or(0, |first| first.filter.unwrap_or(first.index).offset)
}
