//! A small database that flushes and compacts at every opportunity, and what is written to it.

use crate::schedule::Threads;
use siltstone::vfs::{ManualClock, SeededRandom, Vfs};
use siltstone::{Compression, Db, Leveled, Options, Runtime};
use std::sync::Arc;

pub(crate) const DIR: &str = "/db";

/// Two runs in level 0 are merged at once; a value of 1 KiB or more fills a memtable.
pub(crate) fn options(vfs: &(impl Vfs + Clone), workers: usize) -> Options {
    let runtime = Runtime {
        clock: Arc::new(ManualClock::new()),
        random: Arc::new(SeededRandom::new(7)),
        spawner: Arc::new(Threads),
    };
    Options::new()
        .vfs(Arc::new(vfs.clone()))
        .runtime(runtime)
        .memory_budget(1 << 20)
        .memtable_bytes(1 << 10)
        .block_bytes(512)
        .compression(Compression::None)
        .background_threads(workers)
        .compaction(Leveled::default().level0_runs(2).ratio(2).table_bytes(8_000).base_bytes(8_000))
}

pub(crate) fn open(vfs: &(impl Vfs + Clone), workers: usize) -> Db {
    options(vfs, workers).open(DIR).unwrap()
}

/// `number`, made `bytes` long.
pub(crate) fn value(number: u64, bytes: usize) -> Vec<u8> {
    let mut value = number.to_le_bytes().to_vec();
    value.resize(bytes.max(value.len()), b'.');
    value
}

pub(crate) fn number_of(value: &[u8]) -> u64 {
    u64::from_le_bytes(value[..8].try_into().unwrap())
}
