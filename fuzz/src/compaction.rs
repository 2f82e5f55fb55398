//! Merges, retention, policies, version edits.

use crate::draw::Draw;
use siltstone_base::{Cursor as _, Entry, EntryKind, KeySpan};
use siltstone_compaction::{
    CompactionPolicy, Env, Leveled, MergeCursor, Placed, Retention, RunId, TableMeta, Version,
    VersionEdit, VersionView, check,
};
use siltstone_memtable::Memtable;
use siltstone_sstable::TableId;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A walk over a merge of runs against one over the sorted union.
pub(crate) fn merge_model(data: &[u8]) {
    let mut draw = Draw::new(data);
    let runs: Vec<_> = (0..draw.below(5)).map(|_| Arc::new(Memtable::new(b""))).collect();
    let mut all = BTreeMap::new();
    if !runs.is_empty() {
        for seqno in 1..=draw.below(40) as u64 {
            let (key, run) = (draw.key(), draw.below(runs.len()));
            runs[run].insert(&key, seqno, EntryKind::Put, &[draw.byte()]);
            all.insert((key, Reverse(seqno)), run);
        }
    }
    let all: Vec<_> = all.into_iter().collect();
    let mut cursor = MergeCursor::new(runs.iter().map(Memtable::cursor).collect());
    let mut at: Option<usize> = None;
    while !draw.is_empty() {
        let found = match draw.below(6) {
            0 => {
                at = (!all.is_empty()).then_some(0);
                cursor.seek_to_first()
            }
            1 => {
                at = all.len().checked_sub(1);
                cursor.seek_to_last()
            }
            2 => {
                let target = (draw.key(), Reverse(draw.below(40) as u64));
                let first = all.partition_point(|(other, _)| *other < target);
                at = (first < all.len()).then_some(first);
                cursor.seek(&target.0, target.1.0)
            }
            3 => {
                let target = (draw.key(), Reverse(draw.below(40) as u64));
                at = all.partition_point(|(other, _)| *other <= target).checked_sub(1);
                cursor.seek_for_prev(&target.0, target.1.0)
            }
            4 => {
                at = at.map(|at| at + 1).filter(|at| *at < all.len());
                cursor.next()
            }
            _ => {
                at = at.and_then(|at| at.checked_sub(1));
                cursor.prev()
            }
        };
        let Ok(found) = found;
        let expected = at.map(|at| &all[at]);
        assert_eq!(found, expected.is_some(), "on an entry or not");
        if let Some(((key, Reverse(seqno)), run)) = expected {
            let entry = cursor.entry();
            assert_eq!((entry.key, entry.seqno), (key.as_slice(), *seqno));
            assert_eq!(cursor.current_run(), *run);
        }
    }
}

/// What each view reads of a key is the same before and after.
pub(crate) fn retention_model(data: &[u8]) {
    let mut draw = Draw::new(data);
    let views: BTreeSet<u64> = (0..draw.below(5)).map(|_| draw.below(20) as u64).collect();
    let floor = views.last().copied().unwrap_or(0).max(draw.below(20) as u64);
    let views: Vec<u64> = views.into_iter().chain([floor]).collect();
    let is_bottom = draw.one_in(2);
    let mut entries = BTreeMap::new();
    for seqno in 1..20u64 {
        if draw.one_in(2) {
            let kind = if draw.one_in(3) { EntryKind::Delete } else { EntryKind::Put };
            entries.insert((draw.key(), Reverse(seqno)), kind);
        }
    }
    let mut views_deduped = views.clone();
    views_deduped.dedup();
    let mut retention = Retention::new(views_deduped, |_: &[u8]| is_bottom);
    let mut kept = BTreeMap::new();
    for ((key, Reverse(seqno)), kind) in &entries {
        let entry = Entry { key, seqno: *seqno, kind: *kind, value: b"" };
        if retention.keep(&entry) {
            kept.insert((key.clone(), Reverse(*seqno)), *kind);
        }
    }
    let keys: BTreeSet<_> = entries.keys().map(|(key, _)| key.clone()).collect();
    let later = floor..25;
    for view in views.iter().copied().chain(later) {
        for key in &keys {
            let read = |from: &BTreeMap<_, EntryKind>| {
                let newest = from.range((key.clone(), Reverse(view))..).next();
                let newest = newest.filter(|((other, _), _)| other == key);
                newest.map(|((_, seqno), kind)| (*seqno, *kind))
            };
            let (before, after) = (read(&entries), read(&kept));
            let same = if is_bottom {
                // A dropped tombstone reads the same as a kept one.
                let absent = |found: Option<(Reverse<u64>, EntryKind)>| {
                    found.filter(|(_, kind)| *kind == EntryKind::Put)
                };
                absent(before) == absent(after)
            } else {
                before == after
            };
            assert!(same, "view {view} of {key:?}: {before:?}, then {after:?}");
        }
    }
}

