//! Siltstone behind the traits, through its public interface alone.

use crate::{Direction, Engine, Error, Op, See, Session, Stats, Store};
use siltstone::vfs::{Clock, SystemClock};
use siltstone::{Db, Durability, Keyspace, Options, WriteBatch, WriteOptions};
use std::path::Path;
use std::time::Duration;

/// Siltstone with some options.
#[derive(Clone, Debug, Default)]
pub struct Siltstone {
    options: Options,
}

impl Siltstone {
    /// Stores are opened with `options`.
    pub const fn new(options: Options) -> Self {
        Self { options }
    }
}

impl Engine for Siltstone {
    fn name(&self) -> &'static str {
        "siltstone"
    }

    fn create(&self, dir: &Path) -> Result<Box<dyn Store>, Error> {
        // A session with another durability says so with each write.
        let options = self.options.clone().durability(Durability::Buffered);
        let db = options.open(dir).map_err(Error::engine("open"))?;
        Ok(Box::new(SiltstoneStore { db }))
    }
}

#[derive(Debug)]
struct SiltstoneStore {
    db: Db,
}

impl Store for SiltstoneStore {
    fn session(&self, durability: Durability) -> Result<Box<dyn Session + '_>, Error> {
        let keyspace = self.db.default_keyspace();
        let write_options = WriteOptions::new().durability(durability);
        let buffered = durability == Durability::Buffered;
        Ok(Box::new(SiltstoneSession { db: &self.db, keyspace, buffered, write_options }))
    }

    fn sync(&self) -> Result<(), Error> {
        self.db.sync().map_err(Error::engine("sync"))
    }

    fn settle(&self, limit: Duration) -> Result<bool, Error> {
        self.db.flush().map_err(Error::engine("flush"))?;
        let clock = SystemClock::new();
        while clock.now() < limit {
            let trees = self.db.tree().map_err(Error::engine("show its tree"))?;
            let idle = trees.iter().all(|tree| tree.next_compaction.is_none());
            if idle && self.db.metrics().debt_bytes == 0 {
                return Ok(true);
            }
            clock.sleep(Duration::from_millis(2));
        }
        Ok(false)
    }

    fn stats(&self) -> Stats {
        let metrics = self.db.metrics();
        Stats { debt_bytes: Some(metrics.debt_bytes), stalled: Some(metrics.stalled) }
    }

    fn close(self: Box<Self>) -> Result<(), Error> {
        self.db.close().map_err(Error::engine("close"))
    }
}

struct SiltstoneSession<'a> {
    db: &'a Db,
    keyspace: Keyspace,
    buffered: bool,
    write_options: WriteOptions,
}

impl Session for SiltstoneSession<'_> {
    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), Error> {
        if !self.buffered {
            return self.write(&[Op::Put(key, value)]);
        }
        self.keyspace.put(key, value).map(drop).map_err(Error::engine("put"))
    }

    fn delete(&mut self, key: &[u8]) -> Result<(), Error> {
        if !self.buffered {
            return self.write(&[Op::Delete(key)]);
        }
        self.keyspace.delete(key).map(drop).map_err(Error::engine("delete"))
    }

    fn write(&mut self, ops: &[Op<'_>]) -> Result<(), Error> {
        let mut batch = WriteBatch::new();
        for op in ops {
            match op {
                Op::Put(key, value) => batch.put(&self.keyspace, key, value),
                Op::Delete(key) => batch.delete(&self.keyspace, key),
            }
        }
        let written = self.db.write_with(batch, &self.write_options);
        written.map(drop).map_err(Error::engine("write a batch"))
    }

    fn get(&mut self, key: &[u8], see: &mut dyn FnMut(&[u8])) -> Result<bool, Error> {
        let value = self.keyspace.get(key).map_err(Error::engine("get"))?;
        if let Some(value) = &value {
            see(value);
        }
        Ok(value.is_some())
    }

    fn scan(
        &mut self,
        from: Option<&[u8]>,
        direction: Direction,
        see: &mut See<'_>,
    ) -> Result<(), Error> {
        let mut cursor = self.keyspace.cursor().map_err(Error::engine("make a cursor"))?;
        let mut there = match (direction, from) {
            (Direction::Forward, Some(from)) => cursor.seek(from),
            (Direction::Forward, None) => cursor.seek_to_first(),
            (Direction::Reverse, Some(from)) => cursor.seek_for_prev(from),
            (Direction::Reverse, None) => cursor.seek_to_last(),
        };
        while there.map_err(Error::engine("scan"))? {
            let value = cursor.value().map_err(Error::engine("scan"))?;
            if see(cursor.key(), value).is_break() {
                break;
            }
            there = match direction {
                Direction::Forward => cursor.next(),
                Direction::Reverse => cursor.prev(),
            };
        }
        Ok(())
    }
}
