//! What one thread measured: latencies, counts, and when it got something done.

use crate::schedule::Pace;
use crate::timeline::Timeline;
use hdrhistogram::Histogram;
use std::time::Duration;

/// Length of one slot of the time series.
pub(crate) const SLOT: Duration = Duration::from_millis(100);
/// The longest latency that is told from longer ones, in nanoseconds: one hour.
const LONGEST_NS: u64 = 3_600_000_000_000;

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Read,
    Write,
}

/// Measurements of one thread, or of several merged.
#[derive(Debug)]
pub(crate) struct Recorder {
    pub(crate) reads: Histogram<u64>,
    pub(crate) writes: Histogram<u64>,
    /// Entries read and written; a batch or a scan has many.
    pub(crate) entries_read: u64,
    pub(crate) entries_written: u64,
    pub(crate) user_bytes_read: u64,
    pub(crate) user_bytes_written: u64,
    /// Reads that found what they asked for, and those whose answer was verified to the last byte.
    pub(crate) found: u64,
    pub(crate) verified: u64,
    /// Operations of either kind in each slot of time.
    pub(crate) series: Vec<u64>,
    pub(crate) reads_over_time: Timeline,
    pub(crate) writes_over_time: Timeline,
    /// When the thread was done, the last one of several; one in the background never is.
    pub(crate) ended: Duration,
    /// How the schedule was kept, if there was one.
    pub(crate) pace: Option<Pace>,
    /// Slots of time by their writes.
    writes_at: Vec<Slot>,
    /// The last slot that something ended in, and when it ends.
    slot: usize,
    slot_end_ns: u64,
}

/// Writes that ended in one slot: how many, and the first and the last end.
#[derive(Clone, Copy, Debug)]
struct Slot {
    count: u64,
    first: Duration,
    last: Duration,
}

const NONE: Slot = Slot { count: 0, first: Duration::MAX, last: Duration::ZERO };

/// How long writers got nothing done.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Stalls {
    /// The longest time without an end of a write of any thread. Exact from the length of a slot
    /// on; a shorter one is missed if it lies inside one slot.
    pub(crate) longest: Duration,
    /// Whole seconds since the start in which no write ended.
    pub(crate) idle_seconds: u64,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        Self {
            reads: histogram(),
            writes: histogram(),
            entries_read: 0,
            entries_written: 0,
            user_bytes_read: 0,
            user_bytes_written: 0,
            found: 0,
            verified: 0,
            series: Vec::new(),
            reads_over_time: Timeline::new(),
            writes_over_time: Timeline::new(),
            ended: Duration::ZERO,
            pace: None,
            writes_at: Vec::new(),
            slot: 0,
            slot_end_ns: 0,
        }
    }

    /// One operation that took from `begin` to `end`, both since the start of the run; ends rise.
    #[inline]
    pub(crate) fn record(&mut self, kind: Kind, begin: Duration, end: Duration) {
        self.record_mean(kind, begin, end, 1);
    }

    /// So many operations, one or more, that took from `begin` to `end` together: each counts as
    /// the mean of them.
    #[inline]
    pub(crate) fn record_mean(&mut self, kind: Kind, begin: Duration, end: Duration, count: u64) {
        let (end_ns, nanos) = (in_ns(end), in_ns(end.saturating_sub(begin)) / count);
        if end_ns >= self.slot_end_ns {
            self.advance(end_ns);
        }
        self.series[self.slot] += count;
        match kind {
            Kind::Read => {
                self.reads.saturating_record_n(nanos, count);
                self.reads_over_time.record(end_ns, nanos, count);
            }
            Kind::Write => {
                self.writes.saturating_record_n(nanos, count);
                self.writes_over_time.record(end_ns, nanos, count);
                let last = Slot { count, first: end, last: end };
                self.writes_at[self.slot].add(last);
            }
        }
    }

    /// Makes the slot of `end_ns` the current one: a division less for each operation.
    fn advance(&mut self, end_ns: u64) {
        let slot_ns = in_ns(SLOT);
        self.slot = usize::try_from(end_ns / slot_ns).unwrap_or(0);
        self.slot_end_ns = (self.slot as u64 + 1) * slot_ns;
        grow(&mut self.series, self.slot, 0);
        grow(&mut self.writes_at, self.slot, NONE);
    }

    /// Adds what another thread measured over the same time.
    pub(crate) fn merge(&mut self, other: &Self) {
        // Both have the same bounds, so that nothing can be outside.
        self.reads.add(&other.reads).unwrap_or_default();
        self.writes.add(&other.writes).unwrap_or_default();
        self.entries_read += other.entries_read;
        self.entries_written += other.entries_written;
        self.user_bytes_read += other.user_bytes_read;
        self.user_bytes_written += other.user_bytes_written;
        self.reads_over_time.merge(&other.reads_over_time);
        self.writes_over_time.merge(&other.writes_over_time);
        self.ended = self.ended.max(other.ended);
        if let Some(pace) = &other.pace {
            self.pace.get_or_insert_with(Pace::new).merge(pace);
        }
        self.found += other.found;
        self.verified += other.verified;
        for (slot, count) in other.series.iter().enumerate() {
            grow(&mut self.series, slot, 0);
            self.series[slot] += count;
        }
        for (slot, writes) in other.writes_at.iter().enumerate() {
            grow(&mut self.writes_at, slot, NONE);
            self.writes_at[slot].add(*writes);
        }
    }

    /// How long no write got done in a run of this length; `None` if there was none at all.
    pub(crate) fn stalls(&self, elapsed: Duration) -> Option<Stalls> {
        let busy: Vec<_> = self.writes_at.iter().filter(|slot| slot.count > 0).collect();
        let (first, last) = (busy.first()?, busy.last()?);
        let between = busy.windows(2).map(|pair| pair[1].first.saturating_sub(pair[0].last));
        let ends = [first.first, elapsed.saturating_sub(last.last)];
        let longest = between.chain(ends).max().unwrap_or_default();
        let slots_a_second = 10;
        let idle = (0..elapsed.as_secs()).filter(|second| {
            let from = usize::try_from(second * slots_a_second).unwrap_or(usize::MAX);
            self.writes_at.iter().skip(from).take(10).all(|slot| slot.count == 0)
        });
        Some(Stalls { longest, idle_seconds: idle.count() as u64 })
    }
}

