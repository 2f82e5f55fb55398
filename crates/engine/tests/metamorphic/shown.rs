//! What held cursors, scans, snapshots, values and copies must show.

use crate::model::{Contents, Model};
use crate::op::Op;
use crate::oracle::{between, value_of};
use crate::outcome::{Outcome, Pair};
use crate::value::Range;
use std::collections::VecDeque;
use std::ops::Bound;
use std::sync::Arc;

/// What a cursor walks over, and the key it stands on.
#[derive(Debug)]
pub(crate) struct HeldCursor {
    number: u64,
    contents: Contents,
    at: Option<Vec<u8>>,
}

/// What is left of a scan.
#[derive(Debug)]
pub(crate) struct HeldScan {
    number: u64,
    left: VecDeque<Pair>,
    ended: bool,
}

impl Model {
    /// What is about held cursors, snapshots, values and copies.
    pub(crate) fn answer_held(&mut self, op: &Op) -> Option<Outcome> {
        Some(match *op {
            Op::NewCursor { slot, space } => self.new_cursor(slot, space, None),
            Op::SnapshotCursor { slot, snapshot, space } => {
                self.new_cursor(slot, space, Some(snapshot))
            }
            Op::SeekFirst { .. }
            | Op::SeekLast { .. }
            | Op::Seek { .. }
            | Op::SeekForPrev { .. }
            | Op::Next { .. }
            | Op::Prev { .. } => self.move_cursor(op),
            Op::DropCursor { slot } => done_if(self.cursors[usize::from(slot)].take().is_some()),
            Op::TakeSnapshot { slot } => {
                self.snapshots[usize::from(slot)] = Some(self.contents.clone());
                Outcome::Done
            }
            Op::CloneSnapshot { from, to } => {
                let copy = self.snapshots[usize::from(from)].clone();
                let there = copy.is_some();
                if there {
                    self.snapshots[usize::from(to)] = copy;
                }
                done_if(there)
            }
            Op::DropSnapshot { slot } => {
                done_if(self.snapshots[usize::from(slot)].take().is_some())
            }
            Op::HoldValue { slot, space, key } => {
                let outcome = self.with(space, |map| Outcome::Value(value_of(map, key)));
                if matches!(outcome, Outcome::Value(_)) {
                    self.values[usize::from(slot)] = Some(outcome.clone());
                }
                outcome
            }
            Op::LookAtValue { slot } => {
                self.values[usize::from(slot)].clone().unwrap_or(Outcome::Skipped)
            }
            Op::OpenReadOnly { slot, .. } => {
                self.copies[usize::from(slot)] = Some(self.state());
                Outcome::State(self.state())
            }
            Op::AskReadOnly { slot } => {
                self.copies[usize::from(slot)].clone().map_or(Outcome::Skipped, Outcome::State)
            }
            Op::DropReadOnly { slot } => done_if(self.copies[usize::from(slot)].take().is_some()),
            _ => return None,
        })
    }

    fn new_cursor(&mut self, slot: u8, space: u8, snapshot: Option<u8>) -> Outcome {
        let mut shown = None;
        let mut take = |map: &Contents| {
            shown = Some(Arc::clone(map));
            Outcome::Done
        };
        let outcome = match snapshot {
            None => self.with(space, &mut take),
            Some(snapshot) => self.with_snapshot(snapshot, space, &mut take),
        };
        if let (Some(contents), Some(number)) = (shown, self.handle(space)) {
            self.cursors[usize::from(slot)] = Some(HeldCursor { number, contents, at: None });
        }
        outcome
    }

    fn move_cursor(&mut self, op: &Op) -> Outcome {
        let (Op::SeekFirst { slot }
        | Op::SeekLast { slot }
        | Op::Seek { slot, .. }
        | Op::SeekForPrev { slot, .. }
        | Op::Next { slot, .. }
        | Op::Prev { slot, .. }) = *op
        else {
            unreachable!("it moves a cursor")
        };
        let Some(cursor) = &mut self.cursors[usize::from(slot)] else { return Outcome::Skipped };
        if !self.contents.contains_key(&cursor.number) {
            return Outcome::Failed("keyspace dropped");
        }
        let moves = match *op {
            Op::SeekFirst { .. } => vec![cursor.go(Bound::Unbounded, Bound::Unbounded, true)],
            Op::SeekLast { .. } => vec![cursor.go(Bound::Unbounded, Bound::Unbounded, false)],
            Op::Seek { key, .. } => {
                vec![cursor.go(Bound::Included(key.bytes()), Bound::Unbounded, true)]
            }
            Op::SeekForPrev { key, .. } => {
                vec![cursor.go(Bound::Unbounded, Bound::Included(key.bytes()), false)]
            }
            Op::Next { times, .. } => (0..times).map(|_| cursor.step(true)).collect(),
            Op::Prev { times, .. } => (0..times).map(|_| cursor.step(false)).collect(),
            _ => unreachable!("it moves a cursor"),
        };
        Outcome::Moves(moves)
    }

    pub(crate) fn new_scan(&mut self, slot: u8, space: u8, range: Range) -> Outcome {
        let mut left = None;
        let outcome = self.with(space, |map| {
            left = Some(between(map, range).into());
            Outcome::Done
        });
        if let (Some(left), Some(number)) = (left, self.handle(space)) {
            let scan = HeldScan { number, left, ended: false };
            self.scans[usize::from(slot)] = Some(scan);
        }
        outcome
    }

    pub(crate) fn drop_scan(&mut self, slot: u8) -> Outcome {
        done_if(self.scans[usize::from(slot)].take().is_some())
    }

    /// What a scan gives next; if its keyspace was dropped, it may have ended before.
    pub(crate) fn take(&mut self, slot: u8, times: u8, front: bool) -> (Outcome, Outcome) {
        let Some(scan) = &mut self.scans[usize::from(slot)] else {
            return (Outcome::Skipped, Outcome::Skipped);
        };
        let nothing = Outcome::Taken(vec![None; usize::from(times)], None);
        if !self.contents.contains_key(&scan.number) && !scan.ended && times > 0 {
            let may_have_ended = scan.left.is_empty();
            scan.ended = true;
            scan.left.clear();
            let failed =
                Outcome::Taken(vec![None; usize::from(times) - 1], Some("keyspace dropped"));
            return (failed.clone(), if may_have_ended { nothing } else { failed });
        }
        let mut taken = Vec::new();
        for _ in 0..times {
            let pair = if front { scan.left.pop_front() } else { scan.left.pop_back() };
            scan.ended |= pair.is_none();
            taken.push(pair);
        }
        let taken = Outcome::Taken(taken, None);
        (taken.clone(), taken)
    }
}

impl HeldCursor {
    /// Moves to the first or last key between two ends.
    fn go(&mut self, lower: Bound<Vec<u8>>, upper: Bound<Vec<u8>>, first: bool) -> Option<Pair> {
        let mut span = self.contents.range((lower, upper));
        let pair = if first { span.next() } else { span.next_back() };
        let pair = pair.map(|(key, value)| (key.clone(), value.clone()));
        self.at = pair.as_ref().map(|(key, _)| key.clone());
        pair
    }

    fn step(&mut self, forward: bool) -> Option<Pair> {
        let at = self.at.clone()?;
        if forward {
            self.go(Bound::Excluded(at), Bound::Unbounded, true)
        } else {
            self.go(Bound::Unbounded, Bound::Excluded(at), false)
        }
    }
}

fn done_if(there: bool) -> Outcome {
    if there { Outcome::Done } else { Outcome::Skipped }
}
