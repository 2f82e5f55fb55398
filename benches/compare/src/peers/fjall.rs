//! fjall: its defaults, with the memory, filters and compression of all.

use super::entries::{range, show};
use crate::contender::{Contender, locked_version};
use crate::setup::{Compression, FILTER_BITS, Setup};
use ::fjall::config::{
    BloomConstructionPolicy, CompressionPolicy, FilterPolicy, FilterPolicyEntry,
};
use ::fjall::{CompressionType, Database, Guard, Keyspace, KeyspaceCreateOptions, PersistMode};
use siltstone_bench::{Direction, Durability, Engine, Error, Op, See, Session, Stats, Store};
use std::fmt;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// fjall; buffered writes go to the operating system before they return, its default.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fjall(pub(crate) Setup);

impl Fjall {
    /// Memory less two write buffers, one filling and one being written.
    const fn cache_bytes(self) -> u64 {
        self.0.memory - 2 * self.0.write_buffer_bytes()
    }
}

impl Engine for Fjall {
    fn name(&self) -> &'static str {
        "fjall"
    }

    fn create(&self, dir: &Path) -> Result<Box<dyn Store>, Error> {
        self.0.refuse(&[Compression::Snap])?;
        let opening = Database::builder(dir)
            .cache_size(self.cache_bytes())
            .journal_compression(compression(self.0));
        let db = opening.open().map_err(Error::engine("open"))?;
        let keyspace = db.keyspace("default", || keyspace_options(self.0));
        let keyspace = keyspace.map_err(Error::engine("open a keyspace"))?;
        Ok(Box::new(FjallStore { db, keyspace }))
    }
}

fn keyspace_options(setup: Setup) -> KeyspaceCreateOptions {
    let filter = BloomConstructionPolicy::BitsPerKey(f32::from(FILTER_BITS));
    KeyspaceCreateOptions::default()
        .max_memtable_size(setup.write_buffer_bytes())
        .filter_policy(FilterPolicy::all(FilterPolicyEntry::Bloom(filter)))
        .data_block_compression_policy(CompressionPolicy::all(compression(setup)))
}

const fn compression(setup: Setup) -> CompressionType {
    match setup.compression {
        Compression::Lz4 => CompressionType::Lz4,
        Compression::None | Compression::Snap => CompressionType::None,
    }
}

impl Contender for Fjall {
    fn version(&self) -> String {
        format!("{} (lsm-tree {})", locked_version("fjall"), locked_version("lsm-tree"))
    }

    fn buffered_survives_kill(&self) -> bool {
        true
    }

    fn settings(&self) -> String {
        format!(
            "cache {}, memtables of {}, filters of {FILTER_BITS} bits in all levels, journal \
             flushed to the system with each write, SyncData where asked, all else default",
            self.cache_bytes(),
            self.0.write_buffer_bytes(),
        )
    }
}

struct FjallStore {
    db: Database,
    keyspace: Keyspace,
}

impl fmt::Debug for FjallStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FjallStore").finish_non_exhaustive()
    }
}

impl Store for FjallStore {
    fn session(&self, durability: Durability) -> Result<Box<dyn Session + '_>, Error> {
        let sync = durability == Durability::Sync;
        Ok(Box::new(FjallSession { db: &self.db, keyspace: &self.keyspace, sync }))
    }

    fn sync(&self) -> Result<(), Error> {
        self.db.persist(PersistMode::SyncData).map_err(Error::engine("sync"))
    }

    fn settle(&self, limit: Duration) -> Result<bool, Error> {
        let begin = Instant::now();
        self.keyspace.rotate_memtable_and_wait().map_err(Error::engine("flush"))?;
        // Its workers say how many compactions run, not how many are owed: one that is owed
        // begins at once.
        let mut idle = 0;
        while begin.elapsed() < limit {
            let busy = self.db.outstanding_flushes() + self.db.active_compactions();
            idle = if busy == 0 { idle + 1 } else { 0 };
            if idle == IDLE_LOOKS {
                return Ok(true);
            }
            sleep(LOOK_EVERY);
        }
        Ok(false)
    }

    fn stats(&self) -> Stats {
        Stats::default()
    }

    fn close(self: Box<Self>) -> Result<(), Error> {
        self.sync()
    }
}

/// It is settled when it was idle at so many looks, one after the other.
const IDLE_LOOKS: u32 = 10;
const LOOK_EVERY: Duration = Duration::from_millis(2);

struct FjallSession<'a> {
    db: &'a Database,
    keyspace: &'a Keyspace,
    sync: bool,
}

impl FjallSession<'_> {
    /// Makes what was written survive loss of power, if this session promises that.
    fn persist(&self) -> Result<(), Error> {
        if self.sync {
            self.db.persist(PersistMode::SyncData).map_err(Error::engine("sync"))?;
        }
        Ok(())
    }
}

impl Session for FjallSession<'_> {
    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), Error> {
        self.keyspace.insert(key, value).map_err(Error::engine("put"))?;
        self.persist()
    }

    fn delete(&mut self, key: &[u8]) -> Result<(), Error> {
        self.keyspace.remove(key).map_err(Error::engine("delete"))?;
        self.persist()
    }

    fn write(&mut self, ops: &[Op<'_>]) -> Result<(), Error> {
        let mut batch = self.db.batch();
        if self.sync {
            batch = batch.durability(Some(PersistMode::SyncData));
        }
        for op in ops {
            match op {
                Op::Put(key, value) => batch.insert(self.keyspace, *key, *value),
                Op::Delete(key) => batch.remove(self.keyspace, *key),
            }
        }
        batch.commit().map_err(Error::engine("write a batch"))
    }

    fn get(&mut self, key: &[u8], see: &mut dyn FnMut(&[u8])) -> Result<bool, Error> {
        let found = self.keyspace.get(key).map_err(Error::engine("get"))?;
        if let Some(value) = &found {
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
        let entries = self.keyspace.range::<&[u8], _>(range(from, direction));
        match direction {
            Direction::Forward => show(entries.map(Guard::into_inner), see),
            Direction::Reverse => show(entries.rev().map(Guard::into_inner), see),
        }
    }
}
