//! The smallest and the largest seqno of a table that many threads insert into.

use crate::sync::{AtomicU64, Ordering};
use siltstone_base::Seqno;

/// Empty at first.
#[derive(Debug)]
pub(crate) struct SeqnoRange {
    smallest: AtomicU64,
    largest: AtomicU64,
}

impl SeqnoRange {
    pub(crate) fn new() -> Self {
        Self { smallest: AtomicU64::new(Seqno::MAX), largest: AtomicU64::new(0) }
    }

    /// Takes `seqno` in.
    pub(crate) fn note(&self, seqno: Seqno) {
        // Mostly one of the two loads decides: seqnos come in rising order, or nearly so.
        if seqno > self.largest.load(Ordering::Relaxed) {
            self.largest.fetch_max(seqno, Ordering::Relaxed);
        }
        if seqno < self.smallest.load(Ordering::Relaxed) {
            self.smallest.fetch_min(seqno, Ordering::Release);
        }
    }

    /// The smallest and the largest of all calls of [`note`](Self::note) that have returned.
    pub(crate) fn get(&self) -> Option<(Seqno, Seqno)> {
        // Acquire: pairs with the release in `note`, so that whoever sees a smallest seqno sees a
        // largest one that is not below it.
        let smallest = self.smallest.load(Ordering::Acquire);
        let largest = self.largest.load(Ordering::Relaxed);
        (smallest <= largest).then_some((smallest, largest))
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use loom::model::Builder;
    use loom::thread;
    use std::sync::Arc;

    /// Whoever sees one end sees the other, and each inserter sees its own seqno within both.
    ///
    /// Loom takes a load and a later change of the same atomic by one thread for a single access,
    /// and goes back to the last access only: so the reader stands behind the inserters.
    #[test]
    fn the_ends_belong_together_while_threads_insert() {
        let mut builder = Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(|| {
            let range = Arc::new(SeqnoRange::new());
            let inserter = |seqno| {
                let range = Arc::clone(&range);
                thread::spawn(move || {
                    range.note(seqno);
                    let (smallest, largest) = range.get().expect("one was inserted");
                    assert!((smallest..=largest).contains(&seqno), "{smallest}..={largest}");
                })
            };
            let (first, second) = (inserter(7), inserter(5));
            let reader = {
                let range = Arc::clone(&range);
                thread::spawn(move || {
                    let smallest = range.smallest.load(Ordering::Acquire);
                    let largest = range.largest.load(Ordering::Relaxed);
                    let both = smallest == Seqno::MAX || largest >= smallest;
                    assert!(both, "{smallest} without {largest}");
                })
            };
            for thread in [first, second, reader] {
                thread.join().unwrap();
            }
            assert_eq!(range.get(), Some((5, 7)));
        });
    }
}
