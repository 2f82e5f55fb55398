//! Options under which the same calls must give the same answers: thirty with names, and any
//! number drawn from seeds.

use crate::common::Chance;
use crate::policies::{Never, OneRun, Tiers, Whims};
use siltstone::vfs::{ManualClock, SeededRandom, SimVfs};
use siltstone::{
    Compression, Durability, Leveled, Options, PolicyFactory, ReadMode, Runtime, ThreadSpawner,
};
use std::sync::Arc;

/// A set of options, as data. Its `Debug` form is Rust source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Config {
    pub(crate) name: &'static str,
    pub(crate) seed: u64,
    pub(crate) block_bytes: u32,
    pub(crate) memtable_bytes: u64,
    pub(crate) memory_budget: u64,
    pub(crate) snap: bool,
    pub(crate) filter_bits: u8,
    pub(crate) mapped: bool,
    pub(crate) threads: usize,
    /// Every write is synced, not only those that ask for it.
    pub(crate) sync_writes: bool,
    pub(crate) policy: Policy,
}

/// A compaction policy, as data.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Policy {
    DefaultLevels,
    Levels { level0_runs: u32, ratio: u32, table_bytes: u64, base_bytes: u64 },
    Tiers { runs: usize, table_bytes: u64 },
    OneRun { table_bytes: u64 },
    Whims { runs: usize, table_bytes: u64 },
    Never,
}

impl Policy {
    fn factory(self) -> Box<dyn PolicyFactory> {
        match self {
            Self::DefaultLevels => Box::new(Leveled::default()),
            Self::Levels { level0_runs, ratio, table_bytes, base_bytes } => Box::new(
                Leveled::default()
                    .level0_runs(level0_runs)
                    .ratio(ratio)
                    .table_bytes(table_bytes)
                    .base_bytes(base_bytes),
            ),
            Self::Tiers { runs, table_bytes } => Box::new(Tiers { runs, table_bytes }),
            Self::OneRun { table_bytes } => Box::new(OneRun { table_bytes }),
            Self::Whims { runs, table_bytes } => Box::new(Whims { runs, table_bytes, lots: 0 }),
            Self::Never => Box::new(Never),
        }
    }

    fn draw(chance: &Chance) -> Self {
        let table_bytes = *chance.pick(&[300, 1_000, 4_000, 40_000]);
        match chance.below(10) {
            0..5 => Self::Levels {
                level0_runs: u32::try_from(chance.between(1, 6)).unwrap(),
                ratio: u32::try_from(chance.between(2, 10)).unwrap(),
                table_bytes,
                base_bytes: *chance.pick(&[500, 2_000, 10_000, 100_000]),
            },
            5..7 => Self::Tiers { runs: chance.between(2, 5), table_bytes },
            7 => Self::OneRun { table_bytes },
            8 => Self::Whims { runs: chance.between(1, 8), table_bytes },
            _ => *chance.pick(&[Self::Never, Self::DefaultLevels]),
        }
    }
}

/// Hands a boxed factory on.
#[derive(Debug)]
struct Boxed(Box<dyn PolicyFactory>);

impl PolicyFactory for Boxed {
    fn fresh(&self) -> Box<dyn siltstone::CompactionPolicy> {
        self.0.fresh()
    }
}

/// What most of the named ones share: all small, so that everything happens often.
const SMALL: Config = Config {
    name: "small",
    seed: 0,
    block_bytes: 128,
    memtable_bytes: 2 << 10,
    memory_budget: 4 << 20,
    snap: false,
    filter_bits: 10,
    mapped: true,
    threads: 0,
    sync_writes: false,
    policy: TINY_LEVELS,
};
const TINY_LEVELS: Policy =
    Policy::Levels { level0_runs: 2, ratio: 2, table_bytes: 500, base_bytes: 1_000 };

const fn levels(level0_runs: u32, ratio: u32, table_bytes: u64, base_bytes: u64) -> Policy {
    Policy::Levels { level0_runs, ratio, table_bytes, base_bytes }
}

