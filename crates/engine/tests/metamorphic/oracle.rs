//! What a database should answer: sorted maps in memory, and the list of what is not synced yet.

use crate::model::{Contents, Model};
use crate::op::{Keep, Op, Way, Write};
use crate::outcome::{Outcome, Pair, State, difference, state_difference};
use crate::value::{Key, Range, is_between};
use std::collections::BTreeMap;

/// A rule of the oracle made wrong on purpose, to see that this is found and made short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// Deletes in the keyspace `busy` do nothing.
    DeletesIgnored,
    /// A snapshot shows what is there now.
    SnapshotsMove,
    /// A power cut takes nothing.
    NothingIsLost,
}

/// What the oracle says of an op.
enum Wanted {
    This(Outcome),
    /// One of two: whether an error is met depends on how far a scan has looked.
    Either(Outcome, Outcome),
    /// A seqno above all before it, by so many at least.
    Above(u64),
    /// All that there is, after an opening.
    Recovered,
}

impl Model {
    /// Does `op` and compares what the database answered with what it should have.
    ///
    /// # Errors
    ///
    /// The difference.
    pub(crate) fn judge(&mut self, op: &Op, found: &Outcome) -> Result<(), String> {
        let wanted = self.answer(op);
        let same = |wanted: &Outcome| -> Result<(), String> {
            if found == wanted { Ok(()) } else { Err(difference(found, wanted)) }
        };
        match wanted {
            Wanted::This(wanted) => same(&wanted),
            Wanted::Either(wanted, other) => same(&wanted).or_else(|why| same(&other).or(Err(why))),
            Wanted::Above(writes) => match found {
                Outcome::Seqno(seqno) if *seqno >= self.last_seqno + writes => {
                    self.last_seqno = *seqno;
                    Ok(())
                }
                other => Err(format!(
                    "found {other:?}, should be a seqno of {} or more",
                    self.last_seqno + writes
                )),
            },
            Wanted::Recovered => match found {
                Outcome::State(state) => self.recovered(state),
                other => Err(format!("found {other:?}, should be a state")),
            },
        }
    }

    fn answer(&mut self, op: &Op) -> Wanted {
        match op {
            Op::Put { .. }
            | Op::Delete { .. }
            | Op::Batch { .. }
            | Op::Fill { .. }
            | Op::PutOverLimit { .. }
            | Op::WriteForeign { .. } => self.answer_write(op),
            Op::NewScan { .. }
            | Op::TakeFront { .. }
            | Op::TakeBack { .. }
            | Op::DropScan { .. } => self.answer_scan(op),
            Op::Reopen { .. } | Op::ReopenAs { .. } | Op::UseClosed => self.reopen(op),
            Op::Die | Op::PowerCut { .. } | Op::CutRecovery { .. } => self.crash(op),
            Op::Create { .. }
            | Op::DropSpace { .. }
            | Op::Recreate { .. }
            | Op::FindSpace { .. }
            | Op::ListSpaces => Wanted::This(self.answer_space(op)),
            _ => Wanted::This(
                self.answer_read(op)
                    .or_else(|| self.answer_held(op))
                    .unwrap_or_else(|| self.answer_upkeep(op)),
            ),
        }
    }

    fn answer_write(&mut self, op: &Op) -> Wanted {
        let writes = match op {
            Op::Put { space, key, value } => vec![Write::Set(*space, *key, *value)],
            Op::Delete { space, key } => vec![Write::Unset(*space, *key)],
            Op::Batch { writes, .. } => writes.0.clone(),
            Op::Fill { space, first, count, bytes } => {
                return self.fill(*space, *first, *count, *bytes);
            }
            Op::PutOverLimit { space } | Op::WriteForeign { space } => {
                let kind = if matches!(op, Op::WriteForeign { .. }) {
                    "foreign handle"
                } else {
                    "too large"
                };
                let known = self.handle(*space).is_some();
                return Wanted::This(if known { Outcome::Failed(kind) } else { Outcome::Skipped });
            }
            _ => unreachable!("it is a write"),
        };
        let spaces = writes.iter().map(|(Write::Set(space, ..) | Write::Unset(space, _))| *space);
        let handles: Vec<_> = spaces.map(|space| self.handle(space)).collect();
        if handles.contains(&None) {
            return Wanted::This(Outcome::Skipped);
        }
        if handles.iter().flatten().any(|number| !self.contents.contains_key(number)) {
            return Wanted::This(Outcome::Failed("keyspace dropped"));
        }
        let count = writes.len() as u64;
        self.write(&writes, matches!(op, Op::Batch { sync: true, .. }));
        Wanted::Above(count)
    }

    fn fill(&mut self, space: u8, first: u16, count: u16, bytes: u32) -> Wanted {
        match self.handle(space) {
            None => return Wanted::This(Outcome::Skipped),
            Some(number) if count > 0 && !self.contents.contains_key(&number) => {
                return Wanted::This(Outcome::Failed("keyspace dropped"));
            }
            Some(_) if count == 0 => return Wanted::This(Outcome::Done),
            Some(_) => {}
        }
        for write in crate::op::fill(space, first, count, bytes) {
            self.write(&[write], false);
        }
        Wanted::Above(u64::from(count))
    }

