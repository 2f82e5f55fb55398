//! What was written, in order, and which states a crash may leave of it.

use crate::common::State;
use siltstone::Seqno;
use std::collections::BTreeMap;

/// Contents of one keyspace.
pub(crate) type Map = BTreeMap<Vec<u8>, Vec<u8>>;

/// One op: the number of the keyspace, the key, and the value unless it is a delete.
pub(crate) type Op = (u64, Vec<u8>, Option<Vec<u8>>);

/// A batch that was written, or was tried to.
#[derive(Clone, Debug)]
pub(crate) struct Write {
    pub(crate) ops: Vec<Op>,
    pub(crate) seqno: Seqno,
}

/// Keyspaces that exist: their names and numbers. One that was dropped and made again has
/// another number.
pub(crate) type Spaces = BTreeMap<String, u64>;

/// A checkpoint, and what it must show.
#[derive(Clone, Debug)]
pub(crate) struct Copy {
    pub(crate) dir: String,
    pub(crate) state: State,
    /// Whether the call returned; else there may be no database.
    pub(crate) is_done: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    /// Acknowledged writes.
    pub(crate) writes: Vec<Write>,
    /// So many of them were made to survive loss of power.
    pub(crate) synced: usize,
    /// What did that.
    pub(crate) synced_by: &'static str,
    /// The first write that failed; its record may be there nevertheless.
    pub(crate) failed: Option<Vec<Op>>,
    pub(crate) spaces: Spaces,
    pub(crate) copies: Vec<Copy>,
    /// The other keyspaces there may be, after a creation or drop that failed.
    pub(crate) spaces_perhaps: Option<Spaces>,
}

impl History {
    /// Notes that a call returned which made all writes so far survive loss of power.
    pub(crate) fn sync_by(&mut self, what: &'static str) {
        self.sync_to(self.writes.len(), what);
    }

    /// Notes that the first `count` writes were made to survive loss of power.
    pub(crate) fn sync_to(&mut self, count: usize, what: &'static str) {
        if count > self.synced {
            (self.synced, self.synced_by) = (count, what);
        }
    }

    /// How many writes there may be in all.
    pub(crate) fn most(&self) -> usize {
        self.writes.len() + usize::from(self.failed.is_some())
    }

    /// The writes, the failed one last.
    fn ops(&self) -> impl Iterator<Item = &Vec<Op>> {
        self.writes.iter().map(|write| &write.ops).chain(&self.failed)
    }

    /// The state after the first `count` writes.
    pub(crate) fn state(&self, spaces: &Spaces, count: usize) -> State {
        let mut maps = empty(spaces);
        for ops in self.ops().take(count) {
            apply(&mut maps, ops);
        }
        named(spaces, &maps)
    }

    /// The state after every acknowledged write.
    pub(crate) fn state_now(&self) -> State {
        self.state(&self.spaces, self.writes.len())
    }

    /// Whether `found` is the state after every acknowledged write and no other.
    pub(crate) fn is_now(&self, found: &State) -> bool {
        let count = self.writes.len();
        let spaces = [Some(&self.spaces), self.spaces_perhaps.as_ref()];
        spaces.into_iter().flatten().any(|spaces| self.state(spaces, count) == *found)
    }

    /// Takes what an opening found, after at least `least` writes, for what happened: a failed
    /// write or change of the keyspaces did or did not.
    ///
    /// # Panics
    ///
    /// If that is no prefix.
    pub(crate) fn settle(&mut self, found: &State, least: usize, visible: Seqno) {
        let count = self.assert_prefix(found, least);
        if let Some(perhaps) = self.spaces_perhaps.take()
            && !self.matches(&self.spaces, found).contains(&count)
        {
            self.spaces = perhaps;
        }
        match self.failed.take() {
            Some(ops) if count > self.writes.len() => {
                self.writes.push(Write { ops, seqno: visible });
            }
            _ => self.writes.truncate(count),
        }
        self.synced = self.synced.min(self.writes.len());
    }

    /// After how many writes, with these keyspaces, the state is `found`: each such number.
    pub(crate) fn matches(&self, spaces: &Spaces, found: &State) -> Vec<usize> {
        if !spaces.keys().eq(found.keys()) {
            return Vec::new();
        }
        let wanted: Vec<(u64, &Map)> =
            spaces.iter().map(|(name, number)| (*number, &found[name])).collect();
        let mut maps = empty(spaces);
        let mut counts = Vec::new();
        let mut ops = self.ops();
        for count in 0.. {
            if wanted.iter().all(|(number, map)| maps[number] == **map) {
                counts.push(count);
            }
            let Some(next) = ops.next() else { break };
            apply(&mut maps, next);
        }
        counts
    }

    /// How many writes lead to `found`, at least `least`; the smallest such number.
    ///
    /// # Panics
    ///
    /// If none does.
    pub(crate) fn assert_prefix(&self, found: &State, least: usize) -> usize {
        let possible: Vec<_> = [Some(&self.spaces), self.spaces_perhaps.as_ref()]
            .into_iter()
            .flatten()
            .filter(|spaces| spaces.keys().eq(found.keys()))
            .collect();
        let names = found.keys();
        assert!(!possible.is_empty(), "the keyspaces are {names:?}, not {:?}", self.spaces);
        let mut below = None;
        for spaces in &possible {
            let counts = self.matches(spaces, found);
            if let Some(&count) = counts.iter().find(|&&count| count >= least) {
                return count;
            }
            below = below.max(counts.last().copied());
        }
        let (all, wanted) = (self.most(), self.state(possible[0], self.writes.len()));
        panic!(
            "no prefix of {least}..={all} writes (synced by {}): it is that of {below:?}; after all \
             writes it would differ in {:?}",
            self.synced_by,
            difference(found, &wanted)
        );
    }

    /// The seqno of the last of the first `count` writes.
    pub(crate) fn seqno_after(&self, count: usize) -> Seqno {
        let mut counted = self.writes.iter().take(count);
        counted.next_back().map_or(0, |write| write.seqno)
    }

    /// How many acknowledged writes have a seqno of at most `seqno`.
    pub(crate) fn count_through(&self, seqno: Seqno) -> usize {
        self.writes.partition_point(|write| write.seqno <= seqno)
    }
}

fn empty(spaces: &Spaces) -> BTreeMap<u64, Map> {
    spaces.values().map(|&number| (number, Map::new())).collect()
}

fn named(spaces: &Spaces, maps: &BTreeMap<u64, Map>) -> State {
    spaces.iter().map(|(name, number)| (name.clone(), maps[number].clone())).collect()
}

fn apply(maps: &mut BTreeMap<u64, Map>, ops: &[Op]) {
    for (number, key, value) in ops {
        let Some(map) = maps.get_mut(number) else { continue };
        match value {
            Some(value) => map.insert(key.clone(), value.clone()),
            None => map.remove(key),
        };
    }
}

/// Keys whose values differ, with the lengths of both.
pub(crate) fn difference(found: &State, wanted: &State) -> Vec<String> {
    let length = |state: &State, name: &str, key: &[u8]| state[name].get(key).map(Vec::len);
    let mut differences = Vec::new();
    for name in found.keys() {
        let mut keys: Vec<_> = found[name].keys().chain(wanted[name].keys()).collect();
        keys.sort();
        keys.dedup();
        let keys = keys.into_iter().filter(|&key| found[name].get(key) != wanted[name].get(key));
        differences.extend(keys.map(|key| {
            let (found, wanted) = (length(found, name, key), length(wanted, name, key));
            format!("{name} {}: found {found:?}, wanted {wanted:?}", key.escape_ascii())
        }));
    }
    differences
}
