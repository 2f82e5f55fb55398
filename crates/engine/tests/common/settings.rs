//! Options under which everything happens often: tiny memtables, tables, blocks and levels.

use super::Chance;
use siltstone::vfs::{ManualClock, SeededRandom, Vfs};
use siltstone::{Compression, Leveled, Options, ReadMode, Runtime, ThreadSpawner};
use std::sync::Arc;

/// A drawn set of options.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) memtable_bytes: u64,
    pub(crate) memory_budget: u64,
    pub(crate) block_bytes: u32,
    pub(crate) compression: Compression,
    pub(crate) filter_bits_per_key: u8,
    pub(crate) read_mode: ReadMode,
    pub(crate) background_threads: usize,
    pub(crate) policy: Leveled,
    pub(crate) seed: u64,
}

impl Settings {
    pub(crate) fn draw(chance: &Chance) -> Self {
        Self {
            memtable_bytes: *chance.pick(&[1 << 10, 2 << 10, 4 << 10, 16 << 10]),
            memory_budget: *chance.pick(&[1 << 20, 2 << 20, 16 << 20]),
            block_bytes: *chance.pick(&[64, 128, 512]),
            compression: *chance.pick(&[Compression::None, Compression::Snap]),
            filter_bits_per_key: *chance.pick(&[0, 1, 10]),
            read_mode: *chance.pick(&[ReadMode::Mmap, ReadMode::Pread]),
            background_threads: chance.below(3),
            policy: Leveled::default()
                .level0_runs(u32::try_from(chance.between(1, 4)).unwrap())
                .ratio(u32::try_from(chance.between(2, 4)).unwrap())
                .table_bytes(*chance.pick(&[500, 2_000, 8_000]))
                .base_bytes(*chance.pick(&[1_000, 4_000, 16_000])),
            seed: chance.next(),
        }
    }

    /// The writing thread does all jobs, and every choice comes from the seed.
    pub(crate) fn without_threads(mut self) -> Self {
        self.background_threads = 0;
        self
    }

    /// Time stands still but for waits, which take none.
    pub(crate) fn options(&self, vfs: Arc<dyn Vfs>) -> Options {
        let runtime = Runtime {
            clock: Arc::new(ManualClock::new()),
            random: Arc::new(SeededRandom::new(self.seed)),
            spawner: Arc::new(ThreadSpawner),
        };
        Options::new()
            .memory_budget(self.memory_budget)
            .memtable_bytes(self.memtable_bytes)
            .block_bytes(self.block_bytes)
            .compression(self.compression)
            .filter_bits_per_key(self.filter_bits_per_key)
            .read_mode(self.read_mode)
            .background_threads(self.background_threads)
            .compaction(self.policy.clone())
            .runtime(runtime)
            .vfs(vfs)
    }
}
