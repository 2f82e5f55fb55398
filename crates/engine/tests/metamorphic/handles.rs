//! Cursors, scans, snapshots and values that the database under test keeps while it goes on.

use crate::op::{Op, SLOTS};
use crate::outcome::{Outcome, kind};
use crate::reads;
use crate::subject::{HeldValue, Subject};
use crate::value::Key;
use siltstone::{Error, Keyspace, Value};

impl Subject {
    pub(crate) fn use_held(&mut self, op: &Op) -> Option<Result<Outcome, Error>> {
        Some(match *op {
            Op::NewCursor { slot, space } => {
                let cursor = self.spaces[usize::from(space)].as_ref().map(Keyspace::cursor);
                hold(&mut self.cursors, slot, cursor)
            }
            Op::SnapshotCursor { slot, snapshot, space } => {
                let snapshot = self.snapshots[usize::from(snapshot)].as_ref();
                let keyspace = self.spaces[usize::from(space)].as_ref();
                let cursor = snapshot.zip(keyspace).map(|(snapshot, of)| snapshot.cursor(of));
                hold(&mut self.cursors, slot, cursor)
            }
            Op::DropCursor { slot } => Ok(done_if(self.cursors[usize::from(slot)].take().as_ref())),
            Op::NewScan { slot, space, range } => {
                let keyspace = self.spaces[usize::from(space)].as_ref();
                hold(&mut self.scans, slot, keyspace.map(|keyspace| keyspace.scan(range.bounds())))
            }
            Op::TakeFront { slot, times } => Ok(self.take(slot, times, true)),
            Op::TakeBack { slot, times } => Ok(self.take(slot, times, false)),
            Op::DropScan { slot } => Ok(done_if(self.scans[usize::from(slot)].take().as_ref())),
            Op::TakeSnapshot { slot } => {
                let snapshot = self.db().snapshot();
                hold(&mut self.snapshots, slot, Some(Ok(snapshot)))
            }
            Op::CloneSnapshot { from, to } => {
                let copy = self.snapshots[usize::from(from)].clone();
                hold(&mut self.snapshots, to, copy.map(Ok))
            }
            Op::DropSnapshot { slot } => {
                Ok(done_if(self.snapshots[usize::from(slot)].take().as_ref()))
            }
            Op::HoldValue { slot, space, key } => self.hold_value(slot, space, key),
            Op::LookAtValue { slot } => {
                let held = self.values[usize::from(slot)].clone();
                Ok(held.map_or(Outcome::Skipped, |HeldValue(value)| {
                    Outcome::Value(value.map(Value::into_vec))
                }))
            }
            _ => return self.move_cursor(op),
        })
    }

    fn hold_value(&mut self, slot: u8, space: u8, key: Key) -> Result<Outcome, Error> {
        let Some(keyspace) = &self.spaces[usize::from(space)] else { return Ok(Outcome::Skipped) };
        let value = keyspace.get(key.bytes())?;
        self.values[usize::from(slot)] = Some(HeldValue(value.clone()));
        Ok(Outcome::Value(value.map(Value::into_vec)))
    }

    fn move_cursor(&mut self, op: &Op) -> Option<Result<Outcome, Error>> {
        let (Op::SeekFirst { slot }
        | Op::SeekLast { slot }
        | Op::Seek { slot, .. }
        | Op::SeekForPrev { slot, .. }
        | Op::Next { slot, .. }
        | Op::Prev { slot, .. }) = *op
        else {
            return None;
        };
        let Some(cursor) = &mut self.cursors[usize::from(slot)] else {
            return Some(Ok(Outcome::Skipped));
        };
        let times =
            if let Op::Next { times, .. } | Op::Prev { times, .. } = *op { times } else { 1 };
        let moves = (0..times).map(|_| {
            let moved = match *op {
                Op::SeekFirst { .. } => cursor.seek_to_first(),
                Op::SeekLast { .. } => cursor.seek_to_last(),
                Op::Seek { key, .. } => cursor.seek(key.bytes()),
                Op::SeekForPrev { key, .. } => cursor.seek_for_prev(key.bytes()),
                Op::Next { .. } => cursor.next(),
                _ => cursor.prev(),
            };
            reads::stand(cursor, moved?)
        });
        Some(moves.collect::<Result<_, _>>().map(Outcome::Moves))
    }

    fn take(&mut self, slot: u8, times: u8, front: bool) -> Outcome {
        let Some(scan) = &mut self.scans[usize::from(slot)] else { return Outcome::Skipped };
        let (mut taken, mut failed) = (Vec::new(), None);
        for _ in 0..times {
            match if front { scan.next() } else { scan.next_back() } {
                Some(Err(error)) => failed = Some(kind(&error)),
                Some(Ok(found)) => taken.push(Some(reads::pair(found))),
                None => taken.push(None),
            }
        }
        Outcome::Taken(taken, failed)
    }
}

fn done_if<T>(there: Option<&T>) -> Outcome {
    if there.is_some() { Outcome::Done } else { Outcome::Skipped }
}

/// Keeps what was made in its place.
fn hold<T>(
    slots: &mut [Option<T>; SLOTS],
    slot: u8,
    made: Option<Result<T, Error>>,
) -> Result<Outcome, Error> {
    let Some(made) = made else { return Ok(Outcome::Skipped) };
    slots[usize::from(slot)] = Some(made?);
    Ok(Outcome::Done)
}
