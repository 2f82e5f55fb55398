//! What a table says of itself: counts, bounds, and where it comes from.
//! ```text
//! properties = field*      field = tag: varint | length: varint | bytes     tags rise
//! ```
//! Always: a reader refuses unknown tags below 64 and skips others.
//! Layout: docs/formats.md §4.5.

use siltstone_base::{DecodeError, MAX_KEY_BYTES, MAX_SEQNO, Reader, Seqno, varint};

const WHAT: &str = "properties";
/// The first tag that a reader may skip.
const OPTIONAL_TAGS: u64 = 64;
const WRITER_TAG: u64 = 64;
const OWNER_TAG: u64 = 65;
/// Which writer made a table; raised when it writes something else without a change of format.
const WRITER: &[u8] = b"siltstone 1";

/// Where the entries of a table come from, in ticks: milliseconds of the database's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// When the table was made.
    pub born: u64,
    /// When the oldest and the newest table were made that its entries first lay in.
    pub data_age: (u64, u64),
    /// When its oldest tombstone was first in a table; `None` without tombstones.
    pub oldest_tombstone: Option<u64>,
    /// Whose entries they are, if the caller has several trees: a number that means nothing
    /// here. Who lost the list of tables can tell them apart by it.
    pub owner: Option<u64>,
}

/// What a table says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    /// How many entries it holds, tombstones included.
    pub entries: u64,
    /// How many of them are tombstones of one key.
    pub point_tombstones: u64,
    /// How many are tombstones of a range; always 0 in this version.
    pub range_tombstones: u64,
    /// Bytes of all keys, before anything is shared or compressed.
    pub raw_key_bytes: u64,
    /// Bytes of all values.
    pub raw_value_bytes: u64,
    /// Smallest seqno of an entry.
    pub smallest_seqno: Seqno,
    /// Largest seqno of an entry.
    pub largest_seqno: Seqno,
    /// Smallest key.
    pub first_key: Vec<u8>,
    /// Largest key.
    pub last_key: Vec<u8>,
    /// How many data blocks there are.
    pub data_blocks: u64,
    /// Where the entries come from.
    pub origin: Origin,
    /// Bytes of all data blocks in the file.
    pub data_bytes: u64,
}

impl Properties {
    /// Bytes of all keys and values.
    pub const fn raw_bytes(&self) -> u64 {
        self.raw_key_bytes + self.raw_value_bytes
    }

    /// The payload of the part.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut put = |tag, fields: &[u64]| put_numbers(&mut bytes, tag, fields);
        put(1, &[self.entries]);
        put(2, &[self.point_tombstones]);
        put(3, &[self.range_tombstones]);
        put(4, &[self.raw_key_bytes]);
        put(5, &[self.raw_value_bytes]);
        put(6, &[self.smallest_seqno]);
        put(7, &[self.largest_seqno]);
        put_field(&mut bytes, 8, &self.first_key);
        put_field(&mut bytes, 9, &self.last_key);
        put_numbers(&mut bytes, 10, &[self.data_blocks]);
        put_numbers(&mut bytes, 11, &[self.origin.born]);
        put_numbers(&mut bytes, 12, &[self.origin.data_age.0, self.origin.data_age.1]);
        if let Some(tick) = self.origin.oldest_tombstone {
            put_numbers(&mut bytes, 13, &[tick]);
        }
        put_numbers(&mut bytes, 14, &[self.data_bytes]);
        put_field(&mut bytes, WRITER_TAG, WRITER);
        if let Some(owner) = self.origin.owner {
            put_numbers(&mut bytes, OWNER_TAG, &[owner]);
        }
        bytes
    }

    /// Reads the payload of the part.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, WHAT);
        let mut properties = Self::default();
        let mut last_tag = 0;
        let mut seen = 0u64;
        while !reader.is_empty() {
            let tag = reader.varint()?;
            if tag <= last_tag {
                return Err(reader.corrupt("tags do not rise"));
            }
            last_tag = tag;
            let at = reader.offset() as u64;
            properties.take_field(tag, reader.prefixed()?, at)?;
            seen |= if tag < OPTIONAL_TAGS { 1 << tag } else { 0 };
        }
        // Tags 1 to 14 but 13, which is absent without tombstones.
        if seen | 1 << 13 != 0x7ffe {
            return Err(reader.corrupt("a field is missing"));
        }
        properties.check().map_err(|why| DecodeError::corrupt(WHAT, 0, why))?;
        Ok(properties)
    }

    fn take_field(&mut self, tag: u64, field: &[u8], at: u64) -> Result<(), DecodeError> {
        let mut reader = Reader::new(field, WHAT);
        match tag {
            1 => self.entries = reader.varint()?,
            2 => self.point_tombstones = reader.varint()?,
            3 => self.range_tombstones = reader.varint()?,
            4 => self.raw_key_bytes = reader.varint()?,
            5 => self.raw_value_bytes = reader.varint()?,
            6 => self.smallest_seqno = reader.varint()?,
            7 => self.largest_seqno = reader.varint()?,
            8 => self.first_key = reader.bytes(field.len())?.to_vec(),
            9 => self.last_key = reader.bytes(field.len())?.to_vec(),
            10 => self.data_blocks = reader.varint()?,
            11 => self.origin.born = reader.varint()?,
            12 => self.origin.data_age = (reader.varint()?, reader.varint()?),
            13 => self.origin.oldest_tombstone = Some(reader.varint()?),
            14 => self.data_bytes = reader.varint()?,
            OWNER_TAG => self.origin.owner = Some(reader.varint()?),
            OPTIONAL_TAGS.. => return Ok(()),
            _ => {
                let (what, found) = ("property", tag);
                return Err(DecodeError::Unsupported { what, found, offset: at });
            }
        }
        if reader.is_empty() { Ok(()) } else { Err(reader.corrupt("a field is too long")) }
    }

    /// Why these numbers cannot be right together.
    fn check(&self) -> Result<(), &'static str> {
        if self.first_key > self.last_key || self.last_key.len() > MAX_KEY_BYTES {
            return Err("its keys cannot be the first and the last");
        }
        if self.first_key.len() > MAX_KEY_BYTES {
            return Err("a key is longer than a key can be");
        }
        if self.smallest_seqno > self.largest_seqno || self.largest_seqno > MAX_SEQNO {
            return Err("its seqnos cannot be the smallest and the largest");
        }
        if self.entries == 0 || self.data_blocks == 0 || self.data_blocks > self.entries {
            return Err("it cannot have so many entries in so many blocks");
        }
        let tombstones = self.point_tombstones.checked_add(self.range_tombstones);
        if tombstones.is_none_or(|tombstones| tombstones > self.entries) {
            return Err("it cannot have more tombstones than entries");
        }
        let raw = self.raw_key_bytes.checked_add(self.raw_value_bytes);
        raw.map(drop).ok_or("its raw bytes cannot be so many")
    }
}

