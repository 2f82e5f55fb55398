//! Reads every byte of a table and checks everything that is said of it.
//!
//! 1. Header, footer, directory and properties are read again and must be what was opened.
//! 2. Each partition: its filter and its index, by their sums; the heads of separators.
//! 3. Each block, by its sum; it begins where the one before ended. Each entry comes after the one
//!    before, its head is right, its key lies between the separators, and the filter admits it.
//! 4. The counts are those of the properties.
//!
//! Everything is read from the file, past map and cache.

use crate::block::Block;
use crate::directory::Partition;
use crate::filter::Filter;
use crate::footer::HEADER_BYTES;
use crate::index::Index;
use crate::part::BlockHandle;
use crate::parts::ReadAhead;
use crate::table_source::{read_directory, read_footer};
use crate::{Error, Properties, Table};
use siltstone_base::key::head4;
use siltstone_base::{EntryKind, Seqno, checksum, internal_cmp};

/// Bytes of data read at a time.
const READ_BYTES: usize = 1 << 20;

/// What [`Table::verify`] went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Data blocks.
    pub blocks: u64,
    /// Entries.
    pub entries: u64,
}

impl Table {
    /// Reads the whole file and checks every checksum, the order of keys, index and filter against
    /// the entries, and all counts. `on_block` is told the bytes of each data block.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] with the first thing that is wrong.
    pub fn verify(&self, on_block: &mut dyn FnMut(u64)) -> Result<VerifyReport, Error> {
        let footer = read_footer(self.source())?;
        let (directory, properties) = read_directory(self.source(), &footer)?;
        if directory != *self.directory() || properties != *self.properties() {
            return Err(self.corrupt("directory", footer.directory.offset, "it changed"));
        }
        let mut walk = Walk::new(self);
        for at in 0..directory.len() {
            walk.partition(at, on_block)?;
        }
        walk.finish()
    }
}

/// A verification under way.
struct Walk<'a> {
    table: &'a Table,
    read_ahead: ReadAhead,
    /// Where the next block must begin.
    end: u64,
    last: Option<(Vec<u8>, Seqno)>,
    /// The separator of the block before.
    floor: Option<Vec<u8>>,
    key: Vec<u8>,
    counted: Properties,
}

impl<'a> Walk<'a> {
    fn new(table: &'a Table) -> Self {
        Self {
            table,
            read_ahead: ReadAhead::new(READ_BYTES),
            end: HEADER_BYTES as u64,
            last: None,
            floor: None,
            key: Vec::new(),
            counted: Properties { smallest_seqno: Seqno::MAX, ..Properties::default() },
        }
    }

    fn partition(&mut self, at: usize, on_block: &mut dyn FnMut(u64)) -> Result<(), Error> {
        let table = self.table;
        let partition = table.partition(at)?;
        let parts = table.parts();
        let filter = partition.filter;
        let filter = filter
            .map(|handle| parts.metadata_past_cache(handle, "filter partition"))
            .transpose()?;
        let filter = filter.as_ref().map(|bytes| Filter::parse(bytes.as_slice())).transpose();
        let filter_at = partition.filter.map_or(0, |handle| handle.offset);
        let filter = filter.map_err(|error| table.decode_error(error, filter_at))?;
        let bytes = parts.metadata_past_cache(partition.index, "index partition")?;
        let index = table.parse_index(at, partition, bytes.as_slice())?;
        for block in 0..index.count() {
            let bytes = self.block(partition, &index, block, filter.as_ref())?;
            on_block(bytes);
        }
        if self.floor.as_deref() != Some(&*partition.separator) {
            let why = "its last separator is not the one in the directory";
            return Err(table.corrupt("index partition", partition.index.offset, why));
        }
        Ok(())
    }

