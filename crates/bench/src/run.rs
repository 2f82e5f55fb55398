//! A run: one workload after the other over stores of one engine.
//!
//! 1. A fill gets a new store in a folder of its own; the store before is closed and removed. If
//!    the first workload is no fill, a store is filled as by `fillrandom`, settled, not reported.
//! 2. The threads begin together, each with a session; operations are shared out evenly.
//! 3. After a fill the debt is noted and the store settles. Then what it cost is read off.

use crate::chance::{Permutation, Zipf, mix};
use crate::keys::Keys;
use crate::length::Length;
use crate::live::Live;
use crate::process::{self, Usage};
use crate::recorder::Recorder;
use crate::report::{self, Latency, LatencyOverTime, Report, ratio};
use crate::values::Values;
use crate::worker::{BATCH_KEYS, Shared, Worker};
use crate::{Engine, Error, Observer, Settings, Store, Workload};
use siltstone::Durability;
use siltstone::vfs::{Clock, SystemClock};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// Longest wait for compaction after a fill.
const SETTLE: Duration = Duration::from_secs(1800);

/// Runs workloads.
#[derive(Debug)]
pub struct Run<'a> {
    engine: &'a dyn Engine,
    settings: &'a Settings,
    dir: &'a Path,
    keys: Keys,
    values: Values,
    order: Permutation,
    zipf: Option<Zipf>,
    /// How many workloads began: the generation of what they write.
    generation: u64,
    filled: Option<Filled>,
}

/// A store with keys in it.
#[derive(Debug)]
struct Filled {
    store: Box<dyn Store>,
    dir: PathBuf,
    live: Live,
    /// Whether its fill ended before the last key.
    short: bool,
}

impl<'a> Run<'a> {
    /// A run in `dir`, which exists.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for settings that cannot be run.
    pub fn new(
        engine: &'a dyn Engine,
        settings: &'a Settings,
        dir: &'a Path,
    ) -> Result<Self, Error> {
        settings.check()?;
        let key_bytes = settings.key_bytes.unwrap_or(settings.keys.default_bytes());
        Ok(Self {
            engine,
            settings,
            dir,
            keys: Keys::new(settings.keys, key_bytes, settings.limit(), settings.seed)?,
            values: Values::new(settings.value_bytes, settings.compression_ratio, settings.seed)?,
            order: Permutation::new(settings.num, settings.seed),
            zipf: None,
            generation: 0,
            filled: None,
        })
    }

    /// Runs one workload, as long as the settings say.
    ///
    /// # Errors
    ///
    /// [`Error::Mismatch`] if an answer is wrong, and those of the engine and the system.
    pub fn workload(
        &mut self,
        workload: Workload,
        observer: &dyn Observer,
    ) -> Result<Report, Error> {
        self.workload_of(workload, self.settings.duration.into(), observer)
    }

    /// Runs one workload of a length of its own.
    ///
    /// # Errors
    ///
    /// As [`Run::workload`].
    pub fn workload_of(
        &mut self,
        workload: Workload,
        length: Length,
        observer: &dyn Observer,
    ) -> Result<Report, Error> {
        if workload.is_fill() {
            self.renew()?;
        } else if self.filled.is_none() {
            self.renew()?;
            self.measured(Workload::FillRandom, Length::Counted, observer)?;
        }
        let report = self.measured(workload, length, observer)?;
        if let Some(filled) = self.filled.as_mut().filter(|_| workload.is_fill()) {
            filled.short = report.ops < self.settings.num;
        }
        Ok(report)
    }

    /// Writes what a fill left out that time ended, or one of few keys, and settles; not measured.
    /// What comes next then meets the same keys whatever the engine's speed.
    ///
    /// # Errors
    ///
    /// Those of the engine.
    pub fn complete(&mut self) -> Result<(), Error> {
        let Some(filled) = self.filled.as_ref().filter(|filled| filled.short) else {
            return Ok(());
        };
        let clock = SystemClock::new();
        let shared = self.shared(filled, Workload::FillBatch, Length::Counted, &clock, &|_| ());
        let session = filled.store.session(self.settings.durability)?;
        Worker::new(&shared, session, self.settings.seed).fill_gaps()?;
        Self::settled(filled)?;
        if let Some(filled) = &mut self.filled {
            filled.short = false;
        }
        Ok(())
    }

    /// Lets the store settle and syncs it, so that it leaves the machine alone until it is asked
    /// for something; not measured. Returns how long settling took, or `None` if it was given up.
    ///
    /// # Errors
    ///
    /// Those of the engine.
    pub fn settle(&mut self) -> Result<Option<Duration>, Error> {
        let Some(filled) = &self.filled else { return Ok(Some(Duration::ZERO)) };
        let settled = Self::settled(filled)?;
        filled.store.sync()?;
        Ok(settled)
    }

