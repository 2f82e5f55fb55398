//! Keys, values and ranges by description, short enough to be printed and easy to make simpler.

use siltstone::vfs::{Random, SeededRandom};
use std::ops::Bound;

/// What keys are made of, so that many begin alike.
const WORDS: [&[u8]; 7] = [b"", b"a", b"ab", b"user:", b"\0", b"\xff", b"\xff\xff"];
/// A word may stand at either end of the key space, or between.
pub(crate) const WORD_COUNT: usize = WORDS.len();

/// A key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    Empty,
    /// A word and a number.
    Word(u8, u16),
    /// Up to eight letters out of `\0`, `a`, `b` and `\xff`, two bits each.
    Letters(u8, u16),
    /// So many `\xff`.
    High(u8),
    /// A long shared prefix and a number.
    Shared(u16),
    /// One of four of 65,535 bytes.
    Longest(u8),
}

impl Key {
    pub(crate) fn bytes(self) -> Vec<u8> {
        match self {
            Self::Empty => Vec::new(),
            Self::Word(word, number) => {
                [WORDS[usize::from(word) % WORD_COUNT], number.to_string().as_bytes()].concat()
            }
            Self::Letters(length, bits) => {
                let letter = |at| [0, b'a', b'b', 255][usize::from(bits >> (2 * at) & 3)];
                (0..length.min(8)).map(letter).collect()
            }
            Self::High(count) => vec![255; usize::from(count)],
            Self::Shared(number) => format!("{:/>80}{number:04}", "shared").into_bytes(),
            Self::Longest(which) => {
                let mut key = vec![[b'a', 255][usize::from(which & 1)]; 65_535];
                *key.last_mut().unwrap() = [b'x', 255][usize::from(which >> 1 & 1)];
                key
            }
        }
    }
}

/// A value: its length, and a number that tells it from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Val {
    /// The number over and over.
    Tagged(u32, u32),
    /// Bytes that do not compress.
    Noise(u32, u32),
}

impl Val {
    pub(crate) const fn len(self) -> u32 {
        let (Self::Tagged(bytes, _) | Self::Noise(bytes, _)) = self;
        bytes
    }

    pub(crate) fn bytes(self) -> Vec<u8> {
        let bytes = self.len() as usize;
        let mut value: Vec<u8> = match self {
            Self::Tagged(_, tag) => tag.to_le_bytes().repeat(bytes / 4 + 1),
            Self::Noise(_, seed) => {
                let random = SeededRandom::new(u64::from(seed));
                (0..=bytes / 8).flat_map(|_| random.next_u64().to_le_bytes()).collect()
            }
        };
        value.truncate(bytes);
        value
    }
}

/// A range of keys; it may enclose nothing, or have its ends in the wrong order.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Range {
    Between(End, End),
}

/// One end of a range.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    Open,
    At(Key),
    Beyond(Key),
}

impl End {
    fn bound(self) -> Bound<Vec<u8>> {
        match self {
            Self::Open => Bound::Unbounded,
            Self::At(key) => Bound::Included(key.bytes()),
            Self::Beyond(key) => Bound::Excluded(key.bytes()),
        }
    }
}

/// Two ends, as the database takes them.
pub(crate) type Bounds = (Bound<Vec<u8>>, Bound<Vec<u8>>);

impl Range {
    pub(crate) fn bounds(self) -> Bounds {
        let Self::Between(lower, upper) = self;
        (lower.bound(), upper.bound())
    }
}

/// Whether `key` lies between `bounds`: said once more, in the plainest way.
pub(crate) fn is_between(bounds: &Bounds, key: &[u8]) -> bool {
    let above = match &bounds.0 {
        Bound::Unbounded => true,
        Bound::Included(lower) => key >= lower.as_slice(),
        Bound::Excluded(lower) => key > lower.as_slice(),
    };
    let below = match &bounds.1 {
        Bound::Unbounded => true,
        Bound::Included(upper) => key <= upper.as_slice(),
        Bound::Excluded(upper) => key < upper.as_slice(),
    };
    above && below
}
