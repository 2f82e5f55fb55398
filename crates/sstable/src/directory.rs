//! Where the partitions of index and filter are, and which keys each is for.
//! ```text
//! directory = count: u32 | partition*
//! partition = separator length: varint | separator | first block: varint | index | filter
//! index, filter = offset: varint | length: varint | sum: u64     filter length 0: none
//! ```
//! Always, once read: separators never fall, blocks are counted from 0 and every partition has at
//! least one, and all partitions lie between data and directory without gaps.
//! Layout: docs/formats.md §4.4.

use crate::part::PartHandle;
use siltstone_base::{DecodeError, MAX_KEY_BYTES, Reader, varint};
use std::ops::Range;

const WHAT: &str = "directory";

/// Fewest bytes of one partition, for a bound on how many there can be.
const PARTITION_BYTES_MIN: usize = 1 + 1 + 2 * (1 + 1 + 8);

/// One partition of index and filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Partition {
    /// As in an index: no key of the partition is above it, no key of the next below.
    pub(crate) separator: Box<[u8]>,
    /// How many blocks precede the partition's first in the table.
    pub(crate) first_block: u64,
    pub(crate) index: PartHandle,
    pub(crate) filter: Option<PartHandle>,
}

/// All partitions of a table: at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Directory {
    partitions: Vec<Partition>,
}

impl Directory {
    pub(crate) fn new(partitions: Vec<Partition>) -> Self {
        assert!(!partitions.is_empty(), "a table has at least one partition");
        Self { partitions }
    }

    /// The payload of the part.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let count = u32::try_from(self.partitions.len()).expect("partitions are few");
        bytes.extend_from_slice(&count.to_le_bytes());
        for partition in &self.partitions {
            varint::put(&mut bytes, partition.separator.len() as u64);
            bytes.extend_from_slice(&partition.separator);
            varint::put(&mut bytes, partition.first_block);
            put_handle(&mut bytes, partition.index);
            let none = PartHandle { offset: 0, bytes: 0, sum: 0 };
            put_handle(&mut bytes, partition.filter.unwrap_or(none));
        }
        bytes
    }

    /// Reads the payload of the part, of a table whose partitions lie in `extent` of the file
    /// behind `blocks` data blocks.
    pub(crate) fn decode(
        bytes: &[u8],
        extent: Range<u64>,
        blocks: u64,
    ) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, WHAT);
        let count = reader.u32()? as usize;
        if count == 0 || count > bytes.len() / PARTITION_BYTES_MIN {
            return Err(reader.corrupt("it cannot hold as many partitions as it says"));
        }
        let mut directory = Self { partitions: Vec::with_capacity(count) };
        let mut end = extent.start;
        for _ in 0..count {
            let partition = take_partition(&mut reader)?;
            end = check_place(&reader, &partition, end)?;
            if let Err(why) = directory.check_order(&partition, blocks) {
                return Err(reader.corrupt(why));
            }
            directory.partitions.push(partition);
        }
        if !reader.is_empty() {
            return Err(reader.corrupt("bytes follow its last partition"));
        }
        if end != extent.end {
            return Err(reader.corrupt("its partitions do not end where it begins"));
        }
        Ok(directory)
    }

    fn check_order(&self, next: &Partition, blocks: u64) -> Result<(), &'static str> {
        let Some(last) = self.partitions.last() else {
            return if next.first_block == 0 {
                Ok(())
            } else {
                Err("blocks are not counted from 0")
            };
        };
        if last.separator > next.separator {
            return Err("separators fall");
        }
        if last.first_block >= next.first_block || next.first_block >= blocks {
            return Err("a partition without blocks");
        }
        Ok(())
    }

    /// Position of the first partition that can hold `key`; `None` if all keys are below it.
    pub(crate) fn find(&self, key: &[u8]) -> Option<usize> {
        let at = self.partitions.partition_point(|partition| *partition.separator < *key);
        (at < self.partitions.len()).then_some(at)
    }

    pub(crate) fn get(&self, at: usize) -> Option<&Partition> {
        self.partitions.get(at)
    }

    pub(crate) fn len(&self) -> usize {
        self.partitions.len()
    }

    /// Position of the partition with block number `block`.
    pub(crate) fn of_block(&self, block: u64) -> usize {
        self.partitions.partition_point(|partition| partition.first_block <= block).max(1) - 1
    }

    /// Memory it takes, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        let separators: usize = self.partitions.iter().map(|each| each.separator.len()).sum();
        separators + self.partitions.capacity() * size_of::<Partition>()
    }
}