    /// Ends the last store; its files stay.
    pub fn close(mut self) -> Result<(), Error> {
        self.filled.take().map_or(Ok(()), |filled| filled.store.close())
    }

    /// A new store in place of the one that is there.
    fn renew(&mut self) -> Result<(), Error> {
        if let Some(filled) = self.filled.take() {
            filled.store.close()?;
            process::remove_directory(&filled.dir).map_err(Error::system("remove a store"))?;
        }
        let dir = self.dir.join(format!("store-{}", self.generation + 1));
        let store = self.engine.create(&dir)?;
        let (num, limit) = (self.settings.num, self.settings.limit());
        let live = Live::new(num, limit, self.generation + 1);
        self.filled = Some(Filled { store, dir, live, short: false });
        Ok(())
    }

    fn measured(
        &mut self,
        workload: Workload,
        length: Length,
        observer: &dyn Observer,
    ) -> Result<Report, Error> {
        self.generation += 1;
        if needs_zipf(workload) && self.zipf.is_none() {
            self.zipf = Some(Zipf::new(self.settings.num));
        }
        let Some(filled) = &self.filled else { unreachable!("a store was made before") };
        let ops = self.ops(workload, length);
        observer.began(workload, ops);
        process::forget_peak();
        let (before, throttled) = (Usage::now(), filled.store.stats().stalled);
        // It counts from here.
        let clock = SystemClock::new();
        let progress = |ops| observer.advanced(ops);
        let shared = self.shared(filled, workload, length, &clock, &progress);
        let recorder = self.threads(&shared, &*filled.store, ops.unwrap_or(u64::MAX))?;
        verified_enough(workload, &recorder)?;
        let elapsed = clock.now();
        let worked = Usage::now();
        let debt_bytes = filled.store.stats().debt_bytes.filter(|_| workload.is_fill());
        let settled = if workload.is_fill() { Self::settled(filled)? } else { None };
        observer.ended();
        let after = Usage::now();
        let stats = filled.store.stats();
        let since = |now: Option<u64>, then: Option<u64>| Some(now?.saturating_sub(then?));
        let written_bytes = since(after.written_bytes, before.written_bytes);
        let read_bytes = since(worked.read_bytes, before.read_bytes);
        let directory_bytes = process::directory_bytes(&filled.dir)
            .map_err(Error::system("read the size of a store"))?;
        let entry_bytes = (self.keys.bytes() + self.values.bytes()) as u64;
        let stalls = recorder.stalls(elapsed);
        let ops = report::ops(workload, &recorder);
        Ok(Report {
            engine: self.engine.name().to_owned(),
            workload: workload.name(),
            threads: self.settings.threads,
            ops,
            seconds: elapsed.as_secs_f64(),
            ops_per_second: per_second(ops, elapsed),
            reads: Latency::of(&recorder.reads),
            writes: Latency::of(&recorder.writes),
            entries_read: recorder.entries_read,
            found: recorder.found,
            verified: recorder.verified,
            cpu_seconds: worked.cpu.saturating_sub(before.cpu).as_secs_f64(),
            read_bytes,
            written_bytes,
            write_amplification: ratio(written_bytes, recorder.user_bytes_written),
            read_amplification: ratio(read_bytes, recorder.user_bytes_read),
            directory_bytes,
            space_amplification: ratio(Some(directory_bytes), filled.live.count() * entry_bytes),
            longest_stall_ms: stalls.map(|stalls| stalls.longest.as_secs_f64() * 1e3),
            idle_seconds: stalls.map(|stalls| stalls.idle_seconds),
            throttled_seconds: stats
                .stalled
                .zip(throttled)
                .map(|(now, then)| now.saturating_sub(then).as_secs_f64()),
            peak_memory_bytes: process::peak_memory_bytes(),
            anonymous_memory_bytes: process::anonymous_memory_bytes(),
            debt_bytes,
            settled_seconds: settled.map(|settled| settled.as_secs_f64()),
            read_latency_over_time: LatencyOverTime::of(&recorder.reads_over_time),
            write_latency_over_time: LatencyOverTime::of(&recorder.writes_over_time),
            ops_per_100_ms: recorder.series,
        })
    }

