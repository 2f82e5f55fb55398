//! A partition of the index: one separator per data block, and where the block is.
//! ```text
//! partition = count: u32 | common length: u16 | 0: u16 | common | heads: u64 * n
//!           | offsets: u32 * (n + 1) | handles: 16 bytes * n | rests of separators
//! ```
//! Always: every key of block i <= separator i <= every key of block i + 1, so the first separator
//! at or above a key names the first block that can hold it. Versions of one key may go on in the
//! blocks behind, when their separators equal the key.
//! Layout: docs/formats.md §4.2.

use crate::part::BlockHandle;
use siltstone_base::key::head8;
use siltstone_base::{DecodeError, Reader, Sabotage};
use std::cmp::Ordering;

/// Size of the fixed fields of a partition.
pub(crate) const HEADER_BYTES: usize = 8;

/// Size of one block's handle.
const HANDLE_BYTES: usize = 16;

/// Bytes of one block in the arrays: head, offset, handle.
pub(crate) const ROW_BYTES: usize = 8 + 4 + HANDLE_BYTES;

const WHAT: &str = "index partition";

/// Where the arrays of a partition are; kept beside its bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IndexShape {
    count: usize,
    common_bytes: usize,
}

/// The bytes of a partition and their shape.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Index<'a> {
    bytes: &'a [u8],
    shape: IndexShape,
}

const fn corrupt(at: usize, why: &'static str) -> DecodeError {
    DecodeError::corrupt(WHAT, at as u64, why)
}

impl<'a> Index<'a> {
    /// Takes `bytes` as a partition, if header and arrays fit them.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, WHAT);
        let count = reader.u32()? as usize;
        let common_bytes = usize::from(reader.u16()?);
        if reader.u16()? != 0 {
            return Err(corrupt(6, "reserved bytes are not zero"));
        }
        if count == 0 {
            return Err(corrupt(0, "it names no block"));
        }
        let index = Self { bytes, shape: IndexShape { count, common_bytes } };
        let rests = bytes.get(index.shape.rests_at()..);
        if rests.is_none_or(|rests| index.rest_offset(count) != Some(rests.len())) {
            return Err(corrupt(0, "its arrays or separators do not fit it"));
        }
        Ok(index)
    }

    /// The partition with this shape, which [`parse`](Self::parse) found in the same bytes.
    pub(crate) const fn of(bytes: &'a [u8], shape: IndexShape) -> Self {
        Self { bytes, shape }
    }

    pub(crate) const fn shape(&self) -> IndexShape {
        self.shape
    }

    /// How many blocks there are: at least one.
    pub(crate) const fn count(&self) -> usize {
        self.shape.count
    }

    /// Position of the first separator at or above `key`; the count if all are below.
    #[inline]
    pub(crate) fn find(&self, key: &[u8]) -> Result<usize, DecodeError> {
        let common = self.common();
        let Some(rest) = key.strip_prefix(common) else {
            return Ok(if key < common { 0 } else { self.count() });
        };
        let head = head8(rest);
        let heads = self.heads();
        let first = heads.partition_point(|other| u64::from_le_bytes(*other) < head);
        let ties = heads.get(first..).unwrap_or_default();
        let ties = if ties.first().is_some_and(|other| u64::from_le_bytes(*other) == head) {
            ties.partition_point(|other| u64::from_le_bytes(*other) == head)
        } else {
            0
        };
        let (mut low, mut high) = (first, first + ties);
        while low < high {
            let middle = usize::midpoint(low, high);
            let separator = self.rest(middle)?;
            if separator < rest || (Sabotage::SeekSkipsBlock.is_on() && separator == rest) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    /// How the separator at `index` compares with `key`.
    pub(crate) fn compare(&self, index: usize, key: &[u8]) -> Result<Ordering, DecodeError> {
        let common = self.common();
        let Some(rest) = key.strip_prefix(common) else { return Ok(common.cmp(key)) };
        Ok(self.rest(index)?.cmp(rest))
    }

    /// The separator at `index`.
    pub(crate) fn separator(&self, index: usize) -> Result<Vec<u8>, DecodeError> {
        Ok([self.common(), self.rest(index)?].concat())
    }

    /// Whether the head at `index` is that of its separator.
    pub(crate) fn head_is_right(&self, index: usize) -> Result<bool, DecodeError> {
        let head = head8(self.rest(index)?).to_le_bytes();
        Ok(self.heads().get(index) == Some(&head))
    }

    /// Where the block at `index` is.
    #[inline]
    pub(crate) fn handle(&self, index: usize) -> Result<BlockHandle, DecodeError> {
        let start = self.shape.handles_at() + index * HANDLE_BYTES;
        let bytes = self.bytes.get(start..).unwrap_or_default();
        let (Some(offset), Some(stored), Some(raw)) = (
            bytes.first_chunk::<8>(),
            bytes.get(8..).and_then(<[u8]>::first_chunk::<4>),
            bytes.get(12..).and_then(<[u8]>::first_chunk::<4>),
        ) else {
            return Err(corrupt(start, "a handle lies outside it"));
        };
        let handle = BlockHandle {
            offset: u64::from_le_bytes(*offset),
            stored_bytes: u32::from_le_bytes(*stored),
            raw_bytes: u32::from_le_bytes(*raw),
        };
        if handle.stored_bytes > handle.raw_bytes {
            return Err(corrupt(start, "a block is stored in more bytes than it has"));
        }
        Ok(handle)
    }

    fn common(&self) -> &'a [u8] {
        self.bytes.get(HEADER_BYTES..HEADER_BYTES + self.shape.common_bytes).unwrap_or_default()
    }

    fn heads(&self) -> &'a [[u8; 8]] {
        let start = HEADER_BYTES + self.shape.common_bytes;
        let bytes = self.bytes.get(start..start + 8 * self.shape.count).unwrap_or_default();
        bytes.as_chunks().0
    }

    fn rest(&self, index: usize) -> Result<&'a [u8], DecodeError> {
        let rests = self.bytes.get(self.shape.rests_at()..).unwrap_or_default();
        let (start, end) = (self.rest_offset(index), self.rest_offset(index + 1));
        let range = start.zip(end).map(|(start, end)| start..end);
        range
            .and_then(|range| rests.get(range))
            .ok_or(corrupt(self.shape.rests_at(), "a separator lies outside it"))
    }

    fn rest_offset(&self, index: usize) -> Option<usize> {
        let bytes = self.bytes.get(self.shape.offsets_at() + 4 * index..)?;
        Some(u32::from_le_bytes(*bytes.first_chunk()?) as usize)
    }
}

