//! Moves over the entries of a table, both ways.
//!
//! 1. A position is a partition of the index, a block in it, and an entry in that. Only the
//!    current block and the current index partition are held.
//! 2. A seek finds the first block whose separator is not below the key. Versions of a key may
//!    straddle blocks, whose separators then equal the key: the seek goes on while all entries of
//!    a block come before the target.
//!
//! Always: the cursor stands on an entry that was decoded, or on none; a move that fails leaves it
//! on none.

use crate::block::{Block, BlockShape};
use crate::index::{Index, IndexShape};
use crate::part::PartBytes;
use crate::parts::ReadAhead;
use crate::prefetch::Prefetch;
use crate::{Error, Table};
use siltstone_base::{Cursor, Entry, EntryKind, PinnedBytes, Seqno};
use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

/// A position in a table.
#[derive(Debug)]
pub struct TableCursor {
    table: Arc<Table>,
    /// For a compaction: where blocks come from instead of map and cache.
    read_ahead: Option<ReadAhead>,
    /// For others: what they ask the map for.
    prefetch: Prefetch,
    partition: Option<OpenPartition>,
    block: Option<OpenBlock>,
    current: Option<Current>,
    /// The key of the current entry, assembled; it begins with what the open block's keys share.
    key: Vec<u8>,
}

#[derive(Debug)]
struct OpenPartition {
    at: usize,
    bytes: PartBytes,
    shape: IndexShape,
}

#[derive(Debug)]
struct OpenBlock {
    /// Which block of the open partition.
    at: usize,
    offset: u64,
    bytes: PartBytes,
    shape: BlockShape,
}

#[derive(Clone, Debug)]
struct Current {
    /// Which entry of the open block.
    at: usize,
    seqno: Seqno,
    kind: EntryKind,
    value: Range<usize>,
}

impl OpenPartition {
    fn index(&self) -> Index<'_> {
        Index::of(self.bytes.as_slice(), self.shape)
    }
}

impl OpenBlock {
    fn block(&self) -> Block<'_> {
        Block::of(self.bytes.as_slice(), self.shape)
    }
}

impl TableCursor {
    pub(crate) fn new(table: Arc<Table>, read_ahead: Option<ReadAhead>) -> Self {
        Self {
            table,
            read_ahead,
            prefetch: Prefetch::new(),
            partition: None,
            block: None,
            current: None,
            key: Vec::new(),
        }
    }

    /// The table it moves in.
    pub fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// Opens partition `at` of the index, unless it is open.
    fn open_partition(&mut self, at: usize) -> Result<(), Error> {
        if self.partition.as_ref().is_some_and(|partition| partition.at == at) {
            return Ok(());
        }
        (self.partition, self.block) = (None, None);
        let partition = self.table.partition(at)?;
        let (parts, what) = (self.table.parts(), "index partition");
        let bytes = match &self.read_ahead {
            Some(_) => parts.metadata_past_cache(partition.index, what)?,
            None => parts.metadata(partition.index, what)?.0,
        };
        let shape = self.table.parse_index(at, partition, bytes.as_slice())?.shape();
        self.partition = Some(OpenPartition { at, bytes, shape });
        Ok(())
    }

    /// Opens block `at` of the open partition, unless it is open.
    fn open_block(&mut self, at: usize) -> Result<(), Error> {
        if self.block.as_ref().is_some_and(|block| block.at == at) {
            return Ok(());
        }
        // Dropped before the next is read: a read-ahead buffer that nobody holds is used again.
        self.block = None;
        let Some(open) = &self.partition else { return Ok(()) };
        let partition = self.table.partition(open.at)?;
        let handle = open.index().handle(at);
        let handle =
            handle.map_err(|error| self.table.decode_error(error, partition.index.offset))?;
        let parts = self.table.parts();
        let bytes = if let Some(read_ahead) = &mut self.read_ahead {
            read_ahead.block(parts, handle)?
        } else {
            if let Some(soon) = self.prefetch.visit(handle.offset..handle.end()) {
                parts.will_need(soon);
            }
            parts.block(partition.first_block + at as u64, handle)?.0
        };
        let block = Block::parse(bytes.as_slice());
        let shape = block.map_err(|error| self.table.decode_error(error, handle.offset))?.shape();
        let open = OpenBlock { at, offset: handle.offset, bytes, shape };
        self.key.clear();
        self.key.extend_from_slice(open.block().common());
        self.block = Some(open);
        Ok(())
    }

    /// Stands on entry `at` of the open block.
    #[inline]
    fn load(&mut self, at: usize) -> Result<bool, Error> {
        let Some(open) = &self.block else { return Ok(false) };
        let block = open.block();
        let entry = block.entry(at);
        let entry = entry.map_err(|error| self.table.decode_error(error, open.offset))?;
        // What the block's keys share was put there when it was opened.
        self.key.truncate(block.common().len());
        self.key.extend_from_slice(entry.rest);
        let (seqno, kind, value) = (entry.seqno, entry.kind, entry.value);
        self.current = Some(Current { at, seqno, kind, value });
        Ok(true)
    }

    /// Opens the block behind the open one, if there is one.
    fn open_next_block(&mut self) -> Result<bool, Error> {
        let (Some(partition), Some(block)) = (&self.partition, &self.block) else {
            return Ok(false);
        };
        let (at, next) = (partition.at, block.at + 1);
        if next < partition.index().count() {
            self.open_block(next)?;
            return Ok(true);
        }
        if at + 1 == self.table.directory().len() {
            return Ok(false);
        }
        self.open_partition(at + 1)?;
        self.open_block(0)?;
        Ok(true)
    }

