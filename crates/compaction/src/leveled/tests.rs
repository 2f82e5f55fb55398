//! Picks as pictures, and what must hold for any tree.

use super::*;
use crate::legality::tests::any_tree;
use crate::model::{Model, below};
use crate::picture::{job, parse, show};
use crate::{Env, VersionView, check};
use proptest::prelude::*;
use siltstone_vfs::SeededRandom;

/// Tables of 1000 bytes, the unit of pictures; level targets of up to 10 of them.
fn leveled() -> Leveled {
    Leveled::default().level0_runs(2).table_bytes(1000).base_bytes(10_000)
}

/// What `policy` picks when the busy tables are one job into `job_dest`.
fn picked(policy: &mut Leveled, lines: &[&str], job_dest: Option<(u8, u64)>) -> String {
    let (version, busy) = parse(lines);
    let jobs: Vec<_> = job_dest.map(|(level, run)| job(busy, level, run)).into_iter().collect();
    let view = VersionView::new(&version, &jobs, Env::default());
    let mut actions = Vec::new();
    policy.pick(&view, &mut actions);
    for action in &actions {
        check(&view, action).unwrap_or_else(|illegal| panic!("{illegal}: {action:?}"));
    }
    actions.iter().map(|action| show(&version, action)).collect::<Vec<_>>().join(", ")
}

fn check_pick(lines: &[&str], expected: &str) {
    assert_eq!(picked(&mut leveled(), lines, None), expected, "{lines:?}");
}

fn check_busy(lines: &[&str], job_dest: (u8, u64), expected: &str) {
    assert_eq!(picked(&mut leveled(), lines, Some(job_dest)), expected, "{lines:?}");
}

#[test]
fn overfull_level0_takes_every_table_below_that_it_overlaps() {
    check_pick(&["9[a-f] 8[d-k]", "6: 5[b-c] 6[j-p] 7[q-z]"], "9 8 + 5 6 -> 6");
    check_pick(&["9[a-f]", "6: 5[b-c] 6[j-p] 7[q-z]"], "");
}

#[test]
fn level0_goes_to_the_last_level_first() {
    check_pick(&["9[a-f] 8[d-k]"], "9 8 -> new 6");
    // 40 below: the base is level 5, a tenth of that.
    check_pick(&["9[a-f] 8[d-k]", "6: 5[a-z]*40"], "9 8 -> new 5 cut 6");
    check_pick(&["9[a-f] 8[d-k]", "6: 5[a-z]*400"], "9 8 -> new 4 cut 6");
    check_pick(&["9[a-f] 8[d-k]", "5: 6[a-b]", "6: 5[a-z]*400"], "9 8 -> new 4 cut 5");
}

#[test]
fn level0_does_not_pass_a_level_that_is_in_use() {
    check_pick(&["9[a-f] 8[d-k]", "2: 1[b-c]", "6: 5[a-z]"], "9 8 + 1 -> 2 cut 6");
}

#[test]
fn level0_tables_that_overlap_nothing_move_together() {
    check_pick(&["9[a-b] 8[c-d] 7[e-f]"], "= 9 8 7 -> new 6");
    check_pick(&["9[a-b] 8[c-d] 7[e-f]", "6: 5[d-e]"], "= 9 -> 6");
    check_pick(&["9[c-d] 7[e-f]", "6: 5[d-e]"], "9 + 5 -> 6");
    check_pick(&["9[a-b] 8[c-d] 7[d-f]"], "= 9 -> new 6");
}

#[test]
fn the_largest_group_of_level0_goes_first() {
    check_pick(&["9[a-b] 8[m-p] 7[a-c] 6[n-q] 4[o-p]", "6: 5[a-z]"], "8 6 4 + 5 -> 6");
    check_pick(&["9[a-b] 8[m-p] 7[a-c] 6[n-q] 4[b-c]", "6: 5[a-z]"], "9 7 4 + 5 -> 6");
}

#[test]
fn the_fullest_level_gives_the_table_that_overlaps_least() {
    // Level 5 shall have 4, and has 6.
    let last = "6: 11[a-c]*10 12[d-f]*10 13[g-i]*10 14[j-l]*10";
    check_pick(&["", "5: 1[b-e]*3 2[f-h]*3", last], "1 + 11 12 -> 6");
    check_pick(&["", "5: 1[b-e]*2 2[f-f]*4", last], "2 + 12 -> 6");
    check_pick(&["", "5: 1[b-e]*2 2[f-f]*2", last], "");
    // Per byte: 2 overlaps 10 with 1, 1 overlaps 20 with 5.
    check_pick(&["", "5: 1[b-e]*5 2[f-f]*1", last], "1 + 11 12 -> 6");
}

