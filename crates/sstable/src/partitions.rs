//! Collects index and filter of a table that is being written, a partition at a time.
//!
//! Partitions wait in memory, encoded, until all data blocks are in the file: about one hundredth
//! of the data.

use crate::directory::{Directory, Partition};
use crate::filter;
use crate::index_builder::IndexBuilder;
use crate::output::Output;
use crate::part::BlockHandle;
use crate::{Error, TableOptions};
use siltstone_base::{Sabotage, checksum};

/// Index and filter so far.
#[derive(Debug)]
pub(crate) struct Partitions {
    bits_per_key: u8,
    partition_bytes: usize,
    index: IndexBuilder,
    /// One of each distinct key since the last partition ended.
    hashes: Vec<u64>,
    finished: Vec<Finished>,
    finished_bytes: u64,
    blocks: u64,
}

#[derive(Debug)]
struct Finished {
    separator: Box<[u8]>,
    first_block: u64,
    index: Vec<u8>,
    filter: Option<Vec<u8>>,
}

impl Partitions {
    pub(crate) fn new(options: &TableOptions) -> Self {
        Self {
            bits_per_key: options.filter_bits_per_key,
            partition_bytes: options.partition_bytes,
            index: IndexBuilder::default(),
            hashes: Vec::new(),
            finished: Vec::new(),
            finished_bytes: 0,
            blocks: 0,
        }
    }

    /// Whether the filter of the current partition knows no key yet, so that it must be told of
    /// one that an earlier partition knows too.
    pub(crate) fn filter_is_new(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Puts a key into the filter of the current partition.
    pub(crate) fn add_key(&mut self, key: &[u8]) {
        if self.bits_per_key > 0 {
            let hash = checksum::of(key);
            if Sabotage::FilterMissesKeys.is_on() && hash.is_multiple_of(10) {
                return;
            }
            self.hashes.push(hash);
        }
    }

    /// Puts a finished block into the index. The keys added so far are in it or before it.
    pub(crate) fn add_block(&mut self, separator: &[u8], handle: BlockHandle) {
        self.index.add(separator, handle);
        self.blocks += 1;
        if self.index.encoded_bytes() >= self.partition_bytes {
            self.finish_partition();
        }
    }

    /// How many blocks were added.
    pub(crate) fn blocks(&self) -> u64 {
        self.blocks
    }

    /// About how many bytes index and filter will take in the file.
    pub(crate) fn estimated_bytes(&self) -> u64 {
        let filter = filter::built_bytes(self.hashes.len(), self.bits_per_key);
        self.finished_bytes + (self.index.encoded_bytes() + filter) as u64
    }

    fn finish_partition(&mut self) {
        let first_block = self.blocks - self.index.count();
        let separator = self.index.last_separator().into();
        let index = self.index.encode();
        let filter =
            (self.bits_per_key > 0).then(|| filter::build(&self.hashes, self.bits_per_key));
        self.hashes.clear();
        self.finished_bytes += (index.len() + filter.as_ref().map_or(0, Vec::len)) as u64;
        self.finished.push(Finished { separator, first_block, index, filter });
    }

    /// Appends all partitions to `output`.
    pub(crate) fn write(mut self, output: &mut Output) -> Result<Directory, Error> {
        if !self.index.is_empty() {
            self.finish_partition();
        }
        let mut partitions = Vec::with_capacity(self.finished.len());
        for Finished { separator, first_block, index, filter } in self.finished {
            let filter = filter.map(|filter| output.part(&filter)).transpose()?;
            let index = output.part(&index)?;
            partitions.push(Partition { separator, first_block, index, filter });
        }
        Ok(Directory::new(partitions))
    }
}
