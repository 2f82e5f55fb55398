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
