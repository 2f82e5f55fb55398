//! Threads of the machine or of the model checker, and how often a test is run on them.

use crate::common::counters::Counters;
use siltstone::{Join, Spawner};
use std::io;
#[cfg(not(shuttle))]
use std::thread;

#[cfg(shuttle)]
use shuttle::thread;

/// How often a test runs, unless the environment says otherwise.
const SCHEDULES: u64 = if cfg!(shuttle) { 1000 } else { 40 };

/// Threads of a test and of the database under it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Threads;

#[derive(Debug)]
struct Worker(thread::JoinHandle<()>);

impl Spawner for Threads {
    fn spawn(&self, name: &str, work: Box<dyn FnOnce() + Send>) -> io::Result<Box<dyn Join>> {
        Ok(Box::new(Worker(start(name, work))))
    }
}

impl Join for Worker {
    fn join(self: Box<Self>) {
        self.0.join().unwrap();
    }
}

/// Starts a thread.
#[cfg_attr(not(shuttle), expect(clippy::disallowed_methods, reason = "tests of threads have some"))]
pub(crate) fn start<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    thread::Builder::new().name(name.to_owned()).spawn(work).unwrap()
}

/// What the environment says of `name`, or else `default`.
fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

/// Tries `body` in many orders.
pub(crate) fn check(name: &str, body: impl Fn() + Send + Sync + 'static) {
    run(name, number("SILTSTONE_SCHEDULES", SCHEDULES), body);
}

/// As [`check`], in a quarter as many: for a body that moves megabytes.
pub(crate) fn check_costly(name: &str, body: impl Fn() + Send + Sync + 'static) {
    run(name, number("SILTSTONE_SCHEDULES", SCHEDULES).div_ceil(4), body);
}

#[cfg(not(shuttle))]
fn run(name: &str, rounds: u64, body: impl Fn() + Send + Sync + 'static) {
    for _ in 0..rounds {
        body();
    }
    report(name, "rounds on real threads", rounds);
}

/// Half of the orders are uniform, half by PCT.
#[cfg(shuttle)]
fn run(name: &str, schedules: u64, body: impl Fn() + Send + Sync + 'static) {
    use shuttle::scheduler::{PctScheduler, RandomScheduler};

    if let Ok(schedule) = std::env::var("SILTSTONE_SCHEDULE") {
        let replay = shuttle::scheduler::ReplayScheduler::new_from_encoded(&schedule);
        shuttle::Runner::new(replay, config()).run(body);
        return;
    }
    let seed = number("SILTSTONE_SEED", 1);
    let half = usize::try_from(schedules.div_ceil(2)).unwrap();
    eprintln!("{name}: SILTSTONE_SEED={seed}");
    let body = std::sync::Arc::new(body);
    let again = std::sync::Arc::clone(&body);
    let uniform = RandomScheduler::new_from_seed(seed, half);
    let mut done = shuttle::Runner::new(uniform, config()).run(move || body());
    let pct = PctScheduler::new_from_seed(seed, 3, half);
    done += shuttle::Runner::new(pct, config()).run(move || again());
    report(name, "schedules", done as u64);
}

#[cfg(shuttle)]
fn config() -> shuttle::Config {
    let mut config = shuttle::Config::new();
    // A merge keeps a few blocks on its stack.
    config.stack_size = 512 << 10;
    // Orders alone are tried, not weak memory: that is loom's part.
    config.silence_warnings = true;
    config
}

fn report(name: &str, what: &str, count: u64) {
    let mut counters = Counters::default();
    counters.add(what, count);
    counters.report(&format!("protocols-{name}"));
}
