//! A seqno that only rises, and what was done before it rose.
//!
//! Always: who sees a seqno here sees everything that was in memory when it was set.

use crate::sync::atomic::{AtomicU64, Ordering};
use siltstone_base::Seqno;

/// Set by the commit leader alone, read by everybody.
#[derive(Debug, Default)]
pub(crate) struct Watermark(AtomicU64);

impl Watermark {
    pub(crate) fn at(seqno: Seqno) -> Self {
        Self(AtomicU64::new(seqno))
    }

    /// The newest one.
    #[inline]
    pub(crate) fn get(&self) -> Seqno {
        // Acquire: pairs with the Release in `raise`.
        self.0.load(Ordering::Acquire)
    }

    /// Raises it; Release, after what it stands for was done.
    pub(crate) fn raise(&self, seqno: Seqno) {
        debug_assert!(seqno >= self.0.load(Ordering::Relaxed), "it only rises");
        self.0.store(seqno, Ordering::Release);
    }
}
