//! Where the parts of an open table come from: map, cache or file.
//!
//! 1. A data block that is stored uncompressed is used from the map, in place. Its sum is
//!    verified before its first use in this open; a bit remembers that.
//! 2. Every other part is read (or decompressed from the map), verified, and kept in the cache;
//!    it is verified again whenever it comes back into the cache.
//! 3. A compaction reads ahead into a buffer of its own, by positioned reads, verifies every
//!    block, and leaves cache and map alone.
//!
//! Always: no byte is handed out before its sum matched.

use crate::cache::BlockCache;
use crate::part::{self, BlockHandle, Codec, PartBytes, PartHandle, TRAILER_BYTES};
use crate::{BlockSource, Error, TableId};
use siltstone_base::DecodeError;
use siltstone_vfs::{Map, ReadFile};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A block of this size is asked for as a whole before it is touched, since the map would read it
/// page by page; that costs little beside the use of so many bytes.
const LARGE_BYTES: usize = 64 << 10;

/// The parts of one open table.
#[derive(Debug)]
pub(crate) struct Parts {
    file: Arc<dyn ReadFile>,
    map: Option<Arc<Map>>,
    table: TableId,
    /// The table's part of the cache's keys.
    handle: u64,
    cache: Arc<BlockCache>,
    /// A bit for each data block that was verified in the map. Relaxed throughout: the bit says
    /// something of bytes that never change, and two threads may both verify.
    verified: Box<[AtomicU64]>,
    /// Where the data blocks are in the file.
    data: Range<u64>,
}

impl Parts {
    /// The parts of `table`, whose `blocks` data blocks are in `data`.
    pub(crate) fn new(
        file: Arc<dyn ReadFile>,
        map: Option<Arc<Map>>,
        table: TableId,
        cache: (Arc<BlockCache>, u64),
        data: Range<u64>,
        blocks: u64,
    ) -> Self {
        let words = if map.is_some() { blocks.div_ceil(64) } else { 0 };
        let verified = (0..words).map(|_| AtomicU64::new(0)).collect();
        Self { file, map, table, handle: cache.1, cache: cache.0, verified, data }
    }

    pub(crate) const fn is_mapped(&self) -> bool {
        self.map.is_some()
    }

    /// Memory it takes, in bytes.
    pub(crate) const fn memory_bytes(&self) -> usize {
        self.verified.len() * size_of::<AtomicU64>()
    }

    pub(crate) const fn data_end(&self) -> u64 {
        self.data.end
    }

    pub(crate) fn decode_error(&self, found: DecodeError) -> Error {
        Error::of_decode(self.table, found)
    }

    /// The data block at `handle`, number `number` of the table.
    pub(crate) fn block(
        &self,
        number: u64,
        handle: BlockHandle,
    ) -> Result<(PartBytes, BlockSource), Error> {
        self.check_place(handle)?;
        if let Some(map) = &self.map {
            let sealed = mapped_range(map, handle).ok_or_else(|| self.outside(handle.offset))?;
            if sealed.len() >= LARGE_BYTES {
                map.will_need(sealed.clone());
            }
            if handle.codec() == Codec::None {
                self.verify_mapped(map, sealed.clone(), number, handle)?;
                let payload = sealed.start..sealed.end - TRAILER_BYTES;
                return Ok((PartBytes::of_map(Arc::clone(map), payload), BlockSource::Mapped));
            }
        }
        if let Some(block) = self.cached(handle.offset, handle.raw_bytes.into())? {
            return Ok((block, BlockSource::Cache));
        }
        let block = self.load_block(handle)?;
        self.cache.insert(self.handle, handle.offset, &block);
        Ok((PartBytes::of_heap(block, handle.raw_bytes as usize), BlockSource::Read))
    }

    /// Asks for bytes that will be used soon, if they come through the map.
    pub(crate) fn will_need(&self, range: Range<u64>) {
        let Some(map) = &self.map else { return };
        let range = range.start.max(self.data.start)..range.end.min(self.data.end);
        if let (Ok(start), Ok(end)) = (usize::try_from(range.start), usize::try_from(range.end)) {
            map.will_need(start..end);
        }
    }

    /// Refuses a block that the index puts anywhere but among the data.
    fn check_place(&self, handle: BlockHandle) -> Result<(), Error> {
        if handle.offset >= self.data.start && handle.end() <= self.data.end {
            return Ok(());
        }
        Err(self.outside(handle.offset))
    }

    #[cold]
    fn outside(&self, offset: u64) -> Error {
        Error::corrupt(self.table, "data block", offset, "the index puts it outside the data")
    }

