//! One version of one key, and the order of all of them.
//!
//! Always: user key ascending (unsigned bytewise, for ever), then seqno descending, so that the
//! newest version of a key is met first. No two entries of a keyspace share key and seqno.

use crate::DecodeError;
use std::cmp::Ordering;

/// Position of a write in the one order of all writes; the first is 1.
pub type Seqno = u64;

/// Largest seqno; seeking a key at it finds the key's newest version.
///
/// 2^56 - 1, so that a seqno and an [`EntryKind`] fit one 64-bit word.
pub const MAX_SEQNO: Seqno = (1 << 56) - 1;

/// Longest key, in bytes.
pub const MAX_KEY_BYTES: usize = 65_535;

/// Longest value, in bytes: 1 GiB.
pub const MAX_VALUE_BYTES: usize = 1 << 30;

/// What an entry does to its key.
///
/// Numbers 2 to 5 are reserved on disk for merge, range delete, put with expiry and blob
/// pointer; a decoder of this version refuses them as unsupported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum EntryKind {
    /// A tombstone: the key is absent from here on.
    Delete = 0,
    /// The key has this value from here on.
    Put = 1,
}

impl EntryKind {
    /// The kind with this number on disk, which was found at `offset`.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Unsupported`] for reserved and unknown numbers.
    pub const fn from_byte(byte: u8, offset: u64) -> Result<Self, DecodeError> {
        match byte {
            0 => Ok(Self::Delete),
            1 => Ok(Self::Put),
            _ => Err(DecodeError::Unsupported { what: "entry kind", found: byte as u64, offset }),
        }
    }

    /// The number on disk.
    pub const fn to_byte(self) -> u8 {
        self as u8
    }
}

/// One version of one key, borrowed from whatever holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// User key.
    pub key: &'a [u8],
    /// When it was written.
    pub seqno: Seqno,
    /// What it does.
    pub kind: EntryKind,
    /// The value; empty for a tombstone.
    pub value: &'a [u8],
}

/// The order of entries: key ascending, then seqno descending.
#[inline]
pub fn internal_cmp(a: (&[u8], Seqno), b: (&[u8], Seqno)) -> Ordering {
    a.0.cmp(b.0).then_with(|| b.1.cmp(&a.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_versions_of_a_key_come_first_and_keys_rise() {
        assert_eq!(internal_cmp((b"a", 9), (b"a", 3)), Ordering::Less);
        assert_eq!(internal_cmp((b"a", 1), (b"b", 9)), Ordering::Less);
        assert_eq!(internal_cmp((b"", 1), (b"\0", 9)), Ordering::Less);
        assert_eq!(internal_cmp((b"a", 3), (b"a", 3)), Ordering::Equal);
    }

    #[test]
    fn reserved_kinds_are_refused_by_number() {
        for byte in 2..=255 {
            let refused = EntryKind::from_byte(byte, 7);
            let found = u64::from(byte);
            assert_eq!(
                refused,
                Err(DecodeError::Unsupported { what: "entry kind", found, offset: 7 })
            );
        }
        for kind in [EntryKind::Delete, EntryKind::Put] {
            assert_eq!(EntryKind::from_byte(kind.to_byte(), 0), Ok(kind));
        }
    }
}
