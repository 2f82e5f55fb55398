//! redb: a transaction for each write, as acknowledging each one by itself asks for.
//!
//! It has no durability between memory and the disk: a commit is synced, or it is lost with the
//! process unless a synced one follows. Its buffered writes are the second kind, with a synced
//! one after every `SYNCED_EVERY`, so that pages that became free can be used again.

use super::entries::range;
use crate::contender::{Contender, locked_version};
use crate::setup::{Compression, Setup};
use ::redb::{Database, Range, ReadOnlyTable, ReadableDatabase, Table, TableDefinition};
use siltstone_bench::{Direction, Durability, Engine, Error, Op, See, Session, Stats, Store};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// redb; buffered writes are commits with `Durability::None`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Redb(pub(crate) Setup);

const TABLE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("default");
const SYNCED_EVERY: u64 = 10_000;

impl Engine for Redb {
    fn name(&self) -> &'static str {
        "redb"
    }

    fn create(&self, dir: &Path) -> Result<Box<dyn Store>, Error> {
        self.0.refuse(&[Compression::Snap, Compression::Lz4])?;
        fs::create_dir_all(dir).map_err(Error::engine("make a folder"))?;
        let mut opening = Database::builder();
        opening.set_cache_size(usize::try_from(self.0.memory).unwrap_or(usize::MAX));
        let db = opening.create(dir.join("data.redb")).map_err(Error::engine("open"))?;
        let store = RedbStore { db, commits: AtomicU64::new(0) };
        // A table exists once somebody wrote to it.
        store.write(::redb::Durability::Immediate, |_| Ok(()))?;
        Ok(Box::new(store))
    }
}

impl Contender for Redb {
    fn version(&self) -> String {
        locked_version("redb").to_owned()
    }

    fn buffered_survives_kill(&self) -> bool {
        false
    }

    fn settings(&self) -> String {
        format!(
            "cache {}, a transaction a write, Durability::None with Immediate after every \
             {SYNCED_EVERY}, Immediate alone where sync is asked, read transactions kept until \
             somebody commits",
            self.0.memory,
        )
    }
}

#[derive(Debug)]
struct RedbStore {
    db: Database,
    /// How many transactions were committed: a reader that saw fewer is not up to date.
    commits: AtomicU64,
}

impl RedbStore {
    /// Changes the table in one transaction.
    fn write(
        &self,
        durability: ::redb::Durability,
        change: impl FnOnce(&mut Table<'_, &'static [u8], &'static [u8]>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut transaction = self.db.begin_write().map_err(Error::engine("begin"))?;
        transaction.set_durability(durability).map_err(Error::engine("set the durability"))?;
        {
            let table = transaction.open_table(TABLE);
            change(&mut table.map_err(Error::engine("open a table"))?)?;
        }
        transaction.commit().map_err(Error::engine("commit"))?;
        // Pairs with the load in `reader`.
        self.commits.fetch_add(1, Ordering::Release);
        Ok(())
    }
}

impl Store for RedbStore {
    fn session(&self, durability: Durability) -> Result<Box<dyn Session + '_>, Error> {
        let sync = durability == Durability::Sync;
        Ok(Box::new(RedbSession { store: self, sync, reader: None }))
    }

    fn sync(&self) -> Result<(), Error> {
        self.write(::redb::Durability::Immediate, |_| Ok(()))
    }

    fn settle(&self, _: Duration) -> Result<bool, Error> {
        Ok(true)
    }

    fn stats(&self) -> Stats {
        Stats::default()
    }

    fn close(self: Box<Self>) -> Result<(), Error> {
        self.sync()
    }
}

/// A table as it was after so many commits.
struct Reader {
    commits: u64,
    table: ReadOnlyTable<&'static [u8], &'static [u8]>,
}

struct RedbSession<'a> {
    store: &'a RedbStore,
    sync: bool,
    reader: Option<Reader>,
}

impl RedbSession<'_> {
    fn write_with(
        &mut self,
        change: impl FnOnce(&mut Table<'_, &'static [u8], &'static [u8]>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        // A reader of our own would keep pages from being used again.
        self.reader = None;
        let commits = self.store.commits.load(Ordering::Relaxed);
        let durability = if self.sync || commits % SYNCED_EVERY == SYNCED_EVERY - 1 {
            ::redb::Durability::Immediate
        } else {
            ::redb::Durability::None
        };
        self.store.write(durability, change)
    }

    /// The table as it is now.
    fn reader(&mut self) -> Result<&Reader, Error> {
        let commits = self.store.commits.load(Ordering::Acquire);
        let reader = match self.reader.take() {
            Some(reader) if reader.commits == commits => reader,
            _ => {
                let transaction = self.store.db.begin_read().map_err(Error::engine("begin"))?;
                let table = transaction.open_table(TABLE).map_err(Error::engine("open a table"))?;
                Reader { commits, table }
            }
        };
        Ok(self.reader.insert(reader))
    }
}

impl Session for RedbSession<'_> {
    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), Error> {
        self.write_with(|table| table.insert(key, value).map(drop).map_err(Error::engine("put")))
    }

    fn delete(&mut self, key: &[u8]) -> Result<(), Error> {
        self.write_with(|table| table.remove(key).map(drop).map_err(Error::engine("delete")))
    }

    fn write(&mut self, ops: &[Op<'_>]) -> Result<(), Error> {
        self.write_with(|table| {
            ops.iter()
                .try_for_each(|op| match *op {
                    Op::Put(key, value) => table.insert(key, value).map(drop),
                    Op::Delete(key) => table.remove(key).map(drop),
                })
                .map_err(Error::engine("write a batch"))
        })
    }

    fn get(&mut self, key: &[u8], see: &mut dyn FnMut(&[u8])) -> Result<bool, Error> {
        let found = self.reader()?.table.get(key).map_err(Error::engine("get"))?;
        if let Some(value) = &found {
            see(value.value());
        }
        Ok(found.is_some())
    }

    fn scan(
        &mut self,
        from: Option<&[u8]>,
        direction: Direction,
        see: &mut See<'_>,
    ) -> Result<(), Error> {
        let table = &self.reader()?.table;
        let entries = table.range::<&[u8]>(range(from, direction));
        let mut entries: Range<'_, &[u8], &[u8]> = entries.map_err(Error::engine("scan"))?;
        loop {
            let entry = match direction {
                Direction::Forward => entries.next(),
                Direction::Reverse => entries.next_back(),
            };
            let Some(entry) = entry else { return Ok(()) };
            let (key, value) = entry.map_err(Error::engine("scan"))?;
            if see(key.value(), value.value()).is_break() {
                return Ok(());
            }
        }
    }
}
