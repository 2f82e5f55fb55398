//! One thread of a run: does operations, measures and verifies them.

mod loops;
mod operations;
mod read_back;
mod reads;
mod scan;
mod sweep;

use crate::chance::{Permutation, Seeded, Zipf};
use crate::keys::Keys;
use crate::length::Length;
use crate::live::Live;
use crate::recorder::Recorder;
use crate::schedule::Schedule;
use crate::tail::Tail;
use crate::values::Values;
use crate::{Direction, Error, Session, Workload};
pub(crate) use read_back::sample;
use siltstone::vfs::Clock;
use std::ops::{ControlFlow, RangeInclusive};
use std::sync::atomic::{AtomicBool, AtomicUsize};

/// Keys in each batch of `fillbatch`.
pub(crate) const BATCH_KEYS: u64 = 100;
/// Entries that the longest scan reads.
pub(crate) const SCAN_MAX: u64 = 100;
/// Of so many values that are read, one is verified to the last byte: more than 1 %, and cheap.
const VERIFY_EVERY: u64 = 16;
/// Operations between two looks at whether to stop and two reports of progress.
const ROUND: u64 = 256;

/// What the threads of one workload share.
pub(crate) struct Shared<'a> {
    pub(crate) workload: Workload,
    pub(crate) num: u64,
    pub(crate) generation: u64,
    pub(crate) keys: &'a Keys,
    pub(crate) values: &'a Values,
    pub(crate) live: &'a Live,
    /// In which keys are inserted, and which are popular: independent, or the popular keys would
    /// lie beside each other in whatever keeps the order of insertion.
    pub(crate) order: &'a Permutation,
    pub(crate) popularity: &'a Permutation,
    pub(crate) zipf: Option<&'a Zipf>,
    /// The greatest keys when it began, if it scans and keys are not in the order of numbers.
    pub(crate) tail: Option<Tail>,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) length: Length,
    pub(crate) rate: Option<u64>,
    pub(crate) progress: &'a (dyn Fn(u64) + Sync),
    pub(crate) stop: AtomicBool,
    /// Threads that have not done their share yet.
    pub(crate) foreground: AtomicUsize,
}

/// A session, and what its thread needs at hand.
pub(crate) struct Worker<'a> {
    shared: &'a Shared<'a>,
    session: Box<dyn Session + 'a>,
    seeded: Seeded,
    recorder: Recorder,
    generations: RangeInclusive<u64>,
    key: Vec<u8>,
    value: Vec<u8>,
    /// The key that a scan met last, and the one that it must have met last.
    last: Vec<u8>,
    last_expected: Vec<u8>,
    /// The key that a value says it has.
    buffer: Vec<u8>,
    /// Keys and values of a batch, one after the other.
    batch: Vec<u8>,
    /// Values seen so far, to choose which are verified.
    seen: u64,
}

/// Whether there is more to do.
type Flow = ControlFlow<()>;
const GO_ON: Flow = Flow::Continue(());

impl<'a> Worker<'a> {
    pub(crate) fn new(shared: &'a Shared<'a>, session: Box<dyn Session + 'a>, seed: u64) -> Self {
        Self {
            shared,
            session,
            seeded: Seeded::new(seed),
            recorder: Recorder::new(),
            generations: shared.live.oldest_generation..=shared.generation,
            key: Vec::new(),
            value: Vec::new(),
            last: Vec::new(),
            last_expected: Vec::new(),
            buffer: Vec::new(),
            batch: Vec::new(),
            seen: 0,
        }
    }

    /// Does the operations `from..to` of the workload, after `schedule` if there is one.
    pub(crate) fn work(
        mut self,
        from: u64,
        to: u64,
        schedule: Option<Schedule>,
    ) -> Result<Recorder, Error> {
        match (self.shared.workload, schedule) {
            (Workload::ReadSeq, _) => self.sweep(Direction::Forward)?,
            (Workload::ReadReverse, _) => self.sweep(Direction::Reverse)?,
            (_, Some(schedule)) => self.open_loop(schedule, from, to)?,
            (_, None) => self.closed_loop(from, to)?,
        }
        self.recorder.ended = self.shared.clock.now();
        Ok(self.recorder)
    }

    /// Overwrites random keys until the threads in the foreground are done.
    pub(crate) fn disturb(mut self) -> Result<Recorder, Error> {
        self.overwrite_behind()?;
        Ok(self.recorder)
    }

    /// Puts the keys that are not there, in batches and in the order of `fillrandom`.
    pub(crate) fn fill_gaps(mut self) -> Result<(), Error> {
        let shared = self.shared;
        for batch in 0..shared.num.div_ceil(BATCH_KEYS) {
            let position = batch * BATCH_KEYS;
            let end = shared.num.min(position + BATCH_KEYS);
            if !(position..end).all(|position| shared.live.has(shared.order.at(position))) {
                self.batch(position)?;
            }
        }
        Ok(())
    }

    fn mismatch(&self, key: &[u8], why: String) -> Error {
        let workload = self.shared.workload.name();
        Error::Mismatch { workload, key: key.escape_ascii().to_string(), why }
    }
}

#[cfg(test)]
mod tests;