#[test]
fn equal_candidates_take_turns_and_the_turn_is_kept() {
    let tree = ["", "5: 1[a-a]*2 2[d-d]*2 3[g-g]*2", "6: 11[a-c]*10 12[d-f]*10 13[g-i]*10"];
    let mut policy = leveled();
    assert_eq!(picked(&mut policy, &tree, None), "1 + 11 -> 6");
    assert_eq!(picked(&mut policy, &tree, None), "2 + 12 -> 6");
    let mut reopened = leveled();
    reopened.load(&policy.save()).unwrap();
    assert_eq!(reopened, policy);
    assert_eq!(picked(&mut reopened, &tree, None), "3 + 13 -> 6");
    assert_eq!(picked(&mut reopened, &tree, None), "1 + 11 -> 6");
}

#[test]
fn a_table_that_overlaps_nothing_moves_unless_a_large_merge_would_follow() {
    check_pick(&["", "5: 1[b-c]*3 2[x-y]*3", "6: 11[a-c]*40"], "= 2 -> 6");
    // Level 6 is full of tables that 2 would have to be merged with.
    let below = "6: 11[a-m]*500 12[n-z]*500";
    check_pick(&["", "4: 1[b-c]*6 2[x-y]*6", "5: 3[a-a]", below], "1 -> 5 cut 6");
    check_pick(&["", "4: 1[b-c]*6 2[x-y]*6", "5: 3[a-a]", "6: 11[d-y]*1000"], "= 1 -> 5");
}

#[test]
fn a_level_with_several_runs_is_fused_first() {
    check_pick(
        &["", "5: 1[b-c] 2[h-k]", "5: 3[a-f] 4[g-i] 5[j-k]", "6: 11[a-z]*9"],
        "1 + 3 -> 5 cut 6",
    );
    check_pick(&["", "6: 1[b-c]", "6: 3[d-f]"], "= 1 -> 6");
}

#[test]
fn levels_above_a_base_that_sank_give_everything() {
    check_pick(&["", "1: 1[b-c]", "6: 11[a-z]*10"], "1 + 11 -> 6");
    check_pick(&["", "1: 1[b-c]", "6: 11[f-z]*40"], "= 1 -> new 5");
    check_pick(&["", "1: 1[b-c]", "3: 2[x-z]", "6: 11[f-z]*40"], "= 1 -> 3");
    // Level 4 is barely below what it would need to be the base: it stays.
    check_pick(&["", "4: 1[b-c]", "6: 11[a-z]*90"], "");
}

#[test]
fn a_second_job_starts_where_the_first_does_not_reach() {
    let last = "6: 11[a-c]*10 12[d-f]*10 13[g-i]*10";
    // 1 leaves with 11: what stays in level 5 is still too much.
    let tree = ["", "5: 1[a-b]*4! 2[e-e]*4 3[h-h]*1", "6: 11[a-c]*10! 12[d-f]*10 13[g-i]*10"];
    check_busy(&tree, (6, 997), "2 + 12 -> 6");
    check_busy(&["", "5: 1[a-b]*4! 2[e-e]*2", last], (6, 997), "");
    // What 2 overlaps is being rewritten: 3 goes instead.
    let tree = ["", "5: 1[a-d]*4! 2[e-e]*4 3[h-h]*1", "6: 11[a-c]*10! 12[d-f]*10! 13[g-i]*10"];
    check_busy(&tree, (6, 997), "3 + 13 -> 6");
    // A job of level 0 writes to these keys of level 5, which has no table there yet.
    let tree = ["9[a-z]! 8[a-z]!", "4: 1[b-c]*9", "5: 2[x-y]!", "6: 11[a-c]*40"];
    check_busy(&tree, (5, 995), "");
}

#[test]
fn nothing_new_starts_in_level0_while_a_job_has_what_overlaps() {
    let tree = ["7[a-z] 6[a-z] 9[a-z]! 8[a-z]!", "6: 11[a-c]!"];
    check_busy(&tree, (6, 994), "");
    let tree = ["7[x-z] 6[x-z] 9[a-c]! 8[a-c]!", "6: 11[a-c]!"];
    check_busy(&tree, (6, 994), "7 6 -> 6");
    // A job makes the first run of level 6.
    check_busy(&["7[x-z] 6[x-z] 9[a-c]! 8[a-c]!"], (6, 5), "");
}

