//! RocksDB, set up as its wiki's "Setup Options and Basic Tuning" recommends.
//!
//! Write buffers are charged to the block cache, so that one number bounds both; index and filter
//! blocks are in that cache too.

use crate::contender::{Contender, locked_version};
use crate::setup::{Compression, FILTER_BITS, Setup};
use ::rocksdb::properties::{DBSTATS, ESTIMATE_PENDING_COMPACTION_BYTES};
use ::rocksdb::{
    BlockBasedOptions, Cache, DB, DBCompressionType, ErrorKind, Options, ReadOptions,
    WaitForCompactOptions, WriteBatch, WriteBufferManager, WriteOptions,
};
use siltstone_bench::{Direction, Durability, Engine, Error, Op, See, Session, Stats, Store};
use std::fmt;
use std::path::Path;
use std::time::Duration;

/// RocksDB with its log on; buffered writes do not sync it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RocksDb(pub(crate) Setup);

/// As the wiki has it.
const BLOCK_BYTES: usize = 16 << 10;
/// Flushes and compactions at once: a flush never waits for a compaction.
const BACKGROUND_JOBS: i32 = 4;

impl Engine for RocksDb {
    fn name(&self) -> &'static str {
        "rocksdb"
    }

    fn create(&self, dir: &Path) -> Result<Box<dyn Store>, Error> {
        let db = DB::open(&options(self.0), dir).map_err(Error::engine("open"))?;
        Ok(Box::new(RocksDbStore { db }))
    }
}

impl Contender for RocksDb {
    fn version(&self) -> String {
        let library = locked_version("librocksdb-sys");
        let library = library.split_once('+').map_or(library, |(_, library)| library);
        format!("{library} (crate rocksdb {})", locked_version("rocksdb"))
    }

    fn buffered_survives_kill(&self) -> bool {
        true
    }

    fn settings(&self) -> String {
        format!(
            "HyperClockCache {}, write buffers of {} charged to it (two at most), blocks of \
             {BLOCK_BYTES}, filters of {FILTER_BITS} bits, index and filter blocks in the cache \
             and those of L0 pinned, bytes_per_sync 1 MiB, {BACKGROUND_JOBS} background jobs, \
             log on, sync only where asked",
            self.0.memory,
            self.0.write_buffer_bytes(),
        )
    }
}

fn options(setup: Setup) -> Options {
    let cache = Cache::new_hyper_clock_cache(bytes(setup.memory), 0);
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(&cache);
    table.set_block_size(BLOCK_BYTES);
    table.set_bloom_filter(f64::from(FILTER_BITS), false);
    table.set_cache_index_and_filter_blocks(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);

    let buffer_bytes = bytes(setup.write_buffer_bytes());
    let mut options = Options::default();
    options.create_if_missing(true);
    options.set_block_based_table_factory(&table);
    options.set_write_buffer_size(buffer_bytes);
    options.set_write_buffer_manager(&WriteBufferManager::new_write_buffer_manager_with_cache(
        2 * buffer_bytes,
        false,
        cache,
    ));
    options.increase_parallelism(BACKGROUND_JOBS);
    options.set_level_compaction_dynamic_level_bytes(true);
    options.set_bytes_per_sync(1 << 20);
    options.set_compression_type(match setup.compression {
        Compression::None => DBCompressionType::None,
        Compression::Snap => DBCompressionType::Snappy,
        Compression::Lz4 => DBCompressionType::Lz4,
    });
    options
}

fn bytes(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

struct RocksDbStore {
    db: DB,
}

impl fmt::Debug for RocksDbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RocksDbStore").finish_non_exhaustive()
    }
}

