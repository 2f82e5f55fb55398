//! Collects the entries of one data block and encodes them.
//!
//! How much all keys share is known only when the last key is, so keys and values wait here and
//! are encoded at once.
//! Layout: docs/formats.md §4.1.

use crate::block::{HEADER_BYTES, WIDE};
use siltstone_base::key::{common_prefix_bytes, head4};
use siltstone_base::{Entry, EntryKind, Seqno, varint};

/// A buffer that grew beyond this is given back after its block.
const KEPT_BYTES: usize = 1 << 20;

/// The entries of a block that is being filled.
#[derive(Debug, Default)]
pub(crate) struct BlockBuilder {
    keys: Vec<u8>,
    values: Vec<u8>,
    entries: Vec<Held>,
    common_bytes: usize,
    longest_key: usize,
    seqnos: Option<(Seqno, Seqno)>,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    key_end: usize,
    value_end: usize,
    seqno: Seqno,
    kind: EntryKind,
}

impl BlockBuilder {
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How large the block would be with `entry` too, in bytes: never too few.
    pub(crate) fn encoded_bytes_with(&self, entry: &Entry<'_>) -> usize {
        let count = self.entries.len() + 1;
        let common = self.common_with(entry.key);
        let (smallest, largest) = self.seqnos_with(entry.seqno);
        let key_bytes = self.keys.len() + entry.key.len() - count * common;
        let tail = varint::len((largest - smallest) << 4);
        let length = varint::len(self.longest_key.max(entry.key.len()) as u64);
        let area = key_bytes + self.values.len() + entry.value.len() + count * (tail + length);
        let offset = if area > usize::from(u16::MAX) { 4 } else { 2 };
        HEADER_BYTES + common + 4 * count + offset * (count + 1) + area
    }

    /// Bytes of the keys and values that wait.
    pub(crate) fn gathered_bytes(&self) -> u64 {
        (self.keys.len() + self.values.len()) as u64
    }

    /// Appends an entry, which comes after all others.
    pub(crate) fn add(&mut self, entry: &Entry<'_>) {
        self.common_bytes = self.common_with(entry.key);
        self.seqnos = Some(self.seqnos_with(entry.seqno));
        self.longest_key = self.longest_key.max(entry.key.len());
        self.keys.extend_from_slice(entry.key);
        self.values.extend_from_slice(entry.value);
        self.entries.push(Held {
            key_end: self.keys.len(),
            value_end: self.values.len(),
            seqno: entry.seqno,
            kind: entry.kind,
        });
    }

    /// What all keys would share with `key` among them.
    fn common_with(&self, key: &[u8]) -> usize {
        let Some(first) = self.entries.first() else { return key.len() };
        let common = &self.keys[..self.common_bytes.min(first.key_end)];
        if key.starts_with(common) { common.len() } else { common_prefix_bytes(common, key) }
    }

    fn seqnos_with(&self, seqno: Seqno) -> (Seqno, Seqno) {
        self.seqnos.map_or((seqno, seqno), |(low, high)| (low.min(seqno), high.max(seqno)))
    }

    /// Appends the block to `block` and is empty again.
    ///
    /// # Panics
    ///
    /// If there is no entry.
    pub(crate) fn encode(&mut self, block: &mut Vec<u8>) {
        assert!(!self.is_empty(), "a block holds at least one entry");
        let offsets = self.offsets();
        let area = offsets.last().copied().unwrap_or(0);
        let wide = area > u32::from(u16::MAX);
        block.reserve(HEADER_BYTES + self.common_bytes + 8 * offsets.len() + area as usize);
        self.put_header(block, wide);
        block.extend_from_slice(&self.keys[..self.common_bytes]);
        for row in self.rows() {
            block.extend_from_slice(&head4(row.rest).to_le_bytes());
        }
        put_offsets(block, &offsets, wide);
        let entries_at = block.len();
        for row in self.rows() {
            varint::put(block, row.tail);
            varint::put(block, row.rest.len() as u64);
            block.extend_from_slice(row.rest);
            block.extend_from_slice(row.value);
        }
        assert_eq!(block.len() - entries_at, area as usize, "offsets and entries agree");
        self.clear();
    }

    /// Where each entry begins in the entry area, and where the last one ends.
    fn offsets(&self) -> Vec<u32> {
        let mut end = 0usize;
        let mut offsets = Vec::with_capacity(self.entries.len() + 1);
        offsets.push(0);
        for row in self.rows() {
            let rest = row.rest.len();
            end += varint::len(row.tail) + varint::len(rest as u64) + rest + row.value.len();
            // The limits of keys and values, and the writer's cutting, keep a block far below.
            offsets.push(u32::try_from(end).expect("a block is smaller than 4 GiB"));
        }
        offsets
    }

    fn put_header(&self, block: &mut Vec<u8>, wide: bool) {
        let count = u32::try_from(self.entries.len()).expect("a block is smaller than 4 GiB");
        let common = u16::try_from(self.common_bytes).expect("keys are at most 65,535 bytes");
        block.extend_from_slice(&count.to_le_bytes());
        block.extend_from_slice(&(if wide { WIDE } else { 0 }).to_le_bytes());
        block.extend_from_slice(&common.to_le_bytes());
        block.extend_from_slice(&self.base().to_le_bytes());
    }

    fn base(&self) -> Seqno {
        self.seqnos.map_or(0, |(smallest, _)| smallest)
    }

    fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let starts = std::iter::once((0, 0))
            .chain(self.entries.iter().map(|held| (held.key_end, held.value_end)));
        starts.zip(&self.entries).map(|((key_start, value_start), held)| Row {
            tail: (held.seqno - self.base()) << 4 | u64::from(held.kind.to_byte()),
            rest: &self.keys[key_start + self.common_bytes..held.key_end],
            value: &self.values[value_start..held.value_end],
        })
    }

    fn clear(&mut self) {
        self.keys.clear();
        self.values.clear();
        self.entries.clear();
        self.keys.shrink_to(KEPT_BYTES);
        self.values.shrink_to(KEPT_BYTES);
        (self.common_bytes, self.longest_key, self.seqnos) = (0, 0, None);
    }
}

struct Row<'a> {
    tail: u64,
    rest: &'a [u8],
    value: &'a [u8],
}

#[expect(clippy::cast_possible_truncation, reason = "narrow offsets were checked to fit")]
fn put_offsets(block: &mut Vec<u8>, offsets: &[u32], wide: bool) {
    for &offset in offsets {
        if wide {
            block.extend_from_slice(&offset.to_le_bytes());
        } else {
            block.extend_from_slice(&(offset as u16).to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_foretold_size_is_never_too_small(
            keys in proptest::collection::btree_set(
                proptest::collection::vec(97u8..100, 0..200), 1..20),
            seqnos in proptest::collection::vec(1u64..1 << 40, 20),
            value_bytes in 0usize..5000,
        ) {
            let mut builder = BlockBuilder::default();
            let mut foretold = 0;
            for (key, seqno) in keys.iter().zip(seqnos) {
                let value = &vec![1; value_bytes];
                let entry = Entry { key, seqno, kind: EntryKind::Put, value };
                foretold = builder.encoded_bytes_with(&entry);
                builder.add(&entry);
            }
            let mut block = Vec::new();
            builder.encode(&mut block);
            prop_assert!(block.len() <= foretold, "{} > {foretold}", block.len());
            prop_assert!(foretold <= block.len() + 10 * keys.len());
            prop_assert!(builder.is_empty());
        }
    }
}