fn put_field(bytes: &mut Vec<u8>, tag: u64, field: &[u8]) {
    varint::put(bytes, tag);
    varint::put(bytes, field.len() as u64);
    bytes.extend_from_slice(field);
}

fn put_numbers(bytes: &mut Vec<u8>, tag: u64, numbers: &[u64]) {
    let mut field = Vec::with_capacity(2 * varint::MAX_BYTES);
    for &number in numbers {
        varint::put(&mut field, number);
    }
    put_field(bytes, tag, &field);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn properties() -> Properties {
        Properties {
            entries: 1000,
            point_tombstones: 30,
            range_tombstones: 0,
            raw_key_bytes: 16_000,
            raw_value_bytes: 1 << 40,
            smallest_seqno: 1,
            largest_seqno: MAX_SEQNO,
            first_key: vec![],
            last_key: vec![255; 300],
            data_blocks: 12,
            origin: Origin { born: 9, data_age: (3, 8), oldest_tombstone: Some(4), owner: Some(7) },
            data_bytes: 40_000,
        }
    }

    #[test]
    fn properties_come_back_with_and_without_tombstones() {
        let with = properties();
        assert_eq!(Properties::decode(&with.encode()), Ok(with.clone()));
        let origin = Origin { oldest_tombstone: None, owner: None, ..with.origin };
        let without = Properties { origin, point_tombstones: 0, ..with };
        assert_eq!(Properties::decode(&without.encode()), Ok(without));
    }

    #[test]
    fn unknown_fields_are_skipped_only_where_they_may_be() {
        let mut bytes = properties().encode();
        put_field(&mut bytes, 67, b"whatever");
        assert_eq!(Properties::decode(&bytes), Ok(properties()));
        let mut bytes = Vec::new();
        put_field(&mut bytes, 15, b"");
        let refused = Properties::decode(&bytes);
        let unknown = DecodeError::Unsupported { what: "property", found: 15, offset: 1 };
        assert_eq!(refused, Err(unknown));
    }

    #[test]
    fn repeated_missing_and_impossible_fields_are_corruption() {
        let refused = |bytes: &[u8]| {
            assert!(matches!(Properties::decode(bytes), Err(DecodeError::Corrupt(_))));
        };
        let whole = properties();
        refused(&[whole.encode(), whole.encode()].concat());
        refused(&whole.encode()[3..]);
        refused(&Properties { entries: 0, ..whole.clone() }.encode());
        refused(&Properties { data_blocks: 1001, ..whole.clone() }.encode());
        refused(&Properties { smallest_seqno: MAX_SEQNO + 1, ..whole.clone() }.encode());
        refused(&Properties { raw_key_bytes: u64::MAX, ..whole }.encode());
    }

    proptest! {
        #[test]
        fn any_bytes_are_properties_or_an_error(
            bytes in proptest::collection::vec(any::<u8>(), 0..100),
            damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        ) {
            let _ = Properties::decode(&bytes);
            let mut bytes = properties().encode();
            for (at, byte) in damage {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let _ = Properties::decode(&bytes);
        }
    }
}
