//! LMDB, in its default mode and with a writable map: a transaction for each write.
//!
//! Buffered is `MDB_NOSYNC`: a commit has written its pages, by a system call or into the shared
//! map, so they belong to the system and survive the death of the process. Sync is what LMDB
//! does without that flag.

use super::entries::{range, show};
use crate::contender::{Contender, locked_version};
use crate::setup::{Compression, Setup};
use heed::types::Bytes;
use heed::{
    CommitOrAbort, Database, Env, EnvFlags, EnvOpenOptions, FlagSetMode, RoTxn, RwTxn, WithTls,
};
use siltstone_bench::{Direction, Durability, Engine, Error, Op, See, Session, Stats, Store};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// LMDB in one of two modes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lmdb {
    pub(crate) setup: Setup,
    pub(crate) writes: Writes,
}

/// How changed pages get to the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writes {
    /// Changed in memory, then written by system calls: the default.
    Copied,
    /// Changed in the map itself: `MDB_WRITEMAP`.
    Mapped,
}

/// Room in the address space; the file is sparse.
const MAP_BYTES: usize = 64 << 30;
/// Every thread that reads needs one.
const READERS: u32 = 1100;

impl Engine for Lmdb {
    fn name(&self) -> &'static str {
        match self.writes {
            Writes::Copied => "lmdb",
            Writes::Mapped => "lmdb-writemap",
        }
    }

    fn create(&self, dir: &Path) -> Result<Box<dyn Store>, Error> {
        self.setup.refuse(&[Compression::Snap, Compression::Lz4])?;
        fs::create_dir_all(dir).map_err(Error::engine("make a folder"))?;
        let env = open(dir, self.flags()).map_err(Error::engine("open"))?;
        let transaction = env.write_txn().map_err(Error::engine("begin"))?;
        let database = env.create_databases_and_commit(transaction, |opener, transaction| {
            opener.create_database(transaction, None).map(CommitOrAbort::<_, ()>::Commit)
        });
        let database = database.map_err(Error::engine("open a database"))?.unwrap_commit();
        let (commits, synced) = (AtomicU64::new(0), Mutex::new(true));
        Ok(Box::new(LmdbStore { env, database, commits, synced }))
    }
}

impl Lmdb {
    fn flags(self) -> EnvFlags {
        let mut flags = EnvFlags::empty();
        flags.set(EnvFlags::WRITE_MAP, self.writes == Writes::Mapped);
        // `lmdb.h`: read-ahead hurts random reads when the data is larger than memory.
        flags.set(EnvFlags::NO_READ_AHEAD, self.setup.may_exceed_limit());
        flags
    }
}

#[expect(unsafe_code, reason = "LMDB maps its file; heed leaves the promise to its user")]
fn open(dir: &Path, flags: EnvFlags) -> heed::Result<Env<WithTls>> {
    let mut opening = EnvOpenOptions::new();
    opening.map_size(MAP_BYTES).max_readers(READERS);
    // SAFETY: the one flag that is dangerous is `WRITE_MAP`: nothing in this process writes through
    // stray pointers; if it did, the runs would find wrong values.
    unsafe { opening.flags(flags) };
    // SAFETY: the folder is this process's own, opened once, and its files are not touched by
    // anyone else while it is open.
    unsafe { opening.open(dir) }
}

impl Contender for Lmdb {
    fn version(&self) -> String {
        let wrapper = locked_version("heed");
        format!(
            "mdb.master of lmdb-master-sys {} (heed {wrapper})",
            locked_version("lmdb-master-sys")
        )
    }

    fn buffered_survives_kill(&self) -> bool {
        true
    }

    fn settings(&self) -> String {
        let mode = match self.writes {
            Writes::Copied => "default mode",
            Writes::Mapped => "MDB_WRITEMAP",
        };
        format!(
            "{mode}, MDB_NOSYNC unless sync is asked, MDB_NORDAHEAD where keys and values are more \
             than a quarter of the limit, a transaction a write, read transactions kept until \
             somebody commits, values read from the map; its cache is the page cache"
        )
    }
}

#[derive(Debug)]
struct LmdbStore {
    env: Env<WithTls>,
    database: Database<'static, Bytes, Bytes>,
    /// How many transactions were committed: a reader that saw fewer is not up to date.
    commits: AtomicU64,
    /// Whether a commit is synced before it returns.
    synced: Mutex<bool>,
}

