//! The memtable against a sorted map.

use crate::draw::Draw;
use siltstone_base::{Cursor as _, EntryKind};
use siltstone_memtable::Memtable;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

/// Versions of keys as the memtable orders them.
type Model = BTreeMap<(Vec<u8>, Reverse<u64>), (EntryKind, Vec<u8>)>;

pub(crate) fn model(data: &[u8]) {
    let mut draw = Draw::new(data);
    let table = Arc::new(Memtable::new(draw.bytes(2)));
    let mut model = Model::new();
    let mut seqno = 0;
    while !draw.is_empty() {
        let key = draw.key();
        match draw.below(4) {
            0 => check_get(&table, &model, &key, draw.below(40) as u64),
            1 => check_seek(&table, &model, &key, draw.below(40) as u64),
            _ => {
                seqno += 1;
                let kind = if draw.one_in(4) { EntryKind::Delete } else { EntryKind::Put };
                let value = if kind == EntryKind::Put { draw.bytes(20) } else { &[] };
                assert!(table.try_insert(&key, seqno, kind, value), "a new version is taken");
                assert!(!table.try_insert(&key, seqno, kind, b""), "an old one is not");
                model.insert((key, Reverse(seqno)), (kind, value.to_vec()));
            }
        }
    }
    assert_eq!(table.len(), model.len());
    let mut cursor = table.cursor();
    let Ok(mut more) = cursor.seek_to_last();
    for ((key, Reverse(seqno)), (kind, value)) in model.iter().rev() {
        assert!(more, "an entry is missing");
        let entry = cursor.entry();
        assert_eq!((entry.key, entry.seqno, entry.kind), (key.as_slice(), *seqno, *kind));
        assert_eq!(entry.value, value);
        let Ok(moved) = cursor.prev();
        more = moved;
    }
    assert!(!more, "there is an entry too much");
}

fn check_get(table: &Memtable, model: &Model, key: &[u8], seqno: u64) {
    let expected = model.range((key.to_vec(), Reverse(seqno))..).next();
    let expected = expected.filter(|((other, _), _)| other == key);
    let found = table.get(key, seqno);
    let found = found.map(|found| (found.kind, found.value.to_vec()));
    assert_eq!(found, expected.map(|(_, version)| version.clone()));
}

fn check_seek(table: &Arc<Memtable>, model: &Model, key: &[u8], seqno: u64) {
    let target = (key.to_vec(), Reverse(seqno));
    let mut cursor = table.cursor();
    let Ok(found) = cursor.seek(key, seqno);
    let at = |found: bool, cursor: &siltstone_memtable::MemtableCursor| {
        found.then(|| (cursor.entry().key.to_vec(), Reverse(cursor.entry().seqno)))
    };
    let expected = model.range(target.clone()..).next().map(|(at, _)| at.clone());
    assert_eq!(at(found, &cursor), expected);
    let Ok(found) = cursor.seek_for_prev(key, seqno);
    let expected = model.range((Bound::Unbounded, Bound::Included(target))).next_back();
    assert_eq!(at(found, &cursor), expected.map(|(at, _)| at.clone()));
}
