//! The memtable against a `BTreeMap` of the same entries.

use proptest::prelude::*;
use siltstone_base::{Bounds, Cursor, EntryKind, MAX_KEY_BYTES, MAX_SEQNO, Seqno};
use siltstone_memtable::{Memtable, MemtableCursor};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

type Version = (Vec<u8>, Reverse<Seqno>);
type Model = BTreeMap<Version, (EntryKind, Vec<u8>)>;

/// Few different keys, so that versions pile up and prefixes are shared: the empty key, zeros, runs
/// of `0xff`, and some of the longest there may be.
fn key() -> impl Strategy<Value = Vec<u8>> {
    let letter = || prop::sample::select(vec![0, b'a', b'b', 0xff]);
    let short = prop::collection::vec(letter(), 0..4);
    let long = (letter(), letter(), 0..=1usize).prop_map(|(fill, last, less)| {
        let mut key = vec![fill; MAX_KEY_BYTES - less];
        key[MAX_KEY_BYTES - 2] = last;
        key
    });
    let tail = prop::collection::vec(letter(), 8..10);
    prop_oneof![20 => short, 4 => tail, 1 => long]
}

/// What is written, as many versions as `count` says, their seqnos in any order.
fn versions(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<(Vec<u8>, Seqno, bool)>> {
    prop::collection::vec((key(), any::<bool>()), count).prop_flat_map(|keys| {
        let seqnos: Vec<Seqno> = (1..=keys.len() as u64).map(|index| index * 2).collect();
        (Just(keys), Just(seqnos).prop_shuffle()).prop_map(|(keys, seqnos)| {
            keys.into_iter().zip(seqnos).map(|((key, put), seqno)| (key, seqno, put)).collect()
        })
    })
}

fn seqno() -> impl Strategy<Value = Seqno> {
    prop_oneof![4 => 0u64..120, 1 => Just(MAX_SEQNO), 1 => Just(0), 1 => Just(u64::MAX)]
}

fn insert(memtable: &Memtable, model: &mut Model, (key, seqno, put): (Vec<u8>, Seqno, bool)) {
    let kind = if put { EntryKind::Put } else { EntryKind::Delete };
    let value = if put { format!("value {seqno}").into_bytes() } else { Vec::new() };
    memtable.insert(&key, seqno, kind, &value);
    model.insert((key, Reverse(seqno)), (kind, value));
}

#[derive(Clone, Debug)]
enum Move {
    First,
    Last,
    Seek(Vec<u8>, Seqno),
    SeekForPrev(Vec<u8>, Seqno),
    Next,
    Prev,
}

fn moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        1 => Just(Move::First),
        1 => Just(Move::Last),
        3 => (key(), seqno()).prop_map(|(key, seqno)| Move::Seek(key, seqno)),
        3 => (key(), seqno()).prop_map(|(key, seqno)| Move::SeekForPrev(key, seqno)),
        12 => Just(Move::Next),
        10 => Just(Move::Prev),
    ]
}

/// Where `step` leads from `from` in the model.
fn expected(model: &Model, from: Option<&Version>, step: &Move) -> Option<Version> {
    let place = |key: &Vec<u8>, seqno: &Seqno| (key.clone(), Reverse(*seqno));
    let found = match step {
        Move::First => model.iter().next(),
        Move::Last => model.iter().next_back(),
        Move::Seek(key, seqno) => model.range(place(key, seqno)..).next(),
        Move::SeekForPrev(key, seqno) => model.range(..=place(key, seqno)).next_back(),
        Move::Next => model.range((Bound::Excluded(from?), Bound::Unbounded)).next(),
        Move::Prev => model.range(..from?).next_back(),
    };
    found.map(|(version, _)| version.clone())
}

fn go(cursor: &mut MemtableCursor, step: &Move) -> bool {
    let Ok(on_entry) = match step {
        Move::First => cursor.seek_to_first(),
        Move::Last => cursor.seek_to_last(),
        Move::Seek(key, seqno) => cursor.seek(key, *seqno),
        Move::SeekForPrev(key, seqno) => cursor.seek_for_prev(key, *seqno),
        Move::Next => cursor.next(),
        Move::Prev => cursor.prev(),
    };
    assert_eq!(on_entry, cursor.valid());
    on_entry
}

