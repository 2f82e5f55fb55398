//! What a database must be able to do to be measured.
//!
//! An [`Engine`] opens a [`Store`]; each thread works through a [`Session`] of its own. All three
//! are used as trait objects: the call costs two nanoseconds, the same for every engine.
//!
//! Always: what a store acknowledged, each of its sessions sees.

use crate::Error;
use siltstone::Durability;
use std::fmt::Debug;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

/// Opens stores of one kind with settings of its own.
pub trait Engine: Debug + Sync {
    /// The name in reports.
    fn name(&self) -> &str;

    /// A new store in `dir`, which is missing or empty.
    fn create(&self, dir: &Path) -> Result<Box<dyn Store>, Error>;
}

/// An open database.
pub trait Store: Debug + Send + Sync {
    /// A way in for one thread, whose writes have this durability.
    fn session(&self, durability: Durability) -> Result<Box<dyn Session + '_>, Error>;

    /// Makes every write so far survive loss of power.
    fn sync(&self) -> Result<(), Error>;

    /// Brings memory into tables and waits until no compaction is owed, at most `limit` long.
    /// Returns whether it came to that; an engine without such work returns `true` at once.
    fn settle(&self, limit: Duration) -> Result<bool, Error>;

    /// What the store knows about itself.
    fn stats(&self) -> Stats;

    /// Ends it; everything acknowledged is kept.
    fn close(self: Box<Self>) -> Result<(), Error>;
}

/// One thread's work on a store.
pub trait Session {
    /// Sets `key` to `value`.
    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), Error>;

    /// Removes `key`, which need not be there.
    fn delete(&mut self, key: &[u8]) -> Result<(), Error>;

    /// Applies all of `ops` or none, in this order.
    fn write(&mut self, ops: &[Op<'_>]) -> Result<(), Error>;

    /// Shows the value of `key` to `see`, without a copy where the engine can; returns whether
    /// there is one.
    fn get(&mut self, key: &[u8], see: &mut dyn FnMut(&[u8])) -> Result<bool, Error>;

    /// Shows entries to `see` in key order, or against it, until it breaks or none is left. The
    /// first is the one at `from` or the next behind it in this direction; `None` is the end
    /// where the direction begins.
    fn scan(
        &mut self,
        from: Option<&[u8]>,
        direction: Direction,
        see: &mut See<'_>,
    ) -> Result<(), Error>;
}

/// Takes a key and a value, and says whether to go on.
pub type See<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// One change of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op<'a> {
    /// Sets a key to a value.
    Put(&'a [u8], &'a [u8]),
    /// Removes a key.
    Delete(&'a [u8]),
}

/// Which way a scan goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From small keys to large ones.
    Forward,
    /// From large keys to small ones.
    Reverse,
}

/// What a store tells about itself; `None` where it cannot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Bytes that compaction owes.
    pub debt_bytes: Option<u64>,
    /// How long writers were held back so far, added up.
    pub stalled: Option<Duration>,
}
