//! One entry as the skiplist holds it, and what is looked for in its place.
//! ```text
//! StoredEntry = head: u64 | stamp: u64 | data: share of (key length: u16 | key | value)
//! stamp       = age: 56 bits | kind: 8 bits            age = MAX_SEQNO - seqno
//! ```
//! Always: (head, key, age) ascending is the order of [`siltstone_base::internal_cmp`]. The head,
//! eight bytes of the key after the run's common prefix, lies in the skiplist's node: most
//! comparisons of a search are decided by it and never touch `data`, which would be a cache miss
//! each (after the key prefixes of `AlphaSort`, Nyberg et al. 1994).

use siltstone_base::{Entry, EntryKind, MAX_KEY_BYTES, MAX_SEQNO, PinnedBytes, Seqno, key};
use std::borrow::Borrow;
use std::cmp::Ordering;
use std::sync::Arc;

/// What stands before the key in `data`: its length.
const KEY_LENGTH_BYTES: usize = size_of::<u16>();
const _: () = assert!(MAX_KEY_BYTES <= u16::MAX as usize);

/// What an entry takes in its node: itself, the count of references and height, and a tower that
/// is two pointers high on average (each level holds half of the one below).
const NODE_BYTES: usize = size_of::<StoredEntry>() + 3 * size_of::<usize>();

/// The two counters that stand before the bytes of an [`Arc`].
const SHARE_BYTES: usize = 2 * size_of::<usize>();

/// A place in the order of entries: of one that is stored, or of one that is looked for.
///
/// The skiplist searches by anything its keys borrow as; this trait as an object is what both
/// [`StoredEntry`] and [`Sought`] are, so that a lookup copies no key.
pub(crate) trait Place {
    /// The key's head after the common prefix.
    fn head(&self) -> u64;
    /// The whole key.
    fn key(&self) -> &[u8];
    /// How far the seqno is from the largest one.
    fn age(&self) -> u64;
}

#[inline]
fn compare(a: &(impl Place + ?Sized), b: &(impl Place + ?Sized)) -> Ordering {
    a.head().cmp(&b.head()).then_with(|| a.key().cmp(b.key())).then_with(|| a.age().cmp(&b.age()))
}

impl Ord for dyn Place + '_ {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        compare(self, other)
    }
}

impl PartialOrd for dyn Place + '_ {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for dyn Place + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for dyn Place + '_ {}

/// A place that is looked for; borrows its key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sought<'a> {
    head: u64,
    key: &'a [u8],
    age: u64,
}

impl<'a> Sought<'a> {
    /// Where (`key`, `seqno`) belongs in a run of this common prefix.
    pub(crate) fn new(common_prefix: &[u8], key: &'a [u8], seqno: Seqno) -> Self {
        Self { head: key::head8_after(common_prefix, key), key, age: age_of(seqno) }
    }
}

impl Place for Sought<'_> {
    fn head(&self) -> u64 {
        self.head
    }
    fn key(&self) -> &[u8] {
        self.key
    }
    fn age(&self) -> u64 {
        self.age
    }
}

/// An entry in the skiplist; a clone is another share of the same key and value.
#[derive(Clone, Debug)]
pub(crate) struct StoredEntry {
    head: u64,
    stamp: u64,
    data: Arc<[u8]>,
}

impl StoredEntry {
    /// Copies `key` and `value` into one allocation.
    ///
    /// # Panics
    ///
    /// If the key is longer than [`MAX_KEY_BYTES`] or the seqno larger than [`MAX_SEQNO`].
    pub(crate) fn new(
        common_prefix: &[u8],
        key: &[u8],
        seqno: Seqno,
        kind: EntryKind,
        value: &[u8],
    ) -> Self {
        assert!(seqno <= MAX_SEQNO, "a seqno has 56 bits");
        let head = key::head8_after(common_prefix, key);
        let stamp = age_of(seqno) << 8 | u64::from(kind.to_byte());
        Self { head, stamp, data: data_of(key, value) }
    }

    /// The entry, borrowed.
    pub(crate) fn entry(&self) -> Entry<'_> {
        let (key, value) = self.data[KEY_LENGTH_BYTES..].split_at(self.key_bytes());
        Entry { key, seqno: self.seqno(), kind: self.kind(), value }
    }

    pub(crate) fn seqno(&self) -> Seqno {
        MAX_SEQNO - self.age()
    }

    pub(crate) fn kind(&self) -> EntryKind {
        if self.stamp & 0xff == u64::from(EntryKind::Put.to_byte()) {
            EntryKind::Put
        } else {
            EntryKind::Delete
        }
    }

    /// The value with a share in this entry: nothing is copied.
    pub(crate) fn pin_value(&self) -> PinnedBytes {
        let value = KEY_LENGTH_BYTES + self.key_bytes()..self.data.len();
        PinnedBytes::of_bytes(Arc::clone(&self.data), value)
    }

    /// What the skiplist allocates for this entry, in bytes: exact but for the height of its tower.
    pub(crate) fn allocated_bytes(&self) -> usize {
        NODE_BYTES + (SHARE_BYTES + self.data.len()).next_multiple_of(align_of::<usize>())
    }

    /// Tells this entry and its clones from all others that live.
    pub(crate) fn address(&self) -> *const u8 {
        self.data.as_ptr()
    }

    fn key_bytes(&self) -> usize {
        usize::from(u16::from_le_bytes([self.data[0], self.data[1]]))
    }
}

