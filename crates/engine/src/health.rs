//! Whether the database takes writes, decided by the first failure and read before every
//! acknowledgement.

use crate::Error;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU8, Ordering};
use std::sync::Arc;

/// How a database stands.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Health {
    /// Everything works.
    Healthy,
    /// A flush or compaction failed and is tried again; writers are paced meanwhile.
    Stalled(Error),
    /// The disk is full: reads go on, writes are refused.
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

const RUNNING: u8 = 0;
const STOPPED: u8 = 1;

/// The one health of a database.
#[derive(Debug)]
pub(crate) struct HealthCell {
    /// `STOPPED` once `stop` holds an error; Release pairs with the Acquire in `check`.
    state: AtomicU8,
    stop: Mutex<Option<(bool, Arc<Error>)>>,
    stalled: Mutex<Option<Error>>,
}

impl HealthCell {
    pub(crate) fn new() -> Self {
        Self { state: AtomicU8::new(RUNNING), stop: Mutex::new(None), stalled: Mutex::new(None) }
    }

    /// Stops writes for good after a failed write or sync of log or manifest. The first error
    /// stays; the returned one is what writers get.
    pub(crate) fn stop(&self, error: Error) -> Error {
        let mut stop = self.stop.lock();
        let full = error.is_out_of_space();
        let (_, cause) = stop.get_or_insert_with(|| (full, Arc::new(error)));
        self.state.store(STOPPED, Ordering::Release);
        Error::Stopped { cause: Arc::clone(cause) }
    }

    /// Refuses if writes have stopped.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.state.load(Ordering::Acquire) == RUNNING {
            return Ok(());
        }
        let stop = self.stop.lock();
        let cause = stop.as_ref().map(|(_, cause)| Arc::clone(cause));
        Err(Error::Stopped { cause: cause.unwrap_or_else(|| Arc::new(Error::Closed)) })
    }

    /// Notes that a job failed, or with `None` that jobs succeed again.
    pub(crate) fn set_stalled(&self, error: Option<Error>) {
        *self.stalled.lock() = error;
    }

    pub(crate) fn get(&self) -> Health {
        if let Some((full, cause)) = &*self.stop.lock() {
            let cause = Error::clone(cause);
            return if *full { Health::ReadOnly(cause) } else { Health::Poisoned(cause) };
        }
        self.stalled.lock().clone().map_or(Health::Healthy, Health::Stalled)
    }
}
