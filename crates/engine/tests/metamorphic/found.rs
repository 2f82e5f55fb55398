//! Cases that failed once, as the shrinker printed them, each with what was wrong; and one that
//! never did, so that what is printed is known to compile.

use crate::config::{Config, Policy::*};
use crate::op::{Keep::*, Op::*, Way::*, Write::*, list};
use crate::replay::replay;
use crate::value::{End::*, Key::*, Range::*, Val::*};

/// Nothing: here is one of each form that the printer knows.
#[test]
#[rustfmt::skip]
fn every_form() {
    replay(&[
        Config { name: "drawn", seed: 7, block_bytes: 64, memtable_bytes: 1024, memory_budget: 1048576, snap: true, filter_bits: 0, mapped: false, threads: 1, sync_writes: false, policy: Tiers { runs: 2, table_bytes: 300 } },
        Config { name: "drawn", seed: 8, block_bytes: 128, memtable_bytes: 2048, memory_budget: 1048576, snap: false, filter_bits: 10, mapped: true, threads: 0, sync_writes: true, policy: Levels { level0_runs: 1, ratio: 2, table_bytes: 300, base_bytes: 500 } },
        Config { name: "drawn", seed: 9, block_bytes: 4096, memtable_bytes: 2048, memory_budget: 1048576, snap: false, filter_bits: 10, mapped: true, threads: 0, sync_writes: false, policy: DefaultLevels },
    ], &[
        Create { space: 1 },
        Batch { writes: list([Set(0, Word(1, 2), Tagged(8, 1)), Unset(1, Empty), Set(1, Letters(3, 27), Noise(100, 2))]), sync: true },
        Put { space: 1, key: Shared(4), value: Tagged(0, 3) },
        Scan { space: 1, range: Between(At(High(0)), Beyond(Longest(3))), way: Mixed(2863311530) },
        Keys { space: 1, range: Between(Open, Open), way: Backward },
        TakeSnapshot { slot: 0 },
        PowerCut { keep: Part(3), seed: 12, synced: true },
        PowerCut { keep: Nothing, seed: 13, synced: true },
        CutRecovery { operations: 5, keep: Everything, seed: 14, synced: true },
        ScanPrefix { space: 1, prefix: Word(0, 0), way: Forward },
        CheckAll,
    ]);
}

/// A merge that made a new run in level 0 drew its number after a flush had drawn its own, and was
/// started before that was in the version: the older entries lay in the newer run. The worker and
/// the caller of the flush must meet, so it is tried a few times.
#[test]
#[rustfmt::skip]
fn a_new_run_in_level_0_beside_a_flush() {
    for _ in 0..12 {
        replay(&[
            Config { name: "drawn", seed: 243, block_bytes: 4096, memtable_bytes: 2048, memory_budget: 4194304, snap: false, filter_bits: 10, mapped: true, threads: 1, sync_writes: false, policy: Whims { runs: 5, table_bytes: 40000 } },
        ], &[
            Create { space: 1 },
            Put { space: 0, key: Word(1, 19), value: Tagged(2048, 0) },
            Batch { writes: list([Set(0, Word(1, 19), Tagged(0, 1)), Set(1, Word(1, 10), Tagged(0, 2)), Set(0, Word(1, 20), Tagged(0, 3)), Set(0, Word(1, 9), Tagged(0, 4)), Set(0, Word(1, 14), Tagged(0, 5)), Set(0, Word(1, 16), Tagged(0, 6)), Set(0, Word(1, 12), Tagged(0, 7)), Set(0, Word(1, 2), Tagged(0, 8)), Set(0, Word(1, 23), Tagged(0, 9)), Set(0, Word(1, 9), Tagged(0, 10)), Set(0, Word(1, 1), Tagged(0, 11)), Set(0, Word(1, 0), Tagged(0, 12)), Set(0, Word(1, 13), Tagged(0, 34)), Set(0, Word(1, 1), Tagged(0, 14)), Set(1, Word(1, 7), Tagged(0, 15)), Set(0, Word(1, 12), Tagged(1, 16)), Set(0, Word(1, 3), Tagged(0, 17)), Set(1, Word(1, 18), Tagged(0, 18)), Set(0, Word(1, 14), Tagged(0, 19)), Set(0, Word(1, 1), Tagged(0, 20)), Set(1, Word(1, 18), Tagged(0, 21)), Set(0, Word(1, 22), Tagged(0, 22)), Set(0, Word(1, 2), Tagged(0, 2)), Set(1, Word(1, 12), Tagged(0, 24)), Set(1, Word(1, 2), Tagged(0, 25)), Set(0, Word(1, 8), Tagged(0, 26)), Set(0, Word(1, 15), Tagged(0, 27))]), sync: false },
            Fill { space: 0, first: 37, count: 32, bytes: 1 },
            Put { space: 0, key: Word(1, 18), value: Tagged(2106, 28) },
            Put { space: 0, key: Longest(1), value: Tagged(0, 29) },
            Put { space: 0, key: Word(1, 12), value: Tagged(0, 30) },
            FlushAll,
        ]);
    }
}
