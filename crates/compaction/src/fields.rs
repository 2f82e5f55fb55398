//! Tagged fields, of which edits and table metas are made.
//! ```text
//! field = tag: varint | length: varint | bytes
//! ```
//! Always: an unknown tag below 64 is refused, one from 64 on skipped.

use siltstone_base::{DecodeError, Reader, varint};

/// Unknown tags from here on may be skipped.
const OPTIONAL_TAGS: u64 = 64;

/// One field, as it lies in the bytes.
#[derive(Debug)]
pub(crate) struct Field<'a> {
    pub(crate) tag: u64,
    pub(crate) bytes: &'a [u8],
    /// Where `bytes` begin.
    pub(crate) offset: u64,
    what: &'static str,
}

impl<'a> Field<'a> {
    /// The next field, or `None` at the end; `what` names the bytes in errors.
    pub(crate) fn take(
        reader: &mut Reader<'a>,
        what: &'static str,
    ) -> Result<Option<Self>, DecodeError> {
        if reader.is_empty() {
            return Ok(None);
        }
        let tag = reader.varint()?;
        let bytes = reader.prefixed()?;
        let offset = (reader.offset() - bytes.len()) as u64;
        Ok(Some(Self { tag, bytes, offset, what }))
    }

    /// What `read` makes of the field, which it must use up.
    pub(crate) fn whole<T>(
        &self,
        read: impl FnOnce(&mut Reader<'a>) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        let mut reader = Reader::new(self.bytes, self.what);
        let value = read(&mut reader).map_err(|error| error.shifted(self.offset))?;
        if !reader.is_empty() {
            return Err(self.corrupt("a field has bytes left over"));
        }
        Ok(value)
    }

    pub(crate) fn skip_unknown(&self) -> Result<(), DecodeError> {
        if self.tag >= OPTIONAL_TAGS {
            return Ok(());
        }
        let what = match self.what {
            "table meta" => "field of a table meta",
            _ => "field of a version edit",
        };
        Err(DecodeError::Unsupported { what, found: self.tag, offset: self.offset })
    }

    pub(crate) const fn corrupt(&self, why: &'static str) -> DecodeError {
        DecodeError::corrupt(self.what, self.offset, why)
    }
}

/// Appends one field.
pub(crate) fn put_field(bytes: &mut Vec<u8>, tag: u64, field: &[u8]) {
    varint::put(bytes, tag);
    varint::put(bytes, field.len() as u64);
    bytes.extend_from_slice(field);
}

/// Appends one field of varints.
pub(crate) fn put_varints(bytes: &mut Vec<u8>, tag: u64, values: &[u64]) {
    let mut field = Vec::with_capacity(values.len() * varint::MAX_BYTES);
    for &value in values {
        varint::put(&mut field, value);
    }
    put_field(bytes, tag, &field);
}
