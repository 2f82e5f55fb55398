//! The bytes of one file in memory: shared by its copies until one is written to, and without the
//! zeros of a window that nobody filled yet.
//!
//! Always: behind what is stored, up to the length, every byte is zero.

use crate::Map;
#[cfg(feature = "sim")]
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// So many bytes, of which the last ones may be zeros that take no memory.
///
/// A clone copies nothing; the first of the two that is written to makes itself a copy.
#[derive(Clone, Default)]
pub(crate) struct FileBytes {
    stored: Arc<Stored>,
    count: usize,
}

/// The bytes up to the zeros at the end, or beyond.
#[derive(Default)]
pub(crate) struct Stored {
    bytes: Vec<u8>,
    /// Drawn from the bytes up to the last that is not zero; made when it is first asked for.
    sum: OnceLock<u64>,
}

impl Clone for Stored {
    fn clone(&self) -> Self {
        Self { bytes: self.bytes.clone(), sum: OnceLock::new() }
    }
}

impl AsRef<[u8]> for Stored {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl FileBytes {
    /// How many there are.
    pub(crate) const fn len(&self) -> usize {
        self.count
    }

    /// All of them.
    pub(crate) fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.count];
        self.read(&mut bytes, 0);
        bytes
    }

    /// Those of `range`, which must lie in the file.
    pub(crate) fn piece(&self, range: Range<usize>) -> Self {
        assert!(range.end <= self.count, "a piece lies in its file");
        let bytes = self.stored_in(&range).to_vec();
        Self { count: range.len(), ..Self::from(bytes) }
    }

    /// Copies into `buffer` from `offset` on and returns how many bytes there were.
    pub(crate) fn read(&self, buffer: &mut [u8], offset: usize) -> usize {
        let count = self.count.saturating_sub(offset).min(buffer.len());
        let stored = self.stored_in(&(offset..offset.saturating_add(count)));
        buffer[..stored.len()].copy_from_slice(stored);
        buffer[stored.len()..count].fill(0);
        count
    }

    /// Sets `bytes` at `offset`; what is missing before it becomes zeros.
    pub(crate) fn put(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        let stored = self.edit();
        if stored.len() < end {
            // What lies below the end and is stored, or missing, is overwritten at once.
            stored.truncate(offset);
            stored.resize(offset, 0);
            stored.extend_from_slice(bytes);
        } else {
            stored[offset..end].copy_from_slice(bytes);
        }
        self.count = self.count.max(end);
    }

    /// Sets zeros from `offset` on; what is missing before becomes zeros too.
    pub(crate) fn put_zeros(&mut self, offset: usize, count: usize) {
        let end = offset + count;
        let stored = self.stored.bytes.len();
        if offset < stored {
            self.edit()[offset..end.min(stored)].fill(0);
        }
        self.count = self.count.max(end);
    }

    /// Sets the bytes `range` of `source` at `offset`, as [`put`](Self::put) does.
    pub(crate) fn put_piece(&mut self, offset: usize, source: &Self, range: Range<usize>) {
        let stored = source.stored_in(&range);
        if !stored.is_empty() {
            self.put(offset, stored);
        }
        self.put_zeros(offset + stored.len(), range.len() - stored.len());
    }

    /// Cuts the end off, or adds zeros.
    pub(crate) fn resize(&mut self, count: usize) {
        if count < self.stored.bytes.len() {
            self.edit().truncate(count);
        }
        self.count = count;
    }

    /// Adds zeros up to the length `count`, which is no less than now.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::StorageFull`] if they could not be held if they were not zero; nothing is
    /// changed.
    pub(crate) fn grow(&mut self, count: usize) -> io::Result<()> {
        let room = Vec::<u8>::new().try_reserve_exact(count);
        room.map_err(|_| io::ErrorKind::StorageFull)?;
        self.count = self.count.max(count);
        Ok(())
    }

    /// The bytes as they are now: what is written later is not seen.
    pub(crate) fn map(&self) -> Map {
        if self.stored.bytes.len() == self.count {
            return Map::of_stored(Arc::clone(&self.stored));
        }
        Map::from(Arc::<[u8]>::from(self.to_vec()))
    }

    /// Whether all bytes are zero.
    #[cfg(feature = "sim")]
    pub(crate) fn are_zeros(&self) -> bool {
        self.stored.bytes.iter().all(|byte| *byte == 0)
    }

    /// A number that differs, almost certainly, if any byte differs. Copies that share their bytes
    /// share the work.
    #[cfg(feature = "sim")]
    pub(crate) fn fingerprint(&self) -> u64 {
        let sum = self.stored.sum.get_or_init(|| {
            let mut hasher = DefaultHasher::new();
            without_zeros(&self.stored.bytes).hash(&mut hasher);
            hasher.finish()
        });
        let mut hasher = DefaultHasher::new();
        (self.count, sum).hash(&mut hasher);
        hasher.finish()
    }

    /// What is stored of `range`; zeros follow up to its end.
    fn stored_in(&self, range: &Range<usize>) -> &[u8] {
        let stored = &self.stored.bytes;
        stored.get(range.start..range.end.min(stored.len())).unwrap_or_default()
    }

    fn edit(&mut self) -> &mut Vec<u8> {
        let stored = Arc::make_mut(&mut self.stored);
        stored.sum.take();
        &mut stored.bytes
    }
}

