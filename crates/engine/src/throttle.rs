//! How fast writers may go: freely while there is slack, then ever more slowly, evenly.
//!
//! The pressure `x` is the largest of three hinges: runs that a read must ask, compaction debt
//! and memtable bytes, each 0 while a burst can still be absorbed and 1 at its limit. For `x` in
//! 0..1 writers share `S * (1 + 2 (1 - x)^2)` bytes a second, at 1 and beyond `S / 2`, where `S`
//! is what flush and compaction have lately carried, per byte that users wrote. Only a missing
//! memtable slot stops them.
//!
//! Why hinges: delaying before the slack is used only moves the wait forward (Luo and Carey, "On
//! performance stability in LSM-based storage systems", 2019).

use crate::Error;
use crate::jobs;
use crate::store::Store;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Condvar, Mutex};
use std::time::Duration;

/// Slowest and first guess of what background work carries, in bytes per second.
const SUSTAINED_MIN: f64 = 1e6;
const SUSTAINED_FIRST: f64 = 32e6;
/// How much one more job moves the average.
const WEIGHT: f64 = 0.2;
/// Longest wait for a turn.
const TURN_MAX: Duration = Duration::from_secs(1);
/// Longest sleep at once, so that a lifted limit is noticed.
const NAP_MAX: Duration = Duration::from_millis(10);
/// How often a stopped writer looks whether it may go on.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Slows writers down.
#[derive(Debug)]
pub(crate) struct Throttle {
    /// Bytes per second for all writers together; 0 for no limit.
    rate: AtomicU64,
    /// Whether no memtable slot is left.
    full: AtomicBool,
    debt: AtomicU64,
    /// Held from looking at the trees until the answer stands, so that no older answer replaces
    /// a newer one. Taken after `commit.log`, before all other locks.
    updating: Mutex<()>,
    /// When the next byte may go, on the clock.
    turn: Mutex<Duration>,
    /// Bytes per second that background work writes while it runs.
    carried: Mutex<f64>,
    stop: Mutex<()>,
    went_on: Condvar,
}

impl Throttle {
    pub(crate) fn new() -> Self {
        Self {
            rate: AtomicU64::new(0),
            full: AtomicBool::new(false),
            debt: AtomicU64::new(0),
            updating: Mutex::new(()),
            turn: Mutex::new(Duration::ZERO),
            carried: Mutex::new(SUSTAINED_FIRST),
            stop: Mutex::new(()),
            went_on: Condvar::new(),
        }
    }

    /// The limit now, in bytes per second; 0 for none.
    pub(crate) fn rate(&self) -> u64 {
        self.rate.load(Ordering::Relaxed)
    }

    /// The debt that was last seen, in bytes.
    pub(crate) fn debt(&self) -> u64 {
        self.debt.load(Ordering::Relaxed)
    }

    /// Waits until `bytes` may be written.
    ///
    /// # Errors
    ///
    /// If writes stop, or the database is closed, meanwhile.
    #[inline]
    pub(crate) fn admit(&self, store: &Store, bytes: u64) -> Result<(), Error> {
        if self.rate() == 0 && !self.full.load(Ordering::Relaxed) {
            return Ok(());
        }
        let clock = &store.options.runtime.clock;
        let began = clock.now();
        let admitted = self.wait_for_slot(store).and_then(|()| self.wait_for_turn(store, bytes));
        let waited =
            u64::try_from(clock.now().saturating_sub(began).as_nanos()).unwrap_or(u64::MAX);
        store.counters.stalled_ns.add(waited);
        store.counters.longest_stall_ns.raise_to(waited);
        admitted
    }

    fn wait_for_slot(&self, store: &Store) -> Result<(), Error> {
        while self.full.load(Ordering::Acquire) {
            store.check_writes()?;
            if store.options.background_threads == 0 {
                return jobs::drain(store);
            }
            let mut stopped = self.stop.lock();
            if self.full.load(Ordering::Acquire) {
                self.went_on.wait_for(&mut stopped, LOOK_AGAIN);
            }
            drop(stopped);
        }
        Ok(())
    }

    fn wait_for_turn(&self, store: &Store, bytes: u64) -> Result<(), Error> {
        let clock = &store.options.runtime.clock;
        let rate = self.rate();
        if rate == 0 {
            return Ok(());
        }
        let until = {
            let mut turn = self.turn.lock();
            let now = clock.now();
            // What a large write booked at a low rate must not hold the others for long.
            let until = (*turn).clamp(now, now + TURN_MAX);
            *turn = until + Duration::from_nanos(bytes.saturating_mul(1_000_000_000) / rate);
            until
        };
        loop {
            let now = clock.now();
            if now >= until || self.rate() == 0 {
                return Ok(());
            }
            store.check_writes()?;
            clock.sleep(until.saturating_sub(now).min(NAP_MAX));
        }
    }

    /// Notes that a job wrote `bytes` in `took`.
    pub(crate) fn note_job(&self, bytes: u64, took: Duration) {
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let rate = bytes as f64 / took.as_secs_f64().max(1e-3);
        let mut carried = self.carried.lock();
        *carried += WEIGHT * (rate - *carried);
    }

    /// Looks at the trees and sets the limit anew. Called when a memtable or a version changed.
    pub(crate) fn update(&self, store: &Store) {
        let mut depth: f64 = 0.0;
        let (mut debt, mut memtables, mut waiting) = (0, 0, 0);
        let mut debt_share: f64 = 0.0;
        let updating = self.updating.lock();
        // Listed first: their lock is not held while others are taken.
        let trees = store.list_trees();
        for tree in &trees {
            let state = tree.pin();
            let pressure = store.scheduler.pressure(store, tree, &state);
            depth = depth.max(share(pressure.depth.into(), pressure.depth_limit.into()));
            debt_share = debt_share.max(share(pressure.debt_bytes, pressure.debt_limit_bytes));
            debt += pressure.debt_bytes;
            memtables += state.memtable_bytes();
            waiting += state.immutables.len();
        }
        self.debt.store(debt, Ordering::Relaxed);
        let x = hinge(depth, 0.6)
            .max(hinge(debt_share, 0.5))
            .max(hinge(share(memtables, store.memory.all_memtables_bytes), 0.7));
        self.rate.store(self.rate_at(store, x), Ordering::Relaxed);
        // Without a flush to wait for, waiting would help nobody.
        let full = waiting > 0 && memtables >= store.memory.all_memtables_bytes;
        self.full.store(full, Ordering::Release);
        drop(updating);
        if !full {
            drop(self.stop.lock());
            self.went_on.notify_all();
        }
    }

    /// Lets waiting writers see that the database was closed or stopped.
    pub(crate) fn wake_all(&self) {
        drop(self.stop.lock());
        self.went_on.notify_all();
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, small")]
    fn rate_at(&self, store: &Store, x: f64) -> u64 {
        if x <= 0.0 {
            return 0;
        }
        let amplification = share(
            store.counters.flush_bytes.get() + store.counters.compaction_written_bytes.get(),
            store.counters.user_bytes.get().max(1),
        );
        let sustained = (*self.carried.lock() / amplification.max(1.0)).max(SUSTAINED_MIN);
        let rate =
            if x < 1.0 { sustained * (1.0 + 2.0 * (1.0 - x).powi(2)) } else { sustained / 2.0 };
        (rate as u64).max(1)
    }
}

/// 0 up to `from`, then straight up to 1 at 1.
fn hinge(share: f64, from: f64) -> f64 {
    (share - from) / (1.0 - from)
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}
