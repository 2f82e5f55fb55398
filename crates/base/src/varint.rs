//! Unsigned integers in as many bytes as they need, seven bits each, low bits first (LEB128).
//!
//! Always: at most ten bytes; a longer or overflowing one, or one with needless zero bytes at its
//! end, is refused, so that a number has one form.

/// Most bytes of one varint.
pub const MAX_BYTES: usize = 10;

/// Appends `value`.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the low seven bits are what is wanted")]
pub fn put(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// How many bytes [`put`] takes for `value`.
pub const fn len(value: u64) -> usize {
    let bits = 64 - (value | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

/// The varint at the start of `bytes` and how many bytes it took, or `None` if there is no valid
/// one.
#[inline]
pub fn take(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0;
    for (index, &byte) in bytes.iter().take(MAX_BYTES).enumerate() {
        let low = u64::from(byte & 0x7f);
        if index == MAX_BYTES - 1 && low > 1 {
            return None;
        }
        value |= low << (7 * index);
        if byte < 0x80 {
            return (byte != 0 || index == 0).then_some((value, index + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_put_is_taken(value in any::<u64>(), shift in 0u32..64, tail in any::<u8>()) {
            let value = value >> shift;
            let mut bytes = Vec::new();
            put(&mut bytes, value);
            prop_assert_eq!(bytes.len(), len(value));
            let taken = bytes.len();
            bytes.push(tail);
            prop_assert_eq!(take(&bytes), Some((value, taken)));
        }

        #[test]
        fn any_bytes_decode_to_one_form_or_nothing(
            bytes in proptest::collection::vec(any::<u8>(), 0..12),
        ) {
            if let Some((value, taken)) = take(&bytes) {
                let mut again = Vec::new();
                put(&mut again, value);
                prop_assert_eq!(&bytes[..taken], &again[..]);
            }
        }
    }

    #[test]
    fn unfinished_overlong_and_padded_ones_are_refused() {
        assert_eq!(take(&[]), None);
        assert_eq!(take(&[0x80]), None);
        assert_eq!(take(&[0x80, 0x00]), None);
        assert_eq!(take(&[0xff; 10]), None);
        assert_eq!(take(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]), None);
    }
}