impl Slot {
    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }
}

fn in_ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(LONGEST_NS)
}

fn grow<T: Clone>(slots: &mut Vec<T>, slot: usize, empty: T) {
    if slots.len() <= slot {
        slots.resize(slot + 1, empty);
    }
}

/// An empty histogram of nanoseconds; all have the same bounds.
pub(crate) fn histogram() -> Histogram<u64> {
    // Three digits; the bounds are right, so that it cannot fail.
    Histogram::new_with_bounds(1, LONGEST_NS, 3).unwrap_or_else(|_| unreachable!("1 < an hour"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use siltstone::vfs::{Clock, ManualClock};

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn latencies_are_those_of_the_clock() {
        let (clock, mut recorder) = (ManualClock::new(), Recorder::new());
        for step in 1..=1000 {
            let begin = clock.now();
            clock.advance(Duration::from_micros(step));
            recorder.record(Kind::Read, begin, clock.now());
        }
        let near = |value: u64, micros: u64| value.abs_diff(micros * 1000) <= micros;
        assert!(near(recorder.reads.value_at_quantile(0.5), 500));
        assert!(near(recorder.reads.value_at_quantile(0.99), 990));
        assert!(near(recorder.reads.max(), 1000));
        assert_eq!((recorder.reads.len(), recorder.writes.len()), (1000, 0));
        assert_eq!(recorder.series.iter().sum::<u64>(), 1000);
        assert_eq!(recorder.stalls(clock.now()), None);
    }

    #[test]
    fn a_stall_is_the_time_in_which_no_thread_got_a_write_done() {
        let write = |ends: &[u64]| {
            let mut recorder = Recorder::new();
            for end in ends {
                recorder.record(Kind::Write, ms(end - 1), ms(*end));
            }
            recorder
        };
        let mut one = write(&[50, 150, 3950, 5000]);
        let alone = one.stalls(ms(5100)).unwrap();
        assert_eq!(alone, Stalls { longest: ms(3800), idle_seconds: 3 });
        one.merge(&write(&[60, 1500, 1700]));
        let both = one.stalls(ms(5100)).unwrap();
        assert_eq!(both, Stalls { longest: ms(2250), idle_seconds: 2 });
    }

    #[test]
    fn a_stall_is_exact_unless_it_lies_inside_one_slot() {
        for (gap, seen) in [((95, 195), 100), ((150, 205), 55), ((105, 195), 10), ((99, 301), 202)]
        {
            let mut recorder = Recorder::new();
            let all = (1..=50).map(|step| step * 10).filter(|end| !(gap.0..=gap.1).contains(end));
            let mut ends: Vec<_> = all.chain([gap.0, gap.1]).collect();
            ends.sort_unstable();
            for end in ends {
                recorder.record(Kind::Write, ms(end - 1), ms(end));
            }
            assert_eq!(recorder.stalls(ms(500)).unwrap().longest, ms(seen), "{gap:?}");
        }
    }

    #[test]
    fn operations_with_one_look_at_the_clock_count_as_their_mean() {
        let mut recorder = Recorder::new();
        recorder.record_mean(Kind::Read, ms(0), ms(16), 16);
        recorder.record_mean(Kind::Read, ms(16), ms(21), 5);
        assert_eq!((recorder.reads.len(), &recorder.series), (21, &vec![21]));
        let in_range = |value: u64| value.abs_diff(1_000_000) <= 1000;
        assert!(in_range(recorder.reads.min()) && in_range(recorder.reads.max()));
        let point = recorder.reads_over_time.points()[0].unwrap();
        assert_eq!(point.longest, 1_000_000);
    }

    #[test]
    fn a_stall_at_the_end_counts() {
        let mut recorder = Recorder::new();
        recorder.record(Kind::Write, ms(0), ms(10));
        let stalls = recorder.stalls(ms(4000)).unwrap();
        assert_eq!(stalls, Stalls { longest: ms(3990), idle_seconds: 3 });
    }
}
