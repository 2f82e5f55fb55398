//! Keys from their numbers.
//! ```text
//! digits    present 0000000000000010   absent 0000000000000011
//! prefixed  24 common bytes, then the same
//! random    bytes mixed from the number; the last bit is 0 if present, 1 if absent
//! ```
//! Always: number `n` has one present key and one absent key, and the absent one comes right
//! behind the present one in key order. So absent keys lie between present ones.

use crate::Error;
use crate::chance::Seeded;
use std::str::FromStr;

/// What keys look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyStyle {
    /// Decimal digits with leading zeros.
    #[default]
    Digits,
    /// Random bytes.
    Random,
    /// 24 common bytes, then digits.
    Prefixed,
}

impl KeyStyle {
    /// The length of keys where none is asked for.
    pub const fn default_bytes(self) -> usize {
        match self {
            Self::Digits | Self::Random => 16,
            Self::Prefixed => PREFIX.len() + 16,
        }
    }

    /// The name on command lines and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Digits => "digits",
            Self::Random => "random",
            Self::Prefixed => "prefixed",
        }
    }
}

impl FromStr for KeyStyle {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let styles = [Self::Digits, Self::Random, Self::Prefixed];
        let found = styles.into_iter().find(|style| style.name() == text);
        found.ok_or_else(|| format!("{text:?} is none of: digits, random, prefixed"))
    }
}

const PREFIX: &[u8; 24] = b"tenant-0000042/messages/";

/// Makes keys.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    style: KeyStyle,
    bytes: usize,
    seed: u64,
}

impl Keys {
    /// Keys of `bytes` bytes for numbers below `limit`.
    pub(crate) fn new(style: KeyStyle, bytes: usize, limit: u64, seed: u64) -> Result<Self, Error> {
        let digits = (limit * 2).checked_ilog10().map_or(1, |log| log as usize + 1);
        let least = match style {
            KeyStyle::Digits => digits,
            KeyStyle::Prefixed => PREFIX.len() + digits,
            // Eight mixed bytes tell numbers apart, one more tells present from absent.
            KeyStyle::Random => 9,
        };
        if !(least..=65_535).contains(&bytes) {
            let why = format!("{least} to 65535 for {} and so many keys", style.name());
            return Err(Error::Invalid { option: "key-bytes", why });
        }
        Ok(Self { style, bytes, seed })
    }

    /// Whether keys are in the order of their numbers.
    pub(crate) const fn are_ordered(&self) -> bool {
        matches!(self.style, KeyStyle::Digits | KeyStyle::Prefixed)
    }

    /// How long a key is.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The present key of `number`, into `key`.
    pub(crate) fn present(&self, number: u64, key: &mut Vec<u8>) {
        self.make(number, 0, key);
    }

    /// The absent key of `number`, into `key`.
    pub(crate) fn absent(&self, number: u64, key: &mut Vec<u8>) {
        self.make(number, 1, key);
    }

    fn make(&self, number: u64, absent: u8, key: &mut Vec<u8>) {
        key.clear();
        match self.style {
            KeyStyle::Digits => self.digits(number * 2 + u64::from(absent), key),
            KeyStyle::Prefixed => {
                key.extend_from_slice(PREFIX);
                self.digits(number * 2 + u64::from(absent), key);
            }
            KeyStyle::Random => {
                // The state after a seed is a bijection of it, and so is the first number.
                let mut seeded = Seeded::new(number ^ self.seed);
                while key.len() < self.bytes {
                    let bytes = seeded.next().to_le_bytes();
                    key.extend_from_slice(&bytes[..bytes.len().min(self.bytes - key.len())]);
                }
                key[self.bytes - 1] = key[self.bytes - 1] & !1 | absent;
            }
        }
    }

    /// Appends `number` so that the key gets its length.
    fn digits(&self, mut number: u64, key: &mut Vec<u8>) {
        let begin = key.len();
        key.resize(self.bytes, b'0');
        for digit in key[begin..].iter_mut().rev() {
            if number == 0 {
                break;
            }
            *digit = b"0123456789"[(number % 10) as usize];
            number /= 10;
        }
        debug_assert_eq!(number, 0, "the length was checked against the largest number");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const STYLES: [KeyStyle; 3] = [KeyStyle::Digits, KeyStyle::Random, KeyStyle::Prefixed];

    fn key(keys: &Keys, number: u64, absent: bool) -> Vec<u8> {
        let mut key = Vec::new();
        if absent {
            keys.absent(number, &mut key);
        } else {
            keys.present(number, &mut key);
        }
        key
    }

    #[test]
    fn digits_are_as_printed() {
        let keys = Keys::new(KeyStyle::Digits, 16, 1000, 1).unwrap();
        assert_eq!(key(&keys, 21, false), b"0000000000000042");
        assert_eq!(key(&keys, 21, true), b"0000000000000043");
        assert_eq!(key(&keys, 0, false), b"0000000000000000");
    }

    #[test]
    fn absent_keys_lie_between_present_ones() {
        for style in STYLES {
            let keys = Keys::new(style, style.default_bytes(), 1000, 9).unwrap();
            let present: BTreeSet<_> = (0..1000).map(|number| key(&keys, number, false)).collect();
            assert_eq!(present.len(), 1000, "{style:?}");
            for number in 0..1000 {
                let (own, absent) = (key(&keys, number, false), key(&keys, number, true));
                assert_eq!(absent.len(), style.default_bytes());
                assert!(!present.contains(&absent), "{style:?} {number}");
                assert_eq!(
                    present.range::<Vec<u8>, _>(..&absent).next_back(),
                    Some(&own),
                    "{style:?} {number}"
                );
            }
        }
    }

    #[test]
    fn a_length_that_cannot_tell_keys_apart_is_refused() {
        for (style, bytes, right) in [
            (KeyStyle::Digits, 4, true),
            (KeyStyle::Digits, 3, false),
            (KeyStyle::Prefixed, 28, true),
            (KeyStyle::Prefixed, 27, false),
            (KeyStyle::Random, 9, true),
            (KeyStyle::Random, 8, false),
            (KeyStyle::Digits, 65_536, false),
        ] {
            assert_eq!(Keys::new(style, bytes, 4999, 0).is_ok(), right, "{style:?} {bytes}");
        }
    }
}
