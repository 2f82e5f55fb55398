//! Whether the database takes writes, decided by the first failure and read before every
//! acknowledgement; and who is told when that changes.
//!
//! Always: changes are queued in the order in which they happen, under the lock that orders them,
//! and told later, one at a time, by a thread that holds no lock. So a listener hears them in
//! order and may use the database.

use crate::Error;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::collections::VecDeque;
use std::fmt;
use std::mem::{Discriminant, discriminant};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// How a database stands.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Health {
    /// Everything works.
    Healthy,
    /// A flush or compaction failed and is tried again; writers are paced meanwhile.
    Stalled(Error),
    /// The disk is full: reads go on, writes are refused until there is room and
    /// [`Db::resume`](crate::Db::resume) has succeeded.
    ReadOnly(Error),
    /// A write or sync of log or manifest failed: reads go on, writes are refused until the
    /// database is reopened.
    Poisoned(Error),
}

impl Health {
    /// Whether writes are taken.
    pub const fn takes_writes(&self) -> bool {
        matches!(self, Self::Healthy | Self::Stalled(_))
    }
}

/// Who is told of each change of health.
#[derive(Clone)]
pub(crate) struct Listener(pub(crate) Arc<dyn Fn(&Health) + Send + Sync>);

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}

/// What is tried again until it succeeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stall {
    /// A memtable becomes a table.
    Flush,
    /// Tables are merged or moved.
    Compaction,
    /// The log begins another segment.
    Segment,
}

const RUNNING: u8 = 0;
const STOPPED: u8 = 1;

/// The one health of a database.
#[derive(Debug)]
pub(crate) struct HealthCell {
    /// `STOPPED` while `stop` holds an error; Release pairs with the Acquire in `check`.
    state: AtomicU8,
    now: Mutex<Now>,
    /// Whether there is something to tell: a hint for a look without the lock.
    has_untold: AtomicBool,
    listener: Option<Listener>,
}

#[derive(Debug)]
struct Now {
    stop: Option<Stop>,
    /// The last failure of each kind of work that has not succeeded since.
    stalls: [Option<Error>; 3],
    /// The state that came last.
    last: Discriminant<Health>,
    untold: VecDeque<Health>,
    /// Whether a thread is telling.
    telling: bool,
}

#[derive(Debug)]
struct Stop {
    /// For want of room alone, so that writes may go on once there is some.
    full: bool,
    cause: Arc<Error>,
}

impl Now {
    fn health(&self) -> Health {
        if let Some(Stop { full, cause }) = &self.stop {
            let cause = Error::clone(cause);
            return if *full { Health::ReadOnly(cause) } else { Health::Poisoned(cause) };
        }
        self.stalls.iter().flatten().next().cloned().map_or(Health::Healthy, Health::Stalled)
    }
}

impl HealthCell {
    pub(crate) fn new(listener: Option<Listener>) -> Self {
        let now = Now {
            stop: None,
            stalls: [const { None }; 3],
            last: discriminant(&Health::Healthy),
            untold: VecDeque::new(),
            telling: false,
        };
        Self {
            state: AtomicU8::new(RUNNING),
            now: Mutex::new(now),
            has_untold: AtomicBool::new(false),
            listener,
        }
    }

    /// Stops writes after a failed write or sync of log or manifest. The first error stays, unless
    /// it was want of room and this is worse; the one that stays is what writers get.
    pub(crate) fn stop(&self, error: Error) -> Error {
        let full = error.is_out_of_space();
        self.change(|now| {
            let stays = now.stop.as_ref().filter(|stop| full || !stop.full);
            let cause = stays.map_or_else(|| Arc::new(error), |stop| Arc::clone(&stop.cause));
            let full = stays.map_or(full, |stop| stop.full);
            now.stop = Some(Stop { full, cause: Arc::clone(&cause) });
            self.state.store(STOPPED, Ordering::Release);
            Error::Stopped { cause }
        })
    }

    /// Takes writes again after want of room.
    ///
    /// # Errors
    ///
    /// If something worse has happened: then nothing changes.
    pub(crate) fn go_on(&self) -> Result<(), Error> {
        self.change(|now| {
            if let Some(Stop { full: false, cause }) = &now.stop {
                return Err(Error::Stopped { cause: Arc::clone(cause) });
            }
            now.stop = None;
            now.stalls[Stall::Flush as usize] = None;
            now.stalls[Stall::Segment as usize] = None;
            self.state.store(RUNNING, Ordering::Release);
            Ok(())
        })
    }

    /// Refuses if something worse than want of room has stopped writes.
    pub(crate) fn check_may_go_on(&self) -> Result<(), Error> {
        match &self.now.lock().stop {
            Some(Stop { full: false, cause }) => Err(Error::Stopped { cause: Arc::clone(cause) }),
            _ => Ok(()),
        }
    }

    /// Refuses if writes have stopped.
    #[inline]
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.state.load(Ordering::Acquire) == RUNNING {
            return Ok(());
        }
        let now = self.now.lock();
        // Between the look and the lock writes may have gone on.
        let Some(stop) = &now.stop else { return Ok(()) };
        Err(Error::Stopped { cause: Arc::clone(&stop.cause) })
    }

    /// Notes how work ended that is tried again until it succeeds.
    pub(crate) fn note(&self, work: Stall, failed: Option<Error>) {
        self.change(|now| now.stalls[work as usize] = failed);
    }

    pub(crate) fn get(&self) -> Health {
        self.now.lock().health()
    }

    /// Changes the state, and queues the new one for the listener if it is another.
    fn change<T>(&self, change: impl FnOnce(&mut Now) -> T) -> T {
        let mut now = self.now.lock();
        let outcome = change(&mut now);
        let health = now.health();
        if discriminant(&health) != now.last {
            now.last = discriminant(&health);
            if self.listener.is_some() {
                now.untold.push_back(health);
                self.has_untold.store(true, Ordering::Relaxed);
            }
        }
        outcome
    }

    /// Tells the listener what is to be told when the guard goes. To be had before any lock, so
    /// that it goes after them.
    pub(crate) const fn tell_at_end(&self) -> TellAtEnd<'_> {
        TellAtEnd(self)
    }

    /// Tells the listener what is to be told, unless another thread is at it, or this one further
    /// up: then that one goes on with it.
    fn tell(&self) {
        let Some(listener) = &self.listener else { return };
        // A thread sees what it queued itself; what others queued, they tell.
        if !self.has_untold.load(Ordering::Relaxed) {
            return;
        }
        let mut now = self.now.lock();
        if now.telling {
            return;
        }
        now.telling = true;
        while let Some(health) = now.untold.pop_front() {
            drop(now);
            // A panic of the listener is its own; the database goes on.
            drop(catch_unwind(AssertUnwindSafe(|| (listener.0)(&health))));
            now = self.now.lock();
        }
        now.telling = false;
        self.has_untold.store(false, Ordering::Relaxed);
    }
}

/// Tells the listener when it goes.
#[derive(Debug)]
#[must_use = "it tells when it is dropped"]
pub(crate) struct TellAtEnd<'a>(&'a HealthCell);

impl Drop for TellAtEnd<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.tell();
    }
}
