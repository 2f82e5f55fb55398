//! Checksums of everything on disk: xxh3, 64 bits, mixed with where the bytes belong.
//!
//! A sum of the bytes alone cannot see a block that is intact but stale, misplaced or from
//! another file. So what is stored is `xxh3_64(bytes) ^ xxh3_64(place)`, the place being identity
//! and offset: the same bytes elsewhere do not match.

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// The plain sum of `bytes`; also the hash that filters are made of.
#[inline]
pub fn of(bytes: &[u8]) -> u64 {
    xxh3_64(bytes)
}

/// What a part's sum is mixed with: its owner's 128-bit identity and the part's offset.
#[inline]
pub fn place(identity: u128, offset: u64) -> u64 {
    let mut bytes = [0; 24];
    bytes[..16].copy_from_slice(&identity.to_le_bytes());
    bytes[16..].copy_from_slice(&offset.to_le_bytes());
    xxh3_64(&bytes)
}

/// The stored sum of a part: of its `bytes` and its [`place`].
#[inline]
pub fn of_part(identity: u128, offset: u64, bytes: &[u8]) -> u64 {
    of(bytes) ^ place(identity, offset)
}

/// As [`of_part`], of a part whose bytes lie in pieces.
pub fn of_pieces(identity: u128, offset: u64, pieces: &[&[u8]]) -> u64 {
    let mut sum = Xxh3::new();
    for piece in pieces {
        sum.update(piece);
    }
    sum.digest() ^ place(identity, offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_elsewhere_do_not_match() {
        let here = of_part(1, 64, b"block");
        assert_eq!(here, of_pieces(1, 64, &[b"bl", b"", b"ock"]));
        assert_ne!(here, of_part(2, 64, b"block"));
        assert_ne!(here, of_part(1, 128, b"block"));
        assert_ne!(here, of_part(1, 64, b"blocl"));
    }

    #[test]
    fn the_function_is_the_published_one() {
        // xxh3_64 of nothing, from the reference implementation's documentation.
        assert_eq!(of(b""), 0x2d06_8005_38d3_94c2);
    }
}
