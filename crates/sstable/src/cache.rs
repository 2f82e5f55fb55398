//! The shared cache of what was read and verified: decompressed blocks, index and filter
//! partitions of all tables.
//!
//! Always: an entry is the payload of one part, verified when it came in. A key is never used for
//! two parts, since a table's handle is never given to another table in a process.

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{OptionsBuilder, Weighter};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What an entry takes besides its bytes: key, links, counters, the allocation's header.
const ENTRY_OVERHEAD_BYTES: u64 = 96;
const SHARDS_MAX: u64 = 16;
/// A shard of this size holds the largest usual entry, a filter partition, many times over.
const SHARD_BYTES_MIN: u64 = 2 << 20;

/// Keeps what was read last and often, up to a number of bytes; shared by all tables.
#[derive(Debug)]
pub struct BlockCache {
    parts: Cache<PartKey, Arc<[u8]>, ByBytes, BuildHasherDefault<FoldHasher>>,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// What a [`BlockCache`] holds and how well it serves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStats {
    /// Lookups that found their part.
    pub hits: u64,
    /// Lookups that did not.
    pub misses: u64,
    /// Bytes held.
    pub bytes: u64,
    /// Bytes that may be held.
    pub capacity_bytes: u64,
}

/// A table's handle and the offset of the part in its file.
type PartKey = (u64, u64);

#[derive(Clone, Debug)]
struct ByBytes;

impl Weighter<PartKey, Arc<[u8]>> for ByBytes {
    fn weight(&self, _: &PartKey, part: &Arc<[u8]>) -> u64 {
        part.len() as u64 + ENTRY_OVERHEAD_BYTES
    }
}

/// Hashes the two numbers of a key by a multiplication each, folded to 64 bits.
///
/// Keys are offsets and our own handles: nobody outside chooses them, so that a hash with a
/// secret, several times slower, would buy nothing.
#[derive(Debug, Default)]
struct FoldHasher(u64);

impl Hasher for FoldHasher {
    #[inline]
    fn write_u64(&mut self, number: u64) {
        // 2^64 over the golden ratio. The upper half of the product depends on all bits.
        let mixed = u128::from(self.0.rotate_left(32) ^ number ^ 0x2545_f491_4f6c_dd1d);
        let product = mixed * 0x9e37_79b9_7f4a_7c15;
        #[expect(clippy::cast_possible_truncation, reason = "both halves are wanted")]
        let folded = product as u64 ^ (product >> 64) as u64;
        self.0 = folded;
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl BlockCache {
    /// A cache of up to `capacity_bytes`. A part larger than its share of that is not kept.
    ///
    /// # Panics
    ///
    /// Never: the options it is built of are complete.
    pub fn new(capacity_bytes: u64) -> Self {
        let shards = (capacity_bytes / SHARD_BYTES_MIN).clamp(1, SHARDS_MAX).next_power_of_two();
        // Only a hint: how many entries of a block's size there may be.
        let items = capacity_bytes / 4096 + 64;
        let options = OptionsBuilder::new()
            .shards(usize::try_from(shards).unwrap_or(1))
            .estimated_items_capacity(usize::try_from(items).unwrap_or(usize::MAX))
            .weight_capacity(capacity_bytes)
            .build()
            .expect("both capacities are given");
        let (hasher, life) = (BuildHasherDefault::default(), DefaultLifecycle::default());
        let parts = Cache::with_options(options, ByBytes, hasher, life);
        Self { parts, hits: AtomicU64::new(0), misses: AtomicU64::new(0) }
    }

    /// What it holds and how well it served so far.
    pub fn stats(&self) -> CacheStats {
        CacheStats {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            bytes: self.parts.weight(),
            capacity_bytes: self.parts.capacity(),
        }
    }

    #[inline]
    pub(crate) fn get(&self, handle: u64, offset: u64) -> Option<Arc<[u8]>> {
        let found = self.parts.get(&(handle, offset));
        // Relaxed: the counters order nothing.
        let counter = if found.is_some() { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        found
    }

    pub(crate) fn insert(&self, handle: u64, offset: u64, part: &Arc<[u8]>) {
        self.parts.insert((handle, offset), Arc::clone(part));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_holds_more_than_it_may() {
        for capacity in [0, 1000, 100_000, 10 << 20] {
            let cache = BlockCache::new(capacity);
            for number in 0..3000 {
                let part: Arc<[u8]> = vec![7; usize::try_from(number % 9000).unwrap()].into();
                cache.insert(1, number, &part);
                assert!(cache.stats().bytes <= capacity, "{:?}", cache.stats());
            }
        }
    }

    #[test]
    fn parts_of_different_tables_and_places_are_different() {
        let cache = BlockCache::new(1 << 20);
        cache.insert(1, 48, &Arc::from(&b"one"[..]));
        cache.insert(2, 48, &Arc::from(&b"two"[..]));
        assert_eq!(cache.get(1, 48).as_deref(), Some(&b"one"[..]));
        assert_eq!(cache.get(2, 48).as_deref(), Some(&b"two"[..]));
        assert_eq!(cache.get(1, 49), None);
        let stats = cache.stats();
        assert_eq!((stats.hits, stats.misses), (2, 1));
    }
}
