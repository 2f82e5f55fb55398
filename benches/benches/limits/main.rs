//! What the least work costs on this machine: the limits beside which the layers are judged.
//!
//! Plain loops over the same keys and values as in the other benchmarks, without versions, errors,
//! checks of what is read, other threads or a format that could change. `docs/performance-layers.md` says
//! which of them make up the limit of which layer.
#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

mod device;
mod plain_memtable;
mod plain_merge;
mod plain_table;
mod processor;

use criterion::criterion_main;

/// A record of the log with one put.
const RECORD_BYTES: usize = 150;

criterion_main!(
    processor::benches,
    device::benches,
    plain_memtable::benches,
    plain_table::benches,
    plain_merge::benches
);
