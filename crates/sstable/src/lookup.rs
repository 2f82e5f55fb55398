//! Looks one key up in a table.
//!
//! 1. The directory names the partition that can hold the key; its filter is asked.
//! 2. The partition's index names the first block that can hold the key; the block is searched.
//! 3. If all entries of the block come before the version that is looked for, and the block's
//!    separator equals the key, the search goes on in the next block.
//!
//! Nothing is allocated and no byte of the value copied: what is found pins its block or the map.

use crate::block::{Block, BlockEntry, Version};
use crate::directory::Partition;
use crate::filter::Filter;
use crate::part::{BlockHandle, PartBytes};
use crate::{Error, FilterVerdict, Probe, Table};
use siltstone_base::{EntryKind, PinnedBytes, Seqno};
use std::cmp::Ordering;

/// The version of a key that a lookup found.
#[derive(Clone, Debug)]
pub struct Found {
    /// When it was written.
    pub seqno: Seqno,
    /// What it does.
    pub kind: EntryKind,
    /// Its value, pinned; empty for a tombstone.
    pub value: PinnedBytes,
}

/// One block of the index, as a search found it.
pub(crate) struct Place {
    partition: usize,
    index: PartBytes,
    block: usize,
    pub(crate) handle: BlockHandle,
}

impl Table {
    /// The newest version of `key` that is not newer than `seqno`; `None` if there is none, here.
    ///
    /// `key_hash` is [`siltstone_base::checksum::of`] the key, computed once for all tables.
    pub fn get(
        &self,
        key: &[u8],
        key_hash: u64,
        seqno: Seqno,
        probe: &mut impl Probe,
    ) -> Result<Option<Found>, Error> {
        let Some(at) = self.directory().find(key) else { return Ok(None) };
        let partition = self.partition(at)?;
        if self.ask_filter(partition, key_hash, probe)? == FilterVerdict::Absent {
            return Ok(None);
        }
        let mut place = self.find_block(at, partition, key, probe)?;
        loop {
            let handle = place.handle;
            let number = self.partition(place.partition)?.first_block + place.block as u64;
            let (bytes, source) = self.parts().block(number, handle)?;
            probe.block(handle.offset, handle.stored_bytes.into(), source);
            match self.search_block(bytes, handle, key, seqno)? {
                Search::Found(found) => return Ok(Some(found)),
                Search::Absent => return Ok(None),
                Search::GoesOn => match self.following(place, key, probe)? {
                    Some(next) => place = next,
                    None => return Ok(None),
                },
            }
        }
    }

    fn ask_filter(
        &self,
        partition: &Partition,
        hash: u64,
        probe: &mut impl Probe,
    ) -> Result<FilterVerdict, Error> {
        let Some(handle) = partition.filter else {
            probe.filter(FilterVerdict::NoFilter, true, 0);
            return Ok(FilterVerdict::NoFilter);
        };
        let (bytes, cached) = self.parts().metadata(handle, "filter partition")?;
        let filter = Filter::parse(bytes.as_slice());
        let filter = filter.map_err(|error| self.decode_error(error, handle.offset))?;
        let verdict =
            if filter.admits(hash) { FilterVerdict::Maybe } else { FilterVerdict::Absent };
        probe.filter(verdict, cached, handle.bytes);
        Ok(verdict)
    }

    /// The first block of partition `at`, or of those behind it, that can hold `key`.
    pub(crate) fn find_block(
        &self,
        at: usize,
        partition: &Partition,
        key: &[u8],
        probe: &mut impl Probe,
    ) -> Result<Place, Error> {
        let (bytes, cached) = self.parts().metadata(partition.index, "index partition")?;
        probe.index(cached, partition.index.bytes);
        let index = self.parse_index(at, partition, bytes.as_slice())?;
        let block = index.find(key);
        let block = block.map_err(|error| self.decode_error(error, partition.index.offset))?;
        if block == index.count() {
            let why = "its last separator is not the one in the directory";
            return Err(self.corrupt("index partition", partition.index.offset, why));
        }
        let handle = index.handle(block);
        let handle = handle.map_err(|error| self.decode_error(error, partition.index.offset))?;
        Ok(Place { partition: at, index: bytes, block, handle })
    }

    /// The block behind `place`, if versions of `key` can go on in it.
    #[cold]
    fn following(
        &self,
        place: Place,
        key: &[u8],
        probe: &mut impl Probe,
    ) -> Result<Option<Place>, Error> {
        let partition = self.partition(place.partition)?;
        let index = self.parse_index(place.partition, partition, place.index.as_slice())?;
        let order = index.compare(place.block, key);
        let order = order.map_err(|error| self.decode_error(error, partition.index.offset))?;
        if order != Ordering::Equal {
            return Ok(None);
        }
        let block = place.block + 1;
        if block < index.count() {
            let handle = index.handle(block);
            let handle =
                handle.map_err(|error| self.decode_error(error, partition.index.offset))?;
            return Ok(Some(Place { block, handle, ..place }));
        }
        let Some(next) = self.directory().get(place.partition + 1) else { return Ok(None) };
        self.find_block(place.partition + 1, next, key, probe).map(Some)
    }

    #[inline]
    fn search_block(
        &self,
        bytes: PartBytes,
        handle: BlockHandle,
        key: &[u8],
        seqno: Seqno,
    ) -> Result<Search, Error> {
        let found = Block::parse(bytes.as_slice()).and_then(|block| block.find(key, seqno));
        match found.map_err(|error| self.decode_error(error, handle.offset))? {
            Version::Found(BlockEntry { seqno, kind, value, .. }) => {
                Ok(Search::Found(Found { seqno, kind, value: bytes.pin(value) }))
            }
            Version::Absent => Ok(Search::Absent),
            Version::GoesOn => Ok(Search::GoesOn),
        }
    }
}

/// As [`Version`], with the value pinned.
enum Search {
    Found(Found),
    Absent,
    GoesOn,
}