fn put_handle(bytes: &mut Vec<u8>, handle: PartHandle) {
    varint::put(bytes, handle.offset);
    varint::put(bytes, handle.bytes);
    bytes.extend_from_slice(&handle.sum.to_le_bytes());
}

fn take_partition(reader: &mut Reader<'_>) -> Result<Partition, DecodeError> {
    let separator = reader.prefixed()?;
    if separator.len() > MAX_KEY_BYTES {
        return Err(reader.corrupt("a separator is longer than a key can be"));
    }
    let first_block = reader.varint()?;
    let index = take_handle(reader)?;
    let filter = take_handle(reader)?;
    let filter = (filter.bytes > 0).then_some(filter);
    Ok(Partition { separator: separator.into(), first_block, index, filter })
}

fn take_handle(reader: &mut Reader<'_>) -> Result<PartHandle, DecodeError> {
    Ok(PartHandle { offset: reader.varint()?, bytes: reader.varint()?, sum: reader.u64()? })
}

/// Where the partition ends, which must begin at `start`: the filter first, then the index.
fn check_place(reader: &Reader<'_>, partition: &Partition, start: u64) -> Result<u64, DecodeError> {
    let mut end = start;
    for handle in partition.filter.iter().chain([&partition.index]) {
        if handle.offset != end || handle.end() < end {
            return Err(reader.corrupt("a partition does not begin where the one before ends"));
        }
        end = handle.end();
    }
    Ok(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn partition(separator: &[u8], first_block: u64, offset: u64, filter: u64) -> Partition {
        let part = |offset, bytes| PartHandle { offset, bytes, sum: offset * 3 };
        let filter = (filter > 0).then(|| part(offset, filter));
        let index = part(filter.map_or(offset, PartHandle::end), 50);
        Partition { separator: separator.into(), first_block, index, filter }
    }

    fn directory() -> (Directory, Range<u64>) {
        let first = partition(b"cherry", 0, 1000, 40);
        let second = partition(b"cherry", 7, first.index.end(), 0);
        let third = partition(b"quince", 9, second.index.end(), 8);
        let extent = 1000..third.index.end();
        (Directory::new(vec![first, second, third]), extent)
    }

    #[test]
    fn a_directory_comes_back_and_finds_the_first_partition_for_a_key() {
        let (directory, extent) = directory();
        let bytes = directory.encode();
        assert_eq!(Directory::decode(&bytes, extent, 10).unwrap(), directory);
        let found = |key: &[u8]| directory.find(key);
        assert_eq!((found(b""), found(b"cherry"), found(b"d")), (Some(0), Some(0), Some(2)));
        assert_eq!(found(b"quince\0"), None);
        assert_eq!([0, 6, 7, 8, 9, 99].map(|block| directory.of_block(block)), [0, 0, 1, 1, 2, 2]);
    }

    #[test]
    fn gaps_falling_separators_and_missing_blocks_are_corruption() {
        let refused = |change: fn(&mut Vec<Partition>)| {
            let (mut directory, extent) = directory();
            change(&mut directory.partitions);
            let bytes = directory.encode();
            assert!(matches!(Directory::decode(&bytes, extent, 10), Err(DecodeError::Corrupt(_))));
        };
        refused(|partitions| partitions[1].index.offset += 1);
        refused(|partitions| partitions[2].separator = (*b"apple").into());
        refused(|partitions| partitions[1].first_block = 9);
        refused(|partitions| partitions[2].first_block = 10);
        refused(|partitions| partitions[0].first_block = 1);
        refused(|partitions| drop(partitions.pop()));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_directory_or_an_error(
            bytes in proptest::collection::vec(any::<u8>(), 0..100),
            damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        ) {
            let _ = Directory::decode(&bytes, 0..1000, 10);
            let (directory, extent) = directory();
            let mut bytes = directory.encode();
            for (at, byte) in damage {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let _ = Directory::decode(&bytes, extent, 10);
        }
    }
}
