//! The same calls under many options: the answers are those of sorted maps in memory, and the same
//! to the last seqno, whatever the sizes, codecs, caches, threads and compaction policies.
//!
//! 1. A list of ops is drawn from a seed: more than fifty kinds, with cursors, scans and snapshots
//!    held while everything else goes on, keyspaces that come and go, and ends of every kind.
//! 2. It runs under thirty named sets of options and twenty drawn ones, on a simulated disk, beside
//!    an oracle that says what each op must answer.
//! 3. Where every power cut follows a sync nothing may be lost, so all histories must be equal: also
//!    in what the oracle leaves open, as seqnos. Where it does not, what each database finds must be
//!    the synced writes and a first part of the others, and the oracle goes on from there.
//! 4. A list that fails is made short, and printed as a test to be pasted into `found.rs`.
//!
//! `SILTSTONE_SEED=n` runs one list of each sort, `SILTSTONE_SEEDS=n` so many, `SILTSTONE_OPS=n` of
//! so many ops, `SILTSTONE_SECONDS=n` begins none after so long.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../common/mod.rs"]
mod common;
mod config;
mod draw;
#[expect(clippy::unreadable_literal, reason = "lists are as they were printed")]
mod found;
mod handles;
mod lives;
mod model;
mod op;
mod oracle;
mod outcome;
mod policies;
mod print;
mod reads;
mod replay;
mod settle;
mod shown;
mod shrink;
mod shrinking;
mod simpler;
mod subject;
mod tally;
mod value;

use common::counters::Counters;
use common::from_env;
use config::{Config, NAMED};
use draw::{Losses, list_of};
use replay::{Case, Failure, quietly, run_case};
use std::time::{Duration, Instant};
use tally::Tally;

/// Lists of each sort.
const SEEDS: u64 = 24;
const OPS: u64 = 200;
/// Drawn sets of options for each list.
const DRAWN: u64 = 20;
/// Cases that the shrinker may try, and for how long.
const ATTEMPTS: u32 = 3_000;
const SHRINK_MAX: Duration = Duration::from_secs(120);

/// The case of a seed: one list, all named options, and drawn ones that no other case has.
fn case_of(seed: u64, losses: Losses) -> Case {
    let ops = usize::try_from(from_env("SILTSTONE_OPS").unwrap_or(OPS)).unwrap();
    let first = 2 * seed + u64::from(losses == Losses::Some);
    let drawn = (0..DRAWN).map(|index| Config::draw(first * DRAWN + index));
    let configs = NAMED.into_iter().chain(drawn).collect();
    Case { configs, ops: list_of(seed, ops, losses) }
}

/// Runs a case; one that fails is made short and printed.
fn run_or_print(seed: u64, losses: Losses) -> Tally {
    let case = case_of(seed, losses);
    let failure = match run_case(&case, None) {
        Ok(tally) => return tally,
        Err(failure) => failure,
    };
    let ops = case.ops.len();
    let text = failure.text(&case.ops);
    eprintln!("{text}; replay with SILTSTONE_SEED={seed} SILTSTONE_OPS={ops}");
    #[expect(clippy::disallowed_methods, reason = "the limit is one of real time")]
    let began = Instant::now();
    let mut run = |case: &Case| {
        // What is not tried any more counts as right, so that the case stays as it is.
        if began.elapsed() < SHRINK_MAX { try_often(case) } else { Ok(()) }
    };
    let (case, failure) = quietly(|| shrink::shrink(&case, failure, ATTEMPTS, &mut run));
    let why = failure.text(&case.ops);
    let name = format!("seed_{seed}_{losses:?}").to_lowercase();
    panic!("{why}\nPaste into found.rs:\n\n{}", print::test_text(&name, &case, &why));
}

/// Runs a case, with workers a few times: their runs are not all the same.
fn try_often(case: &Case) -> Result<(), Failure> {
    let threads = case.configs.iter().any(|config| config.threads > 0);
    for _ in 0..if threads { 8 } else { 1 } {
        run_case(case, None)?;
    }
    Ok(())
}

/// Runs the lists that the environment asks for; also whether it asked for nothing.
fn run_many(losses: Losses) -> (Tally, bool) {
    let (seed, seeds) = (from_env("SILTSTONE_SEED"), from_env("SILTSTONE_SEEDS"));
    let seconds = from_env("SILTSTONE_SECONDS");
    #[expect(clippy::disallowed_methods, reason = "the limit is one of real time")]
    let began = Instant::now();
    let mut tally = Tally::default();
    let last = seed.unwrap_or(seeds.unwrap_or(SEEDS));
    for seed in seed.unwrap_or(1)..=last {
        if seconds.is_some_and(|seconds| began.elapsed().as_secs() >= seconds) {
            eprintln!("stopped before seed {seed}");
            break;
        }
        tally.add(&run_or_print(seed, losses));
    }
    report(&tally, losses);
    eprintln!("{tally:?} in {} ms", began.elapsed().as_millis());
    (tally, seed.or(seeds).or(seconds).or(from_env("SILTSTONE_OPS")).is_none())
}

/// Both tests run the named options; they are counted once.
fn report(tally: &Tally, losses: Losses) {
    let per_case = NAMED.len() as u64 + DRAWN;
    let named = if losses == Losses::None { NAMED.len() as u64 } else { 0 };
    let mut counters = Counters::default();
    counters.add("histories", tally.histories);
    counters.add("configurations", named + tally.histories / per_case * DRAWN);
    counters.add_faults(&tally.faults);
    counters.report(&format!("metamorphic {losses:?}").to_lowercase());
}

#[test]
fn the_same_calls_give_the_same_answers_under_all_options() {
    let (tally, is_standard) = run_many(Losses::None);
    if is_standard {
        tally.assert_it_was_a_test();
    }
}

#[test]
fn a_power_cut_leaves_a_prefix_under_all_options() {
    let (tally, is_standard) = run_many(Losses::Some);
    if is_standard {
        tally.assert_it_was_a_test();
        assert!(tally.lost_writes >= 1_000 && tally.kept_writes >= 200, "{tally:?}");
        assert!(tally.torn_tails >= 20 && tally.losses >= 100, "{tally:?}");
    }
}
