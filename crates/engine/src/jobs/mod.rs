//! Flush and compaction: what to do next, and doing it. Steps that anybody can drive; the worker
//! threads only call them.

mod compact;
mod flush;
mod install;
mod resume;
mod scheduler;
mod workers;

pub(crate) use compact::compact_range;
pub(crate) use flush::{flush_now, flush_oldest};
pub(crate) use install::free_log;
pub(crate) use resume::resume;
pub(crate) use scheduler::Scheduler;
pub(crate) use workers::start_workers;

use crate::Error;
use crate::health::Stall;
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
    let compacted = compact_once(store);
    // That no more could be claimed says nothing of what failed: it may be claimed by another.
    if !matches!(compacted, Ok(false)) || store.scheduler.is_idle() {
        note(store, Stall::Compaction, &compacted);
    }
    compacted
}

fn compact_once(store: &Store) -> Result<bool, Error> {
    let claim = store.guarded("planning", || store.scheduler.claim_compaction(store))?;
    let Some(claim) = claim else { return Ok(false) };
    compact::run(store, &claim)?;
    // The claim held the inputs, the last ones to do so perhaps.
    drop(claim);
    store.tables.sweep();
    Ok(true)
}

/// Has health tell how a job ended that stays to be done if it failed.
fn note<T>(store: &Store, work: Stall, ended: &Result<T, Error>) {
    match ended {
        Ok(_) => store.health.note(work, None),
        // The end of the database is no failure of the job, and what stopped writes was told.
        Err(Error::Closed | Error::Stopped { .. } | Error::KeyspaceDropped) => {}
        Err(error) => {
            store.counters.failed_jobs.add(1);
            store.health.note(work, Some(error.clone()));
        }
    }
}

/// Does every job there is.
pub(crate) fn drain(store: &Store) -> Result<(), Error> {
    while step(store)? {}
    store.tables.sweep();
    Ok(())
}
