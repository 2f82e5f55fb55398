//! Reading a keyspace in every way, with what comes out as plain data.

use crate::op::Way;
use crate::outcome::{Outcome, Pair, State, short};
use siltstone::{Cursor, Db, EntryKind, Error, Keys, Keyspace, Scan, Value};

/// From which end the next one is taken: `true` for the front.
pub(crate) fn turns(way: Way) -> impl FnMut() -> bool {
    let mut bits = match way {
        Way::Forward => u32::MAX,
        Way::Backward => 0,
        Way::Mixed(bits) => bits,
    };
    move || {
        bits = bits.rotate_left(1);
        bits & 1 == 1
    }
}

pub(crate) fn pair((key, value): (Value, Value)) -> Pair {
    (key.into_vec(), value.into_vec())
}

/// Reads a scan to its end.
pub(crate) fn pairs(mut scan: Scan, way: Way) -> Result<Outcome, Error> {
    let mut turns = turns(way);
    let mut found = Vec::new();
    while let Some(next) = if turns() { scan.next() } else { scan.next_back() } {
        found.push(pair(next?));
    }
    Ok(if scan.next().is_some() || scan.next_back().is_some() {
        Outcome::Contradiction("a scan that had ended went on".into())
    } else {
        Outcome::Pairs(found)
    })
}

/// Reads a scan of keys to its end.
pub(crate) fn keys(mut keys: Keys, way: Way) -> Result<Outcome, Error> {
    let mut turns = turns(way);
    let mut found = Vec::new();
    while let Some(next) = if turns() { keys.next() } else { keys.next_back() } {
        found.push(next?.into_vec());
    }
    Ok(Outcome::Keys(found))
}

/// Where a cursor stands after a move.
pub(crate) fn stand(cursor: &Cursor, moved: bool) -> Result<Option<Pair>, Error> {
    assert_eq!(moved, cursor.valid(), "a move says whether it ended on an entry");
    if !moved {
        return Ok(None);
    }
    Ok(Some((cursor.key().to_vec(), cursor.value()?.to_vec())))
}

/// The length that an explanation came to, which must be that of what `get` finds.
pub(crate) fn explain(keyspace: &Keyspace, key: &[u8]) -> Result<Outcome, Error> {
    let explanation = keyspace.explain_get(key)?;
    let put = explanation.decided_by.filter(|decision| decision.kind == EntryKind::Put);
    let explained = put.map(|decision| decision.value_bytes);
    let found = keyspace.get(key)?.map(|value| value.len() as u64);
    let ends_there = explanation.steps.last().is_some_and(|step| step.found);
    if found != explained || ends_there != explanation.decided_by.is_some() {
        let key = short(key);
        let why = format!("{key}: get finds {found:?}, explain_get says {explanation:?}");
        return Ok(Outcome::Contradiction(why));
    }
    Ok(Outcome::Length(explained))
}

/// Every keyspace, read forward.
pub(crate) fn state(db: &Db) -> Result<State, Error> {
    let mut state = State::new();
    for name in db.list_keyspaces()? {
        let pairs = db.keyspace(&name)?.scan(..)?;
        let pairs = pairs.map(|next| next.map(pair));
        state.insert(name, pairs.collect::<Result<_, Error>>()?);
    }
    Ok(state)
}

/// Every keyspace, in every way: forward, backward, keys alone, a cursor, and one by one.
pub(crate) fn check_all(db: &Db) -> Result<Outcome, Error> {
    let state = state(db)?;
    for (name, map) in &state {
        let keyspace = db.keyspace(name)?;
        let contradiction =
            |what: &str| Ok(Outcome::Contradiction(format!("{name}: {what} and scan differ")));
        let backward = keyspace.scan(..)?.rev().map(|next| next.map(pair));
        let backward: Vec<_> = backward.collect::<Result<_, _>>()?;
        if !backward.iter().rev().map(|(key, value)| (key, value)).eq(map) {
            return contradiction("scan backward");
        }
        let found: Vec<_> = keyspace.keys(..)?.collect::<Result<_, _>>()?;
        if !found.iter().map(|key| &**key).eq(map.keys().map(Vec::as_slice)) {
            return contradiction("keys");
        }
        let mut cursor = keyspace.cursor()?;
        let mut moved = cursor.seek_to_first()?;
        for (key, value) in map {
            let stands = stand(&cursor, moved)?;
            if stands.as_ref().map(|(key, value)| (key, value)) != Some((key, value)) {
                return contradiction("cursor");
            }
            if keyspace.get(key)?.as_deref() != Some(value) || !keyspace.contains_key(key)? {
                return contradiction("get");
            }
            moved = cursor.next()?;
        }
        if moved {
            return contradiction("cursor");
        }
    }
    Ok(Outcome::State(state))
}