fn table(number: u64, span: KeySpan, bytes: u64) -> TableMeta {
    TableMeta {
        id: TableId { epoch: 1, number },
        span,
        file_bytes: bytes,
        digest: number,
        entries: 10,
        point_tombstones: number % 10,
        raw_bytes: bytes,
        seqnos: (number, number),
        born: number,
        data_age: (number, number),
        oldest_tombstone: (!number.is_multiple_of(10)).then_some(number),
    }
}

/// Any tree whose runs hold: every action of the policy is legal, and jobs may run at once.
pub(crate) fn picker(data: &[u8]) {
    let mut draw = Draw::new(data);
    let (mut edit, mut number) = (VersionEdit::default(), 0);
    for run in 1..=draw.below(10) as u64 {
        let level = draw.byte() % 7;
        let mut key = 0u16;
        for _ in 0..draw.below(8) {
            let first = key + 1 + u16::from(draw.byte() % 16);
            let last = first + u16::from(draw.byte() % 32);
            key = last;
            number += 1;
            let key_bytes = |key: u16| [(key >> 8) as u8, (key & 0xff) as u8].to_vec();
            let span = KeySpan::new(key_bytes(first), key_bytes(last));
            let table = table(number, span, 1 + u64::from(draw.word()));
            edit.added.push(Placed { level, run: RunId(100 - run), table });
        }
    }
    let Ok(version) = Version::empty().apply(&edit) else { return };
    let env = Env {
        memtable_bytes: 1 + u64::from(draw.word()),
        table_bytes: 1 + u64::from(draw.word()),
        free_bytes: u64::MAX / 4,
        oldest_seqno: number,
        ..Env::default()
    };
    let mut policy = Leveled::default()
        .level0_runs(1 + u32::from(draw.byte() % 6))
        .ratio(2 + u32::from(draw.byte() % 9))
        .table_bytes(1 + u64::from(draw.word()));
    let mut jobs = Vec::new();
    for round in 0..20 {
        let view = VersionView::new(&version, &jobs, env.clone());
        let mut actions = Vec::new();
        policy.pick(&view, &mut actions);
        policy.pressure(&view);
        for action in &actions {
            if let Err(illegal) = check(&view, action) {
                panic!("{illegal}: {action:?} on {}", version.describe());
            }
        }
        let Some(action) = actions.first() else { return };
        let job = action.job(&view, RunId(1000 + round));
        jobs.push(job.expect("a legal destination exists"));
    }
}

/// What is decoded and encoded again is decoded the same, and fits a tree or is refused.
pub(crate) fn version_edit(data: &[u8]) {
    let Ok(edit) = VersionEdit::decode(data) else { return };
    let mut bytes = Vec::new();
    edit.encode(&mut bytes);
    assert_eq!(VersionEdit::decode(&bytes), Ok(edit.clone()));
    if let Ok(version) = Version::empty().apply(&edit) {
        let whole = VersionEdit::of_version(&version);
        let again = Version::empty().apply(&whole).expect("a version can be made again");
        assert_eq!(again.describe(), version.describe());
        drop(version.apply(&edit));
    }
}

/// Any bytes are a policy's state, or are refused and change nothing.
pub(crate) fn policy_state(data: &[u8]) {
    let mut policy = Leveled::default();
    if policy.load(data).is_err() {
        assert_eq!(policy, Leveled::default(), "a refused state changed the policy");
        return;
    }
    let saved = policy.save();
    let mut again = Leveled::default();
    again.load(&saved).expect("what was saved is loaded");
    assert_eq!(again.save(), saved);
}

pub(crate) fn seeds_edit() -> Vec<Vec<u8>> {
    let span = KeySpan::new(&b"apple"[..], &b"fig"[..]);
    let added = vec![Placed { level: 5, run: RunId(130), table: table(7, span, 1234) }];
    let removed = vec![TableId { epoch: 1, number: 6 }];
    let mut bytes = Vec::new();
    VersionEdit { removed, added }.encode(&mut bytes);
    vec![bytes]
}
