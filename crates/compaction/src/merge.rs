//! Many sorted runs read as one, in both directions.
//!
//! Order: as [`internal_cmp`]; entries that agree in key and seqno come in the order of their
//! runs, newest run first. Going backward is exactly the reverse.
//!
//! Always, while the cursor stands on an entry: every other run stands on its nearest entry
//! beyond the current one in the direction of travel, or on none if there is no such entry.
//! A change of direction is what breaks this, and [`MergeCursor::turn`] restores it.

use crate::loser_tree::LoserTree;
use siltstone_base::{Cursor, Entry, PinnedBytes, Seqno, internal_cmp, key};
use std::cmp::Ordering;

#[cfg(test)]
mod tests;

/// The merge of sorted runs, newest first, as one cursor.
///
/// It shows every version in every run and hides none: who may see what, and what may be
/// dropped, is decided by those who read it.
///
/// After an error it stands on no entry until the next seek.
#[derive(Debug)]
pub struct MergeCursor<C> {
    runs: Vec<C>,
    tree: LoserTree,
    direction: Direction,
    valid: bool,
    /// What the heads in the tree leave out.
    common_prefix: Vec<u8>,
    /// The current key while the runs turn around; kept for its allocation.
    turning_key: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Forward,
    Backward,
}

impl<C: Cursor> MergeCursor<C> {
    /// Merges `runs`, the newest first; there may be none. It stands on no entry yet.
    pub fn new(runs: Vec<C>) -> Self {
        Self {
            runs,
            tree: LoserTree::default(),
            direction: Direction::Forward,
            valid: false,
            common_prefix: Vec::new(),
            turning_key: Vec::new(),
        }
    }

    /// The same merge, fastest for keys that begin with `prefix`; others come in order just as
    /// well. Set it before the first seek.
    ///
    /// Without it, keys that share their first eight bytes are compared in full at each step.
    #[must_use]
    pub fn expecting_prefix(mut self, prefix: &[u8]) -> Self {
        debug_assert!(!self.valid, "heads in the tree are of one prefix");
        self.common_prefix = prefix.to_vec();
        self
    }

    /// The runs that are merged, newest first.
    pub fn runs(&self) -> &[C] {
        &self.runs
    }

    /// Which of the runs holds the entry under the cursor.
    ///
    /// # Panics
    ///
    /// As [`entry`](Cursor::entry).
    pub fn current_run(&self) -> usize {
        assert!(self.valid, "the cursor stands on no entry");
        self.tree.winner()
    }

    /// Positions every run by `seek`, to travel in `direction` from there.
    fn seek_runs(
        &mut self,
        direction: Direction,
        mut seek: impl FnMut(&mut C) -> Result<bool, C::Error>,
    ) -> Result<bool, C::Error> {
        self.valid = false;
        for run in &mut self.runs {
            seek(run)?;
        }
        self.direction = direction;
        Ok(self.play_all())
    }

    /// Moves one entry on in `direction`.
    #[inline]
    fn step(&mut self, direction: Direction) -> Result<bool, C::Error> {
        if !self.valid {
            return Ok(false);
        }
        // Whatever fails from here on leaves the cursor on no entry.
        self.valid = false;
        let current = self.tree.winner();
        if self.direction != direction {
            self.turn(current, direction)?;
            advance(&mut self.runs[current], direction)?;
            return Ok(self.play_all());
        }
        advance(&mut self.runs[current], direction)?;
        if self.runs.len() > 1 {
            let head = head(&self.runs[current], direction, &self.common_prefix);
            self.tree.replay(head, |a, b| goes_first(&self.runs, direction, a, b));
        }
        Ok(self.settle())
    }

