//! Reads ops back, of a batch in memory or of a group from disk.
//!
//! Always: nothing is taken on trust, so that any bytes give ops or an error; an error is the last
//! item. Offsets in errors count from the start of what was given to read.

use crate::batch::GROUP_HEADER_BYTES;
use crate::{GroupHeader, KeyspaceId};
use siltstone_base::{DecodeError, EntryKind, MAX_KEY_BYTES, MAX_SEQNO, MAX_VALUE_BYTES, Reader};

/// One put or delete, borrowed from its batch or record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Op<'a> {
    /// Whose key it is.
    pub keyspace: KeyspaceId,
    /// What happens to the key.
    pub kind: EntryKind,
    /// User key.
    pub key: &'a [u8],
    /// The value; empty for a tombstone.
    pub value: &'a [u8],
}

/// The ops in encoded bytes, in order.
#[derive(Clone, Debug)]
pub struct Ops<'a> {
    reader: Reader<'a>,
    /// How many must still come; `None` if nobody said.
    left: Option<u32>,
    ended: bool,
}

impl<'a> Ops<'a> {
    /// Reads `bytes`, which hold nothing but ops.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { reader: Reader::new(bytes, "batch"), left: None, ended: false }
    }

    /// The next op, if the bytes and the count agree that there is one.
    fn take(&mut self) -> Result<Option<Op<'a>>, DecodeError> {
        match (self.reader.is_empty(), self.left) {
            (true, None | Some(0)) => return Ok(None),
            (true, Some(_)) => return Err(self.reader.corrupt("it has fewer ops than it says")),
            (false, Some(0)) => return Err(self.reader.corrupt("it has more ops than it says")),
            (false, _) => {}
        }
        self.left = self.left.map(|left| left - 1);
        take_op(&mut self.reader).map(Some)
    }
}

impl<'a> Iterator for Ops<'a> {
    type Item = Result<Op<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let taken = self.take();
        self.ended = !matches!(taken, Ok(Some(_)));
        taken.transpose()
    }
}

impl std::iter::FusedIterator for Ops<'_> {}

/// Reads the payload of a log record: who comes first, and the ops.
///
/// # Errors
///
/// Corruption of the header, or more seqnos than there are. Whether the count of ops is right is
/// known at their end: [`Ops`] then gives an error as its last item.
pub fn decode_group(payload: &[u8]) -> Result<(GroupHeader, Ops<'_>), DecodeError> {
    let mut reader = Reader::new(payload, "batch");
    let header = GroupHeader { first_seqno: reader.u64()?, ops: reader.u32()? };
    debug_assert_eq!(reader.offset(), GROUP_HEADER_BYTES);
    let end = header.first_seqno.checked_add(u64::from(header.ops));
    if header.first_seqno == 0 || end.is_none_or(|end| end > MAX_SEQNO + 1) {
        return Err(DecodeError::corrupt("batch", 0, "its seqnos are out of range"));
    }
    Ok((header, Ops { reader, left: Some(header.ops), ended: false }))
}

fn take_op<'a>(reader: &mut Reader<'a>) -> Result<Op<'a>, DecodeError> {
    let offset = reader.offset() as u64;
    let kind = EntryKind::from_byte(reader.u8()?, offset)?;
    let keyspace = reader.varint()?;
    let keyspace =
        u32::try_from(keyspace).map_err(|_| reader.corrupt("a keyspace id is too large"))?;
    let key = reader.prefixed()?;
    let value = match kind {
        EntryKind::Put => reader.prefixed()?,
        EntryKind::Delete => &[],
    };
    if key.len() > MAX_KEY_BYTES || value.len() > MAX_VALUE_BYTES {
        return Err(DecodeError::corrupt("batch", offset, "a key or value is over the limit"));
    }
    Ok(Op { keyspace: KeyspaceId(keyspace), kind, key, value })
}

#[cfg(test)]
mod tests;
