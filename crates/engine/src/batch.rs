//! Writes that happen together.

use crate::{Error, Keyspace};
use siltstone_base::{MAX_KEY_BYTES, MAX_VALUE_BYTES};
use siltstone_wal::{Batch, KeyspaceId};
use smallvec::SmallVec;

/// Longest batch, in bytes of its encoding: 2 GiB.
pub(crate) const MAX_BATCH_BYTES: u64 = 1 << 31;

/// What a write survives once its call has returned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Durability {
    /// The death of the process: the bytes are with the operating system.
    #[default]
    Buffered,
    /// Loss of power: the bytes are on the device.
    Sync,
}

/// How one batch is written.
#[derive(Clone, Copy, Debug, Default)]
pub struct WriteOptions {
    pub(crate) durability: Option<Durability>,
}

impl WriteOptions {
    /// The database's own defaults.
    pub const fn new() -> Self {
        Self { durability: None }
    }

    /// What the write shall survive when the call returns.
    #[must_use]
    pub const fn durability(mut self, durability: Durability) -> Self {
        self.durability = Some(durability);
        self
    }
}

/// Which keyspace of which open database; made from a [`Keyspace`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyspaceRef {
    /// Number of the open database in this process.
    pub(crate) database: u64,
    pub(crate) keyspace: KeyspaceId,
}

impl From<&Keyspace> for KeyspaceRef {
    fn from(keyspace: &Keyspace) -> Self {
        keyspace.to_ref()
    }
}

/// Puts and deletes over one or more keyspaces, applied all or none, in this order.
///
/// Adding to a batch never fails: what exceeds a limit is reported by
/// [`Db::write`](crate::Db::write), which then stores nothing.
#[derive(Clone, Debug, Default)]
pub struct WriteBatch {
    pub(crate) ops: Batch,
    /// Each keyspace that occurs, once.
    pub(crate) keyspaces: SmallVec<[KeyspaceRef; 1]>,
    /// The first op that was over a limit, which is not in `ops`.
    excess: Option<(&'static str, u64, u64)>,
    len: usize,
    user_bytes: u64,
}

impl WriteBatch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets `key` to `value` in `keyspace`.
    pub fn put(
        &mut self,
        keyspace: impl Into<KeyspaceRef>,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
    ) {
        let (key, value) = (key.as_ref(), value.as_ref());
        if self.admit(key.len(), value.len()) {
            let keyspace = self.note(keyspace.into());
            self.ops.put(keyspace, key, value);
        }
    }

    /// Removes `key` from `keyspace`; it need not be there.
    pub fn delete(&mut self, keyspace: impl Into<KeyspaceRef>, key: impl AsRef<[u8]>) {
        let key = key.as_ref();
        if self.admit(key.len(), 0) {
            let keyspace = self.note(keyspace.into());
            self.ops.delete(keyspace, key);
        }
    }

    /// How many puts and deletes it holds.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Removes everything; the memory stays for the next ops.
    pub fn clear(&mut self) {
        self.ops.clear();
        self.keyspaces.clear();
        self.excess = None;
        self.len = 0;
        self.user_bytes = 0;
    }

    /// Key and value bytes it holds.
    pub(crate) const fn user_bytes(&self) -> u64 {
        self.user_bytes
    }

    /// Refuses what is over a limit, naming it.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self.excess {
            Some((what, bytes, limit)) => Err(Error::TooLarge { what, bytes, limit }),
            None => Ok(()),
        }
    }

    /// Whether an op of this size may be added; the first one that may not is remembered.
    fn admit(&mut self, key_bytes: usize, value_bytes: usize) -> bool {
        self.len += 1;
        // Kind, keyspace and two lengths take at most 26 bytes.
        let batch_bytes = (self.ops.encoded_bytes() + key_bytes + value_bytes + 26) as u64;
        let excess = if key_bytes > MAX_KEY_BYTES {
            Some(("key", key_bytes as u64, MAX_KEY_BYTES as u64))
        } else if value_bytes > MAX_VALUE_BYTES {
            Some(("value", value_bytes as u64, MAX_VALUE_BYTES as u64))
        } else if batch_bytes > MAX_BATCH_BYTES {
            Some(("batch", batch_bytes, MAX_BATCH_BYTES))
        } else {
            None
        };
        self.excess = self.excess.or(excess);
        self.user_bytes += (key_bytes + value_bytes) as u64;
        self.excess.is_none()
    }

    fn note(&mut self, keyspace: KeyspaceRef) -> KeyspaceId {
        if self.keyspaces.last() != Some(&keyspace) && !self.keyspaces.contains(&keyspace) {
            self.keyspaces.push(keyspace);
        }
        keyspace.keyspace
    }
}
