//! What every piece of a table has: a payload, and behind it a trailer that vouches for it.
//! ```text
//! part = payload | codec: u8 | sum(table id, offset; payload and codec): u64le
//! ```
//! Always: a payload is handed out only after its sum matched in this place of this table.
//! Layout: docs/formats.md §4.

use crate::TableId;
use siltstone_base::{DecodeError, PinnedBytes, Sabotage, checksum};
use siltstone_vfs::Map;
use std::ops::Range;
use std::sync::Arc;

/// Size of a part's trailer.
pub(crate) const TRAILER_BYTES: usize = 9;

/// How a payload is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Codec {
    /// As it is.
    None = 0,
    /// Compressed by snap, raw format.
    Snap = 1,
}

impl Codec {
    const fn from_byte(byte: u8, offset: u64) -> Result<Self, DecodeError> {
        match byte {
            0 => Ok(Self::None),
            1 => Ok(Self::Snap),
            _ => Err(DecodeError::Unsupported { what: "codec", found: byte as u64, offset }),
        }
    }
}

/// Where a data block is.
///
/// Always: a block is compressed exactly if its stored length is below its raw one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockHandle {
    /// From the start of the file.
    pub(crate) offset: u64,
    /// Length of the payload as stored, without trailer.
    pub(crate) stored_bytes: u32,
    /// Length of the payload decompressed.
    pub(crate) raw_bytes: u32,
}

impl BlockHandle {
    /// Length of payload and trailer.
    pub(crate) const fn sealed_bytes(self) -> u64 {
        self.stored_bytes as u64 + TRAILER_BYTES as u64
    }

    /// Where the part ends; saturates for a forged handle.
    pub(crate) const fn end(self) -> u64 {
        self.offset.saturating_add(self.sealed_bytes())
    }

    pub(crate) const fn codec(self) -> Codec {
        if self.stored_bytes < self.raw_bytes { Codec::Snap } else { Codec::None }
    }
}

/// Where a part other than a data block is, and its sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PartHandle {
    /// From the start of the file.
    pub(crate) offset: u64,
    /// Length of the payload, without trailer.
    pub(crate) bytes: u64,
    /// As in the part's trailer.
    pub(crate) sum: u64,
}

impl PartHandle {
    /// Where the part ends, trailer included; saturates for a forged handle.
    pub(crate) const fn end(self) -> u64 {
        self.offset.saturating_add(self.bytes).saturating_add(TRAILER_BYTES as u64)
    }
}

/// Appends the trailer of the part that begins at `start` of `buffer` and at `offset` of the file;
/// returns its sum.
pub(crate) fn seal(
    buffer: &mut Vec<u8>,
    start: usize,
    table: TableId,
    offset: u64,
    codec: Codec,
) -> u64 {
    buffer.push(codec as u8);
    let sum = checksum::of_part(table.as_u128(), offset, &buffer[start..]);
    buffer.extend_from_slice(&sum.to_le_bytes());
    sum
}

/// A part that was verified.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unsealed<'a> {
    pub(crate) payload: &'a [u8],
    pub(crate) codec: Codec,
    pub(crate) sum: u64,
}

/// Verifies a part, given with its trailer, that belongs at `offset` of `table`.
///
/// # Errors
///
/// Corruption if the sum does not match; unsupported for an unknown codec that it vouches for.
pub(crate) fn unseal<'a>(
    table: TableId,
    offset: u64,
    sealed: &'a [u8],
    what: &'static str,
) -> Result<Unsealed<'a>, DecodeError> {
    let corrupt = |why| DecodeError::corrupt(what, offset, why);
    let (summed, sum) =
        sealed.split_last_chunk::<8>().ok_or_else(|| corrupt("it is shorter than its trailer"))?;
    let (&codec, payload) =
        summed.split_last().ok_or_else(|| corrupt("it is shorter than its trailer"))?;
    let sum = u64::from_le_bytes(*sum);
    let unread = Sabotage::BlockChecksumUnread.is_on();
    if !unread && checksum::of_part(table.as_u128(), offset, summed) != sum {
        return Err(corrupt("its checksum does not match"));
    }
    let codec = Codec::from_byte(codec, offset.saturating_add(payload.len() as u64))?;
    Ok(Unsealed { payload, codec, sum })
}

/// Verifies a data block and that it is stored as its handle says; returns its payload as stored.
pub(crate) fn unseal_block(
    table: TableId,
    handle: BlockHandle,
    sealed: &[u8],
) -> Result<&[u8], DecodeError> {
    let part = unseal(table, handle.offset, sealed, "data block")?;
    if part.codec != handle.codec() {
        let why = "its codec is not the one that its lengths in the index imply";
        return Err(DecodeError::corrupt("data block", handle.offset, why));
    }
    Ok(part.payload)
}

