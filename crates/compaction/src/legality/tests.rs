//! Each rule refuses what it is for and names itself; what it lets pass keeps every key's order.

use super::*;
use crate::model::{Model, below};
use crate::picture::{id, job, parse};
use crate::{Env, OutputClass, VersionView, Why};
use proptest::prelude::*;
use siltstone_vfs::SeededRandom;

/// The run on `line` of a picture without a level 0.
const fn run(line: u64) -> u64 {
    999 - line
}

fn merge(inputs: &[u64], dest: Dest) -> Action {
    let inputs = inputs.iter().copied().map(id).collect();
    let class = OutputClass::default();
    Action::Merge { inputs, dest, cut: Cut::Bytes(1000), class, why: Why::Asked }
}

fn shift(inputs: &[u64], dest: Dest) -> Action {
    Action::Move { inputs: inputs.iter().copied().map(id).collect(), dest, why: Why::Asked }
}

fn into(run: u64) -> Dest {
    Dest::Into(crate::RunId(run))
}

fn new(level: u8) -> Dest {
    Dest::NewRun { level }
}

/// Checks `action` on a picture in which the busy tables are one job into `job_dest`, and expects
/// the letter of a rule, or `-` if it is legal.
fn check_on(lines: &[&str], job_dest: Option<(u8, u64)>, action: &Action, expected: char) {
    let (version, busy) = parse(lines);
    let jobs: Vec<_> = job_dest.map(|(level, run)| job(busy, level, run)).into_iter().collect();
    let env = Env { free_bytes: 10_000, ..Env::default() };
    let result = check(&VersionView::new(&version, &jobs, env), action);
    let rule = result.as_ref().err().map_or('-', |illegal| illegal.rule);
    assert_eq!(rule, expected, "{action:?} on\n{}{result:?}", version.describe());
}

fn check_rule(lines: &[&str], action: &Action, expected: char) {
    check_on(lines, None, action, expected);
}

#[test]
fn a_inputs_exist_once_and_are_free() {
    let tree = ["", "1[a-c] 2[d-f]", "3[a-c]"];
    check_rule(&tree, &merge(&[1, 3], into(run(2))), '-');
    check_rule(&tree, &merge(&[9], new(3)), 'a');
    check_rule(&tree, &merge(&[1, 3, 1], into(run(2))), 'a');
    let busy = ["", "1[a-c]! 2[d-f]", "3[a-c]!"];
    check_on(&busy, Some((2, run(2))), &merge(&[1], new(3)), 'a');
}

#[test]
fn b_what_lies_between_two_inputs_is_one() {
    let tree = ["", "1[a-c]", "2[b-f]", "3[a-c] 4[e-h]"];
    check_rule(&tree, &merge(&[1, 3], into(run(3))), 'b');
    check_rule(&tree, &merge(&[1, 3], new(0)), 'b');
    check_rule(&tree, &merge(&[1, 2, 3, 4], into(run(3))), '-');
    // Over other keys it is no matter.
    check_rule(&["", "1[a-c]", "2[d-f]", "3[a-c]"], &merge(&[1, 3], into(run(3))), '-');
}

#[test]
fn c_nothing_passes_what_stays() {
    let tree = ["", "1[a-c]", "2[b-f]", "3[g-h]"];
    check_rule(&tree, &shift(&[1], into(run(3))), 'c');
    check_rule(&tree, &shift(&[1], new(3)), 'c');
    check_rule(&tree, &shift(&[1], new(2)), '-');
    check_rule(&tree, &shift(&[2], new(0)), 'c');
    check_rule(&tree, &shift(&[3], new(0)), '-');
    // A new run is the newest of its level, so the older of two runs cannot become one.
    check_rule(&["2[a-c] 1[a-c]"], &shift(&[1], new(0)), 'c');
}

#[test]
fn c_nothing_passes_what_a_job_is_writing() {
    // 2 is on its way to level 6: 4 must not come up past it.
    let tree = ["", "4: 2[a-c]!", "7: 4[b-d]"];
    check_on(&tree, Some((6, 5)), &shift(&[4], new(5)), 'c');
    check_on(&tree, Some((6, 5)), &shift(&[4], new(6)), 'c');
    check_on(&tree, Some((5, 5)), &shift(&[4], new(6)), '-');
}

#[test]
fn d_a_run_stays_a_run() {
    let tree = ["", "1[a-c] 2[m-p]", "3[a-c] 4[e-h]"];
    check_rule(&tree, &merge(&[1], into(run(2))), 'd');
    // Outputs may span the gap between the inputs.
    check_rule(&tree, &merge(&[1, 2, 3], into(run(2))), 'd');
    check_rule(&tree, &merge(&[1, 2, 3, 4], into(run(2))), '-');
    check_rule(&tree, &merge(&[1, 3], into(77)), 'd');
}

#[test]
fn d_two_jobs_do_not_write_to_the_same_keys() {
    let tree = ["", "1[a-c]! 2[h-k]! 5[e-f] 6[x-z]", "3[n-o]"];
    check_on(&tree, Some((2, run(2))), &merge(&[5], into(run(2))), 'd');
    check_on(&tree, Some((2, run(2))), &merge(&[6], into(run(2))), '-');
}