    /// Opens the block before the open one, if there is one.
    fn open_previous_block(&mut self) -> Result<bool, Error> {
        let (Some(partition), Some(block)) = (&self.partition, &self.block) else {
            return Ok(false);
        };
        let (at, block) = (partition.at, block.at);
        if block > 0 {
            self.open_block(block - 1)?;
            return Ok(true);
        }
        if at == 0 {
            return Ok(false);
        }
        self.open_last_block(at - 1)?;
        Ok(true)
    }

    fn open_last_block(&mut self, partition: usize) -> Result<(), Error> {
        self.open_partition(partition)?;
        let last = self.partition.as_ref().map_or(0, |open| open.index().count() - 1);
        self.open_block(last)
    }

    /// Opens the block in which the first entry at or after the target is, or would be, and
    /// returns its position there; the block's count if it comes after all entries of the block
    /// and before those of the next. `None` if all keys are below.
    fn locate(&mut self, key: &[u8], seqno: Seqno) -> Result<Option<usize>, Error> {
        let Some(at) = self.table.directory().find(key) else { return Ok(None) };
        self.open_partition(at)?;
        let Some(open) = &self.partition else { return Ok(None) };
        let (index, offset) = (open.index(), self.table.partition(at)?.index.offset);
        let found = index.find(key).map_err(|error| self.table.decode_error(error, offset))?;
        if found == index.count() {
            let why = "its last separator is not the one in the directory";
            return Err(self.table.corrupt("index partition", offset, why));
        }
        self.open_block(found)?;
        loop {
            let (position, count) = self.lower_bound(key, seqno)?;
            if position < count || !self.goes_on(key)? || !self.open_next_block()? {
                return Ok(Some(position));
            }
        }
    }

    /// Position of the target in the open block, and the block's count.
    fn lower_bound(&self, key: &[u8], seqno: Seqno) -> Result<(usize, usize), Error> {
        let Some(open) = &self.block else { return Ok((0, 0)) };
        let block = open.block();
        let position = block.lower_bound(key, seqno);
        let position = position.map_err(|error| self.table.decode_error(error, open.offset))?;
        Ok((position, block.count()))
    }

    /// Whether versions of `key` can be in the block behind the open one.
    fn goes_on(&self, key: &[u8]) -> Result<bool, Error> {
        let (Some(partition), Some(block)) = (&self.partition, &self.block) else {
            return Ok(false);
        };
        let order = partition.index().compare(block.at, key);
        let offset = self.table.partition(partition.at)?.index.offset;
        Ok(order.map_err(|error| self.table.decode_error(error, offset))? == Ordering::Equal)
    }

    fn load_last_of_block(&mut self) -> Result<bool, Error> {
        let last = self.block.as_ref().map_or(0, |open| open.block().count() - 1);
        self.load(last)
    }
}

impl Cursor for TableCursor {
    type Error = Error;

    #[inline]
    fn valid(&self) -> bool {
        self.current.is_some()
    }

    fn seek_to_first(&mut self) -> Result<bool, Error> {
        self.current = None;
        self.open_partition(0)?;
        self.open_block(0)?;
        self.load(0)
    }

    fn seek_to_last(&mut self) -> Result<bool, Error> {
        self.current = None;
        self.open_last_block(self.table.directory().len() - 1)?;
        self.load_last_of_block()
    }

    fn seek(&mut self, key: &[u8], seqno: Seqno) -> Result<bool, Error> {
        self.current = None;
        let Some(position) = self.locate(key, seqno)? else { return Ok(false) };
        if self.block.as_ref().is_some_and(|open| position < open.block().count()) {
            return self.load(position);
        }
        if self.open_next_block()? { self.load(0) } else { Ok(false) }
    }

    fn seek_for_prev(&mut self, key: &[u8], seqno: Seqno) -> Result<bool, Error> {
        self.current = None;
        let Some(position) = self.locate(key, seqno)? else { return self.seek_to_last() };
        if self.block.as_ref().is_some_and(|open| position < open.block().count()) {
            self.load(position)?;
            let current = self.current.take();
            if current.as_ref().is_some_and(|current| self.key == key && current.seqno == seqno) {
                self.current = current;
                return Ok(true);
            }
        }
        if let Some(before) = position.checked_sub(1) {
            return self.load(before);
        }
        if self.open_previous_block()? { self.load_last_of_block() } else { Ok(false) }
    }

    #[inline]
    fn next(&mut self) -> Result<bool, Error> {
        let Some(current) = self.current.take() else { return Ok(false) };
        let next = current.at + 1;
        if self.block.as_ref().is_some_and(|open| next < open.block().count()) {
            return self.load(next);
        }
        if self.open_next_block()? { self.load(0) } else { Ok(false) }
    }

    fn prev(&mut self) -> Result<bool, Error> {
        let Some(current) = self.current.take() else { return Ok(false) };
        if let Some(before) = current.at.checked_sub(1) {
            return self.load(before);
        }
        if self.open_previous_block()? { self.load_last_of_block() } else { Ok(false) }
    }

    #[inline]
    fn entry(&self) -> Entry<'_> {
        let (current, open) = self.under();
        // The range was decoded from these very bytes, so it lies in them.
        let value = &open.bytes.as_slice()[current.value.clone()];
        Entry { key: &self.key, seqno: current.seqno, kind: current.kind, value }
    }

    fn pin_value(&self) -> PinnedBytes {
        let (current, open) = self.under();
        if self.read_ahead.is_some() {
            // A pin would keep the whole buffer from being used again.
            return PinnedBytes::copy_of(self.entry().value);
        }
        open.bytes.clone().pin(current.value.clone())
    }
}

impl TableCursor {
    #[inline]
    fn under(&self) -> (&Current, &OpenBlock) {
        self.current.as_ref().zip(self.block.as_ref()).expect("the cursor stands on an entry")
    }
}
