//! Threads that do jobs as soon as there are some.

use super::step;
use crate::Error;
use crate::store::Store;
use crate::sync::channel::{Receiver, RecvTimeoutError, bounded};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// How long a worker sleeps before it looks again by itself.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// How long it waits after a job failed; doubled with each further failure ..
const RETRY_FIRST: Duration = Duration::from_millis(50);
/// .. up to this.
const RETRY_MAX: Duration = Duration::from_secs(1);

/// Starts the worker threads.
///
/// # Errors
///
/// If a thread cannot be started; those that were end by themselves.
pub(crate) fn start_workers(store: &Arc<Store>) -> Result<(), Error> {
    let threads = store.options.background_threads;
    let (wake, woken) = bounded(threads.max(1));
    let mut workers = Vec::with_capacity(threads);
    for number in 0..threads {
        let (weak, woken) = (Arc::downgrade(store), woken.clone());
        let spawner = &store.options.runtime.spawner;
        let worker = spawner
            .spawn(&format!("siltstone-{number}"), Box::new(move || work(&weak, &woken)))
            .map_err(|error| Error::io(&store.dir, "starting a thread", error))?;
        workers.push(worker);
    }
    if threads > 0 {
        store.scheduler.set_workers(wake, workers);
    }
    Ok(())
}

/// A worker's life: wait, do all there is, wait again, until the channel closes. After a failure
/// it rests, whatever comes.
fn work(store: &Weak<Store>, woken: &Receiver<()>) {
    let mut rest = Duration::ZERO;
    loop {
        match woken.recv_timeout(LOOK_AGAIN) {
            Ok(()) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let Some(store) = store.upgrade() else { return };
        if store.scheduler.is_stopped() {
            return;
        }
        let worked = work_off(&store);
        drop(store.health.tell_at_end());
        rest = match worked {
            Ok(()) => Duration::ZERO,
            Err(()) => (rest * 2).clamp(RETRY_FIRST, RETRY_MAX),
        };
        if !rest.is_zero() {
            store.options.runtime.clock.sleep(rest);
        }
    }
}

/// Does jobs until there is none, or one fails.
fn work_off(store: &Store) -> Result<(), ()> {
    loop {
        match catch_unwind(AssertUnwindSafe(|| step(store))) {
            Ok(Ok(true)) => {
                drop(store.health.tell_at_end());
                // More may have become possible for the others.
                store.scheduler.wake();
            }
            Ok(Ok(false) | Err(Error::Closed)) => return Ok(()),
            // Health was told.
            Ok(Err(_)) => return Err(()),
            Err(_) => {
                store.stop_after_panic("flush or compaction");
                return Err(());
            }
        }
    }
}
