//! The whole database against sorted maps in memory: whatever a program does, in any order, the
//! database and the maps give the same answers.
//!
//! Each seed is one life of a database: thousands of steps over three keyspaces, with tiny
//! memtables, tables and levels, so that flush, compaction, rotation, reopening and the death of
//! the process fall between any two of them. Snapshots, cursors, scans and read-only openings
//! are kept across all that and asked again later.
//!
//! `SILTSTONE_SEED=n` replays one seed, `SILTSTONE_SEEDS=n` runs so many, `SILTSTONE_STEPS=n`
//! steps each, `SILTSTONE_SECONDS=n` begins no new seed after so long.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../common/mod.rs"]
mod common;
mod contents;
mod held;
mod lifecycle;
mod reads;
mod steps;
mod world;

use common::{OnFailure, from_env};
use std::time::Instant;
use world::{Tally, World};

const SEEDS: u64 = 24;
const STEPS: u64 = 3_000;

fn live(seed: u64, steps: u64) -> Tally {
    let mut failure = OnFailure::new(seed);
    let mut world = World::new(seed);
    for step in 0..steps {
        failure.step = step;
        let kind = world.draw_step();
        failure.what = format!("{kind:?}, {:?}", world.settings);
        world.take(kind);
    }
    failure.what = "the end".into();
    world.end()
}

#[test]
fn a_database_answers_like_sorted_maps() {
    let steps = from_env("SILTSTONE_STEPS").unwrap_or(STEPS);
    if let Some(seed) = from_env("SILTSTONE_SEED") {
        eprintln!("seed {seed}: {:?}", live(seed, steps));
        return;
    }
    let seeds = from_env("SILTSTONE_SEEDS");
    let seconds = from_env("SILTSTONE_SECONDS");
    #[expect(clippy::disallowed_methods, reason = "the limit is one of real time")]
    let began = Instant::now();
    let mut tally = Tally::default();
    for seed in 1..=seeds.unwrap_or(SEEDS) {
        if seconds.is_some_and(|seconds| began.elapsed().as_secs() >= seconds) {
            eprintln!("stopped before seed {seed}");
            break;
        }
        tally.add(&live(seed, steps));
    }
    eprintln!("{tally:?} in {} ms", began.elapsed().as_millis());
    if seeds.is_none() && seconds.is_none() {
        tally.assert_it_was_a_test();
    }
}
