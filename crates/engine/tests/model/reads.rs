//! Every way to read a keyspace, compared with what it should hold.

use crate::common::{Chance, sample};
use crate::contents::{Contents, Pair};
use crate::held::short;
use siltstone::{EntryKind, Error, Keyspace, Scan, Snapshot, Value};

pub(crate) fn assert_value(key: &[u8], found: Option<&[u8]>, wanted: Option<&[u8]>) {
    if found != wanted {
        let (found, wanted) = (found.map(short), wanted.map(short));
        panic!("{}: found {found:?}, should be {wanted:?}", short(key));
    }
}

pub(crate) fn assert_pair(found: Option<Result<(Value, Value), Error>>, wanted: Option<&Pair>) {
    let found = found.transpose().unwrap();
    let found = found.as_ref().map(|(key, value)| (&**key, &**value));
    let wanted = wanted.map(|(key, value)| (key.as_slice(), &**value));
    if found != wanted {
        let found = found.map(|(key, value)| (short(key), short(value)));
        let wanted = wanted.map(|(key, value)| (short(key), short(value)));
        panic!("found {found:?}, should be {wanted:?}");
    }
}

/// Reads a scan to its end, from the front, from the back, or from both ends at once.
pub(crate) fn check_scan(scan: Result<Scan, Error>, wanted: &[Pair], chance: &Chance) {
    let mut scan = scan.unwrap();
    let mut wanted = wanted.iter();
    let front_percent = *chance.pick(&[0, 50, 100]);
    loop {
        let (found, wanted) = if chance.percent(front_percent) {
            (scan.next(), wanted.next())
        } else {
            (scan.next_back(), wanted.next_back())
        };
        assert_pair(found, wanted);
        if wanted.is_none() {
            return;
        }
    }
}

/// The whole keyspace, forward and backward.
pub(crate) fn check_all(keyspace: &Keyspace, contents: &Contents) {
    let wanted = contents.pairs(|_| true);
    let mut found = keyspace.scan(..).unwrap();
    for pair in &wanted {
        assert_pair(found.next(), Some(pair));
    }
    assert_pair(found.next(), None);
    let mut found = keyspace.scan(..).unwrap().rev();
    for pair in wanted.iter().rev() {
        assert_pair(found.next(), Some(pair));
    }
    assert_pair(found.next(), None);
}

pub(crate) fn check_get(keyspace: &Keyspace, contents: &Contents, key: &[u8]) {
    let found = keyspace.get(key).unwrap();
    assert_value(key, found.as_deref(), contents.get(key));
    assert_eq!(keyspace.contains_key(key).unwrap(), contents.get(key).is_some());
}

/// Keys that are there and keys that may be.
pub(crate) fn check_gets(keyspace: &Keyspace, contents: &Contents, chance: &Chance) {
    for key in contents.keys().step_by(chance.between(1, 20)) {
        check_get(keyspace, contents, key);
    }
    for _ in 0..10 {
        check_get(keyspace, contents, &sample::key(chance));
    }
}

/// The explanation of a read ends where the read does.
pub(crate) fn check_explanation(keyspace: &Keyspace, contents: &Contents, key: &[u8]) {
    let explanation = keyspace.explain_get(key).unwrap();
    let decided = explanation.decided_by.as_ref();
    let put = decided.filter(|decision| decision.kind == EntryKind::Put);
    let value_bytes = contents.get(key).map(|value| value.len() as u64);
    assert_eq!(put.map(|decision| decision.value_bytes), value_bytes, "{explanation:?}");
    assert_eq!(explanation.steps.last().is_some_and(|step| step.found), decided.is_some());
}

pub(crate) fn check_range(keyspace: &Keyspace, contents: &Contents, chance: &Chance) {
    let ends = sample::range(chance);
    let wanted = contents.between(&ends);
    match chance.below(3) {
        0 => {
            let found = keyspace.keys(ends).unwrap();
            let found: Vec<_> = found.map(|key| key.unwrap().into_vec()).collect();
            assert!(found.iter().eq(wanted.iter().map(|(key, _)| key)));
        }
        1 => {
            let found = keyspace.keys(ends).unwrap().rev();
            let found: Vec<_> = found.map(|key| key.unwrap().into_vec()).collect();
            assert!(found.iter().eq(wanted.iter().rev().map(|(key, _)| key)));
        }
        _ => check_scan(keyspace.scan(ends), &wanted, chance),
    }
}

pub(crate) fn check_prefix(keyspace: &Keyspace, contents: &Contents, chance: &Chance) {
    let prefix = sample::prefix(chance);
    let wanted = contents.pairs(|key| key.starts_with(&prefix));
    check_scan(keyspace.scan_prefix(&prefix), &wanted, chance);
}

/// One random look at a keyspace through a snapshot.
pub(crate) fn check_snapshot(
    snapshot: &Snapshot,
    keyspace: &Keyspace,
    contents: &Contents,
    chance: &Chance,
) {
    match chance.below(6) {
        0 => {
            let prefix = sample::prefix(chance);
            let wanted = contents.pairs(|key| key.starts_with(&prefix));
            check_scan(snapshot.scan_prefix(keyspace, &prefix), &wanted, chance);
        }
        1 => {
            let ends = sample::range(chance);
            let wanted = contents.between(&ends);
            check_scan(snapshot.scan(keyspace, ends), &wanted, chance);
        }
        2 => {
            let found = snapshot.keys(keyspace, ..).unwrap();
            let found: Vec<_> = found.map(|key| key.unwrap().into_vec()).collect();
            assert!(found.iter().eq(contents.keys()));
        }
        3 => check_scan(snapshot.scan(keyspace, ..), &contents.pairs(|_| true), chance),
        _ => {
            let absent = sample::key(chance);
            for key in contents.keys().chain([&absent]).step_by(chance.between(1, 9)) {
                let found = snapshot.get(keyspace, key).unwrap();
                assert_value(key, found.as_deref(), contents.get(key));
            }
        }
    }
}
