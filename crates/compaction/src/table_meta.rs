//! What is known of a table without opening it: what policies decide on.
//! ```text
//! table meta = (tag: varint | length: varint | bytes)*      tags rising
//! ```
//! Always: plain data, so that a simulator can make it up. It never changes; a table that moves
//! to another run keeps its meta.
//! Layout: docs/formats.md §7.

use crate::fields::{Field, put_field, put_varints};
use siltstone_base::{DecodeError, KeySpan, MAX_KEY_BYTES, MAX_SEQNO, Reader, Seqno};
use siltstone_sstable::{TableId, TableSummary};

/// One table of a version.
///
/// Ticks are those of the database's clock, in milliseconds; a simulator may count operations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableMeta {
    /// Which table.
    pub id: TableId,
    /// Its smallest and its largest key.
    pub span: KeySpan,
    /// Size of its file, in bytes.
    pub file_bytes: u64,
    /// Digest in its footer.
    pub digest: u64,
    /// How many entries it has, tombstones included.
    pub entries: u64,
    /// How many of them are tombstones of one key.
    pub point_tombstones: u64,
    /// Bytes of its keys and values, before compression.
    pub raw_bytes: u64,
    /// Smallest and largest seqno.
    pub seqnos: (Seqno, Seqno),
    /// Tick at which it was written.
    pub born: u64,
    /// Ticks at which the oldest and the newest flush that it descends from were written.
    pub data_age: (u64, u64),
    /// Tick of its oldest tombstone; `None` without tombstones.
    pub oldest_tombstone: Option<u64>,
}

impl TableMeta {
    /// The meta of a table that was just written.
    ///
    /// # Panics
    ///
    /// If its first key is larger than its last, which no writer lets happen.
    pub fn of_table(written: &TableSummary) -> Self {
        let properties = &written.properties;
        let (first, last) = (properties.first_key.as_slice(), properties.last_key.as_slice());
        Self {
            id: written.id,
            span: KeySpan::new(first, last),
            file_bytes: written.file_bytes,
            digest: written.digest,
            entries: properties.entries,
            point_tombstones: properties.point_tombstones,
            raw_bytes: properties.raw_bytes(),
            seqnos: (properties.smallest_seqno, properties.largest_seqno),
            born: properties.origin.born,
            data_age: properties.origin.data_age,
            oldest_tombstone: properties.origin.oldest_tombstone,
        }
    }

    /// Appends the encoded table.
    pub fn encode(&self, bytes: &mut Vec<u8>) {
        put_field(bytes, 1, &self.id.as_u128().to_le_bytes());
        put_varints(bytes, 2, &[self.file_bytes]);
        put_field(bytes, 3, &self.digest.to_le_bytes());
        put_field(bytes, 4, &self.span.first);
        put_field(bytes, 5, &self.span.last);
        put_varints(bytes, 6, &[self.entries]);
        put_varints(bytes, 7, &[self.point_tombstones]);
        put_varints(bytes, 8, &[self.raw_bytes]);
        put_varints(bytes, 9, &[self.seqnos.0, self.seqnos.1]);
        put_varints(bytes, 10, &[self.born]);
        put_varints(bytes, 11, &[self.data_age.0, self.data_age.1]);
        if let Some(tick) = self.oldest_tombstone {
            put_varints(bytes, 12, &[tick]);
        }
    }

    /// The table that all of `bytes` encode.
    ///
    /// # Errors
    ///
    /// Corruption if they are no table, [`DecodeError::Unsupported`] for an unknown field below
    /// 64; offsets count from the start of `bytes`.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut parts = Parts::default();
        let mut reader = Reader::new(bytes, WHAT);
        let mut last_tag = 0;
        while let Some(field) = Field::take(&mut reader, WHAT)? {
            if field.tag <= last_tag {
                return Err(field.corrupt("its fields do not rise"));
            }
            last_tag = field.tag;
            parts.set(&field)?;
        }
        parts.finish().map_err(|why| reader.corrupt(why))
    }
}

const WHAT: &str = "table meta";

/// The fields seen so far.
#[derive(Default)]
struct Parts {
    id: Option<TableId>,
    file_bytes: Option<u64>,
    digest: Option<u64>,
    first: Option<Vec<u8>>,
    last: Option<Vec<u8>>,
    entries: Option<u64>,
    point_tombstones: Option<u64>,
    raw_bytes: Option<u64>,
    seqnos: Option<(Seqno, Seqno)>,
    born: Option<u64>,
    data_age: Option<(u64, u64)>,
    oldest_tombstone: Option<u64>,
}

impl Parts {
    fn set(&mut self, field: &Field<'_>) -> Result<(), DecodeError> {
        match field.tag {
            1 => self.id = Some(TableId::from_u128(field.whole(Reader::u128)?)),
            2 => self.file_bytes = Some(field.whole(Reader::varint)?),
            3 => self.digest = Some(field.whole(Reader::u64)?),
            4 => self.first = Some(key(field)?),
            5 => self.last = Some(key(field)?),
            6 => self.entries = Some(field.whole(Reader::varint)?),
            7 => self.point_tombstones = Some(field.whole(Reader::varint)?),
            8 => self.raw_bytes = Some(field.whole(Reader::varint)?),
            9 => self.seqnos = Some(field.whole(pair)?),
            10 => self.born = Some(field.whole(Reader::varint)?),
            11 => self.data_age = Some(field.whole(pair)?),
            12 => self.oldest_tombstone = Some(field.whole(Reader::varint)?),
            _ => field.skip_unknown()?,
        }
        Ok(())
    }

    fn finish(self) -> Result<TableMeta, &'static str> {
        let missing = "a field is missing";
        let (first, last) = (self.first.ok_or(missing)?, self.last.ok_or(missing)?);
        if first > last {
            return Err("its first key lies behind its last");
        }
        let table = TableMeta {
            id: self.id.ok_or(missing)?,
            span: KeySpan::new(first, last),
            file_bytes: self.file_bytes.ok_or(missing)?,
            digest: self.digest.ok_or(missing)?,
            entries: self.entries.ok_or(missing)?,
            point_tombstones: self.point_tombstones.ok_or(missing)?,
            raw_bytes: self.raw_bytes.ok_or(missing)?,
            seqnos: self.seqnos.ok_or(missing)?,
            born: self.born.ok_or(missing)?,
            data_age: self.data_age.ok_or(missing)?,
            oldest_tombstone: self.oldest_tombstone,
        };
        if table.seqnos.0 > table.seqnos.1 || table.seqnos.1 > MAX_SEQNO {
            return Err("its seqnos cannot be");
        }
        if table.point_tombstones > table.entries {
            return Err("it has more tombstones than entries");
        }
        Ok(table)
    }
}

fn key(field: &Field<'_>) -> Result<Vec<u8>, DecodeError> {
    if field.bytes.len() > MAX_KEY_BYTES {
        return Err(field.corrupt("a key is too long"));
    }
    Ok(field.bytes.to_vec())
}

fn pair(reader: &mut Reader<'_>) -> Result<(u64, u64), DecodeError> {
    Ok((reader.varint()?, reader.varint()?))
}

#[cfg(test)]
mod tests;
