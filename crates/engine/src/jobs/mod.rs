//! Flush and compaction: what to do next, and doing it. Steps that anybody can drive; the worker
//! threads only call them.

mod compact;
mod failing;
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

/// Does the most urgent job, if there is one, and returns whether there was. Health tells of a
/// job that failed.
///
/// # Errors
///
/// Those of the job, which stays to be done.
pub(crate) fn step(store: &Store) -> Result<bool, Error> {
    if store.health.check().is_err() {
        // Nothing can be installed any more.
        return Ok(false);
    }
    store.guarded("flush or compaction", || {
        if let Some(claim) = store.scheduler.claim_flush(store) {
            return flush::run(store, &claim).map(|()| true);
        }
        let compacted = compact_once(store);
        // The claim held the inputs, the last one to do so perhaps.
        store.tables.sweep();
        compacted
    })
}

fn compact_once(store: &Store) -> Result<bool, Error> {
    let failing = &store.scheduler.failing;
    let claim = match store.scheduler.claim_compaction(store) {
        Ok(Some(claim)) => claim,
        Ok(None) => {
            // While others run, what failed may be claimed by one of them.
            if store.scheduler.is_idle() {
                failing.forget();
                note(store, Stall::Compaction, &Ok(()));
            }
            return Ok(false);
        }
        Err(error) => {
            failing.forget();
            let refused = Err(error);
            note(store, Stall::Compaction, &refused);
            return refused;
        }
    };
    let compacted = compact::run(store, &claim);
    if compacted.is_err() {
        failing.set(&claim.tree, &claim.planned.job.inputs);
    }
    if compacted.is_err() || failing.is_over() {
        note(store, Stall::Compaction, &compacted);
    }
    compacted.map(|()| true)
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
    Ok(())
}