impl LmdbStore {
    /// Changes the database in one transaction.
    fn write(
        &self,
        change: impl FnOnce(&mut RwTxn<'_>) -> heed::Result<()>,
        doing: &'static str,
    ) -> Result<(), Error> {
        let mut transaction = self.env.write_txn().map_err(Error::engine("begin"))?;
        change(&mut transaction).map_err(Error::engine(doing))?;
        transaction.commit().map_err(Error::engine("commit"))?;
        // Pairs with the load in `reader`.
        self.commits.fetch_add(1, Ordering::Release);
        Ok(())
    }

    /// Has commits synced, or not, from here on.
    #[expect(unsafe_code, reason = "heed leaves the promise to its user")]
    fn sync_commits(&self, sync: bool) -> Result<(), Error> {
        let mut synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        if *synced == sync {
            return Ok(());
        }
        let mode = if sync { FlagSetMode::Disable } else { FlagSetMode::Enable };
        // SAFETY: one thread at a time has the lock. All sessions of a workload ask for the same,
        // so that only the first one comes here, before anyone writes. Without sync a crash of
        // the system may damage the file, which a benchmark accepts.
        unsafe { self.env.set_flags(EnvFlags::NO_SYNC, mode) }
            .map_err(Error::engine("set the durability"))?;
        *synced = sync;
        Ok(())
    }
}

impl Store for LmdbStore {
    fn session(&self, durability: Durability) -> Result<Box<dyn Session + '_>, Error> {
        self.sync_commits(durability == Durability::Sync)?;
        Ok(Box::new(LmdbSession { store: self, reader: None }))
    }

    fn sync(&self) -> Result<(), Error> {
        self.env.force_sync().map_err(Error::engine("sync"))
    }

    fn settle(&self, _: Duration) -> Result<bool, Error> {
        Ok(true)
    }

    fn stats(&self) -> Stats {
        Stats::default()
    }

    fn close(self: Box<Self>) -> Result<(), Error> {
        self.sync()?;
        self.env.prepare_for_closing().wait();
        Ok(())
    }
}

/// A view as it was after so many commits.
struct Reader<'a> {
    commits: u64,
    transaction: RoTxn<'a, WithTls>,
}

struct LmdbSession<'a> {
    store: &'a LmdbStore,
    reader: Option<Reader<'a>>,
}

impl LmdbSession<'_> {
    fn write_with(
        &mut self,
        change: impl FnOnce(&mut RwTxn<'_>) -> heed::Result<()>,
        doing: &'static str,
    ) -> Result<(), Error> {
        // A reader of our own would keep pages from being used again.
        self.reader = None;
        self.store.write(change, doing)
    }

    /// A transaction that sees everything committed so far.
    fn reader(&mut self) -> Result<&RoTxn<'_>, Error> {
        let commits = self.store.commits.load(Ordering::Acquire);
        if self.reader.as_ref().is_none_or(|reader| reader.commits != commits) {
            // A thread has one at a time.
            self.reader = None;
            let transaction = self.store.env.read_txn().map_err(Error::engine("begin"))?;
            self.reader = Some(Reader { commits, transaction });
        }
        let Some(reader) = &self.reader else { unreachable!("it was made above") };
        Ok(&reader.transaction)
    }
}

impl Session for LmdbSession<'_> {
    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), Error> {
        let database = self.store.database;
        self.write_with(|transaction| database.put(transaction, key, value), "put")
    }

    fn delete(&mut self, key: &[u8]) -> Result<(), Error> {
        let database = self.store.database;
        self.write_with(|transaction| database.delete(transaction, key).map(drop), "delete")
    }

    fn write(&mut self, ops: &[Op<'_>]) -> Result<(), Error> {
        let database = self.store.database;
        let change = |transaction: &mut RwTxn<'_>| {
            ops.iter().try_for_each(|op| match *op {
                Op::Put(key, value) => database.put(transaction, key, value),
                Op::Delete(key) => database.delete(transaction, key).map(drop),
            })
        };
        self.write_with(change, "write a batch")
    }

    fn get(&mut self, key: &[u8], see: &mut dyn FnMut(&[u8])) -> Result<bool, Error> {
        let database = self.store.database;
        let found = database.get(self.reader()?, key).map_err(Error::engine("get"))?;
        if let Some(value) = found {
            see(value);
        }
        Ok(found.is_some())
    }

    fn scan(
        &mut self,
        from: Option<&[u8]>,
        direction: Direction,
        see: &mut See<'_>,
    ) -> Result<(), Error> {
        let database = self.store.database;
        let reader = self.reader()?;
        let range = range(from, direction);
        match direction {
            Direction::Forward => {
                show(database.range(reader, &range).map_err(Error::engine("scan"))?, see)
            }
            Direction::Reverse => {
                show(database.rev_range(reader, &range).map_err(Error::engine("scan"))?, see)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_that_may_outgrow_memory_is_read_without_read_ahead() {
        for (data, writes, expected) in [
            (0, Writes::Copied, EnvFlags::empty()),
            (2 << 30, Writes::Copied, EnvFlags::NO_READ_AHEAD),
            (2 << 30, Writes::Mapped, EnvFlags::NO_READ_AHEAD | EnvFlags::WRITE_MAP),
        ] {
            let setup = Setup { data, ..Setup::with_memory(1) };
            assert_eq!(Lmdb { setup, writes }.flags(), expected);
        }
    }
}