#[test]
fn the_state_of_nothing_is_nothing_and_damage_is_told() {
    let mut policy = leveled();
    assert!(policy.save().is_empty());
    policy.load(&[]).unwrap();
    let told = policy.load(&[2, 0, 0]).unwrap_err();
    assert_eq!(told.to_string(), "state of compaction policy leveled");
    for state in [&[1, 5][..], &[1, 5, 3, 0], &[1, 5, 0, 4, 0], &[1, 5, 0, 5, 0]] {
        assert!(policy.load(state).is_err(), "{state:?}");
    }
    assert_eq!(policy, leveled());
}

#[test]
fn pressure_counts_what_exceeds_targets_as_often_as_it_is_rewritten() {
    let pressure = |lines: &[&str]| {
        let (version, _) = parse(lines);
        let env = Env { memtable_bytes: 1000, ..Env::default() };
        leveled().pressure(&VersionView::new(&version, &[], env))
    };
    let calm = pressure(&["9[a-z]", "5: 1[b-c]*4", "6: 11[a-z]*40"]);
    assert_eq!((calm.debt_bytes, calm.depth), (0, 3));
    assert_eq!((calm.debt_limit_bytes, calm.depth_limit), (1_024_000, 22));
    // 2 above the target of level 5, each written 11 times.
    let over = pressure(&["9[a-z]", "5: 1[b-c]*6", "6: 11[a-z]*40"]);
    assert_eq!(over.debt_bytes, 22_000);
    // 2 of level 0 with 6 of level 5, and then 4 above.
    let full = pressure(&["9[a-z] 8[a-z]", "5: 1[b-c]*6", "6: 11[a-z]*40"]);
    assert_eq!((full.debt_bytes, full.depth), (8_000 + 44_000, 4));
}

/// Drains the tree: starts all that can be started, ends jobs in a random order.
fn drain(model: &mut Model, policy: &mut Leveled, random: &SeededRandom) {
    let bytes = model.version.bytes();
    // Each action brings a table at least one level or run down.
    let limit = 200 + 20 * model.version.table_count() * (model.version.runs().len() + 7);
    for _ in 0..limit {
        let mut actions = Vec::new();
        policy.pick(&model.view(), &mut actions);
        if actions.is_empty() && model.jobs.is_empty() {
            assert_eq!(policy.pressure(&model.view()).debt_bytes, 0, "{model:?}");
            return;
        }
        for action in &actions {
            let started = model.start(action);
            started.unwrap_or_else(|illegal| panic!("{illegal}\n{}", model.version.describe()));
        }
        let waits = actions.is_empty() || model.jobs.len() > 2 || below(random, 2) == 0;
        if waits && !model.jobs.is_empty() {
            let at = below(random, model.jobs.len() as u64);
            model.finish(usize::try_from(at).unwrap());
        }
        model.assert_recency();
    }
    panic!("no end after {limit} actions on {bytes} bytes\n{}", model.version.describe());
}

/// The shape that is left when nothing is to be done.
fn assert_levels(model: &Model, level0_runs: usize) {
    let mut levels: Vec<u8> = model.version.runs().iter().map(|run| run.level()).collect();
    let runs = levels.len();
    levels.retain(|&level| level > 0);
    assert!(runs - levels.len() < level0_runs, "{}", model.version.describe());
    assert!(levels.is_sorted_by(|a, b| a < b), "one run a level: {levels:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_legal_tree_comes_to_rest_as_levels(seed in any::<u64>()) {
        let mut model = any_tree(seed, 300);
        let random = SeededRandom::new(seed);
        let mut policy = Leveled::default().ratio(4);
        drain(&mut model, &mut policy, &random);
        assert_levels(&model, 4);
    }

    #[test]
    fn flushes_and_merges_at_the_same_time_lose_no_key(seed in any::<u64>()) {
        let random = SeededRandom::new(seed);
        let env = Env { memtable_bytes: 200, table_bytes: 100, ..Env::default() };
        let mut model = Model::new(env, 10);
        let mut policy = Leveled::default().ratio(3).level0_runs(2);
        for _ in 0..60 {
            model.flush((0..20).map(|_| below(&random, 400)));
            for _ in 0..below(&random, 4) {
                let mut actions = Vec::new();
                policy.pick(&model.view(), &mut actions);
                for action in &actions {
                    model.start(action).unwrap();
                }
                if !model.jobs.is_empty() && below(&random, 3) > 0 {
                    model.finish(0);
                }
                model.assert_recency();
            }
        }
        drain(&mut model, &mut policy, &random);
        assert_levels(&model, 2);
    }

    #[test]
    fn any_state_is_taken_or_refused(state in prop::collection::vec(any::<u8>(), 0..20)) {
        let mut policy = leveled();
        if policy.load(&state).is_ok() {
            prop_assert_eq!(policy.save().len() <= state.len(), true);
        }
    }
}

