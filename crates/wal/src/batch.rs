//! Ops that happen together, encoded as they are added.
//! ```text
//! group = first seqno: u64le | op count: u32le | op*
//! op    = kind: u8 | keyspace: varint | key length: varint | key | [value length: varint | value]
//! ```
//! A batch holds ops only. Whoever commits puts one [`GroupHeader`] before the bytes of one or
//! more batches and appends all of it as one record; [`decode_group`](crate::decode_group) reads
//! it back. Op i of a group has seqno `first + i`.
//!
//! Always: the bytes decode to the ops that were added, in their order.
//! Layout: docs/formats.md §3.

use crate::{KeyspaceId, Ops};
use siltstone_base::{EntryKind, MAX_KEY_BYTES, MAX_VALUE_BYTES, Seqno, varint};

/// Size of an encoded [`GroupHeader`].
pub(crate) const GROUP_HEADER_BYTES: usize = 12;
/// Kind, keyspace and two lengths of an op, as long as they can be.
const OP_HEADER_BYTES_MAX: usize = 1 + 5 + 3 + 5;

/// Puts and deletes over any keyspaces, in order.
///
/// ```
/// use siltstone_wal::{Batch, KeyspaceId};
///
/// let mut batch = Batch::new();
/// batch.put(KeyspaceId(1), b"key", b"value");
/// batch.delete(KeyspaceId(2), b"key");
/// assert_eq!((batch.len(), batch.ops().count()), (2, 2));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    bytes: Vec<u8>,
    len: u32,
}

impl Batch {
    /// An empty batch.
    pub const fn new() -> Self {
        Self { bytes: Vec::new(), len: 0 }
    }

    /// Adds: `key` has `value` from here on.
    ///
    /// # Panics
    ///
    /// If the key is longer than [`MAX_KEY_BYTES`] or the value than [`MAX_VALUE_BYTES`]: check
    /// what comes from outside before it gets here. Also after 2^32 - 1 ops.
    pub fn put(&mut self, keyspace: KeyspaceId, key: &[u8], value: &[u8]) {
        assert!(value.len() <= MAX_VALUE_BYTES, "a value is too long to be read back");
        self.begin(EntryKind::Put, keyspace, key, value.len());
        varint::put(&mut self.bytes, value.len() as u64);
        self.bytes.extend_from_slice(value);
    }

    /// Adds: `key` is absent from here on.
    ///
    /// # Panics
    ///
    /// As [`put`](Self::put).
    pub fn delete(&mut self, keyspace: KeyspaceId, key: &[u8]) {
        self.begin(EntryKind::Delete, keyspace, key, 0);
    }

    /// How many ops were added.
    pub const fn len(&self) -> u32 {
        self.len
    }

    /// Whether none was.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The encoded ops.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Length of [`bytes`](Self::bytes).
    pub const fn encoded_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Removes all ops and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.len = 0;
    }

    /// The ops, in order. None of them is an error: a batch only holds what it encoded itself.
    pub fn ops(&self) -> Ops<'_> {
        Ops::new(&self.bytes)
    }

    fn begin(&mut self, kind: EntryKind, keyspace: KeyspaceId, key: &[u8], value_bytes: usize) {
        assert!(key.len() <= MAX_KEY_BYTES, "a key is too long to be read back");
        assert!(self.len < u32::MAX, "a batch has too many ops to count");
        self.len += 1;
        // All that the op takes, so that a batch of one allocates once.
        self.bytes.reserve(key.len() + value_bytes + OP_HEADER_BYTES_MAX);
        self.bytes.push(kind.to_byte());
        varint::put(&mut self.bytes, u64::from(keyspace.0));
        varint::put(&mut self.bytes, key.len() as u64);
        self.bytes.extend_from_slice(key);
    }
}

/// What stands before the ops of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupHeader {
    /// Seqno of the first op; each op has the next one.
    pub first_seqno: Seqno,
    /// How many ops follow.
    pub ops: u32,
}

impl GroupHeader {
    /// The bytes of the header.
    pub fn encode(&self) -> [u8; GROUP_HEADER_BYTES] {
        let mut bytes = [0; GROUP_HEADER_BYTES];
        bytes[..8].copy_from_slice(&self.first_seqno.to_le_bytes());
        bytes[8..].copy_from_slice(&self.ops.to_le_bytes());
        bytes
    }
}
