//! The database as it was at one moment.

use crate::cursor::Cursor;
use crate::db::Handle;
use crate::key_range::KeyRange;
use crate::scan::{Keys, Scan};
use crate::snapshots::Registered;
use crate::store::Store;
use crate::{Error, Keyspace, Value, read};
use siltstone_base::{Bounds, Seqno};
use std::fmt;
use std::sync::Arc;

/// All keyspaces as they were when it was taken, for as long as it lives. Cloning it is cheap.
#[derive(Clone)]
pub struct Snapshot {
    store: Arc<Store>,
    handle: Handle,
    seqno: Registered,
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Snapshot").field(&self.seqno.seqno()).finish()
    }
}

impl Snapshot {
    pub(crate) fn new(store: Arc<Store>, handle: Handle) -> Self {
        let seqno = store.snapshots.register();
        Self { store, handle, seqno }
    }

    /// The last write it shows.
    pub const fn seqno(&self) -> Seqno {
        self.seqno.seqno()
    }

    /// The value that `key` had.
    pub fn get(&self, keyspace: &Keyspace, key: impl AsRef<[u8]>) -> Result<Option<Value>, Error> {
        self.check(keyspace)?;
        read::get(&self.store, &keyspace.tree, key.as_ref(), Some(self.seqno.seqno()))
    }

    /// Keys and values that a range had.
    pub fn scan(&self, keyspace: &Keyspace, range: impl KeyRange) -> Result<Scan, Error> {
        self.scan_bounds(keyspace, range.into_bounds())
    }

    /// Keys and values of every key that began with `prefix`.
    pub fn scan_prefix(
        &self,
        keyspace: &Keyspace,
        prefix: impl AsRef<[u8]>,
    ) -> Result<Scan, Error> {
        self.scan_bounds(keyspace, Bounds::prefix(prefix.as_ref()))
    }

    /// Keys that a range had.
    pub fn keys(&self, keyspace: &Keyspace, range: impl KeyRange) -> Result<Keys, Error> {
        self.scan(keyspace, range).map(Scan::into_keys)
    }

    /// A cursor over the keyspace as it was.
    pub fn cursor(&self, keyspace: &Keyspace) -> Result<Cursor, Error> {
        self.check(keyspace)?;
        let (store, tree) = (Arc::clone(&self.store), Arc::clone(&keyspace.tree));
        Cursor::new(store, Arc::clone(&self.handle), tree, self.seqno.clone(), Bounds::ALL)
    }

    fn scan_bounds(&self, keyspace: &Keyspace, bounds: Bounds) -> Result<Scan, Error> {
        self.check(keyspace)?;
        let (store, tree) = (Arc::clone(&self.store), Arc::clone(&keyspace.tree));
        Ok(Scan::new(store, Arc::clone(&self.handle), tree, self.seqno.clone(), bounds))
    }

    fn check(&self, keyspace: &Keyspace) -> Result<(), Error> {
        if !Arc::ptr_eq(&self.store, &keyspace.store) {
            return Err(Error::ForeignHandle);
        }
        keyspace.check()
    }
}
