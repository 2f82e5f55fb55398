//! Takes out of a damaged table what is still sound in it.
//!
//! 1. Data blocks lie one behind the other. Where the index can be read it says where each begins
//!    and how long it is.
//! 2. Where it cannot, a block says its length itself: one that is not compressed by its arrays, a
//!    compressed one by the elements of its stream.
//! 3. Behind a block that is not sound the next one is looked for: where the index says, or at
//!    each byte.
//!
//! Always: an entry is handed out only from a block whose sum matched in this place of this
//! table, so nothing passes for an entry that is none.

use crate::block::{Block, HEADER_BYTES as BLOCK_HEADER_BYTES, WIDE};
use crate::footer::HEADER_BYTES;
use crate::index::Index;
use crate::part::{self, BlockHandle, Codec};
use crate::table_source::{read_directory, read_footer};
use crate::{Error, Properties, TableId, TableSource, parts};
use siltstone_base::{Entry, EntryKind, varint};
use siltstone_vfs::ReadFile;
use std::io;
use std::ops::Range;
use std::sync::Arc;

/// Bytes read at a time.
const READ_BYTES: usize = 1 << 20;
/// Bytes read at a time where the device fails.
const PIECE_BYTES: usize = 4096;
/// Where nothing says where blocks begin, bytes are hashed and stepped over up to this many times
/// the file's length.
const PATIENCE_FACTOR: u64 = 64;

/// Bytes of a table from which nothing could be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostBytes {
    /// Where they begin, from the start of the file.
    pub offset: u64,
    /// How many there are.
    pub bytes: u64,
    /// What is wrong with the first of them.
    pub why: &'static str,
}

/// What a walk through a damaged table meets.
#[derive(Clone, Copy, Debug)]
pub enum Salvaged<'a> {
    /// An entry of a sound block.
    Entry(Entry<'a>),
    /// A place without a sound block.
    Lost(LostBytes),
}

/// Walks through the blocks of a table that may be damaged anywhere.
#[derive(Debug)]
pub struct Salvager {
    window: Window,
    table: TableId,
    properties: Option<Properties>,
    /// Blocks that the index names, by offset.
    known: Vec<BlockHandle>,
    /// Whether those are all there are.
    complete: bool,
    /// Where the data blocks end, at the latest.
    end: u64,
    patience: u64,
}

impl Salvager {
    /// Reads what can be read of footer, properties and index; none of it is needed.
    ///
    /// # Errors
    ///
    /// Only those of the file system.
    pub fn new(file: Arc<dyn ReadFile>, table: TableId) -> io::Result<Self> {
        let bytes = file.bytes()?;
        let window = Window { file: Arc::clone(&file), limit: bytes, start: 0, buffer: Vec::new() };
        let mut salvager = Self {
            window,
            table,
            properties: None,
            known: Vec::new(),
            complete: false,
            end: bytes,
            patience: bytes.saturating_mul(PATIENCE_FACTOR),
        };
        match salvager.read_index(file) {
            Err(Error::Io { source, .. }) if source.kind() != io::ErrorKind::UnexpectedEof => {
                return Err(source);
            }
            _ => {}
        }
        Ok(salvager)
    }

    /// What the table says of itself, if that can still be read.
    pub const fn properties(&self) -> Option<&Properties> {
        self.properties.as_ref()
    }

    /// Hands out what is met, in the order of the file, which is that of the entries.
    ///
    /// # Errors
    ///
    /// Those of the file system and of `found`.
    pub fn run<E: From<io::Error>>(
        mut self,
        mut found: impl FnMut(Salvaged<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut at = (HEADER_BYTES as u64).min(self.end);
        let mut lost: Option<LostBytes> = None;
        while at < self.end {
            match self.block_at(at)? {
                Ok((bytes, end)) => {
                    tell(lost.take(), at, &mut found)?;
                    if let Err(why) = entries(&bytes, &mut found)? {
                        lost = Some(LostBytes { offset: at, bytes: end - at, why });
                    }
                    at = end;
                }
                Err(why) => {
                    lost.get_or_insert(LostBytes { offset: at, bytes: 0, why });
                    at = self.next_place(at);
                }
            }
        }
        tell(lost, at.min(self.end), &mut found)
    }

    fn read_index(&mut self, file: Arc<dyn ReadFile>) -> Result<(), Error> {
        let source = TableSource::as_it_says(file, self.table)?;
        let footer = read_footer(&source)?;
        self.end = footer.directory.offset;
        let (directory, properties) = read_directory(&source, &footer)?;
        self.end = HEADER_BYTES as u64 + properties.data_bytes;
        let mut complete = true;
        for at in 0..directory.len() {
            let Some(partition) = directory.get(at) else { break };
            let handle = partition.index;
            let bytes = handle.end() - handle.offset;
            let sealed =
                parts::read(&*source.file, self.table, handle.offset, bytes, "reading an index")?;
            let index = parts::verify_metadata(self.table, handle, &sealed, "index partition")
                .and_then(Index::parse);
            match index {
                Ok(index) => self.note_blocks(&index),
                Err(_) => complete = false,
            }
        }
        self.known.sort_unstable_by_key(|handle| handle.offset);
        self.complete = complete && self.known.len() as u64 == properties.data_blocks;
        self.properties = Some(properties);
        Ok(())
    }

    fn note_blocks(&mut self, index: &Index<'_>) {
        let handles = (0..index.count()).filter_map(|at| index.handle(at).ok());
        let end = self.end;
        self.known.extend(handles.filter(|handle| handle.end() <= end));
    }

    /// The block that begins at `offset`, decompressed, and where it ends; or why there is none.
    #[expect(clippy::type_complexity, reason = "two ways to fail: the file system, the bytes")]
    fn block_at(&mut self, offset: u64) -> io::Result<Result<(Arc<[u8]>, u64), &'static str>> {
        let known = self.known.binary_search_by_key(&offset, |handle| handle.offset);
        if let Some(&handle) = known.ok().and_then(|at| self.known.get(at)) {
            return self.open(handle);
        }
        if let Some(raw_bytes) = self.plain_bytes(offset)? {
            let handle = BlockHandle { offset, stored_bytes: raw_bytes, raw_bytes };
            if let Ok(block) = self.open(handle)? {
                return Ok(Ok(block));
            }
        }
        match self.snap_handle(offset)? {
            Some(handle) => self.open(handle),
            None => Ok(Err("no data block begins here")),
        }
    }

