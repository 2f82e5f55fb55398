//! Collects the separators and handles of one index partition and encodes them.
//! Layout: docs/formats.md §4.2.

use crate::index::{HEADER_BYTES, ROW_BYTES};
use crate::part::BlockHandle;
use siltstone_base::key::{common_prefix_bytes, head8};

/// The blocks of a partition that is being filled.
#[derive(Debug, Default)]
pub(crate) struct IndexBuilder {
    separators: Vec<u8>,
    blocks: Vec<(usize, BlockHandle)>,
}

impl IndexBuilder {
    pub(crate) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// How many blocks were added.
    pub(crate) fn count(&self) -> u64 {
        self.blocks.len() as u64
    }

    /// Length of the partition if the separators share nothing: never too few.
    pub(crate) fn encoded_bytes(&self) -> usize {
        HEADER_BYTES + 4 + self.blocks.len() * ROW_BYTES + self.separators.len()
    }

    /// Appends a block whose keys are above the separator before and not above `separator`.
    pub(crate) fn add(&mut self, separator: &[u8], handle: BlockHandle) {
        self.separators.extend_from_slice(separator);
        self.blocks.push((self.separators.len(), handle));
    }

    /// The largest separator; empty if there is none.
    pub(crate) fn last_separator(&self) -> &[u8] {
        self.separators().last().unwrap_or_default()
    }

    /// The partition; the builder is empty again.
    ///
    /// # Panics
    ///
    /// If there is no block.
    pub(crate) fn encode(&mut self) -> Vec<u8> {
        assert!(!self.is_empty(), "an index partition names at least one block");
        let first = self.separators().next().unwrap_or_default();
        let common = common_prefix_bytes(first, self.last_separator());
        let mut bytes = Vec::with_capacity(self.encoded_bytes());
        let count = u32::try_from(self.blocks.len()).expect("a partition is small");
        let common_field = u16::try_from(common).expect("keys are at most 65,535 bytes");
        bytes.extend_from_slice(&count.to_le_bytes());
        bytes.extend_from_slice(&common_field.to_le_bytes());
        bytes.extend_from_slice(&0u16.to_le_bytes());
        bytes.extend_from_slice(&first[..common]);
        self.put_arrays(&mut bytes, common);
        for separator in self.separators() {
            bytes.extend_from_slice(&separator[common..]);
        }
        self.separators.clear();
        self.blocks.clear();
        bytes
    }

    fn put_arrays(&self, bytes: &mut Vec<u8>, common: usize) {
        for separator in self.separators() {
            bytes.extend_from_slice(&head8(&separator[common..]).to_le_bytes());
        }
        bytes.extend_from_slice(&0u32.to_le_bytes());
        let mut end = 0;
        for separator in self.separators() {
            end += u32::try_from(separator.len() - common).expect("a partition is small");
            bytes.extend_from_slice(&end.to_le_bytes());
        }
        for (_, handle) in &self.blocks {
            bytes.extend_from_slice(&handle.offset.to_le_bytes());
            bytes.extend_from_slice(&handle.stored_bytes.to_le_bytes());
            bytes.extend_from_slice(&handle.raw_bytes.to_le_bytes());
        }
    }

    fn separators(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        (0..self.blocks.len()).map(|index| {
            let start = if index == 0 { 0 } else { self.blocks[index - 1].0 };
            &self.separators[start..self.blocks[index].0]
        })
    }
}