/// The block that `stored` holds, decompressed.
///
/// # Errors
///
/// Corruption; the length is believed only as far as `stored` could have grown to it.
pub(crate) fn decompress(stored: &[u8], handle: BlockHandle) -> Result<Arc<[u8]>, DecodeError> {
    let corrupt = |why| DecodeError::corrupt("data block", handle.offset, why);
    let raw_bytes = handle.raw_bytes as usize;
    // A snap element of 3 bytes copies at most 64: no payload grows more than that.
    if raw_bytes > stored.len().saturating_mul(22).saturating_add(64) {
        return Err(corrupt("its decompressed length is impossible"));
    }
    if snap::raw::decompress_len(stored).ok() != Some(raw_bytes) {
        return Err(corrupt("its decompressed length is not the one in the index"));
    }
    let mut block = zeroed(raw_bytes);
    let target = unshared(&mut block);
    match snap::raw::Decoder::new().decompress(stored, target) {
        Ok(bytes) if bytes == raw_bytes => Ok(block),
        _ => Err(corrupt("it does not decompress")),
    }
}

/// Zero bytes in one allocation, to be filled through [`unshared`].
pub(crate) fn zeroed(bytes: usize) -> Arc<[u8]> {
    std::iter::repeat_n(0, bytes).collect()
}

/// The bytes of an `Arc` that was not shared yet.
pub(crate) fn unshared(bytes: &mut Arc<[u8]>) -> &mut [u8] {
    Arc::get_mut(bytes).unwrap_or_default()
}

/// A verified payload together with what keeps it alive.
#[derive(Clone, Debug)]
pub(crate) struct PartBytes {
    owner: Owner,
    range: Range<usize>,
}

#[derive(Clone, Debug)]
enum Owner {
    Heap(Arc<[u8]>),
    Mapped(Arc<Map>),
}

impl PartBytes {
    /// The first `bytes` of `owner`, which may hold a trailer behind them.
    pub(crate) fn of_heap(owner: Arc<[u8]>, bytes: usize) -> Self {
        Self::of_heap_range(owner, 0..bytes)
    }

    /// `range` of `owner`, which must lie in it.
    pub(crate) fn of_heap_range(owner: Arc<[u8]>, range: Range<usize>) -> Self {
        debug_assert!(range.start <= range.end && range.end <= owner.len());
        Self { owner: Owner::Heap(owner), range }
    }

    /// `range` of `map`, which must lie in it.
    pub(crate) fn of_map(map: Arc<Map>, range: Range<usize>) -> Self {
        debug_assert!(range.start <= range.end && range.end <= map.len());
        Self { owner: Owner::Mapped(map), range }
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[u8] {
        let all: &[u8] = match &self.owner {
            Owner::Heap(bytes) => bytes,
            Owner::Mapped(map) => map,
        };
        &all[self.range.clone()]
    }

    /// `range` of the payload, without a copy. The range must lie in it.
    pub(crate) fn pin(self, range: Range<usize>) -> PinnedBytes {
        let range = self.range.start + range.start..self.range.start + range.end;
        match self.owner {
            Owner::Heap(bytes) => PinnedBytes::of_bytes(bytes, range),
            Owner::Mapped(map) => PinnedBytes::of_owner(map, range),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: TableId = TableId { epoch: 1, number: 2 };

    #[test]
    fn a_part_is_believed_only_in_its_own_place() {
        let mut sealed = b"before".to_vec();
        let sum = seal(&mut sealed, 6, ID, 500, Codec::Snap);
        let sealed = &sealed[6..];
        assert_eq!(sealed.len(), TRAILER_BYTES);
        let part = unseal(ID, 500, sealed, "part").unwrap();
        assert_eq!((part.payload, part.codec, part.sum), (&b""[..], Codec::Snap, sum));
        unseal(ID, 501, sealed, "part").unwrap_err();
        unseal(TableId { epoch: 1, number: 3 }, 500, sealed, "part").unwrap_err();
        for cut in 0..sealed.len() {
            unseal(ID, 500, &sealed[..cut], "part").unwrap_err();
        }
    }

    #[test]
    fn an_unknown_codec_is_a_newer_version_once_the_sum_vouches_for_it() {
        let mut sealed = b"payload".to_vec();
        sealed.push(3);
        let sum = checksum::of_part(ID.as_u128(), 9, &sealed);
        sealed.extend_from_slice(&sum.to_le_bytes());
        let refused = unseal(ID, 9, &sealed, "part").unwrap_err();
        assert_eq!(refused, DecodeError::Unsupported { what: "codec", found: 3, offset: 16 });
    }

    #[test]
    fn a_forged_length_is_refused_before_memory_is_taken() {
        let stored = snap::raw::Encoder::new().compress_vec(&[7; 4000]).unwrap();
        let handle = |raw_bytes| BlockHandle { offset: 0, stored_bytes: 0, raw_bytes };
        assert_eq!(&decompress(&stored, handle(4000)).unwrap()[..], &[7; 4000]);
        decompress(&stored, handle(3999)).unwrap_err();
        decompress(&stored, handle(u32::MAX)).unwrap_err();
        // A stream that itself says 4 GiB: only its own length speaks against that.
        let refused = decompress(&[0xff, 0xff, 0xff, 0xff, 0x0f], handle(u32::MAX)).unwrap_err();
        let why = "its decompressed length is impossible";
        assert_eq!(refused, DecodeError::corrupt("data block", 0, why));
    }
}
