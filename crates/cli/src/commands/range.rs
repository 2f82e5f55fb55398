//! The range of keys that `--from`, `--to` and `--prefix` say together.

use std::ops::Bound;

/// The keys from `from` on, before `to`, that begin with `prefix`.
pub(super) fn of(
    from: Option<Vec<u8>>,
    to: Option<Vec<u8>>,
    prefix: Option<&[u8]>,
) -> (Bound<Vec<u8>>, Bound<Vec<u8>>) {
    let lower = from.into_iter().chain(prefix.map(<[u8]>::to_vec)).max();
    let upper = to.into_iter().chain(prefix.and_then(after)).min();
    (
        lower.map_or(Bound::Unbounded, Bound::Included),
        upper.map_or(Bound::Unbounded, Bound::Excluded),
    )
}

/// The smallest key behind all that begin with `prefix`, if there is one.
fn after(prefix: &[u8]) -> Option<Vec<u8>> {
    let (last, rest) = prefix.split_last()?;
    match last.checked_add(1) {
        Some(next) => Some([rest, &[next]].concat()),
        None => after(rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Bound::{Excluded, Included, Unbounded};

    #[test]
    fn the_narrowest_ends_count() {
        let check = |from: Option<&[u8]>, to: Option<&[u8]>, prefix: Option<&[u8]>, expected| {
            assert_eq!(of(from.map(Into::into), to.map(Into::into), prefix), expected);
        };
        let (b, d) = (|| b"b".to_vec(), || b"d".to_vec());
        check(None, None, None, (Unbounded, Unbounded));
        check(Some(b"b"), Some(b"d"), None, (Included(b()), Excluded(d())));
        check(Some(b"a"), Some(b"z"), Some(b"b"), (Included(b()), Excluded(b"c".to_vec())));
        check(Some(b"bx"), None, Some(b"b"), (Included(b"bx".to_vec()), Excluded(b"c".to_vec())));
        check(
            None,
            None,
            Some(b"b\xff\xff"),
            (Included(b"b\xff\xff".to_vec()), Excluded(b"c".to_vec())),
        );
        check(None, None, Some(b"\xff"), (Included(b"\xff".to_vec()), Unbounded));
        check(None, None, Some(b""), (Included(vec![]), Unbounded));
    }
}