/// Flushes `memtables` of 256 entries of 1 KiB, keys by `key`, the tree drained after each.
fn load(memtables: u64, mut key: impl FnMut(u64) -> u64) -> Model {
    let env = Env { memtable_bytes: 256 << 10, table_bytes: 256 << 10, ..Env::default() };
    let mut model = Model::new(env, 1 << 10);
    let mut policy = Leveled::default();
    for memtable in 0..memtables {
        model.flush((memtable * 256..(memtable + 1) * 256).map(&mut key));
        loop {
            let mut actions = Vec::new();
            policy.pick(&model.view(), &mut actions);
            let Some(action) = actions.first() else { break };
            model.start(action).unwrap();
            if !model.jobs.is_empty() {
                model.finish(0);
            }
        }
    }
    model.assert_recency();
    model
}

#[test]
fn a_sequential_load_is_never_rewritten() {
    let model = load(60, |at| at);
    assert_eq!(model.stats.merged_bytes, 0, "{}", model.version.describe());
    assert!(model.stats.moves > 0);
}

#[test]
fn forty_megabytes_from_small_memtables_make_several_levels() {
    let random = SeededRandom::new(7);
    let model = load(160, |_| below(&random, 1 << 40) % 100_000_000);
    let levels: Vec<u8> = model.version.runs().iter().map(|run| run.level()).collect();
    assert!([4, 5, 6].iter().all(|level| levels.contains(level)), "{levels:?}");
    let amplification =
        (model.stats.flushed_bytes + model.stats.merged_bytes) * 10 / model.stats.flushed_bytes;
    assert!((20..110).contains(&amplification), "write amplification {amplification}/10");
    let (above, last) = (model.version.bytes(), model.version.level_bytes(6));
    assert!((above - last) * 100 / last < 20, "space: {above} for {last}");
}

/// Runs of level 0 and size of the base level in targets, at most, in the second half of `flushes`
/// that never wait while one thread merges `speed` times as many bytes as are flushed.
fn sustain(flushes: u64, speed: u64) -> (usize, u64) {
    const FLUSH_BYTES: u64 = 4000;
    let env = Env { memtable_bytes: FLUSH_BYTES, table_bytes: FLUSH_BYTES, ..Env::default() };
    let mut model = Model::new(env, 40);
    let mut policy = Leveled::default();
    let random = SeededRandom::new(9);
    let (mut level0_max, mut base_max) = (0, 0);
    let (mut carried_bytes, mut job_bytes) = (0, 0);
    for flush in 0..flushes {
        model.flush((0..FLUSH_BYTES / 40).map(|_| below(&random, 100_000_000)));
        carried_bytes += FLUSH_BYTES * speed;
        while model.jobs.is_empty() || carried_bytes >= job_bytes {
            if !model.jobs.is_empty() {
                carried_bytes -= job_bytes;
                model.finish(0);
            }
            let mut actions = Vec::new();
            policy.pick(&model.view(), &mut actions);
            let Some(action) = actions.first() else {
                carried_bytes = 0;
                break;
            };
            model.start(action).unwrap();
            let inputs = model.jobs.iter().flat_map(|job| &job.inputs);
            job_bytes = inputs.map(|&id| model.version.find(id).unwrap().1.file_bytes).sum();
        }
        if flush > flushes / 2 {
            let level0 = model.version.runs().iter().filter(|run| run.level() == 0).count();
            let base = policy.targets(&model.view()).dest_of(0);
            level0_max = level0_max.max(level0);
            base_max = base_max.max(model.version.level_bytes(base) / (10 * FLUSH_BYTES));
        }
    }
    (level0_max, base_max)
}

#[test]
fn one_thread_that_just_keeps_up_keeps_level0_and_its_target_small() {
    // Level 0 first, whatever the level below it holds: (10, 6) and (178, 69) were seen.
    let (level0, base) = sustain(1000, 12);
    assert!(level0 <= 8 && base <= 3, "{level0} runs, base at {base} targets");
    let (level0, base) = sustain(1000, 8);
    assert!(level0 <= 30 && base <= 10, "{level0} runs, base at {base} targets");
}