    #[expect(clippy::type_complexity, reason = "as for `block_at`")]
    fn open(&mut self, handle: BlockHandle) -> io::Result<Result<(Arc<[u8]>, u64), &'static str>> {
        let Some(sealed) = self.window.get(handle.offset, handle.sealed_bytes())? else {
            return Ok(Err("it reaches beyond the end of the file"));
        };
        self.patience = self.patience.saturating_sub(handle.sealed_bytes());
        let stored = match part::unseal_block(self.table, handle, sealed) {
            Ok(stored) => stored,
            Err(siltstone_base::DecodeError::Corrupt(found)) => return Ok(Err(found.why)),
            Err(_) => return Ok(Err("a newer version wrote it")),
        };
        let block = match handle.codec() {
            Codec::None => Ok(Arc::from(stored)),
            Codec::Snap => part::decompress(stored, handle).map_err(|_| "it does not decompress"),
        };
        Ok(block.map(|block| (block, handle.end())))
    }

    /// Length of the block at `offset`, if it is one that is not compressed.
    fn plain_bytes(&mut self, offset: u64) -> io::Result<Option<u32>> {
        let Some(header) = self.window.get(offset, BLOCK_HEADER_BYTES as u64)? else {
            return Ok(None);
        };
        let &[c0, c1, c2, c3, f0, f1, k0, k1, ..] = header else { return Ok(None) };
        let count = u64::from(u32::from_le_bytes([c0, c1, c2, c3]));
        let flags = u16::from_le_bytes([f0, f1]);
        if count == 0 || flags & !WIDE != 0 {
            return Ok(None);
        }
        let width = if flags & WIDE == 0 { 2 } else { 4 };
        let common = u64::from(u16::from_le_bytes([k0, k1]));
        let last_offset = BLOCK_HEADER_BYTES as u64 + common + count * (4 + width);
        let Some(place) = offset.checked_add(last_offset) else { return Ok(None) };
        let Some(last) = self.window.get(place, width)? else { return Ok(None) };
        let area = match *last {
            [b0, b1] => u64::from(u16::from_le_bytes([b0, b1])),
            [b0, b1, b2, b3] => u64::from(u32::from_le_bytes([b0, b1, b2, b3])),
            _ => return Ok(None),
        };
        Ok(u32::try_from(last_offset + width + area).ok())
    }

    /// The handle of the block at `offset`, if it is a compressed one: its stream says how much
    /// comes out of it, and ends when that much came.
    fn snap_handle(&mut self, offset: u64) -> io::Result<Option<BlockHandle>> {
        let Some(first) = self.window.get_most(offset, 10)? else { return Ok(None) };
        let Some((raw_bytes, length)) = varint::take(first) else { return Ok(None) };
        let Ok(raw_bytes) = u32::try_from(raw_bytes) else { return Ok(None) };
        let (mut stored, mut come) = (length as u64, 0u64);
        while come < u64::from(raw_bytes) {
            let Some(element) = self.window.get_most(offset + stored, 5)? else { return Ok(None) };
            let Some((bytes, output)) = snap_element(element) else { return Ok(None) };
            (stored, come) = (stored + bytes, come + output);
            self.patience = self.patience.saturating_sub(1);
        }
        let stored_bytes = u32::try_from(stored).ok();
        let handle =
            stored_bytes.map(|stored_bytes| BlockHandle { offset, stored_bytes, raw_bytes });
        Ok(handle.filter(|handle| come == u64::from(raw_bytes) && handle.codec() == Codec::Snap))
    }

    /// Where the next block may begin behind the place `at`, where none does.
    fn next_place(&mut self, at: u64) -> u64 {
        let behind = self.known.partition_point(|handle| handle.offset <= at);
        let next_known = self.known.get(behind).map_or(self.end, |handle| handle.offset);
        let here = behind.checked_sub(1).and_then(|here| self.known.get(here));
        let is_known = here.is_some_and(|handle| handle.offset == at);
        if self.complete || self.patience == 0 {
            return next_known;
        }
        // The end of a block that the index names is as good as the start of one.
        if let Some(handle) = here.filter(|_| is_known) {
            return handle.end().min(next_known);
        }
        self.patience -= 1;
        at + 1
    }
}

