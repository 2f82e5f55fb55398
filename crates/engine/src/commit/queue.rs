//! Who leads and who waits.
//!
//! Always: at most one leader; a writer that waits is either taken into a group, and then gets
//! its outcome, or is made the leader. If a leader panics, those it took and those that wait get
//! [`Error::Closed`].

use super::Write;
use crate::Error;
use crate::sync::{Condvar, Mutex};
use siltstone_base::Seqno;
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::sync::Arc;

/// Something for each member of a group: mostly one.
pub(crate) type Each<T> = SmallVec<[T; 1]>;

/// Writers in the order they came.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    led: bool,
    writers: VecDeque<Arc<Waiter>>,
}

/// A writer that waits.
#[derive(Debug)]
struct Waiter {
    write: Write,
    turn: Mutex<Turn>,
    woken: Condvar,
}

#[derive(Debug)]
enum Turn {
    Waiting,
    Lead,
    Done(Result<Seqno, Error>),
}

impl Waiter {
    fn wake(&self, turn: Turn) {
        *self.turn.lock() = turn;
        self.woken.notify_one();
    }

    /// Waits; `None` if the writer is to lead.
    fn wait(&self) -> Option<Result<Seqno, Error>> {
        let mut turn = self.turn.lock();
        loop {
            match std::mem::replace(&mut *turn, Turn::Waiting) {
                Turn::Waiting => self.woken.wait(&mut turn),
                Turn::Lead => return None,
                Turn::Done(outcome) => return Some(outcome),
            }
        }
    }
}

impl Queue {
    /// Has `write` done, by this thread or another, in a group of about `group_bytes`;
    /// `commit_group` is called by leaders and returns an outcome for each member.
    pub(crate) fn run(
        &self,
        write: Write,
        group_bytes: usize,
        commit_group: impl Fn(&[&Write]) -> Each<Result<Seqno, Error>>,
    ) -> Result<Seqno, Error> {
        let mut waiting = self.waiting.lock();
        if waiting.led {
            let turn = Mutex::new(Turn::Waiting);
            let waiter = Arc::new(Waiter { write, turn, woken: Condvar::new() });
            waiting.writers.push_back(Arc::clone(&waiter));
            drop(waiting);
            if let Some(outcome) = waiter.wait() {
                return outcome;
            }
            let followers = self.take_group(&waiter.write, group_bytes);
            return self.lead(&waiter.write, followers, commit_group);
        }
        waiting.led = true;
        drop(waiting);
        // Nobody waits where nobody leads.
        self.lead(&write, Vec::new(), commit_group)
    }

    fn lead(
        &self,
        own: &Write,
        followers: Vec<Arc<Waiter>>,
        commit_group: impl Fn(&[&Write]) -> Each<Result<Seqno, Error>>,
    ) -> Result<Seqno, Error> {
        let lead = Lead { queue: self, followers, handed_on: false };
        let mut outcomes = {
            let followers = lead.followers.iter().map(|waiter| &waiter.write);
            let group: Each<&Write> = std::iter::once(own).chain(followers).collect();
            let outcomes = commit_group(&group);
            assert_eq!(outcomes.len(), group.len(), "an outcome for each writer of the group");
            outcomes.into_iter()
        };
        let outcome = outcomes.next().unwrap_or(Err(Error::Closed));
        for (follower, outcome) in lead.followers.iter().zip(outcomes) {
            follower.wake(Turn::Done(outcome));
        }
        lead.hand_on();
        outcome
    }

    /// Takes those who wait into the group, in order, while it is short.
    fn take_group(&self, own: &Write, group_bytes: usize) -> Vec<Arc<Waiter>> {
        let mut waiting = self.waiting.lock();
        let mut bytes = own.batch.ops.encoded_bytes();
        let mut followers = Vec::new();
        while let Some(next) = waiting.writers.front() {
            bytes += next.write.batch.ops.encoded_bytes();
            if bytes > group_bytes {
                break;
            }
            followers.extend(waiting.writers.pop_front());
        }
        followers
    }
}

/// The lead of one group; ends when it is handed on.
struct Lead<'a> {
    queue: &'a Queue,
    followers: Vec<Arc<Waiter>>,
    handed_on: bool,
}

impl Lead<'_> {
    /// Makes the next writer that waits the leader.
    fn hand_on(mut self) {
        let mut waiting = self.queue.waiting.lock();
        let next = waiting.writers.pop_front();
        waiting.led = next.is_some();
        drop(waiting);
        if let Some(next) = next {
            next.wake(Turn::Lead);
        }
        self.handed_on = true;
    }
}

impl Drop for Lead<'_> {
    /// After a panic of the leader, nobody else would wake those who wait.
    fn drop(&mut self) {
        if self.handed_on {
            return;
        }
        let mut waiting = self.queue.waiting.lock();
        waiting.led = false;
        let left: Vec<_> = self.followers.drain(..).chain(waiting.writers.drain(..)).collect();
        drop(waiting);
        for waiter in left {
            waiter.wake(Turn::Done(Err(Error::Closed)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::atomic::{AtomicU64, Ordering};
    use crate::{Durability, WriteBatch};

    fn write() -> Write {
        Write { batch: WriteBatch::new(), durability: Durability::Buffered }
    }

    #[test]
    fn every_writer_gets_one_outcome_of_its_own_and_one_leads_at_a_time() {
        let (queue, next, leading) =
            (Queue::default(), AtomicU64::new(0), crate::sync::atomic::AtomicBool::new(false));
        let commit = |group: &[&Write]| {
            assert!(!leading.swap(true, Ordering::SeqCst), "two leaders");
            let outcomes = group.iter().map(|_| Ok(next.fetch_add(1, Ordering::SeqCst))).collect();
            leading.store(false, Ordering::SeqCst);
            outcomes
        };
        let mut seqnos: Vec<u64> = std::thread::scope(|scope| {
            let writer = || (0..500).map(|_| queue.run(write(), 1, commit).unwrap()).collect();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(writer)).collect();
            threads.into_iter().flat_map(|thread| -> Vec<u64> { thread.join().unwrap() }).collect()
        });
        seqnos.sort_unstable();
        assert!(seqnos.into_iter().eq(0..2000));
    }

    #[test]
    fn a_panic_of_the_leader_leaves_the_queue_usable() {
        let queue = Queue::default();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            drop(queue.run(write(), 1, |_| panic!("leader")));
        }));
        assert!(panicked.is_err());
        assert_eq!(queue.run(write(), 1, |_| smallvec::smallvec![Ok(3)]).ok(), Some(3));
    }
}
