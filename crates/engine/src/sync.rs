//! Locks and atomics of this crate come from here, so that a model checker can take their place.

pub(crate) use parking_lot::{Condvar, Mutex, RwLock};

/// Atomics.
pub(crate) mod atomic {
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
}
