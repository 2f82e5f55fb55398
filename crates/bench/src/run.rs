//! A run: one workload after the other over stores of one engine.
//!
//! 1. A fill gets a new store in a folder of its own; the store before is closed and removed. If
//!    the first workload is no fill, a store is filled as by `fillrandom`, settled, not reported.
//! 2. The threads begin together, each with a session; operations are shared out evenly.
//! 3. After a workload that wrote the debt is noted and the store settles. Then what it cost is
//!    read off.
//! 4. What it wrote is synced and some of it read back, not measured.

mod afterwards;
mod measured;
mod threads;

use crate::chance::{Permutation, Zipf, mix};
use crate::keys::Keys;
use crate::length::Length;
use crate::live::Live;
use crate::process;
use crate::report::Report;
use crate::values::Values;
use crate::worker::{Shared, Worker};
use crate::{Engine, Error, Observer, Settings, Store, Workload};
use siltstone::vfs::{Clock, SystemClock};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize};
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
    popularity: Permutation,
    zipf: Option<Zipf>,
    /// How many workloads began: the generation of what they write.
    generation: u64,
    filled: Option<Filled>,
}

/// What ends a workload, and how fast it may go.
#[derive(Clone, Copy, Debug)]
struct Limits {
    length: Length,
    rate: Option<u64>,
}

impl Limits {
    /// The operations that the workload has, as fast as they go.
    const NONE: Self = Self { length: Length::Counted, rate: None };
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
            popularity: Permutation::new(settings.num, mix(!settings.seed)),
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
            let fill = self.measured(Workload::FillRandom, Limits::NONE, observer)?;
            must_have_settled(fill.settled)?;
        } else {
            self.complete()?;
        }
        let rate = self.settings.rate.filter(|_| !workload.is_sweep());
        let report = self.measured(workload, Limits { length, rate }, observer)?;
        if let Some(filled) = self.filled.as_mut().filter(|_| workload.is_fill()) {
            filled.short = report.ops < self.settings.num;
        }
        Ok(report)
    }

    /// Writes what a fill left out that time ended, or one of few keys, and settles; not measured.
    /// What comes next then meets the same keys whatever the engine's speed. Each workload but a
    /// fill begins with it.
    ///
    /// # Errors
    ///
    /// [`Error::Unsettled`], and those of the engine.
    pub fn complete(&mut self) -> Result<(), Error> {
        let Some(filled) = self.filled.as_ref().filter(|filled| filled.short) else {
            return Ok(());
        };
        let clock = SystemClock::new();
        let shared = self.shared(filled, Workload::FillBatch, Limits::NONE, &clock, &|_| ());
        let session = filled.store.session(self.settings.durability)?;
        Worker::new(&shared, session, self.settings.seed).fill_gaps()?;
        must_have_settled(Self::settled(filled)?.is_some())?;
        filled.store.sync()?;
        if let Some(filled) = &mut self.filled {
            filled.short = false;
        }
        Ok(())
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

    /// What the threads of one workload share.
    fn shared<'s>(
        &'s self,
        filled: &'s Filled,
        workload: Workload,
        limits: Limits,
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
            popularity: &self.popularity,
            zipf: self.zipf.as_ref(),
            tail: None,
            clock,
            length: limits.length,
            rate: limits.rate,
            progress,
            stop: AtomicBool::new(false),
            foreground: AtomicUsize::new(self.settings.threads),
        }
    }

    /// Settles and returns how long that took, or `None` if it was given up.
    fn settled(filled: &Filled) -> Result<Option<Duration>, Error> {
        let clock = SystemClock::new();
        let settled = filled.store.settle(SETTLE)?;
        Ok(settled.then(|| clock.now()))
    }
}

const fn must_have_settled(settled: bool) -> Result<(), Error> {
    if settled { Ok(()) } else { Err(Error::Unsettled(SETTLE)) }
}
