//! Latencies over time, in memory that does not grow with the time.
//! ```text
//! slot    100 ms at first; when there are more than 240, each two become one
//! bucket  0..16 ns exactly, then 16 buckets for each power of two: 6 % wide
//! ```
//! Always: the slots of all threads begin at the same moments, so that they can be added up.

use crate::recorder::SLOT;
use std::time::Duration;

/// More points than this no plot shows.
const SLOTS_MAX: usize = 240;
/// Buckets of one power of two.
const FINE: u64 = 1 << FINE_BITS;
const FINE_BITS: u32 = 4;
/// Up to 2^42 ns, more than an hour; what takes longer goes into the last one.
const BUCKETS: usize = (42 - FINE_BITS as usize + 1) << FINE_BITS;

/// How long operations took that ended in each slot of time.
#[derive(Clone, Debug)]
pub(crate) struct Timeline {
    slot_ns: u64,
    slots: Vec<Slot>,
    /// The last slot that was recorded into, and when it ends.
    current: usize,
    current_end_ns: u64,
}

/// Operations of one slot; no buckets if there were none.
#[derive(Clone, Debug, Default)]
struct Slot {
    buckets: Vec<u32>,
    longest_ns: u64,
}

/// What a slot came to, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) p50: u64,
    pub(crate) p99: u64,
    pub(crate) longest: u64,
}

impl Timeline {
    pub(crate) fn new() -> Self {
        let slot_ns = u64::try_from(SLOT.as_nanos()).unwrap_or(u64::MAX);
        Self { slot_ns, slots: Vec::new(), current: 0, current_end_ns: 0 }
    }

    /// So many operations of this latency that ended at `end_ns`, which is not before the slot of
    /// those before.
    pub(crate) fn record(&mut self, end_ns: u64, latency_ns: u64, count: u64) {
        if end_ns >= self.current_end_ns {
            self.advance(end_ns);
        }
        let slot = &mut self.slots[self.current];
        let bucket = &mut slot.buckets[bucket(latency_ns)];
        *bucket = bucket.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        slot.longest_ns = slot.longest_ns.max(latency_ns);
    }

    /// Makes the slot of `end_ns` the current one.
    fn advance(&mut self, end_ns: u64) {
        while end_ns / self.slot_ns >= SLOTS_MAX as u64 {
            self.coarsen();
        }
        self.current = usize::try_from(end_ns / self.slot_ns).unwrap_or(0);
        self.current_end_ns = (self.current as u64 + 1) * self.slot_ns;
        if self.slots.len() <= self.current {
            self.slots.resize(self.current + 1, Slot::default());
        }
        self.slots[self.current].buckets.resize(BUCKETS, 0);
    }

    /// Makes one slot of each two.
    fn coarsen(&mut self) {
        self.slot_ns *= 2;
        let mut coarse: Vec<Slot> = Vec::with_capacity(SLOTS_MAX);
        for (at, slot) in std::mem::take(&mut self.slots).into_iter().enumerate() {
            match coarse.get_mut(at / 2) {
                Some(there) => there.add(&slot),
                None => coarse.push(slot),
            }
        }
        self.slots = coarse;
    }

    /// Adds what another thread recorded.
    pub(crate) fn merge(&mut self, other: &Self) {
        let mut other = other.clone();
        while self.slot_ns < other.slot_ns {
            self.coarsen();
        }
        while other.slot_ns < self.slot_ns {
            other.coarsen();
        }
        if self.slots.len() < other.slots.len() {
            self.slots.resize(other.slots.len(), Slot::default());
        }
        for (slot, more) in self.slots.iter_mut().zip(&other.slots) {
            slot.add(more);
        }
    }

    pub(crate) const fn slot(&self) -> Duration {
        Duration::from_nanos(self.slot_ns)
    }

    /// What each slot came to; `None` where no operation ended.
    pub(crate) fn points(&self) -> Vec<Option<Point>> {
        self.slots.iter().map(Slot::point).collect()
    }
}

impl Slot {
    fn add(&mut self, other: &Self) {
        if self.buckets.is_empty() {
            self.clone_from(other);
            return;
        }
        for (count, more) in self.buckets.iter_mut().zip(&other.buckets) {
            *count += more;
        }
        self.longest_ns = self.longest_ns.max(other.longest_ns);
    }

