//! Ranges of keys as callers write them.

use siltstone_base::Bounds;
use std::ops::{Bound, Range, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive};

mod sealed {
    pub trait Sealed {}
}

/// A range of keys: `..`, `a..b`, `a..=b`, `a..`, `..b`, `..=b` or a pair of [`Bound`]s, of
/// anything that is bytes.
///
/// Sealed: the standard's `RangeBounds<K>` leaves `K` open for `..`, so `scan(..)` would not
/// compile.
pub trait KeyRange: sealed::Sealed {
    /// The two ends.
    fn into_bounds(self) -> Bounds;
}

fn bytes<K: AsRef<[u8]>>(key: &K) -> Vec<u8> {
    key.as_ref().to_vec()
}

macro_rules! key_range {
    ($range:ty, $self:ident => $lower:expr, $upper:expr) => {
        impl<K: AsRef<[u8]>> sealed::Sealed for $range {}
        impl<K: AsRef<[u8]>> KeyRange for $range {
            fn into_bounds($self) -> Bounds {
                Bounds::new($lower, $upper)
            }
        }
    };
}

key_range!(Range<K>, self => Bound::Included(bytes(&self.start)), Bound::Excluded(bytes(&self.end)));
key_range!(RangeInclusive<K>, self => Bound::Included(bytes(self.start())), Bound::Included(bytes(self.end())));
key_range!(RangeFrom<K>, self => Bound::Included(bytes(&self.start)), Bound::Unbounded);
key_range!(RangeTo<K>, self => Bound::Unbounded, Bound::Excluded(bytes(&self.end)));
key_range!(RangeToInclusive<K>, self => Bound::Unbounded, Bound::Included(bytes(&self.end)));
key_range!((Bound<K>, Bound<K>), self => self.0.as_ref().map(bytes), self.1.as_ref().map(bytes));

impl sealed::Sealed for RangeFull {}
impl KeyRange for RangeFull {
    fn into_bounds(self) -> Bounds {
        Bounds::ALL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_range_is_taken() {
        let check = |bounds: Bounds, inside: &[&str], outside: &[&str]| {
            assert!(inside.iter().all(|key| bounds.contains(key.as_bytes())), "{bounds:?}");
            assert!(!outside.iter().any(|key| bounds.contains(key.as_bytes())), "{bounds:?}");
        };
        check((..).into_bounds(), &["", "a", "z"], &[]);
        check(("b".."d").into_bounds(), &["b", "c"], &["a", "d"]);
        check((b"b"..=b"d").into_bounds(), &["b", "d"], &["a", "e"]);
        check((String::from("b")..).into_bounds(), &["b", "z"], &["a"]);
        check((..vec![b'b']).into_bounds(), &["", "a"], &["b"]);
        check((..="b").into_bounds(), &["", "b"], &["c"]);
        let pair = (Bound::Excluded("b"), Bound::<&str>::Unbounded);
        check(pair.into_bounds(), &["c"], &["b"]);
    }
}
