//! One record of the manifest: tagged fields, applied all or none.
//! Layout: docs/formats.md §6.

use siltstone_base::{DecodeError, Reader, Seqno, varint};
use siltstone_compaction::VersionEdit;
use siltstone_wal::{KeyspaceId, SegmentId};

const WHAT: &str = "manifest record";
/// Unknown tags from here on are skipped.
const OPTIONAL_TAGS: u64 = 64;

/// One change to what the manifest says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Field {
    /// The record holds the whole state.
    Begin,
    /// Upper half of the ids of tables that an open may create.
    Epoch(u64),
    /// A keyspace exists.
    Keyspace { id: KeyspaceId, policy: String, name: String },
    /// A keyspace is gone for good.
    Dropped(KeyspaceId),
    /// Ids below this one were given out.
    NextKeyspace(u32),
    /// Tables come and go.
    Version { keyspace: KeyspaceId, edit: VersionEdit },
    /// Every write of the keyspace up to `seqno` is in tables.
    Installed { keyspace: KeyspaceId, seqno: Seqno },
    /// A log segment may hold records.
    Segment(SegmentId),
    /// A log segment is no longer needed.
    SegmentFreed(SegmentId),
    /// Replay of the segment stops at `end`.
    Cut { segment: SegmentId, end: u64 },
    /// What the keyspace's policy remembers.
    PolicyState { keyspace: KeyspaceId, state: Vec<u8> },
    /// Seqnos up to this one were given out.
    LastSeqno(Seqno),
    /// Run ids below this one were given out.
    NextRun(u64),
}

impl Field {
    const fn tag(&self) -> u64 {
        match self {
            Self::Begin => 1,
            Self::Epoch(_) => 2,
            Self::Keyspace { .. } => 3,
            Self::Dropped(_) => 4,
            Self::NextKeyspace(_) => 5,
            Self::Version { .. } => 6,
            Self::Installed { .. } => 7,
            Self::Segment(_) => 8,
            Self::SegmentFreed(_) => 9,
            Self::Cut { .. } => 10,
            Self::PolicyState { .. } => 11,
            Self::LastSeqno(_) => 12,
            Self::NextRun(_) => 13,
        }
    }

    fn put_body(&self, body: &mut Vec<u8>) {
        match self {
            Self::Begin => {}
            Self::Epoch(epoch) => body.extend(epoch.to_le_bytes()),
            Self::Keyspace { id, policy, name } => {
                varint::put(body, id.0.into());
                varint::put(body, policy.len() as u64);
                body.extend(policy.as_bytes());
                body.extend(name.as_bytes());
            }
            Self::Dropped(id) => varint::put(body, id.0.into()),
            Self::NextKeyspace(id) => varint::put(body, (*id).into()),
            Self::Version { keyspace, edit } => {
                varint::put(body, keyspace.0.into());
                edit.encode(body);
            }
            Self::Installed { keyspace, seqno } => {
                varint::put(body, keyspace.0.into());
                varint::put(body, *seqno);
            }
            Self::Segment(segment) | Self::SegmentFreed(segment) => varint::put(body, segment.0),
            Self::Cut { segment, end } => {
                varint::put(body, segment.0);
                varint::put(body, *end);
            }
            Self::PolicyState { keyspace, state } => {
                varint::put(body, keyspace.0.into());
                body.extend(state);
            }
            Self::LastSeqno(number) | Self::NextRun(number) => varint::put(body, *number),
        }
    }