impl IndexShape {
    const fn offsets_at(self) -> usize {
        HEADER_BYTES + self.common_bytes + 8 * self.count
    }

    const fn handles_at(self) -> usize {
        self.offsets_at() + 4 * (self.count + 1)
    }

    const fn rests_at(self) -> usize {
        self.handles_at() + HANDLE_BYTES * self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index_builder::IndexBuilder;
    use proptest::prelude::*;

    fn separators() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let rest = proptest::collection::vec(prop_oneof![Just(0u8), Just(b'a'), Just(255)], 0..12);
        (proptest::collection::vec(rest, 1..40), proptest::collection::vec(any::<u8>(), 0..6))
            .prop_map(|(mut separators, prefix)| {
                for separator in &mut separators {
                    separator.splice(0..0, prefix.iter().copied());
                }
                separators.sort();
                separators
            })
    }

    fn handle(number: u32) -> BlockHandle {
        BlockHandle { offset: u64::from(number) << 33, stored_bytes: number, raw_bytes: number + 1 }
    }

    fn encode(separators: &[Vec<u8>]) -> Vec<u8> {
        let mut builder = IndexBuilder::default();
        for (number, separator) in (0..).zip(separators) {
            builder.add(separator, handle(number));
        }
        let foretold = builder.encoded_bytes();
        let bytes = builder.encode();
        assert!(bytes.len() <= foretold, "{} > {foretold}", bytes.len());
        bytes
    }

    fn walk(bytes: &[u8], probe: &[u8]) {
        if let Ok(index) = Index::parse(bytes) {
            for number in 0..index.count().min(500) {
                let _ = (index.handle(number), index.separator(number));
                let _ = index.compare(number, probe);
            }
            let _ = index.find(probe);
            let _ = index.find(&[index.common(), probe].concat());
        }
    }

    proptest! {
        #[test]
        fn the_first_separator_at_or_above_a_key_is_found(
            separators in separators(),
            probe in proptest::collection::vec(any::<u8>(), 0..9),
        ) {
            let bytes = encode(&separators);
            let index = Index::parse(&bytes).unwrap();
            prop_assert_eq!(index.count(), separators.len());
            for (number, separator) in separators.iter().enumerate() {
                prop_assert_eq!(&index.separator(number).unwrap(), separator);
                prop_assert_eq!(index.handle(number).unwrap(), handle(u32::try_from(number).unwrap()));
            }
            let longer: Vec<Vec<u8>> =
                separators.iter().map(|separator| [separator, &[0][..]].concat()).collect();
            for key in separators.iter().chain(&longer).chain([&probe]) {
                let expected = separators.partition_point(|separator| separator < key);
                prop_assert_eq!(index.find(key).unwrap(), expected);
                for (number, separator) in separators.iter().enumerate() {
                    prop_assert_eq!(index.compare(number, key).unwrap(), separator.cmp(key));
                }
            }
        }

        #[test]
        fn any_bytes_give_handles_or_errors(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            probe in proptest::collection::vec(any::<u8>(), 0..4),
        ) {
            walk(&bytes, &probe);
        }

        #[test]
        fn damaged_partitions_give_handles_or_errors(
            separators in separators(),
            damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
            cut in any::<prop::sample::Index>(),
            probe in proptest::collection::vec(any::<u8>(), 0..4),
        ) {
            let mut bytes = encode(&separators);
            for (at, byte) in damage {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            walk(&bytes, &probe);
            walk(&bytes[..cut.index(bytes.len())], &probe);
        }
    }
}
