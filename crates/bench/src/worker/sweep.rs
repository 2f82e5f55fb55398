//! Reads of everything there is, an entry being an operation.

use super::reads::verify_entry;
use super::{Flow, GO_ON, ROUND, VERIFY_EVERY, Worker};
use crate::recorder::Kind;
use crate::{Direction, Error};
use std::sync::atomic::Ordering;

/// Entries for each look at the clock, which takes as long as a good part of a step to the next.
const GROUP: u64 = 16;

impl Worker<'_> {
    /// Reads everything, again and again if only time ends it.
    pub(super) fn sweep(&mut self, direction: Direction) -> Result<(), Error> {
        let expected = self.shared.live.count();
        loop {
            let (count, finished) = self.sweep_once(direction)?;
            if finished && count != expected {
                let why = format!("{count} entries instead of {expected}");
                return Err(self.mismatch(b"", why));
            }
            let again = !self.shared.length.is_counted();
            if !finished || !again || count == 0 {
                return Ok(());
            }
        }
    }

    /// Returns how many entries there were, and whether they were all.
    fn sweep_once(&mut self, direction: Direction) -> Result<(u64, bool), Error> {
        let shared = self.shared;
        let mut begin = shared.clock.now();
        let (mut count, mut finished, mut wrong) = (0_u64, true, None);
        self.session.scan(None, direction, &mut |key, value| {
            let in_order = match direction {
                Direction::Forward => self.key.as_slice() < key,
                Direction::Reverse => self.key.as_slice() > key,
            };
            if count > 0 && !in_order {
                wrong = Some((key.to_vec(), "it is out of order".to_owned()));
                return Flow::Break(());
            }
            self.key.clear();
            self.key.extend_from_slice(key);
            if count % VERIFY_EVERY == 0 {
                self.recorder.verified += 1;
                if let Err(why) =
                    verify_entry(shared, key, value, &self.generations, &mut self.buffer)
                {
                    wrong = Some((key.to_vec(), why));
                    return Flow::Break(());
                }
            }
            count += 1;
            self.recorder.found += 1;
            self.recorder.entries_read += 1;
            self.recorder.user_bytes_read += (key.len() + value.len()) as u64;
            if count % GROUP != 0 {
                return GO_ON;
            }
            let end = shared.clock.now();
            self.recorder.record_mean(Kind::Read, begin, end, GROUP);
            begin = end;
            let late = shared.length.deadline().is_some_and(|deadline| end >= deadline);
            if count % ROUND == 0 {
                (shared.progress)(ROUND);
            }
            if late || count % ROUND == 0 && shared.stop.load(Ordering::Relaxed) {
                finished = false;
                return Flow::Break(());
            }
            GO_ON
        })?;
        if count % GROUP != 0 {
            self.recorder.record_mean(Kind::Read, begin, shared.clock.now(), count % GROUP);
        }
        match wrong {
            Some((key, why)) => Err(self.mismatch(&key, why)),
            None => Ok((count, finished)),
        }
    }
}
