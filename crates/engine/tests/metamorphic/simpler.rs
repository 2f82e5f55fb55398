//! Simpler forms of one op, for the shrinker.

use crate::op::{Keep, List, Op, Way, Write};
use crate::value::{End, Key, Range, Val};

/// Forms of `op` that are simpler, the simplest first; none if it is simple.
pub(crate) fn forms(op: &Op) -> Vec<Op> {
    let mut forms = Vec::new();
    match op {
        Op::Batch { writes, sync } => {
            match *writes.0 {
                [Write::Set(space, key, value)] if !sync => {
                    forms.push(Op::Put { space, key, value });
                }
                [Write::Unset(space, key)] if !sync => forms.push(Op::Delete { space, key }),
                _ => {}
            }
            if *sync {
                forms.push(Op::Batch { writes: writes.clone(), sync: false });
            }
            for chunk in fewer(&writes.0) {
                forms.push(Op::Batch { writes: List(chunk), sync: *sync });
            }
        }
        Op::Fill { space, first, count, bytes } => {
            let (space, first, bytes) = (*space, *first, *bytes);
            for count in [1, count / 2, count.saturating_sub(1)] {
                forms.push(Op::Fill { space, first, count, bytes });
            }
            for bytes in [1, bytes / 2] {
                forms.push(Op::Fill { space, first, count: *count, bytes });
            }
            forms.retain(|form| {
                matches!(form, Op::Fill { count: fewer, bytes: shorter, .. }
                    if *fewer > 0 && (fewer < count || *shorter < bytes && *shorter > 0))
            });
        }
        Op::Next { slot, times } if *times > 1 => {
            forms.push(Op::Next { slot: *slot, times: times / 2 });
        }
        Op::Prev { slot, times } if *times > 1 => {
            forms.push(Op::Prev { slot: *slot, times: times / 2 });
        }
        Op::TakeFront { slot, times } if *times > 1 => {
            forms.push(Op::TakeFront { slot: *slot, times: times / 2 });
        }
        Op::TakeBack { slot, times } if *times > 1 => {
            forms.push(Op::TakeBack { slot: *slot, times: times / 2 });
        }
        Op::CutRecovery { keep, seed, synced, .. } => {
            forms.push(Op::PowerCut { keep: *keep, seed: *seed, synced: *synced });
        }
        Op::PowerCut { keep: Keep::Part(_), seed, synced } => {
            forms.push(Op::PowerCut { keep: Keep::Nothing, seed: *seed, synced: *synced });
        }
        Op::ReopenAs { .. } | Op::UseClosed => forms.push(Op::Reopen { close: true }),
        _ => {}
    }
    forms.extend(plain_range(op));
    forms.extend(plain_way(op));
    forms
}

/// The list without its first half, its second half, and each one alone if they are few.
fn fewer<T: Copy>(writes: &[T]) -> Vec<Vec<T>> {
    let half = writes.len() / 2;
    let mut fewer = vec![writes[half..].to_vec(), writes[..half].to_vec()];
    if writes.len() <= 8 {
        fewer.extend(
            (0..writes.len()).map(|index| [&writes[..index], &writes[index + 1..]].concat()),
        );
    }
    fewer.retain(|some| some.len() < writes.len());
    fewer
}

/// The op over everything.
fn plain_range(op: &Op) -> Option<Op> {
    let mut plain = op.clone();
    let (Op::Scan { range, .. }
    | Op::Keys { range, .. }
    | Op::Size { range, .. }
    | Op::NewScan { range, .. }
    | Op::SnapshotScan { range, .. }
    | Op::SnapshotKeys { range, .. }
    | Op::Compact { range, .. }) = &mut plain
    else {
        return None;
    };
    if matches!(range, Range::Between(End::Open, End::Open)) {
        return None;
    }
    *range = Range::Between(End::Open, End::Open);
    Some(plain)
}

/// The op forward.
fn plain_way(op: &Op) -> Option<Op> {
    let mut plain = op.clone();
    let (Op::Scan { way, .. }
    | Op::ScanPrefix { way, .. }
    | Op::Keys { way, .. }
    | Op::SnapshotScan { way, .. }
    | Op::SnapshotPrefix { way, .. }
    | Op::SnapshotKeys { way, .. }) = &mut plain
    else {
        return None;
    };
    if matches!(way, Way::Forward) {
        return None;
    }
    *way = Way::Forward;
    Some(plain)
}

/// Shows every key of `op`.
pub(crate) fn keys_of(op: &mut Op, see: &mut impl FnMut(&mut Key)) {
    match op {
        Op::Put { key, .. }
        | Op::Delete { key, .. }
        | Op::Get { key, .. }
        | Op::Contains { key, .. }
        | Op::Explain { key, .. }
        | Op::Seek { key, .. }
        | Op::SeekForPrev { key, .. }
        | Op::SnapshotGet { key, .. }
        | Op::HoldValue { key, .. } => see(key),
        Op::ScanPrefix { prefix, .. } | Op::SnapshotPrefix { prefix, .. } => see(prefix),
        Op::Batch { writes, .. } => writes.0.iter_mut().for_each(|write| match write {
            Write::Set(_, key, _) | Write::Unset(_, key) => see(key),
        }),
        Op::Scan { range, .. }
        | Op::Keys { range, .. }
        | Op::Size { range, .. }
        | Op::NewScan { range, .. }
        | Op::SnapshotScan { range, .. }
        | Op::SnapshotKeys { range, .. }
        | Op::Compact { range, .. } => {
            let Range::Between(lower, upper) = range;
            for end in [lower, upper] {
                if let End::At(key) | End::Beyond(key) = end {
                    see(key);
                }
            }
        }
        _ => {}
    }
}

/// Shows every value of `op`.
pub(crate) fn values_of(op: &mut Op, see: &mut impl FnMut(&mut Val)) {
    match op {
        Op::Put { value, .. } => see(value),
        Op::Batch { writes, .. } => writes.0.iter_mut().for_each(|write| {
            if let Write::Set(_, _, value) = write {
                see(value);
            }
        }),
        _ => {}
    }
}

/// Shows every keyspace of `op`, but for ops that make or drop one.
pub(crate) fn spaces_of(op: &mut Op, see: &mut impl FnMut(&mut u8)) {
    match op {
        Op::Put { space, .. }
        | Op::Delete { space, .. }
        | Op::Fill { space, .. }
        | Op::PutOverLimit { space }
        | Op::WriteForeign { space }
        | Op::Get { space, .. }
        | Op::Contains { space, .. }
        | Op::Explain { space, .. }
        | Op::Scan { space, .. }
        | Op::ScanPrefix { space, .. }
        | Op::Keys { space, .. }
        | Op::Size { space, .. }
        | Op::NewCursor { space, .. }
        | Op::NewScan { space, .. }
        | Op::SnapshotGet { space, .. }
        | Op::SnapshotScan { space, .. }
        | Op::SnapshotPrefix { space, .. }
        | Op::SnapshotKeys { space, .. }
        | Op::SnapshotCursor { space, .. }
        | Op::HoldValue { space, .. }
        | Op::Flush { space }
        | Op::Compact { space, .. } => see(space),
        Op::Batch { writes, .. } => writes.0.iter_mut().for_each(|write| match write {
            Write::Set(space, ..) | Write::Unset(space, _) => see(space),
        }),
        _ => {}
    }
}