impl Place for StoredEntry {
    #[inline]
    fn head(&self) -> u64 {
        self.head
    }
    #[inline]
    fn key(&self) -> &[u8] {
        &self.data[KEY_LENGTH_BYTES..KEY_LENGTH_BYTES + self.key_bytes()]
    }
    #[inline]
    fn age(&self) -> u64 {
        self.stamp >> 8
    }
}

impl<'a> Borrow<dyn Place + 'a> for StoredEntry {
    #[inline]
    fn borrow(&self) -> &(dyn Place + 'a) {
        self
    }
}

impl Ord for StoredEntry {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        #[cfg(test)]
        crate::standstill::compared();
        compare(self, other)
    }
}

impl PartialOrd for StoredEntry {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for StoredEntry {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for StoredEntry {}

/// Seqnos beyond the largest look for what the largest would.
const fn age_of(seqno: Seqno) -> u64 {
    MAX_SEQNO.saturating_sub(seqno)
}

/// One allocation with the length of `key`, `key` and `value`.
///
/// It is zeroed, then written: without unsafe code the other ways go through a second allocation
/// or byte by byte.
fn data_of(key: &[u8], value: &[u8]) -> Arc<[u8]> {
    let Ok(key_length) = u16::try_from(key.len()) else {
        panic!("a key has at most {MAX_KEY_BYTES} bytes");
    };
    let bytes = KEY_LENGTH_BYTES + key.len() + value.len();
    let mut data: Arc<[u8]> = std::iter::repeat_n(0, bytes).collect();
    // The share is the only one, so this clones nothing.
    let (length, rest) = Arc::make_mut(&mut data).split_at_mut(KEY_LENGTH_BYTES);
    length.copy_from_slice(&key_length.to_le_bytes());
    let (key_part, value_part) = rest.split_at_mut(key.len());
    key_part.copy_from_slice(key);
    value_part.copy_from_slice(value);
    data
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use siltstone_base::internal_cmp;

    fn bytes(longest: usize) -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(prop::sample::select(vec![0, 1, b'k', 0xfe, 0xff]), 0..=longest)
    }

    proptest! {
        /// Keys below, inside and above the common prefix, with heads that tie and differ.
        #[test]
        fn heads_never_change_the_order_of_entries(
            common in bytes(3),
            inside in prop::array::uniform2(any::<bool>()),
            a in (bytes(11), 0u64..3),
            b in (bytes(11), 0u64..3),
        ) {
            let key = |inside: bool, rest: &[u8]| {
                if inside { [&common, rest].concat() } else { rest.to_vec() }
            };
            let (a, b) = ((key(inside[0], &a.0), a.1), (key(inside[1], &b.0), b.1));
            let stored = |(key, seqno): &(Vec<u8>, u64)| {
                StoredEntry::new(&common, key, *seqno, EntryKind::Put, b"value")
            };
            let sought = Sought::new(&common, &b.0, b.1);
            let expected = internal_cmp((&a.0, a.1), (&b.0, b.1));
            prop_assert_eq!(stored(&a).cmp(&stored(&b)), expected);
            let place: &dyn Place = &stored(&a);
            prop_assert_eq!(place.cmp(&sought as &dyn Place), expected);
        }

        #[test]
        fn what_is_stored_comes_back(
            common in bytes(3), key in bytes(12), value in bytes(12),
            seqno in 0..=MAX_SEQNO, put in any::<bool>(),
        ) {
            let kind = if put { EntryKind::Put } else { EntryKind::Delete };
            let stored = StoredEntry::new(&common, &key, seqno, kind, &value);
            prop_assert_eq!(stored.entry(), Entry { key: &key, seqno, kind, value: &value });
            prop_assert_eq!(&*stored.pin_value(), &value[..]);
            prop_assert_eq!(stored.key(), &key[..]);
        }
    }

    #[test]
    #[should_panic(expected = "at most 65535 bytes")]
    fn a_key_beyond_the_limit_is_a_mistake() {
        drop(StoredEntry::new(b"", &vec![0; MAX_KEY_BYTES + 1], 1, EntryKind::Put, b""));
    }
}