impl Store for RocksDbStore {
    fn session(&self, durability: Durability) -> Result<Box<dyn Session + '_>, Error> {
        let mut writing = WriteOptions::default();
        writing.set_sync(durability == Durability::Sync);
        Ok(Box::new(RocksDbSession { db: &self.db, writing, reading: ReadOptions::default() }))
    }

    fn sync(&self) -> Result<(), Error> {
        self.db.flush_wal(true).map_err(Error::engine("sync"))
    }

    fn settle(&self, limit: Duration) -> Result<bool, Error> {
        let mut waiting = WaitForCompactOptions::default();
        waiting.set_flush(true);
        waiting.set_timeout(u64::try_from(limit.as_micros()).unwrap_or(u64::MAX));
        match self.db.wait_for_compact(&waiting) {
            Err(error) if error.kind() == ErrorKind::TimedOut => Ok(false),
            done => done.map(|()| true).map_err(Error::engine("wait for compactions")),
        }
    }

    fn stats(&self) -> Stats {
        let debt = self.db.property_int_value(ESTIMATE_PENDING_COMPACTION_BYTES);
        let text = self.db.property_value(DBSTATS).ok().flatten();
        Stats {
            debt_bytes: debt.ok().flatten(),
            stalled: text.and_then(|text| cumulative_stall(&text)),
        }
    }

    fn close(self: Box<Self>) -> Result<(), Error> {
        // Dropped, it stops its background work and closes; the log has everything.
        self.sync()
    }
}

/// What `rocksdb.dbstats` says behind `Cumulative stall: HH:MM:SS.SSS H:M:S`.
fn cumulative_stall(text: &str) -> Option<Duration> {
    let said = text.lines().find_map(|line| line.strip_prefix("Cumulative stall: "))?;
    let mut parts = said.split_whitespace().next()?.split(':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next()?);
    let whole = hours.parse::<u64>().ok()? * 3600 + minutes.parse::<u64>().ok()? * 60;
    let seconds = Duration::try_from_secs_f64(seconds.parse().ok()?).ok()?;
    Some(Duration::from_secs(whole) + seconds)
}

struct RocksDbSession<'a> {
    db: &'a DB,
    writing: WriteOptions,
    reading: ReadOptions,
}

impl Session for RocksDbSession<'_> {
    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), Error> {
        self.db.put_opt(key, value, &self.writing).map_err(Error::engine("put"))
    }

    fn delete(&mut self, key: &[u8]) -> Result<(), Error> {
        self.db.delete_opt(key, &self.writing).map_err(Error::engine("delete"))
    }

    fn write(&mut self, ops: &[Op<'_>]) -> Result<(), Error> {
        let mut batch = WriteBatch::default();
        for op in ops {
            match op {
                Op::Put(key, value) => batch.put(key, value),
                Op::Delete(key) => batch.delete(key),
            }
        }
        self.db.write_opt(batch, &self.writing).map_err(Error::engine("write a batch"))
    }

    fn get(&mut self, key: &[u8], see: &mut dyn FnMut(&[u8])) -> Result<bool, Error> {
        let found = self.db.get_pinned_opt(key, &self.reading).map_err(Error::engine("get"))?;
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
        let mut entries = self.db.raw_iterator();
        match (direction, from) {
            (Direction::Forward, Some(from)) => entries.seek(from),
            (Direction::Forward, None) => entries.seek_to_first(),
            (Direction::Reverse, Some(from)) => entries.seek_for_prev(from),
            (Direction::Reverse, None) => entries.seek_to_last(),
        }
        while let Some((key, value)) = entries.item() {
            if see(key, value).is_break() {
                return Ok(());
            }
            match direction {
                Direction::Forward => entries.next(),
                Direction::Reverse => entries.prev(),
            }
        }
        entries.status().map_err(Error::engine("scan"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stall_is_read_from_the_statistics() {
        let text = "** DB Stats **\nUptime(secs): 1.0 total\n\
                    Cumulative stall: 01:02:3.500 H:M:S, 0.0 percent\nInterval stall: 00:00:0.0";
        assert_eq!(cumulative_stall(text), Some(Duration::from_millis(3_723_500)));
        assert_eq!(cumulative_stall("Uptime(secs): 1.0 total"), None);
    }

    #[test]
    fn a_store_says_how_long_it_stalled() {
        let temp = tempfile::tempdir().unwrap();
        let store = RocksDb(Setup::with_memory(16 << 20)).create(&temp.path().join("s")).unwrap();
        let stats = store.stats();
        assert!(stats.stalled.is_some() && stats.debt_bytes.is_some(), "{stats:?}");
    }
}
