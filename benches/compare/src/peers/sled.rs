//! sled 0.34, its last release that is not an alpha.
//!
//! Its log is buffered in the process and written by a thread every 500 ms, its default, so that
//! its buffered writes may be lost with the process.

use super::entries::{range, show};
use crate::contender::{Contender, locked_version};
use crate::setup::{Compression, Setup};
use ::sled::{Batch, Db, Mode};
use siltstone_bench::{Direction, Durability, Engine, Error, Op, See, Session, Stats, Store};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// sled in its mode for throughput.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sled(pub(crate) Setup);

impl Engine for Sled {
    fn name(&self) -> &'static str {
        "sled"
    }

    fn create(&self, dir: &Path) -> Result<Box<dyn Store>, Error> {
        self.0.refuse(&[Compression::Snap, Compression::Lz4])?;
        let opening = ::sled::Config::new()
            .path(dir)
            .cache_capacity(self.0.memory)
            .mode(Mode::HighThroughput);
        let begin = Instant::now();
        loop {
            match opening.open() {
                Ok(db) => return Ok(Box::new(SledStore { db })),
                // Its threads hold the lock for a moment after the store was dropped.
                Err(error) if is_locked(&error) && begin.elapsed() < UNLOCKS => {
                    sleep(Duration::from_millis(10));
                }
                Err(error) => return Err(Error::engine("open")(error)),
            }
        }
    }
}

/// How long a lock may outlive its store.
const UNLOCKS: Duration = Duration::from_secs(10);

fn is_locked(error: &::sled::Error) -> bool {
    matches!(error, ::sled::Error::Io(error) if error.to_string().contains("acquire lock"))
}

impl Contender for Sled {
    fn version(&self) -> String {
        locked_version("sled").to_owned()
    }

    fn buffered_survives_kill(&self) -> bool {
        false
    }

    fn settings(&self) -> String {
        format!(
            "cache_capacity {}, Mode::HighThroughput, flush_every_ms 500, flush after each write \
             where sync is asked (which does not flush the device's cache)",
            self.0.memory,
        )
    }
}

#[derive(Debug)]
struct SledStore {
    db: Db,
}

impl Store for SledStore {
    fn session(&self, durability: Durability) -> Result<Box<dyn Session + '_>, Error> {
        Ok(Box::new(SledSession { db: &self.db, sync: durability == Durability::Sync }))
    }

    fn sync(&self) -> Result<(), Error> {
        self.db.flush().map(drop).map_err(Error::engine("sync"))
    }

    fn settle(&self, _: Duration) -> Result<bool, Error> {
        self.sync()?;
        Ok(true)
    }

    fn stats(&self) -> Stats {
        Stats::default()
    }

    fn close(self: Box<Self>) -> Result<(), Error> {
        self.sync()
    }
}

struct SledSession<'a> {
    db: &'a Db,
    sync: bool,
}

impl SledSession<'_> {
    fn written(&self) -> Result<(), Error> {
        if self.sync {
            self.db.flush().map_err(Error::engine("sync"))?;
        }
        Ok(())
    }
}

impl Session for SledSession<'_> {
    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), Error> {
        self.db.insert(key, value).map_err(Error::engine("put"))?;
        self.written()
    }

    fn delete(&mut self, key: &[u8]) -> Result<(), Error> {
        self.db.remove(key).map_err(Error::engine("delete"))?;
        self.written()
    }

    fn write(&mut self, ops: &[Op<'_>]) -> Result<(), Error> {
        let mut batch = Batch::default();
        for op in ops {
            match *op {
                Op::Put(key, value) => batch.insert(key, value),
                Op::Delete(key) => batch.remove(key),
            }
        }
        self.db.apply_batch(batch).map_err(Error::engine("write a batch"))?;
        self.written()
    }

    fn get(&mut self, key: &[u8], see: &mut dyn FnMut(&[u8])) -> Result<bool, Error> {
        let found = self.db.get(key).map_err(Error::engine("get"))?;
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
        let entries = self.db.range::<&[u8], _>(range(from, direction));
        match direction {
            Direction::Forward => show(entries, see),
            Direction::Reverse => show(entries.rev(), see),
        }
    }
}