/// Tells of a lost place, now that its end is known.
fn tell<E>(
    lost: Option<LostBytes>,
    end: u64,
    found: &mut impl FnMut(Salvaged<'_>) -> Result<(), E>,
) -> Result<(), E> {
    match lost {
        Some(lost) => {
            let bytes = lost.bytes.max(end.saturating_sub(lost.offset));
            found(Salvaged::Lost(LostBytes { bytes, ..lost }))
        }
        None => Ok(()),
    }
}

/// Hands out the entries of a block whose sum matched; or why not all of them.
fn entries<E>(
    bytes: &[u8],
    found: &mut impl FnMut(Salvaged<'_>) -> Result<(), E>,
) -> Result<Result<(), &'static str>, E> {
    let Ok(block) = Block::parse(bytes) else { return Ok(Err("its content makes no sense")) };
    let mut key = block.common().to_vec();
    for at in 0..block.count() {
        let Ok(entry) = block.entry(at) else { return Ok(Err("its content makes no sense")) };
        key.truncate(block.common().len());
        key.extend_from_slice(entry.rest);
        let value = bytes.get(entry.value.clone()).unwrap_or_default();
        if entry.kind == EntryKind::Delete && !value.is_empty() {
            return Ok(Err("a tombstone has a value"));
        }
        let (seqno, kind) = (entry.seqno, entry.kind);
        found(Salvaged::Entry(Entry { key: &key, seqno, kind, value }))?;
    }
    Ok(Ok(()))
}

/// How many bytes the element of a snap stream takes, and how many come out of it.
fn snap_element(bytes: &[u8]) -> Option<(u64, u64)> {
    let (&tag, rest) = bytes.split_first()?;
    let high = u64::from(tag >> 2);
    match tag & 3 {
        0 => {
            let extra = usize::from(tag >> 2).saturating_sub(59);
            let mut length = [0; 8];
            length.get_mut(..extra)?.copy_from_slice(rest.get(..extra)?);
            let more = if extra == 0 { high } else { u64::from_le_bytes(length) };
            Some((1 + extra as u64 + more + 1, more + 1))
        }
        1 => Some((2, (high & 7) + 4)),
        2 => Some((3, high + 1)),
        _ => Some((5, high + 1)),
    }
}

/// A file through one buffer.
#[derive(Debug)]
struct Window {
    file: Arc<dyn ReadFile>,
    limit: u64,
    start: u64,
    buffer: Vec<u8>,
}

impl Window {
    /// Exactly `count` bytes from `offset`, if the file has so many.
    fn get(&mut self, offset: u64, count: u64) -> io::Result<Option<&[u8]>> {
        if offset.checked_add(count).is_none_or(|end| end > self.limit) {
            return Ok(None);
        }
        let bytes = self.get_most(offset, count)?;
        Ok(bytes.filter(|bytes| bytes.len() as u64 == count))
    }

    /// At most `count` bytes from `offset`; `None` at the end of the file.
    fn get_most(&mut self, offset: u64, count: u64) -> io::Result<Option<&[u8]>> {
        let count = count.min(self.limit.saturating_sub(offset));
        if count == 0 {
            return Ok(None);
        }
        let end = self.start + self.buffer.len() as u64;
        if offset < self.start || offset + count > end {
            self.fill(offset, count)?;
        }
        let start = usize::try_from(offset - self.start).unwrap_or(usize::MAX);
        let end = start.saturating_add(usize::try_from(count).unwrap_or(usize::MAX));
        let range: Range<usize> = start..end.min(self.buffer.len());
        Ok(self.buffer.get(range).filter(|bytes| !bytes.is_empty()))
    }

    fn fill(&mut self, offset: u64, count: u64) -> io::Result<()> {
        let left = self.limit - offset;
        let bytes = usize::try_from(count.max(READ_BYTES as u64).min(left));
        let bytes = bytes.map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        let more = bytes.saturating_sub(self.buffer.len());
        self.buffer.try_reserve(more).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        self.buffer.resize(bytes, 0);
        self.start = offset;
        match self.file.read_at(&mut self.buffer, offset) {
            Ok(read) => self.buffer.truncate(read),
            Err(_) => self.fill_by_pieces(),
        }
        Ok(())
    }

    /// Fills the buffer where the device lets it, with zeros in between: what cannot be read is
    /// damaged like what is wrong.
    fn fill_by_pieces(&mut self) {
        let mut offset = self.start;
        for piece in self.buffer.chunks_mut(PIECE_BYTES) {
            piece.fill(0);
            if self.file.read_at(piece, offset).is_err() {
                piece.fill(0);
            }
            offset += piece.len() as u64;
        }
    }
}
