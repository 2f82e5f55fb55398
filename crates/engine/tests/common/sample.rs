//! Keys, values and ranges that are likely to hurt: few keys, shared prefixes, the ends of the
//! key space, and now and then the longest.

use super::Chance;
use std::ops::Bound;

/// Prefixes that keys are made of and that are scanned for.
const PREFIXES: [&[u8]; 7] = [b"", b"a", b"ab", b"user:", b"\0", b"\xff", b"\xff\xff"];

/// A key out of about a thousand.
pub(crate) fn key(chance: &Chance) -> Vec<u8> {
    match chance.below(1000) {
        0..600 => [*chance.pick(&PREFIXES), chance.below(120).to_string().as_bytes()].concat(),
        600..750 => {
            let length = chance.below(5);
            (0..length).map(|_| *chance.pick(&[0, b'a', b'b', 255])).collect()
        }
        750..820 => vec![255; chance.below(20)],
        820..850 => Vec::new(),
        850..996 => format!("{:/>80}{:04}", "shared", chance.below(150)).into_bytes(),
        _ => longest_key(chance),
    }
}

/// One of four keys of 65,535 bytes.
fn longest_key(chance: &Chance) -> Vec<u8> {
    let mut key = vec![*chance.pick(b"a\xff"); 65_535];
    *key.last_mut().unwrap() = *chance.pick(b"x\xff");
    key
}

/// A value that no other draw of this test gives, unless it is shorter than a number.
pub(crate) fn value(chance: &Chance, number: u64) -> Vec<u8> {
    let bytes = match chance.below(1000) {
        0..60 => 0,
        60..600 => chance.between(8, 40),
        600..900 => chance.between(40, 300),
        900..997 => chance.between(300, 4_000),
        _ => chance.between(20_000, 70_000),
    };
    let mut value = number.to_le_bytes().repeat(bytes / 8 + 1);
    value.truncate(bytes);
    value
}

/// Something that many keys begin with.
pub(crate) fn prefix(chance: &Chance) -> Vec<u8> {
    match chance.below(10) {
        0 => key(chance),
        1 => format!("{:/>80}00", "shared").into_bytes(),
        _ => chance.pick(&PREFIXES).to_vec(),
    }
}

/// Two ends of any kind; they may enclose nothing, or be in the wrong order.
pub(crate) fn range(chance: &Chance) -> (Bound<Vec<u8>>, Bound<Vec<u8>>) {
    let end = || match chance.below(4) {
        0 => Bound::Unbounded,
        1 => Bound::Excluded(key(chance)),
        _ => Bound::Included(key(chance)),
    };
    match (end(), end()) {
        (Bound::Included(lower), Bound::Included(upper)) if chance.percent(10) => {
            (Bound::Included(lower.clone()), Bound::Excluded([lower, upper].concat()))
        }
        (lower, upper) => (lower, upper),
    }
}
