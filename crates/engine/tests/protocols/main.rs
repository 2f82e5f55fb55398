//! The protocols between threads, each small enough to be tried in many orders.
//!
//! The same tests run in two ways. As a rule on real threads, some rounds each, in whatever order
//! the machine chooses. Built with `--cfg shuttle`, as `cargo xtask race` does, on shuttle's: one
//! thread at a time, which may change at each lock and atomic, drawn from a seed, uniformly and by
//! PCT (Burckhardt and others, "A randomized scheduler with probabilistic guarantees of finding
//! bugs", 2010). Waits with a time limit do not end by time there: a lost wake-up is a deadlock,
//! and a deadlock is a failure.
//!
//! `SILTSTONE_SCHEDULES` says how many orders each test tries, `SILTSTONE_SEED` where they begin,
//! and `SILTSTONE_SCHEDULE` is one that a failed run printed, to be seen again.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../common/mod.rs"]
mod common;

mod closing;
mod commits;
mod jobs;
mod reads;
mod schedule;
mod world;
