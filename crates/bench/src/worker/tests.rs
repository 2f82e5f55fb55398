//! The loops on a clock that a test moves.

use super::*;
use crate::{KeyStyle, Op, See};
use siltstone::vfs::ManualClock;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

/// A store in which a read takes 10 us, but one that begins behind the first half takes a second.
struct Stalling<'a> {
    clock: &'a ManualClock,
    calls: u64,
    stall_at: u64,
}

impl Session for Stalling<'_> {
    fn get(&mut self, _: &[u8], _: &mut dyn FnMut(&[u8])) -> Result<bool, Error> {
        self.calls += 1;
        let stalls = self.calls == self.stall_at;
        self.clock.advance(if stalls { 1000 * MS } else { MS / 100 });
        Ok(false)
    }

    fn put(&mut self, _: &[u8], _: &[u8]) -> Result<(), Error> {
        unreachable!("reads only")
    }

    fn delete(&mut self, _: &[u8]) -> Result<(), Error> {
        unreachable!("reads only")
    }

    fn write(&mut self, _: &[Op<'_>]) -> Result<(), Error> {
        unreachable!("reads only")
    }

    fn scan(&mut self, _: Option<&[u8]>, _: Direction, _: &mut See<'_>) -> Result<(), Error> {
        unreachable!("reads only")
    }
}

/// What a thread measures that reads absent keys, at a rate of 1000 a second or in a closed loop;
/// its read `stall_at` takes a second.
fn measured(open: bool, reads: u64, stall_at: u64, deadline: Option<Duration>) -> Recorder {
    let clock = ManualClock::new();
    let shared = Shared {
        workload: Workload::ReadMissing,
        num: 1000,
        generation: 1,
        keys: &Keys::new(KeyStyle::Digits, 16, 1000, 1).unwrap(),
        values: &Values::new(100, 0.5, 1).unwrap(),
        live: &Live::new(0, 1000, 1),
        order: &Permutation::new(1000, 1),
        popularity: &Permutation::new(1000, 2),
        zipf: None,
        tail: None,
        clock: &clock,
        length: deadline.into(),
        rate: open.then_some(1000),
        progress: &|_| {},
        stop: AtomicBool::new(false),
        foreground: AtomicUsize::new(1),
    };
    let session = Box::new(Stalling { clock: &clock, calls: 0, stall_at });
    let schedule = Schedule { rate: 1000, entries: 1, threads: 1, thread: 0 };
    Worker::new(&shared, session, 1).work(0, reads, open.then_some(schedule)).unwrap()
}

fn later_than(recorder: &Recorder, latency: Duration) -> u64 {
    let ns = |latency: Duration| u64::try_from(latency.as_nanos()).unwrap();
    recorder.reads.count_between(ns(latency), ns(Duration::from_secs(60)))
}

#[test]
fn a_stall_of_a_second_delays_each_operation_that_was_due_in_it() {
    let open = measured(true, 5000, 2000, None);
    assert_eq!(open.reads.len(), 5000);
    // A read is due each millisecond and takes 10 us: those due in the stall, and those due while
    // the queue behind it is worked off, begin late. 1000 / (1 - 0.01) = 1010 of them.
    let delayed = later_than(&open, MS / 50);
    assert!((1000..=1020).contains(&delayed), "{delayed}");
    let half = later_than(&open, 500 * MS);
    assert!((495..=510).contains(&half), "{half}");
    assert!(open.reads.max() >= 1_000_000_000);
    let pace = open.pace.as_ref().unwrap();
    assert_eq!((pace.due, pace.begun), (5000, 5000), "the queue was worked off");

    let closed = measured(false, 5000, 2000, None);
    assert_eq!(later_than(&closed, MS / 50), 1, "a closed loop asks for nothing meanwhile");
    assert!(closed.pace.is_none());
}

#[test]
fn operations_begin_when_they_are_due() {
    let open = measured(true, 3000, u64::MAX, None);
    assert_eq!(open.series.len(), 30);
    assert!(open.series.iter().all(|ops| *ops == 100), "{:?}", open.series);
    assert_eq!(later_than(&open, MS / 50), 0);
    assert_eq!(open.pace.unwrap().wakes.max(), 0, "this clock wakes on time");
}

#[test]
fn what_was_due_at_the_end_of_a_kept_rate_is_done_and_counts() {
    // The stall begins half a second before the deadline, and holds up 500 of 150,000 reads.
    let open = measured(true, u64::MAX, 149_500, Some(150_000 * MS));
    let pace = open.pace.as_ref().unwrap();
    assert_eq!((pace.due, pace.begun), (150_000, 149_500));
    assert_eq!(open.reads.len(), 150_000);
    let late = later_than(&open, 490 * MS);
    assert!((500..=520).contains(&late), "{late}");
}

#[test]
fn what_is_left_at_the_end_is_the_backlog() {
    // The stall begins at 1.5 s; at the deadline a half second of reads has not begun.
    let open = measured(true, u64::MAX, 1500, Some(2000 * MS));
    let pace = open.pace.unwrap();
    assert_eq!((pace.due, pace.begun), (2000, 1500));
    // Of a number of operations, those that began when all should have.
    let open = measured(true, 2000, 1500, None);
    assert_eq!(open.reads.len(), 2000);
    let pace = open.pace.unwrap();
    assert_eq!((pace.due, pace.begun), (2000, 1500));
    let kept = measured(true, u64::MAX, u64::MAX, Some(2000 * MS)).pace.unwrap();
    assert_eq!((kept.due, kept.begun), (2000, 2000));
}