    fn point(&self) -> Option<Point> {
        let count: u64 = self.buckets.iter().map(|count| u64::from(*count)).sum();
        (count > 0).then(|| Point {
            p50: self.quantile_ns(count.div_ceil(2)),
            p99: self.quantile_ns((count * 99).div_ceil(100)),
            longest: self.longest_ns,
        })
    }

    /// The latency at this place, counted from 1 on, in order of length.
    fn quantile_ns(&self, place: u64) -> u64 {
        let mut passed = 0;
        let found = self.buckets.iter().position(|count| {
            passed += u64::from(*count);
            passed >= place
        });
        found.map_or(self.longest_ns, middle_ns).min(self.longest_ns)
    }
}

/// The bucket of a latency.
fn bucket(latency_ns: u64) -> usize {
    let power = latency_ns.max(1).ilog2();
    if power < FINE_BITS {
        return (latency_ns % FINE) as usize;
    }
    let shift = power - FINE_BITS;
    let fine = ((latency_ns >> shift) % FINE) as usize;
    ((((shift + 1) << FINE_BITS) as usize) | fine).min(BUCKETS - 1)
}

/// The middle of what falls into a bucket.
const fn middle_ns(bucket: usize) -> u64 {
    let (coarse, fine) = (bucket >> FINE_BITS, bucket as u64 % FINE);
    if coarse == 0 {
        return fine;
    }
    let shift = coarse - 1;
    ((FINE | fine) << shift) + (1 << shift) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_bucket_is_at_most_a_sixteenth_wide() {
        for power in 0..42 {
            for latency in [1_u64 << power, (1 << power) + (1 << power) / 3, (2 << power) - 1] {
                let near = middle_ns(bucket(latency));
                assert!(near.abs_diff(latency) * 32 <= latency + 32, "{latency} became {near}");
            }
        }
        assert_eq!(bucket(0), 0);
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn each_slot_has_its_own_quantiles() {
        let mut timeline = Timeline::new();
        for at in 1..=1000 {
            timeline.record(at * 50_000, at * 1000, 1);
        }
        timeline.record(350_000_000, 7_000_000, 1);
        let points = timeline.points();
        assert_eq!((points.len(), points[1], points[2]), (4, None, None));
        let first = points[0].unwrap();
        assert!(first.p50.abs_diff(500_000) < 20_000, "{first:?}");
        assert!(first.p99.abs_diff(990_000) < 40_000, "{first:?}");
        assert_eq!(first.longest, 1_000_000);
        assert_eq!(points[3].unwrap().longest, 7_000_000);
    }

    #[test]
    fn slots_double_instead_of_growing_in_number() {
        let mut timeline = Timeline::new();
        for second in 0..1000 {
            timeline.record(second * SECOND, 1000 + second, 1);
        }
        let points = timeline.points();
        assert!((SLOTS_MAX / 2..=SLOTS_MAX).contains(&points.len()), "{}", points.len());
        assert_eq!(timeline.slot(), Duration::from_millis(6400));
        let counted: u64 =
            timeline.slots.iter().flat_map(|slot| &slot.buckets).copied().map(u64::from).sum();
        assert_eq!(counted, 1000);
        for (at, point) in points.iter().enumerate() {
            let last = ((at as u64 + 1) * 64).div_ceil(10).min(1000) - 1;
            assert_eq!(point.unwrap().longest, 1000 + last, "slot {at}");
        }
    }

    #[test]
    fn threads_with_other_slots_are_added_up() {
        let (mut long, mut short) = (Timeline::new(), Timeline::new());
        (0..100).for_each(|second| long.record(second * SECOND, 10, 1));
        short.record(SECOND / 2, 12, 1);
        for (one, other) in [(&long, &short), (&short, &long)] {
            let mut both = one.clone();
            both.merge(other);
            assert_eq!(both.slot(), long.slot());
            assert_eq!(both.points().len(), long.points().len());
            assert_eq!(both.points()[0].unwrap().longest, 12);
            let counted: u32 = both.slots.iter().flat_map(|slot| &slot.buckets).sum();
            assert_eq!(counted, 101);
        }
    }
}
