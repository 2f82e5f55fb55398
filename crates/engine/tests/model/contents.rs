//! What a keyspace should hold: the model.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

/// Keys and values in order. Clones are cheap until one of them changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Contents(Arc<BTreeMap<Vec<u8>, Arc<[u8]>>>);

pub(crate) type Pair = (Vec<u8>, Arc<[u8]>);
pub(crate) type Ends = (Bound<Vec<u8>>, Bound<Vec<u8>>);

impl Contents {
    pub(crate) fn put(&mut self, key: &[u8], value: &[u8]) {
        Arc::make_mut(&mut self.0).insert(key.to_vec(), value.into());
    }

    pub(crate) fn delete(&mut self, key: &[u8]) {
        Arc::make_mut(&mut self.0).remove(key);
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.0.get(key).map(|value| &**value)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.0.keys()
    }

    pub(crate) fn pairs(&self, is_wanted: impl Fn(&[u8]) -> bool) -> Vec<Pair> {
        let wanted = self.0.iter().filter(|(key, _)| is_wanted(key));
        wanted.map(|(key, value)| (key.clone(), Arc::clone(value))).collect()
    }

    /// What lies between `ends`; nothing if they are in the wrong order.
    pub(crate) fn between(&self, ends: &Ends) -> Vec<Pair> {
        self.pairs(|key| is_above(&ends.0, key) && is_below(&ends.1, key))
    }

    pub(crate) fn first(&self) -> Option<&[u8]> {
        self.0.keys().next().map(Vec::as_slice)
    }

    pub(crate) fn last(&self) -> Option<&[u8]> {
        self.0.keys().next_back().map(Vec::as_slice)
    }

    /// The first key at or behind `key`.
    pub(crate) fn at_or_behind(&self, key: &[u8]) -> Option<&[u8]> {
        self.span(Bound::Included(key), Bound::Unbounded).next()
    }

    pub(crate) fn behind(&self, key: &[u8]) -> Option<&[u8]> {
        self.span(Bound::Excluded(key), Bound::Unbounded).next()
    }

    /// The last key at or before `key`.
    pub(crate) fn at_or_before(&self, key: &[u8]) -> Option<&[u8]> {
        self.span(Bound::Unbounded, Bound::Included(key)).next_back()
    }

    pub(crate) fn before(&self, key: &[u8]) -> Option<&[u8]> {
        self.span(Bound::Unbounded, Bound::Excluded(key)).next_back()
    }

    fn span(
        &self,
        lower: Bound<&[u8]>,
        upper: Bound<&[u8]>,
    ) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.0.range::<[u8], _>((lower, upper)).map(|(key, _)| key.as_slice())
    }
}

fn is_above(lower: &Bound<Vec<u8>>, key: &[u8]) -> bool {
    match lower {
        Bound::Unbounded => true,
        Bound::Included(end) => key >= end.as_slice(),
        Bound::Excluded(end) => key > end.as_slice(),
    }
}

fn is_below(upper: &Bound<Vec<u8>>, key: &[u8]) -> bool {
    match upper {
        Bound::Unbounded => true,
        Bound::Included(end) => key <= end.as_slice(),
        Bound::Excluded(end) => key < end.as_slice(),
    }
}