impl From<Vec<u8>> for FileBytes {
    fn from(bytes: Vec<u8>) -> Self {
        let count = bytes.len();
        Self { stored: Arc::new(Stored { bytes, sum: OnceLock::new() }), count }
    }
}

impl PartialEq for FileBytes {
    fn eq(&self, other: &Self) -> bool {
        self.count == other.count
            && (Arc::ptr_eq(&self.stored, &other.stored)
                || without_zeros(&self.stored.bytes) == without_zeros(&other.stored.bytes))
    }
}

/// Up to the last byte that is not zero.
fn without_zeros(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    &bytes[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededRandom;

    /// The same calls on plain bytes.
    fn put(bytes: &mut Vec<u8>, offset: usize, piece: &[u8]) {
        let end = offset + piece.len();
        bytes.resize(bytes.len().max(end), 0);
        bytes[offset..end].copy_from_slice(piece);
    }

    fn draw(random: &SeededRandom) -> Vec<u8> {
        (0..random.below(20)).map(|_| b"\0ab"[random.below(3)]).collect()
    }

    #[test]
    fn they_are_what_plain_bytes_would_be_and_copies_stay_as_they_were() {
        for seed in 0..300 {
            let random = SeededRandom::new(seed);
            let (mut sparse, mut plain) = (FileBytes::default(), Vec::new());
            let mut copies = Vec::new();
            for _ in 0..40 {
                let offset = random.below(plain.len() + 5);
                match random.below(6) {
                    0 => {
                        let bytes = draw(&random);
                        sparse.put(offset, &bytes);
                        put(&mut plain, offset, &bytes);
                    }
                    1 => {
                        let count = random.below(20);
                        sparse.put_zeros(offset, count);
                        put(&mut plain, offset, &vec![0; count]);
                    }
                    2 => {
                        sparse.resize(offset);
                        plain.resize(offset, 0);
                    }
                    3 => {
                        sparse.grow(plain.len() + offset).unwrap();
                        plain.resize(plain.len() + offset, 0);
                    }
                    4 => {
                        let from = random.below(plain.len() + 1);
                        let range = from..from + random.below(plain.len() - from + 1);
                        let source = sparse.clone();
                        assert_eq!(source.piece(range.clone()).to_vec(), plain[range.clone()]);
                        sparse.put_piece(offset, &source, range.clone());
                        let piece = plain[range].to_vec();
                        put(&mut plain, offset, &piece);
                    }
                    _ => copies.push((sparse.clone(), sparse.map(), plain.clone())),
                }
                assert_eq!(sparse.to_vec(), plain, "seed {seed}");
                let mut buffer = [9; 7];
                let count = sparse.read(&mut buffer, offset);
                let rest = plain.get(offset..).unwrap_or_default();
                assert_eq!(buffer[..count], rest[..rest.len().min(7)], "seed {seed}");
            }
            for (copy, map, plain) in &copies {
                assert_eq!(copy.to_vec(), *plain, "seed {seed}");
                assert_eq!(**map, **plain, "seed {seed}");
                assert_eq!(*copy == sparse, *plain == sparse.to_vec(), "seed {seed}");
            }
        }
    }

    #[cfg(feature = "sim")]
    #[test]
    fn fingerprints_are_equal_exactly_if_all_bytes_are() {
        for seed in 0..300 {
            let random = SeededRandom::new(seed);
            let mut one = FileBytes::from(draw(&random));
            let print = one.fingerprint();
            let other = FileBytes::from(one.to_vec());
            assert_eq!(print, other.fingerprint());
            one.put_zeros(random.below(one.len() + 2), random.below(9));
            assert_eq!(print == one.fingerprint(), one == other, "seed {seed}");
            assert_eq!(one.are_zeros(), one.to_vec().iter().all(|byte| *byte == 0));
        }
    }
}
