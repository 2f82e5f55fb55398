//! Atomics, named in one place so that a model checker can take theirs.

pub(crate) use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
