//! The filter of a partition: says for sure that a key is absent, or that it may be there.
//!
//! A split block Bloom filter (Putze, Sanders, Singler: Cache-, Hash- and Space-Efficient Bloom
//! Filters, 2007; the layout of Apache Parquet). A hash picks one block of 32 bytes by its upper
//! half and one bit in each of the block's eight words by its lower half, so that a query touches
//! one cache line. The loops over eight words are written so that they become vector code.
//! Layout: docs/formats.md §4.3.

use siltstone_base::{DecodeError, Reader};

const HEADER_BYTES: usize = 8;
const BLOCK_BYTES: usize = 32;
/// The one kind of filter that is known.
const SPLIT_BLOCK: u8 = 1;
const SALT: [u32; 8] = [
    0x47b6_137b,
    0x4497_4d91,
    0x8824_ad5b,
    0xa2b7_289d,
    0x7054_95c7,
    0x2df1_424b,
    0x9efc_4947,
    0x5c6b_fb31,
];

/// A filter, borrowed from the bytes of its partition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Filter<'a> {
    blocks: &'a [[u8; BLOCK_BYTES]],
}

impl<'a> Filter<'a> {
    /// Takes `bytes` as a filter.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, "filter partition");
        let kind = reader.u8()?;
        if kind != SPLIT_BLOCK {
            let (what, found) = ("filter kind", kind.into());
            return Err(DecodeError::Unsupported { what, found, offset: 0 });
        }
        let _bits_per_key = reader.u8()?;
        if reader.array::<6>()? != [0; 6] {
            return Err(reader.corrupt("reserved bytes are not zero"));
        }
        let (blocks, rest) = reader.rest().as_chunks();
        if blocks.is_empty() || !rest.is_empty() || u32::try_from(blocks.len()).is_err() {
            return Err(reader.corrupt("it does not consist of blocks"));
        }
        Ok(Self { blocks })
    }

    /// Whether the key with this hash may be among those the filter was built of; `false` is
    /// certain.
    #[inline]
    pub(crate) fn admits(&self, hash: u64) -> bool {
        let index = block_index(hash, self.blocks.len());
        let Some(block) = self.blocks.get(index) else { return true };
        let (words, _) = block.as_chunks::<4>();
        let mut missing = 0;
        for (word, mask) in words.iter().zip(masks(hash)) {
            missing |= mask & !u32::from_le_bytes(*word);
        }
        missing == 0
    }
}

/// The filter over `hashes`, one of each distinct key, with about this many bits for each.
pub(crate) fn build(hashes: &[u64], bits_per_key: u8) -> Vec<u8> {
    let bits = hashes.len() * usize::from(bits_per_key);
    let blocks = bits.div_ceil(8 * BLOCK_BYTES).max(1);
    let mut bytes = vec![0; HEADER_BYTES + blocks * BLOCK_BYTES];
    let (header, payload) = bytes.split_at_mut(HEADER_BYTES);
    header[..2].copy_from_slice(&[SPLIT_BLOCK, bits_per_key]);
    let (blocks, _) = payload.as_chunks_mut::<BLOCK_BYTES>();
    for &hash in hashes {
        let block = &mut blocks[block_index(hash, blocks.len())];
        for (word, mask) in block.as_chunks_mut::<4>().0.iter_mut().zip(masks(hash)) {
            *word = (u32::from_le_bytes(*word) | mask).to_le_bytes();
        }
    }
    bytes
}

/// How many bytes [`build`] takes for `keys` keys.
pub(crate) fn built_bytes(keys: usize, bits_per_key: u8) -> usize {
    HEADER_BYTES + (keys * usize::from(bits_per_key)).div_ceil(8 * BLOCK_BYTES).max(1) * BLOCK_BYTES
}

/// Maps the upper half of the hash evenly to the blocks, without a division.
#[inline]
fn block_index(hash: u64, blocks: usize) -> usize {
    (((hash >> 32) * blocks as u64) >> 32) as usize
}

/// The bit of each word.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the lower half of the hash is what is wanted")]
fn masks(hash: u64) -> [u32; 8] {
    let low = hash as u32;
    SALT.map(|salt| 1 << (low.wrapping_mul(salt) >> 27))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use siltstone_base::checksum;

    fn hashes(keys: std::ops::Range<u64>) -> Vec<u64> {
        keys.map(|key| checksum::of(&key.to_le_bytes())).collect()
    }

    #[test]
    fn a_present_key_is_admitted_and_few_absent_ones_are() {
        for (keys, bits) in [(1, 10), (26, 10), (10_000, 10), (10_000, 1), (5_000, 20)] {
            let present = hashes(0..keys);
            let bytes = build(&present, bits);
            assert_eq!(bytes.len(), built_bytes(present.len(), bits));
            let filter = Filter::parse(&bytes).unwrap();
            assert!(present.iter().all(|&hash| filter.admits(hash)));
            let absent = hashes(1 << 40..(1 << 40) + 100_000);
            let admitted = absent.iter().filter(|&&hash| filter.admits(hash)).count();
            if bits >= 10 {
                assert!(admitted < 2_000, "{admitted} of 100,000 for {keys} keys");
            }
        }
    }

    #[test]
    fn a_filter_of_nothing_admits_nothing() {
        let bytes = build(&[], 10);
        assert!(hashes(0..100).iter().all(|&hash| !Filter::parse(&bytes).unwrap().admits(hash)));
    }

    #[test]
    fn an_unknown_kind_is_refused_as_newer() {
        let mut bytes = build(&[1], 10);
        bytes[0] = 2;
        assert!(matches!(Filter::parse(&bytes), Err(DecodeError::Unsupported { found: 2, .. })));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_filter_or_an_error(
            mut bytes in proptest::collection::vec(any::<u8>(), 0..100),
            zeros in any::<bool>(),
            hash in any::<u64>(),
        ) {
            if zeros && bytes.len() >= HEADER_BYTES {
                bytes[..HEADER_BYTES].copy_from_slice(&[1, 10, 0, 0, 0, 0, 0, 0]);
            }
            if let Ok(filter) = Filter::parse(&bytes) {
                let _ = filter.admits(hash);
            }
        }
    }
}