    #[inline]
    fn verify_mapped(
        &self,
        map: &Map,
        sealed: Range<usize>,
        number: u64,
        handle: BlockHandle,
    ) -> Result<(), Error> {
        let bit = 1 << (number % 64);
        let word = usize::try_from(number / 64).ok().and_then(|word| self.verified.get(word));
        let word = word.ok_or_else(|| {
            let why = "the index has more blocks than the table";
            Error::corrupt(self.table, "data block", handle.offset, why)
        })?;
        if word.load(Ordering::Relaxed) & bit == 0 {
            let sealed = map.get(sealed).unwrap_or_default();
            part::unseal_block(self.table, handle, sealed)
                .map_err(|error| self.decode_error(error))?;
            word.fetch_or(bit, Ordering::Relaxed);
        }
        Ok(())
    }

    /// The part from the cache, whose payload has `bytes` bytes.
    fn cached(&self, offset: u64, bytes: u64) -> Result<Option<PartBytes>, Error> {
        let Some(part) = self.cache.get(self.handle, offset) else { return Ok(None) };
        match usize::try_from(bytes) {
            Ok(bytes) if bytes <= part.len() => Ok(Some(PartBytes::of_heap(part, bytes))),
            _ => {
                let why = "it is named with two different lengths";
                Err(Error::corrupt(self.table, "part", offset, why))
            }
        }
    }

    /// Reads, verifies and decompresses a block.
    fn load_block(&self, handle: BlockHandle) -> Result<Arc<[u8]>, Error> {
        if let Some(map) = &self.map {
            let sealed = mapped_range(map, handle).and_then(|range| map.get(range));
            let sealed = sealed.ok_or_else(|| self.outside(handle.offset))?;
            let stored = part::unseal_block(self.table, handle, sealed);
            let block = stored.and_then(|stored| part::decompress(stored, handle));
            return block.map_err(|error| self.decode_error(error));
        }
        let sealed = self.read(handle.offset, handle.sealed_bytes(), "reading a data block")?;
        let stored = part::unseal_block(self.table, handle, &sealed);
        let stored = stored.map_err(|error| self.decode_error(error))?;
        match handle.codec() {
            Codec::None => Ok(sealed),
            Codec::Snap => {
                part::decompress(stored, handle).map_err(|error| self.decode_error(error))
            }
        }
    }

    /// The index or filter partition at `handle`, and whether it was in the cache.
    pub(crate) fn metadata(
        &self,
        handle: PartHandle,
        what: &'static str,
    ) -> Result<(PartBytes, bool), Error> {
        if let Some(part) = self.cached(handle.offset, handle.bytes)? {
            return Ok((part, true));
        }
        let part = self.load_metadata(handle, what)?;
        self.cache.insert(self.handle, handle.offset, &part.0);
        Ok((PartBytes::of_heap(part.0, part.1), false))
    }

    /// As [`metadata`](Self::metadata), leaving the cache alone.
    pub(crate) fn metadata_past_cache(
        &self,
        handle: PartHandle,
        what: &'static str,
    ) -> Result<PartBytes, Error> {
        let (part, bytes) = self.load_metadata(handle, what)?;
        Ok(PartBytes::of_heap(part, bytes))
    }

    fn load_metadata(
        &self,
        handle: PartHandle,
        what: &'static str,
    ) -> Result<(Arc<[u8]>, usize), Error> {
        let sealed =
            self.read(handle.offset, handle.end() - handle.offset, "reading a partition")?;
        let payload = verify_metadata(self.table, handle, &sealed, what)
            .map_err(|error| self.decode_error(error))?;
        let bytes = payload.len();
        Ok((sealed, bytes))
    }

    /// Bytes of the file, not verified. Their extent was checked against the file's length.
    fn read(&self, offset: u64, bytes: u64, doing: &'static str) -> Result<Arc<[u8]>, Error> {
        read(&*self.file, self.table, offset, bytes, doing)
    }
}

/// Where payload and trailer are in the map, if they lie in it.
fn mapped_range(map: &Map, handle: BlockHandle) -> Option<Range<usize>> {
    let start = usize::try_from(handle.offset).ok()?;
    let end = usize::try_from(handle.end()).ok()?;
    (start <= end && end <= map.len()).then_some(start..end)
}

/// Reads bytes whose extent was checked against the length of the file.
pub(crate) fn read(
    file: &dyn ReadFile,
    table: TableId,
    offset: u64,
    bytes: u64,
    doing: &'static str,
) -> Result<Arc<[u8]>, Error> {
    let too_large = || Error::corrupt(table, "part", offset, "it does not fit memory");
    let mut buffer = part::zeroed(usize::try_from(bytes).map_err(|_| too_large())?);
    file.read_exact_at(part::unshared(&mut buffer), offset).map_err(|source| Error::Io {
        table,
        offset,
        doing,
        source,
    })?;
    Ok(buffer)
}

/// Verifies a part that is never compressed against its trailer and its handle.
pub(crate) fn verify_metadata<'a>(
    table: TableId,
    handle: PartHandle,
    sealed: &'a [u8],
    what: &'static str,
) -> Result<&'a [u8], DecodeError> {
    let part = part::unseal(table, handle.offset, sealed, what)?;
    let corrupt = |why| Err(DecodeError::corrupt(what, handle.offset, why));
    if part.sum != handle.sum {
        return corrupt("its checksum is not the one on record");
    }
    if part.codec != Codec::None {
        return corrupt("it is compressed, which such a part never is");
    }
    Ok(part.payload)
}

