//! What a crash leaves is one prefix of the writes, in the order they were acknowledged, with
//! every synced one in it; after the death of the process alone, all of them.
//!
//! 1. A scenario, drawn from a seed, runs once to see how many operations on files it makes.
//! 2. It runs again and again, each time cut at another operation: calls fail from there on.
//! 3. What a dead process, a power cut, and power cuts that kept some of what was not synced, by
//!    every policy of the simulated disk, leave is opened. Its contents must be those after some
//!    number of writes, whole ones.
//! 4. It is opened again, after a close, another crash, or a crash during recovery, and shows the
//!    same; then it is written on, and synced, and cut, and nothing that was lost comes back.
//!
//! `SILTSTONE_SEED=n` replays one scenario at each of its operations, `SILTSTONE_SEEDS=n` runs so
//! many, `SILTSTONE_POINTS=n` cuts each so often.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../common/mod.rs"]
mod common;
mod scenario;

use common::history::History;
use common::settings::Settings;
use common::{Chance, OnFailure, from_env, state_of};
use scenario::{DIR, Run, Threads};
use siltstone::vfs::{CrashPolicy, SimVfs};
use siltstone::{Db, Error};
use std::sync::Arc;

const SEEDS: u64 = 30;
const POINTS: u64 = 30;

/// Ways in which the power can fail.
trait PowerCut {
    /// Nothing that was not synced survives.
    fn power_cut(&self) -> Self;
    /// Some of it does, by one of the policies of the simulated disk.
    fn power_cut_keeping(&self, seed: u64) -> Self;
}

impl PowerCut for SimVfs {
    fn power_cut(&self) -> Self {
        self.crash(CrashPolicy::LoseUnsynced, 0)
    }

    fn power_cut_keeping(&self, seed: u64) -> Self {
        let policy = usize::try_from(seed % CrashPolicy::ALL.len() as u64).unwrap();
        self.crash(CrashPolicy::ALL[policy], seed)
    }
}

/// How a run ends.
#[derive(Clone, Copy, Debug)]
enum Crash {
    ProcessDeath,
    PowerCut,
    /// Keeps some of what was not synced, drawn from this seed.
    PowerCutKeeping(u64),
}

impl Crash {
    fn of(self, vfs: &SimVfs) -> SimVfs {
        match self {
            Self::ProcessDeath => vfs.process_death(),
            Self::PowerCut => vfs.power_cut(),
            Self::PowerCutKeeping(seed) => vfs.power_cut_keeping(seed),
        }
    }

    /// How many writes must be there.
    fn least(self, history: &History) -> usize {
        match self {
            Self::ProcessDeath => history.writes.len(),
            Self::PowerCut | Self::PowerCutKeeping(_) => history.synced,
        }
    }
}

/// What was seen, to know that the test tests something.
#[derive(Debug, Default)]
struct Tally {
    crashes: u64,
    lost_writes: u64,
    kept_unsynced: u64,
    torn_tails: u64,
    replays: u64,
}

/// So that neighbouring seeds take different policies.
fn mixed(seed: u64) -> u64 {
    Chance::new(seed).next()
}

fn open(vfs: &SimVfs, settings: &Settings) -> Result<Db, Error> {
    settings.options(Arc::new(vfs.clone())).open(DIR)
}

/// Cuts the scenario of `seed` after `operations` and looks at what each kind of crash leaves.
fn cut(
    (seed, threads): (u64, Threads),
    operations: u64,
    tally: &mut Tally,
    failure: &mut OnFailure,
) {
    let vfs = SimVfs::new(seed);
    vfs.cut_after(operations);
    let mut run = Run::new(seed, &vfs, threads);
    run.go();
    run.check_reads();
    let keeping = Crash::PowerCutKeeping;
    let seeds = [mixed(seed << 32 | operations), mixed(seed << 32 | operations | 1 << 63)];
    let crashes = [Crash::ProcessDeath, Crash::PowerCut, keeping(seeds[0]), keeping(seeds[1])];
    for crash in crashes {
        failure.what = format!("operation {operations}, {crash:?}");
        let chance = Chance::new(seeds[0]);
        let left = crash.of(&vfs);
        look_at_copies(&left, &run.history);
        look(left, crash, &run.history, &chance, tally);
        tally.crashes += 1;
    }
}