    /// The field with this tag; `None` for an optional one that is not known.
    fn decode(tag: u64, body: &[u8]) -> Result<Option<Self>, DecodeError> {
        let mut reader = Reader::new(body, WHAT);
        let field = match tag {
            1 => Self::Begin,
            2 => Self::Epoch(reader.u64()?),
            3 => Self::Keyspace {
                id: keyspace(&mut reader)?,
                policy: text(reader.prefixed()?, &reader)?,
                name: text(rest(&mut reader)?, &reader)?,
            },
            4 => Self::Dropped(keyspace(&mut reader)?),
            5 => Self::NextKeyspace(keyspace(&mut reader)?.0),
            6 => Self::Version {
                keyspace: keyspace(&mut reader)?,
                edit: VersionEdit::decode(rest(&mut reader)?)?,
            },
            7 => Self::Installed { keyspace: keyspace(&mut reader)?, seqno: reader.varint()? },
            8 => Self::Segment(SegmentId(reader.varint()?)),
            9 => Self::SegmentFreed(SegmentId(reader.varint()?)),
            10 => Self::Cut { segment: SegmentId(reader.varint()?), end: reader.varint()? },
            11 => Self::PolicyState {
                keyspace: keyspace(&mut reader)?,
                state: rest(&mut reader)?.to_vec(),
            },
            12 => Self::LastSeqno(reader.varint()?),
            13 => Self::NextRun(reader.varint()?),
            OPTIONAL_TAGS.. => return Ok(None),
            _ => {
                return Err(DecodeError::Unsupported {
                    what: "manifest tag",
                    found: tag,
                    offset: 0,
                });
            }
        };
        if !reader.is_empty() {
            return Err(reader.corrupt("a field is longer than its content"));
        }
        Ok(Some(field))
    }
}

fn keyspace(reader: &mut Reader<'_>) -> Result<KeyspaceId, DecodeError> {
    let id = reader.varint()?;
    u32::try_from(id).map(KeyspaceId).map_err(|_| reader.corrupt("a keyspace id is too large"))
}

fn rest<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
    reader.bytes(reader.rest().len())
}

fn text(bytes: &[u8], reader: &Reader<'_>) -> Result<String, DecodeError> {
    String::from_utf8(bytes.to_vec()).map_err(|_| reader.corrupt("a name is not UTF-8"))
}

/// The payload of a record.
pub(crate) fn encode(fields: &[Field]) -> Vec<u8> {
    let (mut payload, mut body) = (Vec::new(), Vec::new());
    for field in fields {
        body.clear();
        field.put_body(&mut body);
        varint::put(&mut payload, field.tag());
        varint::put(&mut payload, body.len() as u64);
        payload.extend(&body);
    }
    payload
}

/// The fields of a record that are known.
///
/// # Errors
///
/// Offsets in errors are counted from the start of the payload.
pub(crate) fn decode(payload: &[u8]) -> Result<Vec<Field>, DecodeError> {
    let mut reader = Reader::new(payload, WHAT);
    let mut fields = Vec::new();
    while !reader.is_empty() {
        let tag = reader.varint()?;
        let body = reader.prefixed()?;
        let body_offset = (reader.offset() - body.len()) as u64;
        fields.extend(Field::decode(tag, body).map_err(|error| error.shifted(body_offset))?);
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn samples() -> Vec<Field> {
        let keyspace = KeyspaceId(3);
        vec![
            Field::Begin,
            Field::Epoch(0x1234),
            Field::Keyspace { id: keyspace, policy: "leveled".into(), name: "räume".into() },
            Field::Dropped(keyspace),
            Field::NextKeyspace(4),
            Field::Version { keyspace, edit: VersionEdit::default() },
            Field::Installed { keyspace, seqno: 900 },
            Field::Segment(SegmentId(8)),
            Field::SegmentFreed(SegmentId(7)),
            Field::Cut { segment: SegmentId(8), end: 4096 },
            Field::PolicyState { keyspace, state: vec![1, 2, 3] },
            Field::LastSeqno(901),
            Field::NextRun(12),
        ]
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        assert_eq!(decode(&encode(&samples())), Ok(samples()));
    }

    #[test]
    fn the_bytes_are_those_of_the_golden_file() {
        let golden = crate::golden::bytes(include_str!("../../tests/golden/manifest_record.hex"));
        crate::golden::check(&encode(&samples()), &golden);
        assert_eq!(decode(&golden), Ok(samples()));
    }

    #[test]
    fn unknown_required_tags_are_refused_and_optional_ones_skipped() {
        let mut payload = encode(&[Field::NextRun(1)]);
        payload.extend([80, 2, 0xab, 0xcd]);
        assert_eq!(decode(&payload), Ok(vec![Field::NextRun(1)]));
        payload.extend([63, 0]);
        assert!(matches!(decode(&payload), Err(DecodeError::Unsupported { found: 63, .. })));
    }

    proptest! {
        #[test]
        fn any_bytes_decode_or_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            drop(decode(&bytes));
        }
    }
}
