//! Ranges of user keys: open-ended ones that a reader asks for, closed ones that a table covers.

use std::ops::Bound;

/// A range of keys that is asked for; either end may be open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Where it begins.
    pub lower: Bound<Vec<u8>>,
    /// Where it ends.
    pub upper: Bound<Vec<u8>>,
}

impl Bounds {
    /// Every key.
    pub const ALL: Self = Self { lower: Bound::Unbounded, upper: Bound::Unbounded };

    /// The range between two bounds; empty if they cross.
    pub const fn new(lower: Bound<Vec<u8>>, upper: Bound<Vec<u8>>) -> Self {
        Self { lower, upper }
    }

    /// Every key that begins with `prefix`.
    pub fn prefix(prefix: &[u8]) -> Self {
        let upper = crate::key::after_prefix(prefix).map_or(Bound::Unbounded, Bound::Excluded);
        Self { lower: Bound::Included(prefix.to_vec()), upper }
    }

    /// Whether `key` lies in the range.
    pub fn contains(&self, key: &[u8]) -> bool {
        !self.is_below(key) && !self.is_above(key)
    }

    /// Whether `key` lies before the range.
    pub fn is_below(&self, key: &[u8]) -> bool {
        match &self.lower {
            Bound::Included(lower) => key < lower.as_slice(),
            Bound::Excluded(lower) => key <= lower.as_slice(),
            Bound::Unbounded => false,
        }
    }

    /// Whether `key` lies after the range.
    pub fn is_above(&self, key: &[u8]) -> bool {
        match &self.upper {
            Bound::Included(upper) => key > upper.as_slice(),
            Bound::Excluded(upper) => key >= upper.as_slice(),
            Bound::Unbounded => false,
        }
    }

    /// Whether no key can lie in the range because its ends cross.
    pub fn is_empty(&self) -> bool {
        match (&self.lower, &self.upper) {
            (Bound::Unbounded, Bound::Excluded(upper)) => upper.is_empty(),
            (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
            (Bound::Included(lower), Bound::Included(upper)) => lower > upper,
            (Bound::Included(lower), Bound::Excluded(upper))
            | (Bound::Excluded(lower), Bound::Included(upper)) => lower >= upper,
            // Even "after k, before k\0" holds nothing: no key lies between them.
            (Bound::Excluded(lower), Bound::Excluded(upper)) => {
                lower >= upper || crate::key::is_successor(lower, upper)
            }
        }
    }
}

/// The keys from `first` to `last`, both included: what a table or a job covers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeySpan {
    /// Smallest key.
    pub first: Vec<u8>,
    /// Largest key.
    pub last: Vec<u8>,
}

impl KeySpan {
    /// The span of two keys.
    ///
    /// # Panics
    ///
    /// If `first` is larger than `last`.
    pub fn new(first: impl Into<Vec<u8>>, last: impl Into<Vec<u8>>) -> Self {
        let (first, last) = (first.into(), last.into());
        assert!(first <= last, "a span runs upwards");
        Self { first, last }
    }

    /// Whether `key` lies in the span.
    pub fn contains(&self, key: &[u8]) -> bool {
        self.first.as_slice() <= key && key <= self.last.as_slice()
    }

    /// Whether the spans share a key.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }

    /// Whether the span and `bounds` share a key (judged by the ends alone).
    pub fn meets(&self, bounds: &Bounds) -> bool {
        !bounds.is_below(&self.last) && !bounds.is_above(&self.first)
    }

    /// The smallest span that covers both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self {
            first: self.first.as_slice().min(&other.first).to_vec(),
            last: self.last.as_slice().max(&other.last).to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_of_ff_has_no_upper_bound() {
        assert_eq!(Bounds::prefix(b"\xff\xff").upper, Bound::Unbounded);
        assert_eq!(Bounds::prefix(b"a\xff").upper, Bound::Excluded(b"b".to_vec()));
        assert_eq!(Bounds::prefix(b""), Bounds::new(Bound::Included(vec![]), Bound::Unbounded));
    }

    #[test]
    fn crossed_bounds_hold_nothing() {
        let check = |lower: Bound<&[u8]>, upper: Bound<&[u8]>, empty: bool| {
            let bounds = Bounds::new(lower.map(<[u8]>::to_vec), upper.map(<[u8]>::to_vec));
            assert_eq!(bounds.is_empty(), empty, "{bounds:?}");
        };
        check(Bound::Included(b"b"), Bound::Included(b"b"), false);
        check(Bound::Included(b"b"), Bound::Excluded(b"b"), true);
        check(Bound::Excluded(b"b"), Bound::Excluded(b"b\0"), true);
        check(Bound::Excluded(b"b"), Bound::Excluded(b"b\x01"), false);
        check(Bound::Unbounded, Bound::Excluded(b""), true);
        check(Bound::Unbounded, Bound::Included(b""), false);
        check(Bound::Included(b"c"), Bound::Included(b"b"), true);
    }

    #[test]
    fn spans_meet_bounds_at_their_ends() {
        let span = KeySpan::new("d", "k");
        let bounds =
            |l: Bound<&str>, u: Bound<&str>| Bounds::new(l.map(Into::into), u.map(Into::into));
        assert!(span.meets(&bounds(Bound::Included("k"), Bound::Unbounded)));
        assert!(!span.meets(&bounds(Bound::Excluded("k"), Bound::Unbounded)));
        assert!(span.meets(&bounds(Bound::Unbounded, Bound::Included("d"))));
        assert!(!span.meets(&bounds(Bound::Unbounded, Bound::Excluded("d"))));
        assert!(span.overlaps(&KeySpan::new("k", "z")) && !span.overlaps(&KeySpan::new("l", "z")));
    }
}
