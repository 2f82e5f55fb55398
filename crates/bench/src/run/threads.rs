//! The threads of one workload: they begin together, each with its share of the operations.

use super::Run;
use crate::chance::mix;
use crate::process;
use crate::recorder::Recorder;
use crate::schedule::Schedule;
use crate::worker::{BATCH_KEYS, Shared, Worker};
use crate::{Error, Store, Workload};
use siltstone::Durability;
use std::sync::atomic::Ordering;

impl Run<'_> {
    /// Lets the threads work, each on its share of `ops`, and puts together what they measured.
    pub(super) fn work(
        &self,
        shared: &Shared<'_>,
        store: &dyn Store,
        ops: u64,
    ) -> Result<Recorder, Error> {
        let threads = self.settings.threads as u64;
        let worker = |thread: u64| {
            let seed = mix(self.settings.seed ^ mix(self.generation << 16 | thread));
            Ok(Worker::new(shared, store.session(self.durability(shared.workload))?, seed))
        };
        let foreground = |thread: u64| {
            let _leaves = InForeground(shared);
            let (from, to) = share(ops, threads, thread);
            let schedule = self.schedule(shared, thread);
            noted(shared, worker(thread).and_then(|worker| worker.work(from, to, schedule)))
        };
        let disturbing = || noted(shared, worker(threads).and_then(Worker::disturb));
        std::thread::scope(|scope| {
            let foreground = &foreground;
            let mut running: Vec<_> =
                (0..threads).map(|thread| scope.spawn(move || foreground(thread))).collect();
            if shared.workload == Workload::ReadWhileWriting {
                running.push(scope.spawn(disturbing));
            }
            let mut merged = Ok(Recorder::new());
            for thread in running {
                let done = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                merged = merged.and_then(|mut merged: Recorder| {
                    merged.merge(&done?);
                    Ok(merged)
                });
            }
            merged
        })
    }

    fn durability(&self, workload: Workload) -> Durability {
        if workload == Workload::FillSync { Durability::Sync } else { self.settings.durability }
    }

    /// When the operations of this thread, which is the one that runs, are due.
    fn schedule(&self, shared: &Shared<'_>, thread: u64) -> Option<Schedule> {
        let rate = shared.rate?;
        process::wake_exactly();
        let entries = if shared.workload == Workload::FillBatch { BATCH_KEYS } else { 1 };
        Some(Schedule { rate, entries, threads: self.settings.threads as u64, thread })
    }
}

/// A thread in the foreground. When it ends, be it by a panic, the one behind learns of it.
struct InForeground<'a, 'b>(&'a Shared<'b>);

impl Drop for InForeground<'_, '_> {
    fn drop(&mut self) {
        self.0.foreground.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The operations of one of `threads`, from and to.
fn share(ops: u64, threads: u64, thread: u64) -> (u64, u64) {
    let at = |thread| u128::from(ops) * u128::from(thread) / u128::from(threads);
    let at = |thread| u64::try_from(at(thread)).unwrap_or(u64::MAX);
    (at(thread), at(thread + 1))
}

/// After a failure the other threads stop.
fn noted(shared: &Shared<'_>, done: Result<Recorder, Error>) -> Result<Recorder, Error> {
    if done.is_err() {
        shared.stop.store(true, Ordering::Relaxed);
    }
    done
}
