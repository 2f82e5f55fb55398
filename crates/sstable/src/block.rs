//! A data block: entries in order behind arrays that a search runs over.
//! ```text
//! block = header (16 bytes) | common | heads: u32 * n | offsets: (u16|u32) * (n + 1) | entries
//! entry = tail: varint | rest length: varint | rest of key | value
//! ```
//! 1. Heads are the first four bytes of each key after what all keys of the block share, so that a
//!    search touches one dense array and full keys only where heads are equal.
//! 2. The end of the value is the offset of the next entry: no length is stored.
//!
//! Always: decoding any bytes gives entries or an error. [`Block::parse`] checks the header and
//! the extent of the arrays once; each access to an entry checks the rest.
//! Layout: docs/formats.md §4.1.

use siltstone_base::key::head4;
use siltstone_base::{
    DecodeError, EntryKind, MAX_KEY_BYTES, MAX_SEQNO, Reader, Seqno, internal_cmp, varint,
};
use std::cmp::Ordering;
use std::ops::Range;

#[cfg(test)]
mod tests;

/// Size of the fixed fields of a block.
pub(crate) const HEADER_BYTES: usize = 16;

/// Flag bit: offsets are u32 instead of u16.
pub(crate) const WIDE: u16 = 1;

const WHAT: &str = "data block";

/// Where the arrays of a block are; kept beside its bytes so that they are found again for free.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockShape {
    count: usize,
    wide: bool,
    base: Seqno,
    common_bytes: usize,
    entries_at: usize,
}

/// The bytes of a block and their shape.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block<'a> {
    bytes: &'a [u8],
    shape: BlockShape,
}

/// One entry of a block; its key is the block's common prefix and `rest`.
#[derive(Clone, Debug)]
pub(crate) struct BlockEntry<'a> {
    pub(crate) rest: &'a [u8],
    pub(crate) seqno: Seqno,
    pub(crate) kind: EntryKind,
    /// Where the value is in the bytes of the block.
    pub(crate) value: Range<usize>,
}

/// What a block says of a version of a key.
#[derive(Clone, Debug)]
pub(crate) enum Version<'a> {
    /// This one is it.
    Found(BlockEntry<'a>),
    /// There is none in the run.
    Absent,
    /// All entries of the block come before it: it may be in the next block.
    GoesOn,
}

const fn corrupt(at: usize, why: &'static str) -> DecodeError {
    DecodeError::corrupt(WHAT, at as u64, why)
}

