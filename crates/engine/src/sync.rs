//! Locks, atomics and channels of this crate come from here, so that a model checker can take
//! their place.
//!
//! - As a rule they are those of `parking_lot`, `arc-swap`, `crossbeam` and `std`.
//! - With `--cfg loom` or `--cfg shuttle` they are those of that checker, in the manner of the
//!   former. `cargo xtask race` builds that way: docs/testing.md, "Threads".
//!
//! What a checker does not see must never wait for a thread while it holds a lock: the locks of
//! vfs and of the caches are such, each is held for a few lines that call nobody.

#[cfg(any(loom, shuttle))]
mod checked;
#[cfg(any(loom, shuttle))]
mod checked_channel;

#[cfg(not(any(loom, shuttle)))]
pub(crate) use arc_swap::{ArcSwap, Guard};
#[cfg(not(any(loom, shuttle)))]
pub(crate) use parking_lot::{Condvar, Mutex, RwLock};

#[cfg(any(loom, shuttle))]
pub(crate) use checked::{ArcSwap, Condvar, Guard, Mutex, RwLock};

/// A bounded channel that only wakes.
pub(crate) mod channel {
    #[cfg(any(loom, shuttle))]
    pub(crate) use super::checked_channel::{Receiver, RecvTimeoutError, Sender, bounded};
    #[cfg(not(any(loom, shuttle)))]
    pub(crate) use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
}

/// Atomics.
pub(crate) mod atomic {
    #[cfg(loom)]
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
    #[cfg(shuttle)]
    pub(crate) use shuttle::sync::atomic::{
        AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering,
    };
    #[cfg(not(any(loom, shuttle)))]
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};

    /// A number that nothing hangs on: no checker need look at it.
    pub(crate) use std::sync::atomic::AtomicU64 as Tally;
}
