//! The memtable: entries in a lock-free skiplist, and what they weigh.
//!
//! Always: entries are only added, never removed or changed, until the whole table goes. So a
//! reader needs no lock, and what it once found stays.
//!
//! A skiplist after W. Pugh, "Skip Lists: A Probabilistic Alternative to Balanced Trees"; the one
//! of crossbeam. Its `range()` leaks a reference to every node it visits (0.1.3), so nothing here
//! uses it: bounds and steps from an entry do.

use crate::MemtableCursor;
use crate::seqno_range::SeqnoRange;
use crate::stored_entry::{Place, Sought, StoredEntry};
use crate::sync::{AtomicUsize, Ordering};
use crossbeam_skiplist::SkipMap;
use siltstone_base::{EntryKind, MAX_VALUE_BYTES, PinnedBytes, Seqno, key};
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

/// A mutable sorted run of entries.
///
/// Share it in an [`Arc`]. Dropping the last share frees the entries one by one, about a quarter
/// of a microsecond each: let a thread do it for which nobody waits.
pub struct Memtable {
    pub(crate) entries: SkipMap<StoredEntry, ()>,
    common_prefix: Box<[u8]>,
    bytes: AtomicUsize,
    seqnos: SeqnoRange,
}

/// An empty table in its [`Arc`], whose counters take as much as the alignment asks for.
const EMPTY_BYTES: usize = size_of::<Memtable>() + align_of::<Memtable>();

/// The version of a key that [`Memtable::get`] met.
#[derive(Clone, Debug)]
pub struct Found {
    /// When it was written.
    pub seqno: Seqno,
    /// What it does.
    pub kind: EntryKind,
    /// Its value, empty for a tombstone; keeps this one entry alive, not the table.
    pub value: PinnedBytes,
}

impl Memtable {
    /// An empty table, fastest for keys that begin with `common_prefix`; others may be inserted
    /// too and are found just as well. [`sample_prefix`](Self::sample_prefix) of the table before
    /// it is a good guess.
    pub fn new(common_prefix: &[u8]) -> Self {
        Self {
            entries: SkipMap::new(),
            common_prefix: common_prefix.into(),
            bytes: AtomicUsize::new(EMPTY_BYTES + common_prefix.len()),
            seqnos: SeqnoRange::new(),
        }
    }

    /// Adds one version of `key`. Many threads may insert at once, in any order of seqnos; the
    /// entry is found by every read that begins after this returns.
    ///
    /// # Panics
    ///
    /// If this version is there already (no two entries share key and seqno), or if key, value or
    /// seqno exceed their limits.
    pub fn insert(&self, key: &[u8], seqno: Seqno, kind: EntryKind, value: &[u8]) {
        assert!(value.len() <= MAX_VALUE_BYTES, "a value has at most {MAX_VALUE_BYTES} bytes");
        assert!(self.try_insert(key, seqno, kind, value), "seqno {seqno} wrote this key twice");
    }

    /// As [`insert`](Self::insert); `false`, and nothing is changed, if this version is there.
    ///
    /// # Panics
    ///
    /// If key, value or seqno exceed their limits.
    pub fn try_insert(&self, key: &[u8], seqno: Seqno, kind: EntryKind, value: &[u8]) -> bool {
        let entry = StoredEntry::new(&self.common_prefix, key, seqno, kind, value);
        let (address, bytes) = (entry.address(), entry.allocated_bytes());
        // Never `insert`: it would replace, and what it replaces is freed at an unknown time.
        if self.entries.get_or_insert(entry, ()).key().address() != address {
            return false;
        }
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.seqnos.note(seqno);
        true
    }

    /// The newest version of `key` that is not newer than `seqno`, tombstones too.
    pub fn get(&self, key: &[u8], seqno: Seqno) -> Option<Found> {
        let sought = Sought::new(&self.common_prefix, key, seqno);
        let node = self.entries.lower_bound(Bound::Included(&sought as &dyn Place))?;
        let stored = node.key();
        (stored.key() == key).then(|| Found {
            seqno: stored.seqno(),
            kind: stored.kind(),
            value: stored.pin_value(),
        })
    }