impl<'a> Block<'a> {
    /// Takes `bytes` as a block, if header and arrays fit them.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, WHAT);
        let count = reader.u32()? as usize;
        let flags = reader.u16()?;
        let common_bytes = usize::from(reader.u16()?);
        let base = reader.u64()?;
        if count == 0 {
            return Err(corrupt(0, "it holds no entry"));
        }
        if flags & !WIDE != 0 {
            return Err(DecodeError::Unsupported {
                what: "data block flags",
                found: flags.into(),
                offset: 4,
            });
        }
        let wide = flags & WIDE != 0;
        let arrays = count
            .saturating_mul(4)
            .saturating_add(count.saturating_add(1).saturating_mul(width(wide)));
        let entries_at = arrays.saturating_add(HEADER_BYTES + common_bytes);
        let Some(area) = bytes.get(entries_at..) else {
            return Err(corrupt(0, "its arrays reach beyond its end"));
        };
        let block =
            Self { bytes, shape: BlockShape { count, wide, base, common_bytes, entries_at } };
        if block.offset(count) != Some(area.len()) {
            return Err(corrupt(0, "its entries do not end where it ends"));
        }
        Ok(block)
    }

    /// The block with this shape, which [`parse`](Self::parse) found in the same bytes.
    #[inline]
    pub(crate) const fn of(bytes: &'a [u8], shape: BlockShape) -> Self {
        Self { bytes, shape }
    }

    pub(crate) const fn shape(&self) -> BlockShape {
        self.shape
    }

    /// How many entries there are: at least one.
    #[inline]
    pub(crate) const fn count(&self) -> usize {
        self.shape.count
    }

    /// The bytes that all keys begin with.
    #[inline]
    pub(crate) fn common(&self) -> &'a [u8] {
        self.bytes.get(HEADER_BYTES..HEADER_BYTES + self.shape.common_bytes).unwrap_or_default()
    }

    /// The entry at `index`, which is below [`count`](Self::count).
    #[inline]
    pub(crate) fn entry(&self, index: usize) -> Result<BlockEntry<'a>, DecodeError> {
        let (Some(start), Some(end)) = (self.offset(index), self.offset(index + 1)) else {
            return Err(corrupt(0, "an entry lies outside it"));
        };
        let (start, end) = (self.shape.entries_at + start, self.shape.entries_at + end);
        let bytes = self.bytes.get(start..end).ok_or(corrupt(start, "an entry lies outside it"))?;
        decode_entry(bytes, start, &self.shape).ok_or(corrupt(start, "an entry is not valid"))?
    }

    /// Position of the first entry at or after (`key`, `seqno`); the count if there is none.
    pub(crate) fn lower_bound(&self, key: &[u8], seqno: Seqno) -> Result<usize, DecodeError> {
        let Some(rest) = key.strip_prefix(self.common()) else { return Ok(self.beside(key)) };
        Ok(self.bisect(self.ties(rest), rest, seqno)?.0)
    }

    /// The newest version of `key` that is not newer than `seqno`.
    #[inline]
    pub(crate) fn find(&self, key: &[u8], seqno: Seqno) -> Result<Version<'a>, DecodeError> {
        let (position, entry) = match key.strip_prefix(self.common()) {
            Some(rest) => self.bisect(self.ties(rest), rest, seqno)?,
            None => (self.beside(key), None),
        };
        let rest = key.get(self.common().len()..);
        Ok(match entry {
            Some(entry) if Some(entry.rest) == rest => Version::Found(entry),
            None if position == self.count() => Version::GoesOn,
            _ => Version::Absent,
        })
    }

    /// Where a key that does not begin with what all keys share would be: before or behind them.
    fn beside(&self, key: &[u8]) -> usize {
        if key < self.common() { 0 } else { self.count() }
    }

    /// The entries with the head of `rest`; empty, at its place, if there are none.
    #[inline]
    fn ties(&self, rest: &[u8]) -> Range<usize> {
        let head = head4(rest);
        let heads = self.heads();
        let first = heads.partition_point(|other| u32::from_le_bytes(*other) < head);
        let is_tie =
            |at: usize| heads.get(at).is_some_and(|other| u32::from_le_bytes(*other) == head);
        let end = match (is_tie(first), is_tie(first + 1)) {
            (false, _) => first,
            (true, false) => first + 1,
            (true, true) => heads.partition_point(|other| u32::from_le_bytes(*other) <= head),
        };
        first..end
    }

    /// Position of the first entry of `range` at or after the target, and that entry; the end of
    /// `range` and none if all come before.
    #[inline]
    fn bisect(
        &self,
        mut range: Range<usize>,
        rest: &[u8],
        seqno: Seqno,
    ) -> Result<(usize, Option<BlockEntry<'a>>), DecodeError> {
        let mut found = None;
        while range.start < range.end {
            let middle = usize::midpoint(range.start, range.end);
            let entry = self.entry(middle)?;
            match internal_cmp((entry.rest, entry.seqno), (rest, seqno)) {
                Ordering::Less => range.start = middle + 1,
                Ordering::Equal => return Ok((middle, Some(entry))),
                Ordering::Greater => {
                    range.end = middle;
                    found = Some(entry);
                }
            }
        }
        Ok((range.start, found))
    }

    /// The heads, as little-endian bytes.
    #[inline]
    pub(crate) fn heads(&self) -> &'a [[u8; 4]] {
        let start = HEADER_BYTES + self.shape.common_bytes;
        let bytes = self.bytes.get(start..start + 4 * self.shape.count).unwrap_or_default();
        bytes.as_chunks().0
    }

    /// Offset `index` of the array, from the start of the entry area.
    #[inline]
    fn offset(&self, index: usize) -> Option<usize> {
        let start = HEADER_BYTES + self.shape.common_bytes + 4 * self.shape.count;
        let tail = self.bytes.get(start + index * width(self.shape.wide)..)?;
        if self.shape.wide {
            Some(u32::from_le_bytes(*tail.first_chunk()?) as usize)
        } else {
            Some(usize::from(u16::from_le_bytes(*tail.first_chunk()?)))
        }
    }
}

const fn width(wide: bool) -> usize {
    if wide { 4 } else { 2 }
}

/// A varint, of which most here have one byte.
#[inline]
fn take_varint(bytes: &[u8]) -> Option<(u64, usize)> {
    match bytes.first() {
        Some(&byte) if byte < 0x80 => Some((u64::from(byte), 1)),
        _ => varint::take(bytes),
    }
}

/// The entry whose `bytes` begin at `start` of its block; `None` if they are cut short.
#[inline]
fn decode_entry<'a>(
    bytes: &'a [u8],
    start: usize,
    shape: &BlockShape,
) -> Option<Result<BlockEntry<'a>, DecodeError>> {
    let (tail, tail_bytes) = take_varint(bytes)?;
    let (rest_bytes, length_bytes) = take_varint(&bytes[tail_bytes..])?;
    let rest_at = tail_bytes + length_bytes;
    let rest_bytes = usize::try_from(rest_bytes).ok()?;
    let value_at = rest_at.checked_add(rest_bytes)?;
    let rest = bytes.get(rest_at..value_at)?;
    let seqno = shape.base.checked_add(tail >> 4)?;
    if seqno > MAX_SEQNO || shape.common_bytes + rest_bytes > MAX_KEY_BYTES {
        return None;
    }
    let kind = match EntryKind::from_byte((tail & 0xf) as u8, start as u64) {
        Ok(kind) => kind,
        Err(unknown) => return Some(Err(unknown)),
    };
    Some(Ok(BlockEntry { rest, seqno, kind, value: start + value_at..start + bytes.len() }))
}