fn look(vfs: SimVfs, crash: Crash, history: &History, chance: &Chance, tally: &mut Tally) {
    let least = crash.least(history);
    let settings = Settings::draw(chance).without_threads();
    if chance.percent(30) {
        look_after_broken_recovery(&vfs, history, chance);
    }
    let db = open(&vfs, &settings).unwrap();
    let mut found = state_of(&db).unwrap();
    let count = history.assert_prefix(&found, least);
    let metrics = db.metrics();
    assert!(metrics.visible_seqno >= history.seqno_after(count), "seqnos are not given out twice");
    if matches!(crash, Crash::ProcessDeath) {
        assert_eq!((metrics.recovery.torn_bytes, metrics.recovery.dropped_segments), (0, 0));
    }
    tally.lost_writes += u64::from(count < history.writes.len());
    tally.kept_unsynced += u64::from(count > history.synced);
    tally.torn_tails += u64::from(metrics.recovery.torn_bytes > 0);
    tally.replays += u64::from(metrics.recovery.replayed_records > 0);

    // Nothing was written, so nothing may change, however this open ends.
    let vfs = match chance.below(4) {
        0 => vfs.power_cut(),
        1 => vfs.power_cut_keeping(chance.next()),
        2 => vfs.process_death(),
        _ => vfs,
    };
    drop(db);
    let settings = Settings::draw(chance).without_threads();
    let db = open(&vfs, &settings).unwrap();
    assert!(state_of(&db).unwrap() == found, "a second opening found something else");

    scenario::write_on(&db, &mut found, chance);
    db.sync().unwrap();
    assert!(state_of(&db).unwrap() == found, "what was written on is not what is read");
    let vfs = if chance.percent(50) { vfs.power_cut() } else { vfs.process_death() };
    drop(db);
    let db = open(&vfs, &settings).unwrap();
    assert!(state_of(&db).unwrap() == found, "something came back, or is lost");
    assert!(db.verify().unwrap().findings.is_empty(), "{:?}", db.verify());
}

/// A checkpoint is there as it was taken, or was cut short and is no database.
fn look_at_copies(vfs: &SimVfs, history: &History) {
    for copy in &history.copies {
        // Of a copy: the scenario goes on with these files.
        let options = Settings::draw(&Chance::new(0)).options(Arc::new(vfs.process_death()));
        match options.create_if_missing(false).open(&copy.dir) {
            Ok(db) => {
                assert!(state_of(&db).unwrap() == copy.state, "{} is another state", copy.dir);
            }
            Err(error) => assert!(!copy.is_done, "{} is lost: {error}", copy.dir),
        }
    }
}

/// The power fails while the database recovers: the next opening still finds a prefix.
fn look_after_broken_recovery(vfs: &SimVfs, history: &History, chance: &Chance) {
    let vfs = vfs.process_death();
    vfs.cut_after(vfs.operations() + chance.below(40) as u64);
    let opened = open(&vfs, &Settings::draw(chance).without_threads());
    if let Ok(db) = &opened {
        history.assert_prefix(&state_of(db).unwrap(), history.synced);
    }
    let after = [vfs.power_cut(), vfs.power_cut_keeping(chance.next()), vfs.process_death()];
    drop(opened);
    for vfs in after {
        let db = open(&vfs, &Settings::draw(chance).without_threads()).unwrap();
        history.assert_prefix(&state_of(&db).unwrap(), history.synced);
    }
}

fn operations_of(seed: u64, threads: Threads) -> u64 {
    let vfs = SimVfs::new(seed);
    let mut run = Run::new(seed, &vfs, threads);
    run.go();
    run.assert_nothing_failed();
    run.check_reads();
    vfs.operations()
}

/// Cuts many scenarios at operations drawn from their seeds.
fn cut_many(threads: Threads, seeds: u64, points: u64) -> Tally {
    let mut tally = Tally::default();
    for seed in 1..=seeds {
        let mut failure = OnFailure::new(seed);
        let total = operations_of(seed, threads);
        let chance = Chance::new(!seed);
        for _ in 0..points {
            let operations = chance.next() % (total + 1);
            failure.step = operations;
            cut((seed, threads), operations, &mut tally, &mut failure);
        }
    }
    eprintln!("{threads:?}: {tally:?}");
    tally
}

#[test]
fn a_crash_leaves_a_prefix_that_contains_every_synced_write() {
    let threads = Threads::None;
    if let Some(seed) = from_env("SILTSTONE_SEED") {
        let (mut tally, mut failure) = (Tally::default(), OnFailure::new(seed));
        for operations in 0..=operations_of(seed, threads) {
            failure.step = operations;
            cut((seed, threads), operations, &mut tally, &mut failure);
        }
        eprintln!("seed {seed}: {tally:?}");
        return;
    }
    let seeds = from_env("SILTSTONE_SEEDS").unwrap_or(SEEDS);
    let tally = cut_many(threads, seeds, from_env("SILTSTONE_POINTS").unwrap_or(POINTS));
    let enough = tally.crashes / 50;
    assert!(tally.lost_writes > enough, "{tally:?}");
    assert!(tally.kept_unsynced > enough, "{tally:?}");
    assert!(tally.replays > enough, "{tally:?}");
    assert!(tally.torn_tails > 0, "{tally:?}");
}

/// Here a seed does not give the same run twice.
#[test]
fn so_it_is_while_workers_flush_and_compact() {
    let seeds = from_env("SILTSTONE_SEEDS").unwrap_or(SEEDS);
    let tally = cut_many(Threads::Workers, seeds, 10);
    assert!(tally.lost_writes > 0 && tally.replays > 0, "{tally:?}");
}
