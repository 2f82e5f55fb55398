//! One thread of a run: does operations, measures and verifies them.

mod operations;
mod reads;
mod sweep;

use crate::chance::{Permutation, Seeded, Zipf};
use crate::keys::Keys;
use crate::length::Length;
use crate::live::Live;
use crate::recorder::{Kind, Recorder};
use crate::values::Values;
use crate::{Direction, Error, Session, Workload};
use siltstone::vfs::Clock;
use std::ops::{ControlFlow, RangeInclusive};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// Keys in each batch of `fillbatch`.
pub(crate) const BATCH_KEYS: u64 = 100;
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
    pub(crate) order: &'a Permutation,
    pub(crate) zipf: Option<&'a Zipf>,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) length: Length,
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
            seen: 0,
        }
    }

    /// Does the operations `from..to` of the workload.
    pub(crate) fn work(mut self, from: u64, to: u64) -> Result<Recorder, Error> {
        match self.shared.workload {
            Workload::ReadSeq => self.sweep(Direction::Forward)?,
            Workload::ReadReverse => self.sweep(Direction::Reverse)?,
            workload => {
                let mut begin = self.shared.clock.now();
                for position in from..to {
                    let Some(kind) = self.operate(workload, position)? else { break };
                    let end = self.shared.clock.now();
                    self.recorder.record(kind, begin, end);
                    begin = end;
                    if self.over(position - from, end) {
                        break;
                    }
                }
            }
        }
        Ok(self.recorder)
    }

    /// Overwrites random keys until the threads in the foreground are done.
    pub(crate) fn disturb(mut self) -> Result<Recorder, Error> {
        let shared = self.shared;
        let mut begin = shared.clock.now();
        while shared.foreground.load(Ordering::Relaxed) > 0 && !shared.stop.load(Ordering::Relaxed)
        {
            let number = self.seeded.below(shared.num);
            self.put(number)?;
            let end = shared.clock.now();
            self.recorder.record(Kind::Write, begin, end);
            begin = end;
        }
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

    /// Whether it is time to stop after the operation `done`, which ended at `now`.
    fn over(&self, done: u64, now: Duration) -> bool {
        let late = self.shared.length.deadline().is_some_and(|deadline| now >= deadline);
        if done % ROUND == ROUND - 1 {
            (self.shared.progress)(ROUND);
            return late || self.shared.stop.load(Ordering::Relaxed);
        }
        late
    }

    fn mismatch(&self, key: &[u8], why: String) -> Error {
        let workload = self.shared.workload.name();
        Error::Mismatch { workload, key: key.escape_ascii().to_string(), why }
    }
}
