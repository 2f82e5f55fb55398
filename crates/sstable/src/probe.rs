//! Who watches a lookup, part by part.

/// What a filter said of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterVerdict {
    /// The key is not in the table.
    Absent,
    /// It may be there.
    Maybe,
    /// The table has no filter.
    NoFilter,
}

/// Where a data block came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockSource {
    /// The block cache.
    Cache,
    /// The map of the file, as it lies there.
    Mapped,
    /// It was read, or decompressed from the map, and put into the cache.
    Read,
}

/// Is told what a lookup touches, in order; `()` listens to nothing and costs nothing.
pub trait Probe {
    /// The filter was asked. `cached` says whether its partition was in memory; `bytes` is the
    /// partition's length, 0 without a filter.
    fn filter(&mut self, verdict: FilterVerdict, cached: bool, bytes: u64) {
        let _ = (verdict, cached, bytes);
    }

    /// A partition of the index was searched.
    fn index(&mut self, cached: bool, bytes: u64) {
        let _ = (cached, bytes);
    }

    /// A data block was searched, which lies at `offset` of the file and has `bytes` bytes there.
    fn block(&mut self, offset: u64, bytes: u64, source: BlockSource) {
        let _ = (offset, bytes, source);
    }
}

impl Probe for () {}
