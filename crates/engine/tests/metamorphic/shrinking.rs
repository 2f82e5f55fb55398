//! The shrinker and the printer, tested with an oracle that is wrong on purpose: what they must
//! come to is known.

use crate::config::{Config, NAMED, Policy::*};
use crate::draw::{Losses, list_of};
use crate::op::{Keep::*, Op::*, Way::*, Write::*, list};
use crate::oracle::Wrong;
use crate::print::test_text;
use crate::replay::{Case, Failure, quietly, run_case};
use crate::shrink::shrink;
use crate::value::{End::*, Key::*, Range::*, Val::*};

/// A case that fails under the wrong rule, out of the first few seeds.
fn failing(wrong: Wrong, losses: Losses) -> (Case, Failure) {
    let cases = (1..20).map(|seed| {
        let configs = vec![NAMED[11]];
        Case { configs, ops: list_of(seed, 150, losses) }
    });
    let mut failures = cases.filter_map(|case| {
        let failure = run_case(&case, Some(wrong)).err()?;
        Some((case, failure))
    });
    failures.next().unwrap_or_else(|| panic!("{wrong:?} is not noticed"))
}

fn check(wrong: Wrong, losses: Losses, ops_max: usize) {
    let (case, failure) = failing(wrong, losses);
    let before = case.ops.len();
    let mut run = |case: &Case| run_case(case, Some(wrong)).map(drop);
    let (small, failure) = quietly(|| shrink(&case, failure, 2_000, &mut run));
    let text = test_text("found", &small, &failure.text(&small.ops));
    assert!(small.ops.len() <= ops_max, "{before} ops became {}:\n{text}", small.ops.len());
    assert!(run_case(&small, Some(wrong)).is_err(), "it does not fail any more:\n{text}");
    assert!(run_case(&small, None).is_ok(), "it is not the wrong rule that fails:\n{text}");
    for op in &small.ops {
        assert!(text.contains(&format!("        {op:?},\n")), "{op:?} is not in:\n{text}");
    }
    assert!(text.contains(&format!("{:?}", small.configs[0])), "the options are not in:\n{text}");
    let config = small.configs[0];
    assert!(config.mapped && !config.snap, "the options are not simple:\n{text}");
}

#[test]
fn a_forgotten_delete_is_made_three_ops() {
    // The keyspace, the put and the delete.
    check(Wrong::DeletesIgnored, Losses::None, 3);
}

#[test]
fn a_snapshot_that_moves_is_made_three_ops() {
    // The snapshot, the write and the read.
    check(Wrong::SnapshotsMove, Losses::None, 3);
}

#[test]
fn a_lost_write_is_made_two_ops() {
    // The put and the power cut.
    check(Wrong::NothingIsLost, Losses::Some, 2);
}

/// Values with the source that made them.
macro_rules! with_source {
    ($($form:expr),* $(,)?) => { [$((format!("{:?}", $form), stringify!($form))),*] };
}

/// What is printed is what was compiled.
#[test]
#[expect(clippy::unreadable_literal, reason = "printed numbers have no separators")]
fn the_debug_form_is_source() {
    let forms = with_source![
        Put { space: 1, key: Word(0, 12), value: Tagged(8, 3) },
        Batch { writes: list([Set(0, Empty, Noise(5, 6)), Unset(3, High(2))]), sync: true },
        Batch { writes: list([]), sync: false },
        Scan { space: 0, range: Between(At(Shared(1)), Beyond(Longest(2))), way: Mixed(9) },
        SnapshotKeys { slot: 2, space: 0, range: Between(Open, Open), way: Backward },
        ScanPrefix { space: 0, prefix: Letters(3, 4), way: Forward },
        PowerCut { keep: Part(3), seed: 4, synced: false },
        [Nothing, Everything],
        [Never, DefaultLevels, OneRun { table_bytes: 1 }, Whims { runs: 2, table_bytes: 3 }],
        [Tiers { runs: 4, table_bytes: 5 }],
        [Levels { level0_runs: 1, ratio: 2, table_bytes: 3, base_bytes: 4 }],
        Config {
            name: "small",
            seed: 0,
            block_bytes: 128,
            memtable_bytes: 2048,
            memory_budget: 4000000,
            snap: false,
            filter_bits: 10,
            mapped: true,
            threads: 0,
            sync_writes: false,
            policy: Never
        },
        FlushAll,
    ];
    let squeezed = |text: &str| text.split_whitespace().collect::<String>();
    for (printed, source) in forms {
        assert_eq!(squeezed(&printed), squeezed(source));
    }
}
