//! When the operations of an open loop begin, whether the store keeps up or not.
//! ```text
//! thread 0   0     2     4
//! thread 1      1     3     5      operation n of all threads is due at n / rate
//! ```
//! The gaps are even: arrivals at random moments (Poisson) would queue more, but two runs would
//! differ more too. Always: the schedule does not wait. An operation that begins late counts from
//! when it was due, so that a stall costs every operation that it held up ("coordinated omission"
//! is what Gil Tene calls the mistake of counting one).

use crate::recorder::histogram;
use hdrhistogram::Histogram;
use std::time::Duration;

const SECOND_NS: u128 = 1_000_000_000;

/// The starts of one thread's operations.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    /// Entries per second, all threads together, and how many an operation has: 1, or a batch.
    pub(crate) rate: u64,
    pub(crate) entries: u64,
    pub(crate) threads: u64,
    pub(crate) thread: u64,
}

impl Schedule {
    /// When the thread's operation `index` is due.
    pub(crate) fn due(&self, index: u64) -> Duration {
        let among_all = u128::from(index) * u128::from(self.threads) + u128::from(self.thread);
        let ns = among_all.saturating_mul(u128::from(self.entries) * SECOND_NS);
        Duration::from_nanos(u64::try_from(ns / u128::from(self.rate)).unwrap_or(u64::MAX))
    }

    /// How many of the thread's operations are due before `time`.
    pub(crate) fn due_before(&self, time: Duration) -> u64 {
        let entries = time.as_nanos().saturating_mul(u128::from(self.rate));
        let among_all = entries.div_ceil(u128::from(self.entries) * SECOND_NS);
        let own = among_all.saturating_sub(u128::from(self.thread));
        u64::try_from(own.div_ceil(u128::from(self.threads))).unwrap_or(u64::MAX)
    }
}

/// How a schedule was kept, by one thread or several.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    /// Entries that were due before the schedule ended, and those of them that began by then.
    pub(crate) due: u64,
    pub(crate) begun: u64,
    /// How late operations began whose thread had slept until they were due.
    pub(crate) wakes: Histogram<u64>,
}

impl Pace {
    pub(crate) fn new() -> Self {
        Self { due: 0, begun: 0, wakes: histogram() }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.due += other.due;
        self.begun += other.begun;
        // Both have the same bounds, so that nothing can be outside.
        self.wakes.add(&other.wakes).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threads_share_even_gaps() {
        let schedule = |thread| Schedule { rate: 1000, entries: 1, threads: 3, thread };
        let mut dues: Vec<_> = (0..3)
            .flat_map(|thread| (0..100).map(move |index| schedule(thread).due(index)))
            .collect();
        dues.sort_unstable();
        let even: Vec<_> = (0..300).map(Duration::from_millis).collect();
        assert_eq!(dues, even);
        let batches = Schedule { entries: 100, threads: 1, ..schedule(0) };
        assert_eq!(batches.due(5), Duration::from_millis(500));
        let forever = Schedule { rate: 1, ..schedule(2) };
        assert_eq!(forever.due(u64::MAX), Duration::from_nanos(u64::MAX));
    }

    #[test]
    fn what_is_due_is_counted_as_it_is_scheduled() {
        for rate in [1, 7, 1000, 123_457] {
            for (threads, entries) in [(1, 1), (3, 1), (2, 100)] {
                for thread in 0..threads {
                    let schedule = Schedule { rate, entries, threads, thread };
                    for ns in [0, 1, 999, 1_000_000, 142_857_143, 2_000_000_000] {
                        let time = Duration::from_nanos(ns);
                        let count = schedule.due_before(time);
                        let right = schedule.due(count) >= time
                            && (count == 0 || schedule.due(count - 1) < time);
                        assert!(right, "{count} of {schedule:?} before {time:?}");
                    }
                }
            }
        }
    }
}
