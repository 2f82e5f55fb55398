//! One operation after the other: as fast as they are done, or when they are due.

use super::{ROUND, Worker};
use crate::Error;
use crate::recorder::Kind;
use crate::schedule::{Pace, Schedule};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The longest sleep, so that a thread sees soon that it shall stop.
const NAP: Duration = Duration::from_millis(100);

impl Worker<'_> {
    /// Does the operations `from..to`, each when the one before is done.
    pub(super) fn closed_loop(&mut self, from: u64, to: u64) -> Result<(), Error> {
        let mut begin = self.shared.clock.now();
        for position in from..to {
            let kind = self.operate(self.shared.workload, position)?;
            let end = self.shared.clock.now();
            self.recorder.record(kind, begin, end);
            begin = end;
            let late = self.shared.length.deadline().is_some_and(|deadline| end >= deadline);
            if self.is_stopped(position - from) || late {
                break;
            }
        }
        Ok(())
    }

    /// Does the operations `from..to`, each when it is due or, if it is late, at once. What was due
    /// before the deadline is done behind it too, or the longest waits would be left out; but if
    /// the rate was not kept, nobody waits for the rest.
    pub(super) fn open_loop(
        &mut self,
        schedule: Schedule,
        from: u64,
        to: u64,
    ) -> Result<(), Error> {
        let shared = self.shared;
        let deadline = shared.length.deadline().unwrap_or(Duration::MAX);
        let schedule_end = deadline.min(schedule.due(to - from));
        let due_by_end = schedule.due_before(schedule_end).min(to - from);
        let mut pace = Pace { due: due_by_end * schedule.entries, ..Pace::new() };
        for position in from..to {
            let due = schedule.due(position - from);
            let Some(begin) = self.wait_until(due.min(deadline), &mut pace) else { break };
            if due >= deadline {
                break;
            }
            pace.begun += if begin < schedule_end { schedule.entries } else { 0 };
            let kind = self.operate(shared.workload, position)?;
            let end = shared.clock.now();
            self.recorder.record(kind, due, end);
            let left = due_by_end.saturating_sub(position - from + 1);
            let gives_up = end >= deadline && left.saturating_mul(100) > due_by_end;
            if self.is_stopped(position - from) || gives_up {
                break;
            }
        }
        self.recorder.pace = Some(pace);
        Ok(())
    }

    /// Sleeps until `due` if that is to come and returns the time; `None` if it shall stop.
    fn wait_until(&self, due: Duration, pace: &mut Pace) -> Option<Duration> {
        let clock = self.shared.clock;
        let mut now = clock.now();
        let slept = now < due;
        while now < due {
            if self.shared.stop.load(Ordering::Relaxed) {
                return None;
            }
            clock.sleep(due.saturating_sub(now).min(NAP));
            now = clock.now();
        }
        if slept {
            let late = u64::try_from(now.saturating_sub(due).as_nanos()).unwrap_or(u64::MAX);
            pace.wakes.saturating_record(late);
        }
        Some(now)
    }

    /// Overwrites random keys until the threads in the foreground are done.
    pub(super) fn overwrite_behind(&mut self) -> Result<(), Error> {
        let shared = self.shared;
        let mut begin = shared.clock.now();
        while shared.foreground.load(Ordering::Relaxed) > 0 && !shared.stop.load(Ordering::Relaxed)
        {
            let number = self.seeded.below(shared.num);
            self.put(number)?;
            let end = shared.clock.now();
            self.recorder.record(Kind::Write, begin, end);
            begin = end;
        }
        Ok(())
    }

    /// Reports progress, and whether another thread failed, once in many operations.
    fn is_stopped(&self, done: u64) -> bool {
        if done % ROUND != ROUND - 1 {
            return false;
        }
        (self.shared.progress)(ROUND);
        self.shared.stop.load(Ordering::Relaxed)
    }
}
