//! Flush and compaction: what to do next, and doing it. Steps that anybody can drive; the worker
//! threads only call them.

mod compact;
mod flush;
mod install;
mod scheduler;
mod workers;

pub(crate) use compact::compact_range;
pub(crate) use flush::{flush_now, flush_oldest};
pub(crate) use install::free_log;
pub(crate) use scheduler::Scheduler;
pub(crate) use workers::start_workers;

use crate::Error;
use crate::store::Store;

/// Does the most urgent job, if there is one, and returns whether there was.
///
/// # Errors
///
/// Those of the job, which stays to be done.
pub(crate) fn step(store: &Store) -> Result<bool, Error> {
    if store.health.check().is_err() {
        // Nothing can be installed any more.
        return Ok(false);
    }
    if let Some(claim) = store.scheduler.claim_flush(store) {
        return flush::run(store, &claim).map(|()| true);
    }
    let Some(claim) = store.scheduler.claim_compaction(store)? else { return Ok(false) };
    compact::run(store, &claim)?;
    // The claim held the inputs, the last ones to do so perhaps.
    drop(claim);
    store.tables.sweep();
    Ok(true)
}

/// Does every job there is.
pub(crate) fn drain(store: &Store) -> Result<(), Error> {
    while step(store)? {}
    store.tables.sweep();
    Ok(())
}