    /// Puts every run but `current` on its nearest entry beyond the current one in `direction`.
    ///
    /// By seeking, not by one step back: a run in memory may have got new entries between the
    /// current one and where its cursor stands, and they must not come out of order.
    #[cold]
    fn turn(&mut self, current: usize, direction: Direction) -> Result<(), C::Error> {
        let entry = self.runs[current].entry();
        self.turning_key.clear();
        self.turning_key.extend_from_slice(entry.key);
        let (key, seqno) = (self.turning_key.as_slice(), entry.seqno);
        for (index, run) in self.runs.iter_mut().enumerate().filter(|&(i, _)| i != current) {
            match direction {
                Direction::Forward => run.seek(key, seqno)?,
                Direction::Backward => run.seek_for_prev(key, seqno)?,
            };
            // An entry that equals the current one lies on the side where its run stands.
            let beyond = if index > current { Direction::Forward } else { Direction::Backward };
            while beyond != direction && run.valid() && is_at(run, key, seqno) {
                advance(run, direction)?;
            }
        }
        self.direction = direction;
        Ok(())
    }

    fn play_all(&mut self) -> bool {
        let (runs, direction, prefix) = (&self.runs, self.direction, &self.common_prefix);
        self.tree.build(
            runs.len(),
            |run| head(&runs[run], direction, prefix),
            |a, b| goes_first(runs, direction, a, b),
        );
        self.settle()
    }

    #[inline]
    fn settle(&mut self) -> bool {
        self.valid = self.runs.get(self.tree.winner()).is_some_and(Cursor::valid);
        self.valid
    }
}

impl<C: Cursor> Cursor for MergeCursor<C> {
    type Error = C::Error;

    #[inline]
    fn valid(&self) -> bool {
        self.valid
    }

    fn seek_to_first(&mut self) -> Result<bool, C::Error> {
        self.seek_runs(Direction::Forward, C::seek_to_first)
    }

    fn seek_to_last(&mut self) -> Result<bool, C::Error> {
        self.seek_runs(Direction::Backward, C::seek_to_last)
    }

    fn seek(&mut self, key: &[u8], seqno: Seqno) -> Result<bool, C::Error> {
        self.seek_runs(Direction::Forward, |run| run.seek(key, seqno))
    }

    fn seek_for_prev(&mut self, key: &[u8], seqno: Seqno) -> Result<bool, C::Error> {
        self.seek_runs(Direction::Backward, |run| run.seek_for_prev(key, seqno))
    }

    #[inline]
    fn next(&mut self) -> Result<bool, C::Error> {
        self.step(Direction::Forward)
    }

    #[inline]
    fn prev(&mut self) -> Result<bool, C::Error> {
        self.step(Direction::Backward)
    }

    #[inline]
    fn entry(&self) -> Entry<'_> {
        assert!(self.valid, "the cursor stands on no entry");
        self.runs[self.tree.winner()].entry()
    }

    fn pin_value(&self) -> PinnedBytes {
        assert!(self.valid, "the cursor stands on no entry");
        self.runs[self.tree.winner()].pin_value()
    }
}

#[inline]
fn advance<C: Cursor>(run: &mut C, direction: Direction) -> Result<bool, C::Error> {
    match direction {
        Direction::Forward => run.next(),
        Direction::Backward => run.prev(),
    }
}

/// The head of a run: smaller goes first in `direction`, and a run at its end has the largest.
#[inline]
fn head<C: Cursor>(run: &C, direction: Direction, common_prefix: &[u8]) -> u64 {
    if !run.valid() {
        return u64::MAX;
    }
    let head = key::head8_after(common_prefix, run.entry().key);
    match direction {
        Direction::Forward => head,
        Direction::Backward => !head,
    }
}

/// Whether run `a` goes before run `b`, when their heads are equal.
#[inline]
fn goes_first<C: Cursor>(runs: &[C], direction: Direction, a: usize, b: usize) -> bool {
    if !runs[a].valid() || !runs[b].valid() {
        // Heads cannot tell the end of a run from a key of eight bytes 0xff.
        return runs[a].valid();
    }
    let (left, right) = (runs[a].entry(), runs[b].entry());
    let order = internal_cmp((left.key, left.seqno), (right.key, right.seqno)).then(a.cmp(&b));
    match direction {
        Direction::Forward => order == Ordering::Less,
        Direction::Backward => order == Ordering::Greater,
    }
}

fn is_at<C: Cursor>(run: &C, key: &[u8], seqno: Seqno) -> bool {
    let entry = run.entry();
    entry.seqno == seqno && entry.key == key
}