#[test]
fn e_a_move_needs_nothing_to_be_read() {
    let tree = ["1[a-c] 2[c-e]", "3[k-m] 4[q-s]"];
    let level1 = parse(&tree).0.runs()[2].id().0;
    check_rule(&tree, &shift(&[1, 2], into(level1)), 'e');
    check_rule(&tree, &shift(&[2], into(level1)), '-');
    check_rule(&["", "1[a-k]", "3[k-m]"], &shift(&[1], into(run(2))), 'e');
    // Each table for itself: the gap between two of them may be filled below.
    let gap = ["", "1[a-c] 2[m-p]", "3[e-h]"];
    check_rule(&gap, &shift(&[1, 2], into(run(2))), '-');
}

#[test]
fn g_cuts_can_be_made() {
    let tree = ["", "1[a-c]", "3[a-c]"];
    let cut = |cut: Cut, expected: char| {
        let mut action = merge(&[1, 3], into(run(2)));
        if let Action::Merge { cut: old, .. } = &mut action {
            *old = cut;
        }
        check_rule(&tree, &action, expected);
    };
    cut(Cut::Bytes(0), 'g');
    let align = |run: u64, target, max| Cut::AlignTo { run: crate::RunId(run), target, max };
    cut(align(run(2), 10, 9), 'g');
    cut(align(5, 10, 20), 'g');
    cut(align(run(2), 10, 20), '-');
}

#[test]
fn h_outputs_fit_the_disk() {
    check_rule(&["", "1[a-c]*7", "3[a-c]*4"], &merge(&[1, 3], into(run(2))), 'h');
    check_rule(&["", "1[a-c]*6", "3[a-c]*4"], &merge(&[1, 3], into(run(2))), '-');
    check_rule(&["", "1[a-c]*11", "3[d-e]"], &shift(&[1], into(run(2))), '-');
}

#[test]
fn i_an_action_gets_somewhere() {
    let tree = ["", "1[a-c] 2[d-f]"];
    check_rule(&tree, &merge(&[], new(3)), 'i');
    check_rule(&tree, &merge(&[1, 2], into(run(1))), 'i');
    check_rule(&tree, &shift(&[1, 2], new(1)), 'i');
    check_rule(&tree, &shift(&[1], into(run(1))), 'i');
    check_rule(&tree, &merge(&[1, 2], new(2)), '-');
}

/// An action that may be anything: some tables that lie near each other, to somewhere.
fn any_action(model: &Model, random: &SeededRandom) -> Action {
    let runs = model.version.runs();
    let seed = below(random, 100_000_000);
    let key = format!("{:08}", seed % 200).into_bytes();
    let span = KeySpan::new(key.clone(), format!("{:08}", seed % 200 + below(random, 60)));
    let first = below(random, runs.len() as u64 + 1);
    let last = first + below(random, 3);
    let mut inputs = Vec::new();
    for (at, run) in (0..).zip(runs) {
        let chosen = (first..=last).contains(&at) || below(random, 8) == 0;
        inputs.extend(run.overlap(&span).iter().filter(|_| chosen).map(|table| table.id));
    }
    let dest = match below(random, 3) {
        0 => Dest::NewRun { level: u8::try_from(below(random, 4)).unwrap() },
        _ => Dest::Into(runs[usize::try_from(below(random, runs.len() as u64)).unwrap()].id()),
    };
    let (class, why, cut) = (OutputClass::default(), Why::Asked, Cut::Bytes(50));
    match below(random, 2) {
        0 => Action::Move { inputs, dest, why },
        _ => Action::Merge { inputs, dest, cut, class, why },
    }
}

/// Flushes, legal actions of any kind and ends of jobs in any order; returns the tree.
pub(crate) fn any_tree(seed: u64, steps: u64) -> Model {
    let random = SeededRandom::new(seed);
    let mut model = Model::new(Env { table_bytes: 50, memtable_bytes: 100, ..Env::default() }, 10);
    for _ in 0..steps {
        match below(&random, 10) {
            0 => {
                let (from, keys) = (below(&random, 200), 1 + below(&random, 8));
                let stride = 1 + below(&random, 20);
                model.flush((0..keys).map(|key| (from + key * stride) % 260));
            }
            1 | 2 if !model.jobs.is_empty() => {
                let at = below(&random, model.jobs.len() as u64);
                model.finish(usize::try_from(at).unwrap());
            }
            _ if !model.version.runs().is_empty() => {
                let action = any_action(&model, &random);
                // Most of them are illegal.
                drop(model.start(&action));
            }
            _ => {}
        }
        model.assert_recency();
    }
    model
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn what_is_legal_keeps_every_key_in_order_whichever_job_ends_first(seed in any::<u64>()) {
        let model = any_tree(seed, 400);
        prop_assert!(model.stats.moves + model.stats.merges + model.stats.flushed_bytes > 0);
    }
}

#[test]
fn random_actions_are_not_all_refused() {
    let stats = (0..20).map(|seed| any_tree(seed, 400).stats);
    let (moves, merges) = stats.fold((0, 0), |(a, b), stats| (a + stats.moves, b + stats.merges));
    assert!(moves > 100 && merges > 100, "{moves} moves, {merges} merges");
}
