//! The fixed operations whose instructions `cargo xtask bench-gate` counts.
//!
//! 1. Each layer prepares what its operations need, names each operation with its repetitions on
//!    stdout, and runs it inside `meter::measured`.
//! 2. Callgrind sets its counts to zero when that function is entered and writes them out when it
//!    is left, so the counts of the n-th file are those of the n-th line.
//!
//! Always: one thread; keys, ids and times from fixed seeds; files in memory. So two runs of one
//! build count the same to a thousandth, whatever the machine does besides: what remains are maps
//! with the hash of the standard library, whose seed is the system's.

#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

mod engine;
mod log;
mod memtable;
mod merge;
mod meter;
mod table;

fn main() {
    log::run();
    memtable::run();
    table::run();
    merge::run();
    engine::run();
}