    /// What the threads of one workload share.
    fn shared<'s>(
        &'s self,
        filled: &'s Filled,
        workload: Workload,
        length: Length,
        clock: &'s SystemClock,
        progress: &'s (dyn Fn(u64) + Sync),
    ) -> Shared<'s> {
        Shared {
            workload,
            num: self.settings.num,
            generation: self.generation,
            keys: &self.keys,
            values: &self.values,
            live: &filled.live,
            order: &self.order,
            zipf: self.zipf.as_ref(),
            clock,
            length,
            progress,
            stop: AtomicBool::new(false),
            foreground: AtomicUsize::new(self.settings.threads),
        }
    }

    /// Lets the threads work, each on its share of `ops`, and puts together what they measured.
    fn threads(&self, shared: &Shared<'_>, store: &dyn Store, ops: u64) -> Result<Recorder, Error> {
        let threads = self.settings.threads as u64;
        let durability = if shared.workload == Workload::FillSync {
            Durability::Sync
        } else {
            self.settings.durability
        };
        let worker = |thread: u64| {
            let seed = mix(self.settings.seed ^ mix(self.generation << 16 | thread));
            Ok(Worker::new(shared, store.session(durability)?, seed))
        };
        let share = |thread: u64| {
            let at = |thread| u128::from(ops) * u128::from(thread) / u128::from(threads);
            let at = |thread| u64::try_from(at(thread)).unwrap_or(u64::MAX);
            (at(thread), at(thread + 1))
        };
        let foreground = |thread: u64| {
            let (from, to) = share(thread);
            let done = worker(thread).and_then(|worker| worker.work(from, to));
            shared.foreground.fetch_sub(1, Ordering::Relaxed);
            noted(shared, done)
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

    /// How many operations there are, all threads together; `None` if time ends them.
    fn ops(&self, workload: Workload, length: Length) -> Option<u64> {
        let num = self.settings.num;
        match workload {
            Workload::FillBatch => Some(num.div_ceil(BATCH_KEYS)),
            Workload::FillSync => Some((num / 1000).max(1)),
            Workload::FillSeq | Workload::FillRandom => Some(num),
            _ => length.is_counted().then_some(num),
        }
    }

    /// Settles and returns how long that took, or `None` if it was given up.
    fn settled(filled: &Filled) -> Result<Option<Duration>, Error> {
        let clock = SystemClock::new();
        let settled = filled.store.settle(SETTLE)?;
        Ok(settled.then(|| clock.now()))
    }
}

/// A run that compared fewer than 1 of 100 answers with what was written proves nothing. Where
/// nothing was found, that is compared each time.
fn verified_enough(workload: Workload, recorder: &Recorder) -> Result<(), Error> {
    let reads = recorder.reads.len();
    let verified = recorder.verified + reads.saturating_sub(recorder.found);
    let answers = recorder.entries_read.max(reads);
    if verified.saturating_mul(100) < answers {
        return Err(Error::Unverified { workload: workload.name(), verified, answers });
    }
    Ok(())
}

/// After a failure the other threads stop.
fn noted(shared: &Shared<'_>, done: Result<Recorder, Error>) -> Result<Recorder, Error> {
    if done.is_err() {
        shared.stop.store(true, Ordering::Relaxed);
    }
    done
}

const fn needs_zipf(workload: Workload) -> bool {
    use Workload::{ReadRandomZipf, YcsbA, YcsbB, YcsbC, YcsbD, YcsbE, YcsbF};
    matches!(workload, ReadRandomZipf | YcsbA | YcsbB | YcsbC | YcsbD | YcsbE | YcsbF)
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
fn per_second(ops: u64, elapsed: Duration) -> f64 {
    ops as f64 / elapsed.as_secs_f64().max(1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorder::Kind;

    #[test]
    fn a_run_that_verifies_too_little_fails() {
        for (reads, found, entries_read, verified, enough) in [
            (0, 0, 0, 0, true),
            (100, 100, 100, 1, true),
            (100, 100, 100, 0, false),
            (101, 101, 101, 1, false),
            // Nothing was found, and each time it was known that nothing was there.
            (100, 0, 0, 0, true),
            // Scans of ten entries each.
            (100, 100, 1000, 9, false),
            (100, 100, 1000, 10, true),
        ] {
            let mut recorder = Recorder::new();
            for _ in 0..reads {
                recorder.record(Kind::Read, Duration::ZERO, Duration::from_nanos(1));
            }
            (recorder.found, recorder.entries_read) = (found, entries_read);
            recorder.verified = verified;
            let checked = verified_enough(Workload::ReadRandom, &recorder);
            assert_eq!(checked.is_ok(), enough, "{found} {entries_read} {verified}");
        }
    }
}