/// A buffer that runs ahead of a reader who goes through the data blocks in order.
#[derive(Debug)]
pub(crate) struct ReadAhead {
    bytes: usize,
    chunk: Arc<[u8]>,
    /// Where `filled` lies in the file; it is the beginning of the chunk.
    filled: Range<u64>,
}

impl ReadAhead {
    /// Reads `bytes` at a time, or a block where that is longer.
    pub(crate) fn new(bytes: usize) -> Self {
        Self { bytes, chunk: Arc::from([]), filled: 0..0 }
    }

    /// The data block at `handle`, verified and decompressed.
    pub(crate) fn block(&mut self, parts: &Parts, handle: BlockHandle) -> Result<PartBytes, Error> {
        parts.check_place(handle)?;
        if handle.offset < self.filled.start || handle.end() > self.filled.end {
            self.fill(parts, handle)?;
        }
        let outside = || parts.outside(handle.offset);
        let start = usize::try_from(handle.offset - self.filled.start).map_err(|_| outside())?;
        let end = usize::try_from(handle.end() - self.filled.start).map_err(|_| outside())?;
        let sealed = self.chunk.get(start..end).ok_or_else(outside)?;
        let stored = part::unseal_block(parts.table, handle, sealed);
        let stored = stored.map_err(|error| parts.decode_error(error))?;
        if handle.codec() == Codec::None {
            let payload = start..end - TRAILER_BYTES;
            return Ok(PartBytes::of_heap_range(Arc::clone(&self.chunk), payload));
        }
        let block = part::decompress(stored, handle).map_err(|error| parts.decode_error(error))?;
        Ok(PartBytes::of_heap(block, handle.raw_bytes as usize))
    }

    fn fill(&mut self, parts: &Parts, handle: BlockHandle) -> Result<(), Error> {
        self.filled = 0..0;
        let left = parts.data.end - handle.offset;
        let bytes = handle.sealed_bytes().max(self.bytes as u64).min(left);
        let doing = "reading ahead";
        // The last chunk serves again, unless a block of it is still in use, or it was made for a
        // block so large that its memory shall not be held for the rest of the table.
        let usual = self.chunk.len() as u64 <= bytes.max(self.bytes as u64);
        let reusable = usize::try_from(bytes).ok().filter(|_| usual);
        if let Some(chunk) =
            reusable.and_then(|bytes| Arc::get_mut(&mut self.chunk)?.get_mut(..bytes))
        {
            let (table, offset) = (parts.table, handle.offset);
            let read = parts.file.read_exact_at(chunk, offset);
            read.map_err(|source| Error::Io { table, offset, doing, source })?;
        } else {
            // Given back before the next is taken.
            self.chunk = Arc::from([]);
            self.chunk = parts.read(handle.offset, bytes, doing)?;
        }
        self.filled = handle.offset..handle.offset + bytes;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Origin, ReadMode, Table, TableOptions, TableSource, TableWriter};
    use siltstone_base::{Entry, EntryKind};
    use siltstone_vfs::{MemVfs, Vfs};
    use std::path::Path;

    #[test]
    fn a_large_block_is_not_held_longer_than_it_is_read() {
        let (vfs, path) = (MemVfs::new(), Path::new("/table"));
        let id = TableId { epoch: 1, number: 1 };
        let (file, options) = (vfs.create_new(path).unwrap(), TableOptions::default());
        let mut writer = TableWriter::new(file, id, options, Origin::default()).unwrap();
        let (small, large) = (vec![1; 5000], vec![2; 3_000_000]);
        let values: [(&[u8], &[u8]); 4] =
            [(b"a", &small), (b"b", &large), (b"c", &small), (b"d", &small)];
        for (key, value) in values {
            writer.add(Entry { key, seqno: 1, kind: EntryKind::Put, value }).unwrap();
        }
        let summary = writer.finish().unwrap();
        let source = TableSource {
            file: vfs.open_read(path).unwrap(),
            id,
            file_bytes: summary.file_bytes,
            digest: summary.digest,
            handle: 0,
            mode: ReadMode::Pread,
        };
        let table = Table::open(source, Arc::new(BlockCache::new(0))).unwrap();
        let mut read_ahead = ReadAhead::new(6000);
        let mut held = Vec::new();
        for (key, value) in values {
            let partition = table.partition(0).unwrap();
            let handle = table.find_block(0, partition, key, &mut ()).unwrap().handle;
            let block = read_ahead.block(table.parts(), handle).unwrap();
            assert!(block.as_slice().ends_with(value));
            drop(block);
            held.push(read_ahead.chunk.len());
        }
        assert!(held[1] > large.len() && held[2] <= 6000 && held[3] <= 6000, "{held:?}");
    }
}