/// The ones with names; the first is what a database has by default, but for threads. All others
/// differ from [`SMALL`] in a thing or two.
pub(crate) const NAMED: [Config; 30] = [
    Config {
        name: "the defaults",
        block_bytes: 4096,
        memtable_bytes: 32 << 20,
        memory_budget: 256 << 20,
        policy: Policy::DefaultLevels,
        ..SMALL
    },
    SMALL,
    Config { name: "smallest blocks", block_bytes: 64, ..SMALL },
    Config { name: "blocks of 512", block_bytes: 512, ..SMALL },
    Config { name: "blocks of 4 KiB", block_bytes: 4096, ..SMALL },
    Config { name: "blocks of 64 KiB", block_bytes: 64 << 10, ..SMALL },
    Config { name: "smallest memtable", memtable_bytes: 1 << 10, ..SMALL },
    Config { name: "memtable of 8 KiB", memtable_bytes: 8 << 10, ..SMALL },
    Config { name: "memtable of 64 KiB", memtable_bytes: 64 << 10, ..SMALL },
    Config { name: "memtable of 1 MiB", memtable_bytes: 1 << 20, ..SMALL },
    Config { name: "compressed", snap: true, ..SMALL },
    Config { name: "compressed, pread", snap: true, mapped: false, ..SMALL },
    Config { name: "compressed, large blocks", snap: true, block_bytes: 16 << 10, ..SMALL },
    Config { name: "no filter", filter_bits: 0, ..SMALL },
    Config { name: "a filter that is mostly wrong", filter_bits: 1, ..SMALL },
    Config { name: "pread", mapped: false, ..SMALL },
    Config { name: "smallest budget", memory_budget: 1 << 20, ..SMALL },
    Config { name: "smallest budget, pread", memory_budget: 1 << 20, mapped: false, ..SMALL },
    Config { name: "level 0 of one run", policy: levels(1, 2, 500, 1_000), ..SMALL },
    Config { name: "level 0 of eight runs", policy: levels(8, 4, 2_000, 4_000), ..SMALL },
    Config { name: "fan-out of ten", policy: levels(4, 10, 1_000, 2_000), ..SMALL },
    Config { name: "a key or two in a table", policy: levels(2, 3, 1, 500), ..SMALL },
    Config { name: "tiers", policy: Policy::Tiers { runs: 3, table_bytes: 1_000 }, ..SMALL },
    Config { name: "one run", policy: Policy::OneRun { table_bytes: 2_000 }, ..SMALL },
    Config { name: "whims", policy: Policy::Whims { runs: 3, table_bytes: 700 }, ..SMALL },
    Config { name: "never merged", policy: Policy::Never, ..SMALL },
    Config { name: "every write synced", sync_writes: true, ..SMALL },
    Config { name: "one worker", threads: 1, ..SMALL },
    Config { name: "four workers", threads: 4, memtable_bytes: 1 << 10, ..SMALL },
    Config {
        name: "four workers, tiers",
        threads: 4,
        mapped: false,
        policy: Policy::Tiers { runs: 2, table_bytes: 700 },
        ..SMALL
    },
];

impl Config {
    /// The one of a seed.
    pub(crate) fn draw(seed: u64) -> Self {
        let chance = Chance::new(seed ^ 0x0c0f_f190);
        let memory_budget = *chance.pick(&[1 << 20, 2 << 20, 8 << 20, 64 << 20]);
        let memtables = [1 << 10, 1 << 10, 2 << 10, 4 << 10, 16 << 10, 128 << 10];
        Self {
            name: "drawn",
            seed,
            block_bytes: *chance.pick(&[64, 100, 256, 1024, 5000, 65_536]),
            memtable_bytes: *chance.pick(&memtables),
            memory_budget,
            snap: chance.percent(40),
            filter_bits: *chance.pick(&[0, 1, 4, 10, 32]),
            mapped: chance.percent(60),
            threads: *chance.pick(&[0, 0, 0, 0, 1, 2, 4]),
            sync_writes: chance.percent(15),
            policy: Policy::draw(&chance),
        }
    }

    /// Other options, which follow from these and `salt`.
    pub(crate) fn other(&self, salt: u8) -> Self {
        let chance = Chance::new(self.seed << 8 | u64::from(salt));
        Self::draw(chance.next() ^ u64::from(self.block_bytes) ^ self.memtable_bytes << 20)
    }

    /// Time stands still but for waits, which take none. Each opening has chances of its own, as
    /// the names of its tables come from them.
    pub(crate) fn options(&self, vfs: &SimVfs, opening: u64) -> Options {
        let runtime = Runtime {
            clock: Arc::new(ManualClock::new()),
            random: Arc::new(SeededRandom::new(self.seed ^ opening << 40)),
            spawner: Arc::new(ThreadSpawner),
        };
        Options::new()
            .memory_budget(self.memory_budget)
            .memtable_bytes(self.memtable_bytes)
            .block_bytes(self.block_bytes)
            .compression(if self.snap { Compression::Snap } else { Compression::None })
            .filter_bits_per_key(self.filter_bits)
            .read_mode(if self.mapped { ReadMode::Mmap } else { ReadMode::Pread })
            .durability(if self.sync_writes { Durability::Sync } else { Durability::Buffered })
            .background_threads(self.threads)
            .compaction(Boxed(self.policy.factory()))
            .runtime(runtime)
            .vfs(Arc::new(vfs.clone()))
    }
}