    /// Checks one block and returns its length in the file.
    fn block(
        &mut self,
        partition: &Partition,
        index: &Index<'_>,
        at: usize,
        filter: Option<&Filter<'_>>,
    ) -> Result<u64, Error> {
        let table = self.table;
        let of_index = |error| table.decode_error(error, partition.index.offset);
        let handle = index.handle(at).map_err(of_index)?;
        let separator = index.separator(at).map_err(of_index)?;
        if !index.head_is_right(at).map_err(of_index)? {
            let why = "a head is not that of its separator";
            return Err(table.corrupt("index partition", partition.index.offset, why));
        }
        if handle.offset != self.end {
            let why = "a block does not begin where the one before ends";
            return Err(table.corrupt("index partition", partition.index.offset, why));
        }
        let bytes = self.read_ahead.block(table.parts(), handle)?;
        let block = Block::parse(bytes.as_slice());
        let block = block.map_err(|error| table.decode_error(error, handle.offset))?;
        for entry in 0..block.count() {
            self.entry(&block, entry, handle, &separator, filter)?;
        }
        self.end = handle.end();
        self.floor = Some(separator);
        self.counted.data_blocks += 1;
        self.counted.data_bytes += handle.sealed_bytes();
        Ok(handle.sealed_bytes())
    }

    fn entry(
        &mut self,
        block: &Block<'_>,
        at: usize,
        handle: BlockHandle,
        separator: &[u8],
        filter: Option<&Filter<'_>>,
    ) -> Result<(), Error> {
        let table = self.table;
        let entry = block.entry(at);
        let entry = entry.map_err(|error| table.decode_error(error, handle.offset))?;
        let corrupt = |why| Err(table.corrupt("data block", handle.offset, why));
        if block.heads().get(at) != Some(&head4(entry.rest).to_le_bytes()) {
            return corrupt("a head is not that of its key");
        }
        self.key.clear();
        self.key.extend_from_slice(block.common());
        self.key.extend_from_slice(entry.rest);
        if entry.kind == EntryKind::Delete && !entry.value.is_empty() {
            return corrupt("a tombstone has a value");
        }
        if self.key.as_slice() > separator || self.floor.as_ref().is_some_and(|f| *f > self.key) {
            return corrupt("a key does not lie between the separators of its block");
        }
        if filter.is_some_and(|filter| !filter.admits(checksum::of(&self.key))) {
            return corrupt("the filter does not admit a key");
        }
        self.count(entry.kind, entry.value.len(), entry.seqno);
        self.follow(entry.seqno).or_else(corrupt)
    }

    fn count(&mut self, kind: EntryKind, value_bytes: usize, seqno: Seqno) {
        let counted = &mut self.counted;
        counted.entries += 1;
        counted.point_tombstones += u64::from(kind == EntryKind::Delete);
        counted.raw_key_bytes += self.key.len() as u64;
        counted.raw_value_bytes += value_bytes as u64;
        counted.smallest_seqno = counted.smallest_seqno.min(seqno);
        counted.largest_seqno = counted.largest_seqno.max(seqno);
    }

    /// The current entry must come after the last one, and becomes it.
    fn follow(&mut self, seqno: Seqno) -> Result<(), &'static str> {
        let Some((last, last_seqno)) = &mut self.last else {
            self.counted.first_key.clone_from(&self.key);
            self.last = Some((self.key.clone(), seqno));
            return Ok(());
        };
        if internal_cmp((last, *last_seqno), (&self.key, seqno)).is_ge() {
            return Err("its entries do not rise");
        }
        last.clone_from(&self.key);
        *last_seqno = seqno;
        Ok(())
    }

    fn finish(mut self) -> Result<VerifyReport, Error> {
        let table = self.table;
        let said = table.properties();
        self.counted.last_key = self.last.map(|(key, _)| key).unwrap_or_default();
        self.counted.origin = said.origin;
        self.counted.range_tombstones = said.range_tombstones;
        if self.counted != *said || self.end != table.parts().data_end() {
            let why = "they are not those of the entries";
            return Err(table.corrupt("properties", table.parts().data_end(), why));
        }
        if said.range_tombstones != 0
            || (said.point_tombstones == 0) != said.origin.oldest_tombstone.is_none()
        {
            let why = "their tombstones are not those of the entries";
            return Err(table.corrupt("properties", table.parts().data_end(), why));
        }
        Ok(VerifyReport { blocks: self.counted.data_blocks, entries: self.counted.entries })
    }
}