/// The version under the cursor, after its kind and value were compared with the model's.
fn stands_on(cursor: &MemtableCursor, model: &Model) -> Option<Version> {
    if !cursor.valid() {
        return None;
    }
    let entry = cursor.entry();
    let version = (entry.key.to_vec(), Reverse(entry.seqno));
    let (kind, value) = model.get(&version).expect("the cursor stands on what was inserted");
    assert_eq!((entry.kind, entry.value), (*kind, &value[..]));
    assert_eq!(&*cursor.pin_value(), &value[..]);
    Some(version)
}

fn in_bounds(memtable: &Arc<Memtable>, bounds: &Bounds) -> Vec<Version> {
    let mut cursor = memtable.cursor();
    let Ok(mut on_entry) = match &bounds.lower {
        Bound::Included(key) => cursor.seek(key, MAX_SEQNO),
        // Behind the oldest version of the key: no entry has seqno 0 here.
        Bound::Excluded(key) => cursor.seek(key, 0),
        Bound::Unbounded => cursor.seek_to_first(),
    };
    let mut met = Vec::new();
    // The count is for a cursor that does not get on.
    while on_entry && !bounds.is_above(cursor.entry().key) && met.len() <= memtable.len() {
        met.push((cursor.entry().key.to_vec(), Reverse(cursor.entry().seqno)));
        Ok(on_entry) = cursor.next();
    }
    met
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(384))]

    #[test]
    fn gets_and_cursors_agree_with_the_model(
        prefix in key(),
        written in versions(0..60),
        reads in prop::collection::vec((key(), seqno()), 20),
        steps in prop::collection::vec(moves(), 60),
        ends in prop::collection::vec((key(), key()), 4),
    ) {
        let memtable = Arc::new(Memtable::new(&prefix));
        let mut model = Model::new();
        for version in written {
            insert(&memtable, &mut model, version);
        }
        prop_assert_eq!(memtable.len(), model.len());
        prop_assert_eq!(memtable.is_empty(), model.is_empty());

        for (key, seqno) in reads {
            let expected = model
                .range((key.clone(), Reverse(seqno))..)
                .next()
                .filter(|((found, _), _)| *found == key);
            let found = memtable.get(&key, seqno);
            prop_assert_eq!(
                found.map(|found| (found.seqno, found.kind, found.value.to_vec())),
                expected.map(|((_, seqno), (kind, value))| (seqno.0, *kind, value.clone()))
            );
        }

        let mut cursor = memtable.cursor();
        prop_assert!(!cursor.valid());
        let mut at = None;
        for step in &steps {
            at = expected(&model, at.as_ref(), step);
            go(&mut cursor, step);
            prop_assert_eq!(&stands_on(&cursor, &model), &at);
        }

        for (lower, upper) in ends {
            for bounds in [
                Bounds::new(Bound::Included(lower.clone()), Bound::Excluded(upper.clone())),
                Bounds::new(Bound::Excluded(lower.clone()), Bound::Included(upper)),
                Bounds::prefix(&lower),
                Bounds::ALL,
            ] {
                let keys = model.keys().filter(|(key, _)| bounds.contains(key));
                prop_assert_eq!(in_bounds(&memtable, &bounds), keys.cloned().collect::<Vec<_>>());
            }
        }
    }

    /// With inserts between the moves: what was there at the seek is never passed over, what came
    /// later is met or not, and each move leads in its direction.
    #[test]
    fn a_cursor_keeps_its_order_while_entries_come(
        written in versions(40..90),
        steps in prop::collection::vec((moves(), 0..3usize), 60),
    ) {
        let memtable = Arc::new(Memtable::new(b""));
        let (mut model, mut written) = (Model::new(), written.into_iter());
        for version in written.by_ref().take(30) {
            insert(&memtable, &mut model, version);
        }
        let mut cursor = memtable.cursor();
        let (mut at_seek, mut at): (Model, Option<Version>) = (model.clone(), None);
        for (step, inserts) in &steps {
            for version in written.by_ref().take(*inserts) {
                insert(&memtable, &mut model, version);
            }
            if !matches!(step, Move::Next | Move::Prev) {
                at_seek = model.clone();
            }
            go(&mut cursor, step);
            let now = stands_on(&cursor, &model);
            let old = expected(&at_seek, at.as_ref(), step);
            match step {
                Move::Next => {
                    prop_assert!(now.is_none() || now > at, "it went down");
                    prop_assert!(old.is_none() || (now.is_some() && now <= old), "it passed one");
                }
                Move::Prev => {
                    prop_assert!(now.is_none() || now < at, "it went up");
                    prop_assert!(old.is_none() || now >= old, "it passed one");
                }
                _ => prop_assert_eq!(&now, &old),
            }
            at = now;
        }
    }
}
