//! Arithmetic on keys: shared prefixes, eight-byte heads, short separators.

/// How many bytes `a` and `b` share from the start.
pub fn common_prefix_bytes(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(x, y)| x == y).count()
}

/// What all keys from `first` to `last` begin with, as a guess for keys to come; empty if the two
/// are equal, because one key does not tell where others will differ.
pub fn expected_prefix<'a>(first: &'a [u8], last: &[u8]) -> &'a [u8] {
    if first == last { &[] } else { &first[..common_prefix_bytes(first, last)] }
}

/// The first eight bytes of `rest` as a number that orders as the bytes do; missing bytes are 0.
///
/// Equal heads decide nothing: compare the keys then.
#[inline]
pub fn head8(rest: &[u8]) -> u64 {
    let mut head = [0; 8];
    let taken = rest.len().min(8);
    head[..taken].copy_from_slice(&rest[..taken]);
    u64::from_le_bytes(head).swap_bytes()
}

/// As [`head8`], with four bytes.
#[inline]
pub fn head4(rest: &[u8]) -> u32 {
    let mut head = [0; 4];
    let taken = rest.len().min(4);
    head[..taken].copy_from_slice(&rest[..taken]);
    u32::from_le_bytes(head).swap_bytes()
}

/// The head of `key` after `common`, for any key: keys that do not begin with `common` get 0 when
/// they are smaller and the largest head when they are larger, so that heads never contradict the
/// order of keys.
#[inline]
pub fn head8_after(common: &[u8], key: &[u8]) -> u64 {
    match key.strip_prefix(common) {
        Some(rest) => head8(rest),
        None if key < common => 0,
        None => u64::MAX,
    }
}

/// The smallest key larger than every key that begins with `prefix`; `None` if there is none.
pub fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let kept = prefix.iter().rposition(|&byte| byte != 0xff)?;
    let mut after = prefix[..=kept].to_vec();
    after[kept] += 1;
    Some(after)
}

/// Whether `next` is the very next key after `key`, so that none lies between.
pub fn is_successor(key: &[u8], next: &[u8]) -> bool {
    next.len() == key.len() + 1 && next.last() == Some(&0) && next.starts_with(key)
}

/// A short key `s` with `last <= s < next`, for an index between two blocks; `last` itself where
/// none is shorter.
///
/// # Panics
///
/// If `last >= next`.
pub fn separator(last: &[u8], next: &[u8]) -> Vec<u8> {
    assert!(last < next, "a separator lies between two different keys");
    let shared = common_prefix_bytes(last, next);
    let (Some(&low), Some(&high)) = (last.get(shared), next.get(shared)) else {
        return last.to_vec();
    };
    // The first different byte of `last`, raised by one, is a bound if it stays below `next`;
    // if it does not, any later byte is, where there is room to raise it.
    let raised = if low + 1 < high {
        Some(shared)
    } else {
        let behind = last[shared + 1..].iter().position(|&byte| byte != 0xff);
        behind.map(|behind| shared + 1 + behind)
    };
    match raised {
        Some(at) if at + 1 < last.len() || at == shared => {
            let mut separator = last[..=at].to_vec();
            separator[at] += 1;
            separator
        }
        _ => last.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn heads_never_contradict_the_order_of_keys(
            common in proptest::collection::vec(0u8..3, 0..4),
            a in proptest::collection::vec(0u8..3, 0..12),
            b in proptest::collection::vec(0u8..3, 0..12),
        ) {
            if head8_after(&common, &a) < head8_after(&common, &b) {
                prop_assert!(a < b);
            }
            if head4(&a) < head4(&b) {
                prop_assert!(a < b);
            }
        }

        #[test]
        fn a_separator_lies_between_and_is_no_longer(
            a in proptest::collection::vec(any::<u8>(), 0..6),
            b in proptest::collection::vec(any::<u8>(), 0..6),
        ) {
            prop_assume!(a != b);
            let (last, next) = if a < b { (a, b) } else { (b, a) };
            let between = separator(&last, &next);
            prop_assert!(last <= between && between < next);
            prop_assert!(between.len() <= last.len().max(1));
        }

        #[test]
        fn every_key_with_a_prefix_lies_before_what_follows_it(
            prefix in proptest::collection::vec(250u8.., 0..4),
            rest in proptest::collection::vec(any::<u8>(), 0..4),
        ) {
            let key = [prefix.clone(), rest].concat();
            match after_prefix(&prefix) {
                Some(after) => prop_assert!(key < after && prefix < after),
                None => prop_assert!(prefix.iter().all(|&byte| byte == 0xff)),
            }
        }
    }

    #[test]
    fn a_separator_is_short_also_between_neighbouring_bytes() {
        assert_eq!(separator(b"0000000000000009", b"0000000000000012"), b"0000000000000009");
        assert_eq!(separator(b"user:09:profile", b"user:10:address"), b"user:0:");
        assert_eq!(separator(b"a\xff\xff\x01z", b"b"), b"a\xff\xff\x02");
        assert_eq!(separator(b"abc", b"abcd"), b"abc");
    }

    #[test]
    fn only_a_zero_byte_more_is_the_successor() {
        assert!(is_successor(b"", b"\0") && is_successor(b"k", b"k\0"));
        assert!(!is_successor(b"k", b"k\x01") && !is_successor(b"k", b"k"));
    }
}