    /// A cursor over all entries, which stands on none yet and keeps the table alive.
    pub fn cursor(self: &Arc<Self>) -> MemtableCursor {
        MemtableCursor::new(Arc::clone(self))
    }

    /// Bytes that the table has allocated, within 5 %; includes every insert that has returned.
    ///
    /// What the allocator itself adds to each allocation is not in it.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The smallest and the largest seqno of all inserts that have returned.
    pub fn seqnos(&self) -> Option<(Seqno, Seqno)> {
        self.seqnos.get()
    }

    /// The prefix this table was made for.
    pub fn common_prefix(&self) -> &[u8] {
        &self.common_prefix
    }

    /// What all keys of this table begin with, a good guess for the next one; empty as long as
    /// there are not two different keys, because one key does not tell where others will differ.
    pub fn sample_prefix(&self) -> Vec<u8> {
        let (Some(first), Some(last)) = (self.entries.front(), self.entries.back()) else {
            return Vec::new();
        };
        key::expected_prefix(first.key().key(), last.key().key()).to_vec()
    }
}

impl fmt::Debug for Memtable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memtable")
            .field("entries", &self.len())
            .field("bytes", &self.bytes())
            .field("seqnos", &self.seqnos())
            .field("common_prefix", &self.common_prefix)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use siltstone_base::MAX_SEQNO;

    fn table(keys: &[&str]) -> Memtable {
        let memtable = Memtable::new(b"");
        for (seqno, key) in (1..).zip(keys) {
            memtable.insert(key.as_bytes(), seqno, EntryKind::Put, b"");
        }
        memtable
    }

    #[test]
    fn the_sampled_prefix_is_what_first_and_last_key_share() {
        let check = |keys: &[&str], prefix: &str| {
            assert_eq!(table(keys).sample_prefix(), prefix.as_bytes(), "{keys:?}");
        };
        check(&[], "");
        check(&["user:1"], "");
        check(&["user:1", "user:1"], "");
        check(&["user:19", "user:2", "user:10"], "user:");
        check(&["user:10", "user:19", "user:1"], "user:1");
        check(&["a", "", "b"], "");
    }

    #[test]
    fn seqnos_are_the_smallest_and_the_largest_in_any_order_of_inserts() {
        let memtable = Memtable::new(b"");
        assert_eq!(memtable.seqnos(), None);
        for (seqno, expected) in [(7, (7, 7)), (9, (7, 9)), (3, (3, 9)), (8, (3, 9))] {
            memtable.insert(b"k", seqno, EntryKind::Delete, b"");
            assert_eq!(memtable.seqnos(), Some(expected));
        }
    }

    #[test]
    fn a_refused_version_changes_nothing() {
        let memtable = table(&["k"]);
        let bytes = memtable.bytes();
        assert!(!memtable.try_insert(b"k", 1, EntryKind::Delete, b"other"));
        let found = memtable.get(b"k", MAX_SEQNO).unwrap();
        assert_eq!((found.kind, &*found.value), (EntryKind::Put, &b""[..]));
        assert_eq!((memtable.len(), memtable.bytes()), (1, bytes));
    }

    #[test]
    #[should_panic(expected = "seqno 5 wrote this key twice")]
    fn the_same_version_twice_is_a_mistake() {
        let memtable = Memtable::new(b"");
        memtable.insert(b"k", 5, EntryKind::Put, b"one");
        memtable.insert(b"k", 5, EntryKind::Put, b"two");
    }

    #[test]
    fn a_value_outlives_the_table() {
        let memtable = table(&[]);
        memtable.insert(b"k", 1, EntryKind::Put, b"value");
        let found = memtable.get(b"k", 1).unwrap();
        drop(memtable);
        assert_eq!(&*found.value, b"value");
    }
}
