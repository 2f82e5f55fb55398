//! A keyspace: an ordered map of its own, which shares log and memory with the others.

use crate::batch::KeyspaceRef;
use crate::cursor::Cursor;
use crate::db::Handle;
use crate::explain::Explanation;
use crate::key_range::KeyRange;
use crate::scan::{Keys, Scan};
use crate::store::Store;
use crate::tree::Tree;
use crate::{Error, Value, WriteBatch, jobs, read, size};
use siltstone_base::{Bounds, Seqno};
use std::fmt;
use std::sync::Arc;

/// A handle of a keyspace. Cloning it is cheap, and it keeps the database open.
#[derive(Clone)]
pub struct Keyspace {
    pub(crate) store: Arc<Store>,
    pub(crate) tree: Arc<Tree>,
    pub(crate) handle: Handle,
}

impl fmt::Debug for Keyspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Keyspace").field(&self.tree.name).finish()
    }
}

impl Keyspace {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.tree.name
    }

    pub(crate) fn to_ref(&self) -> KeyspaceRef {
        KeyspaceRef { database: self.store.instance, keyspace: self.tree.id }
    }

    /// Sets `key` to `value`, with the durability of the options, and returns the seqno of the
    /// write once it is visible.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] before anything is stored; [`Error::Stopped`] if writes have stopped.
    pub fn put(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<Seqno, Error> {
        let mut batch = WriteBatch::new();
        batch.put(self, key, value);
        self.store.write(batch, self.store.options.durability)
    }

    /// Removes `key`, which need not be there.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put).
    pub fn delete(&self, key: impl AsRef<[u8]>) -> Result<Seqno, Error> {
        let mut batch = WriteBatch::new();
        batch.delete(self, key);
        self.store.write(batch, self.store.options.durability)
    }

    /// The value of `key`, if it has one.
    pub fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<Value>, Error> {
        read::get(&self.store, &self.tree, key.as_ref(), None)
    }

    /// Whether `key` has a value; the value is not copied.
    pub fn contains_key(&self, key: impl AsRef<[u8]>) -> Result<bool, Error> {
        let value = read::get_pinned(&self.store, &self.tree, key.as_ref(), None)?;
        Ok(value.is_some())
    }

    /// Keys and values of a range as they are now; later writes do not show.
    pub fn scan(&self, range: impl KeyRange) -> Result<Scan, Error> {
        self.scan_bounds(range.into_bounds())
    }

    /// Keys and values of every key that begins with `prefix`.
    pub fn scan_prefix(&self, prefix: impl AsRef<[u8]>) -> Result<Scan, Error> {
        self.scan_bounds(Bounds::prefix(prefix.as_ref()))
    }

    /// Keys of a range; no values are read.
    pub fn keys(&self, range: impl KeyRange) -> Result<Keys, Error> {
        self.scan(range).map(Scan::into_keys)
    }

    fn scan_bounds(&self, bounds: Bounds) -> Result<Scan, Error> {
        self.check()?;
        let (store, tree) = (Arc::clone(&self.store), Arc::clone(&self.tree));
        let seqno = self.store.snapshots.register();
        Ok(Scan::new(store, Arc::clone(&self.handle), tree, seqno, bounds))
    }

    /// A cursor over the keyspace as it is now; it stands on no entry yet.
    pub fn cursor(&self) -> Result<Cursor, Error> {
        let (store, tree) = (Arc::clone(&self.store), Arc::clone(&self.tree));
        let seqno = self.store.snapshots.register();
        Cursor::new(store, Arc::clone(&self.handle), tree, seqno, Bounds::ALL)
    }

    /// Looks `key` up and tells each place that was asked, with what was touched there.
    pub fn explain_get(&self, key: impl AsRef<[u8]>) -> Result<Explanation, Error> {
        self.check()?;
        read::explain(&self.store, &self.tree, key.as_ref())
    }

    /// Bytes on disk of the tables that hold a range, about; memtables are left out.
    pub fn approximate_size(&self, range: impl KeyRange) -> Result<u64, Error> {
        self.check()?;
        size::approximate(&self.store, &self.tree, &range.into_bounds())
    }

    /// Turns the keyspace's memtables into tables; returns when everything that is visible now is
    /// in tables.
    pub fn flush(&self) -> Result<(), Error> {
        self.check()?;
        jobs::flush_now(&self.store, Some(&self.tree))
    }

    /// Merges the tables that hold a range down to the last level, which drops what is deleted
    /// and overwritten there and not needed by a snapshot.
    pub fn compact_range(&self, range: impl KeyRange) -> Result<(), Error> {
        self.check()?;
        jobs::compact_range(&self.store, &self.tree, &range.into_bounds())
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        self.store.check_open()?;
        self.tree.check_kept()
    }
}
