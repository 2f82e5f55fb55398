//! Takes decisions out of bytes, in order; when they run out, everything is zero.

use arbitrary::Unstructured;

/// The bytes that are left.
#[derive(Debug)]
pub(crate) struct Draw<'a>(Unstructured<'a>);

impl<'a> Draw<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self(Unstructured::new(data))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.0.arbitrary().unwrap_or(0)
    }

    pub(crate) fn word(&mut self) -> u16 {
        self.0.arbitrary().unwrap_or(0)
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0.arbitrary().unwrap_or(0)
    }

    /// Below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        if end <= 256 { usize::from(self.byte()) % end } else { usize::from(self.word()) % end }
    }

    /// True in about one of `times` cases.
    pub(crate) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) + 1 == times
    }

    /// At most `most` bytes.
    pub(crate) fn bytes(&mut self, most: usize) -> &'a [u8] {
        let count = self.below(most + 1).min(self.0.len());
        self.0.bytes(count).unwrap_or_default()
    }

    /// All bytes that are left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        let count = self.0.len();
        self.0.bytes(count).unwrap_or_default()
    }

    /// A short key of a small alphabet, so that keys meet again.
    pub(crate) fn key(&mut self) -> Vec<u8> {
        let length = self.below(4);
        (0..length).map(|_| b"abc\xff"[self.below(4)]).collect()
    }

    /// Changes some bytes of `bytes`: bits, runs of zeros, a cut.
    pub(crate) fn damage(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(6) {
            if bytes.is_empty() {
                return;
            }
            let at = usize::from(self.word()) * 7 % bytes.len();
            match self.below(8) {
                0 => bytes.truncate(at),
                1 => {
                    let end = (at + 512).min(bytes.len());
                    bytes[at..end].fill(0);
                }
                2 => bytes[at] = self.byte(),
                _ => bytes[at] ^= 1 << self.below(8),
            }
        }
    }
}
