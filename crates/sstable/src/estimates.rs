//! Where keys are in a table, about: from index and directory alone, no data is read.

use crate::footer::HEADER_BYTES;
use crate::{Error, Table};

impl Table {
    /// About where in the file the first entry at or after `key` is, in bytes of data before it.
    pub fn approximate_offset(&self, key: &[u8]) -> Result<u64, Error> {
        let all = self.parts().data_end() - HEADER_BYTES as u64;
        let Some(at) = self.directory().find(key) else { return Ok(all) };
        let partition = self.partition(at)?;
        let place = self.find_block(at, partition, key, &mut ())?;
        Ok(place.handle.offset.saturating_sub(HEADER_BYTES as u64).min(all))
    }

    /// Keys that cut the table into about `pieces` pieces of about as many blocks; they rise,
    /// and there are fewer where blocks are few.
    pub fn approximate_splits(&self, pieces: usize) -> Result<Vec<Vec<u8>>, Error> {
        let blocks = self.properties().data_blocks;
        let pieces = (pieces as u64).clamp(1, blocks);
        let mut splits: Vec<Vec<u8>> = Vec::new();
        for piece in 1..pieces {
            let block = u128::from(piece) * u128::from(blocks) / u128::from(pieces);
            let separator = self.separator_before(u64::try_from(block).unwrap_or(u64::MAX))?;
            let rises = splits.last().is_none_or(|last| *last < separator);
            if rises && separator < self.properties().last_key {
                splits.push(separator);
            }
        }
        Ok(splits)
    }

    /// The separator between block number `block`, which is not the first, and the one before.
    fn separator_before(&self, block: u64) -> Result<Vec<u8>, Error> {
        let before = block.saturating_sub(1);
        let at = self.directory().of_block(before);
        let partition = self.partition(at)?;
        let (bytes, _) = self.parts().metadata(partition.index, "index partition")?;
        let index = self.parse_index(at, partition, bytes.as_slice())?;
        let within = usize::try_from(before - partition.first_block).unwrap_or(usize::MAX);
        let separator = index.separator(within.min(index.count() - 1));
        separator.map_err(|error| self.decode_error(error, partition.index.offset))
    }
}