    fn answer_read(&self, op: &Op) -> Option<Outcome> {
        Some(match *op {
            Op::Get { space, key } => self.with(space, |map| Outcome::Value(value_of(map, key))),
            Op::Contains { space, key } => {
                self.with(space, |map| Outcome::Flag(map.contains_key(&key.bytes())))
            }
            Op::Explain { space, key } => self.with(space, |map| {
                Outcome::Length(map.get(&key.bytes()).map(|value| value.len() as u64))
            }),
            Op::Scan { space, range, way } => {
                self.with(space, |map| Outcome::Pairs(ordered(between(map, range), way)))
            }
            Op::ScanPrefix { space, prefix, way } => {
                self.with(space, |map| Outcome::Pairs(ordered(with_prefix(map, prefix), way)))
            }
            Op::Keys { space, range, way } => {
                self.with(space, |map| Outcome::Keys(keys(ordered(between(map, range), way))))
            }
            Op::Size { space, .. } => self.with(space, |_| Outcome::Done),
            Op::SnapshotGet { slot, space, key } => {
                self.with_snapshot(slot, space, |map| Outcome::Value(value_of(map, key)))
            }
            Op::SnapshotScan { slot, space, range, way } => {
                self.with_snapshot(slot, space, |map| {
                    Outcome::Pairs(ordered(between(map, range), way))
                })
            }
            Op::SnapshotPrefix { slot, space, prefix, way } => {
                self.with_snapshot(slot, space, |map| {
                    Outcome::Pairs(ordered(with_prefix(map, prefix), way))
                })
            }
            Op::SnapshotKeys { slot, space, range, way } => {
                self.with_snapshot(slot, space, |map| {
                    Outcome::Keys(keys(ordered(between(map, range), way)))
                })
            }
            _ => return None,
        })
    }

    fn answer_upkeep(&mut self, op: &Op) -> Outcome {
        match *op {
            Op::Sync | Op::FlushAll => {
                self.synced();
                Outcome::Done
            }
            Op::Flush { space } | Op::Compact { space, .. } => self.with(space, |_| Outcome::Done),
            Op::Checkpoint { .. } => {
                self.synced();
                Outcome::State(self.state())
            }
            Op::CheckAll => Outcome::State(self.state()),
            Op::OpenTwice => Outcome::Failed("locked"),
            Op::Verify | Op::Metrics | Op::Tree => Outcome::Done,
            _ => unreachable!("{op:?} is answered elsewhere"),
        }
    }

    fn answer_scan(&mut self, op: &Op) -> Wanted {
        match *op {
            Op::NewScan { slot, space, range } => Wanted::This(self.new_scan(slot, space, range)),
            Op::DropScan { slot } => Wanted::This(self.drop_scan(slot)),
            Op::TakeFront { slot, times } => {
                let (wanted, other) = self.take(slot, times, true);
                Wanted::Either(wanted, other)
            }
            Op::TakeBack { slot, times } => {
                let (wanted, other) = self.take(slot, times, false);
                Wanted::Either(wanted, other)
            }
            _ => unreachable!("it is about a scan"),
        }
    }

    fn reopen(&mut self, op: &Op) -> Wanted {
        // A close makes everything durable, and so does the last handle that goes.
        self.synced();
        self.let_go();
        if let Op::ReopenAs { salt } = *op {
            self.config = self.config.other(salt);
        }
        if matches!(op, Op::UseClosed) {
            self.find_handles();
            return Wanted::This(Outcome::Errors(vec!["closed"; crate::lives::CLOSED_CALLS]));
        }
        Wanted::Recovered
    }

    fn crash(&mut self, op: &Op) -> Wanted {
        let all_stays = match *op {
            Op::PowerCut { synced, keep, .. } => synced || matches!(keep, Keep::Everything),
            Op::CutRecovery { synced, .. } => synced,
            _ => true,
        };
        if all_stays || self.wrong == Some(Wrong::NothingIsLost) {
            self.synced();
        }
        self.let_go();
        Wanted::Recovered
    }

    /// Takes over what an opening found, if it may be: all that was synced, and the first of the
    /// writes after that.
    fn recovered(&mut self, found: &State) -> Result<(), String> {
        let mut maps = self.durable.clone();
        let wanted = self.state();
        let pending = std::mem::take(&mut self.pending);
        for count in 0..=pending.len() {
            if self.is_state(&maps, found) {
                self.last_seqno = self.durable_seqno;
                self.lost_writes += (pending.len() - count) as u64;
                self.kept_writes += count as u64;
                self.contents.retain(|number, _| maps.contains_key(number));
                for (number, map) in &mut self.contents {
                    map.clone_from(&maps[number]);
                }
                self.synced();
                self.find_handles();
                return Ok(());
            }
            if let Some(writes) = pending.get(count) {
                crate::model::apply(&mut maps, writes);
            }
        }
        Err(format!(
            "no prefix: no first part of the {} unsynced writes leads to this; after all of them, {}",
            pending.len(),
            state_difference(found, &wanted)
        ))
    }
}

pub(crate) fn value_of(map: &Contents, key: Key) -> Option<Vec<u8>> {
    map.get(&key.bytes()).cloned()
}

fn keys(pairs: Vec<Pair>) -> Vec<Vec<u8>> {
    pairs.into_iter().map(|(key, _)| key).collect()
}

pub(crate) fn between(map: &BTreeMap<Vec<u8>, Vec<u8>>, range: Range) -> Vec<Pair> {
    let bounds = range.bounds();
    let inside = map.iter().filter(|(key, _)| is_between(&bounds, key));
    inside.map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn with_prefix(map: &BTreeMap<Vec<u8>, Vec<u8>>, prefix: Key) -> Vec<Pair> {
    let prefix = prefix.bytes();
    let inside = map.iter().filter(|(key, _)| key.starts_with(&prefix));
    inside.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// In the order in which `way` takes them.
fn ordered(pairs: Vec<Pair>, way: Way) -> Vec<Pair> {
    let mut turns = crate::reads::turns(way);
    let mut left = pairs.into_iter();
    let mut taken = Vec::new();
    while let Some(pair) = if turns() { left.next() } else { left.next_back() } {
        taken.push(pair);
    }
    taken
}
