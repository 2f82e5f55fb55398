//! What a list holds by now, so that few of its ops are about nothing.

use crate::op::{Op, SLOTS};

/// Places that are filled, as far as can be told without running the list.
#[derive(Debug, Default)]
pub(crate) struct Filled {
    cursors: [bool; SLOTS],
    scans: [bool; SLOTS],
    snapshots: [bool; SLOTS],
    values: [bool; SLOTS],
    copies: [bool; SLOTS],
}

/// What makes an op about something that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    Cursor(u8),
    Scan(u8),
    Snapshot(u8),
    Value(u8),
    Copy(u8),
}

impl Filled {
    /// What `op` needs and is not there.
    pub(crate) fn missing(&self, op: &Op) -> Option<Missing> {
        let needed = needed(op)?;
        let (Missing::Cursor(slot)
        | Missing::Scan(slot)
        | Missing::Snapshot(slot)
        | Missing::Value(slot)
        | Missing::Copy(slot)) = needed;
        let slots = match needed {
            Missing::Cursor(_) => &self.cursors,
            Missing::Scan(_) => &self.scans,
            Missing::Snapshot(_) => &self.snapshots,
            Missing::Value(_) => &self.values,
            Missing::Copy(_) => &self.copies,
        };
        (!slots[usize::from(slot)]).then_some(needed)
    }

    /// Notes what `op` fills and empties.
    pub(crate) fn note(&mut self, op: &Op) {
        match *op {
            Op::NewCursor { slot, .. } | Op::SnapshotCursor { slot, .. } => {
                self.cursors[usize::from(slot)] = true;
            }
            Op::DropCursor { slot } => self.cursors[usize::from(slot)] = false,
            Op::NewScan { slot, .. } => self.scans[usize::from(slot)] = true,
            Op::DropScan { slot } => self.scans[usize::from(slot)] = false,
            Op::TakeSnapshot { slot } | Op::CloneSnapshot { to: slot, .. } => {
                self.snapshots[usize::from(slot)] = true;
            }
            Op::DropSnapshot { slot } => self.snapshots[usize::from(slot)] = false,
            Op::HoldValue { slot, .. } => self.values[usize::from(slot)] = true,
            Op::OpenReadOnly { slot, .. } => self.copies[usize::from(slot)] = true,
            Op::DropReadOnly { slot } => self.copies[usize::from(slot)] = false,
            Op::Reopen { .. }
            | Op::ReopenAs { .. }
            | Op::UseClosed
            | Op::Die
            | Op::PowerCut { .. }
            | Op::CutRecovery { .. } => {
                (self.cursors, self.scans, self.snapshots) = Default::default();
            }
            _ => {}
        }
    }
}

fn needed(op: &Op) -> Option<Missing> {
    Some(match *op {
        Op::SeekFirst { slot }
        | Op::SeekLast { slot }
        | Op::Seek { slot, .. }
        | Op::SeekForPrev { slot, .. }
        | Op::Next { slot, .. }
        | Op::Prev { slot, .. }
        | Op::DropCursor { slot } => Missing::Cursor(slot),
        Op::TakeFront { slot, .. } | Op::TakeBack { slot, .. } | Op::DropScan { slot } => {
            Missing::Scan(slot)
        }
        Op::SnapshotGet { slot, .. }
        | Op::SnapshotScan { slot, .. }
        | Op::SnapshotPrefix { slot, .. }
        | Op::SnapshotKeys { slot, .. }
        | Op::CloneSnapshot { from: slot, .. }
        | Op::SnapshotCursor { snapshot: slot, .. }
        | Op::DropSnapshot { slot } => Missing::Snapshot(slot),
        Op::LookAtValue { slot } => Missing::Value(slot),
        Op::AskReadOnly { slot } | Op::DropReadOnly { slot } => Missing::Copy(slot),
        _ => return None,
    })
}
