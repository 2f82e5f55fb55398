//! A cursor that owns its share of the memtable.
//!
//! An entry of the skiplist borrows the map, so a cursor that owns the map cannot hold one. It
//! copies instead: entries (a few words and a share each) by chunks on the way forward, so that
//! one search pays for many steps, and one at a time on the way back, where the skiplist has no
//! links and each step is a search anyway.
//!
//! Always: the chunk rises strictly. It is empty, or the cursor stands on `chunk[at]`. Entries
//! inserted after the seek are met or not, but those that were there are never passed over.

use crate::Memtable;
use crate::stored_entry::{Place, Sought, StoredEntry};
use crossbeam_skiplist::map;
use siltstone_base::{Cursor, Entry, PinnedBytes, Seqno};
use std::convert::Infallible;
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

/// Entries copied by a seek: few, because many seeks look at one entry only.
const FIRST_CHUNK_ENTRIES: usize = 4;
/// Each further copy on the way forward takes this many times more.
const CHUNK_GROWTH: usize = 4;
/// Most entries copied at once.
const LARGEST_CHUNK_ENTRIES: usize = 64;

/// Moves over the entries of a [`Memtable`], both ways; owned, and never fails.
pub struct MemtableCursor {
    memtable: Arc<Memtable>,
    chunk: Vec<StoredEntry>,
    at: usize,
    /// What the next copy forward takes.
    chunk_entries: usize,
}

type Node<'a> = map::Entry<'a, StoredEntry, ()>;

impl MemtableCursor {
    pub(crate) fn new(memtable: Arc<Memtable>) -> Self {
        Self { memtable, chunk: Vec::new(), at: 0, chunk_entries: FIRST_CHUNK_ENTRIES }
    }

    fn current(&self) -> &StoredEntry {
        assert!(self.valid(), "the cursor stands on no entry");
        &self.chunk[self.at]
    }

    /// Leaves the chunk and returns the entry that the cursor stood on.
    fn leave(&mut self) -> Option<StoredEntry> {
        let left = self.valid().then(|| self.chunk.swap_remove(self.at));
        self.chunk.clear();
        self.at = 0;
        left
    }

    /// Forgets where the cursor stood: a seek begins.
    fn forget(&mut self) {
        self.leave();
        self.chunk_entries = FIRST_CHUNK_ENTRIES;
    }
}

impl Cursor for MemtableCursor {
    type Error = Infallible;

    fn valid(&self) -> bool {
        !self.chunk.is_empty()
    }

    fn seek_to_first(&mut self) -> Result<bool, Infallible> {
        self.forget();
        let first = self.memtable.entries.front();
        Ok(copy_forward(first, self.chunk_entries, &mut self.chunk))
    }

    fn seek_to_last(&mut self) -> Result<bool, Infallible> {
        self.forget();
        Ok(copy_one(self.memtable.entries.back(), &mut self.chunk))
    }

    fn seek(&mut self, key: &[u8], seqno: Seqno) -> Result<bool, Infallible> {
        self.forget();
        let sought = Sought::new(self.memtable.common_prefix(), key, seqno);
        let first = self.memtable.entries.lower_bound(Bound::Included(&sought as &dyn Place));
        Ok(copy_forward(first, self.chunk_entries, &mut self.chunk))
    }

    fn seek_for_prev(&mut self, key: &[u8], seqno: Seqno) -> Result<bool, Infallible> {
        self.forget();
        let sought = Sought::new(self.memtable.common_prefix(), key, seqno);
        let last = self.memtable.entries.upper_bound(Bound::Included(&sought as &dyn Place));
        Ok(copy_one(last, &mut self.chunk))
    }

    fn next(&mut self) -> Result<bool, Infallible> {
        if self.at + 1 < self.chunk.len() {
            self.at += 1;
            return Ok(true);
        }
        let Some(left) = self.leave() else { return Ok(false) };
        self.chunk_entries = (self.chunk_entries * CHUNK_GROWTH).min(LARGEST_CHUNK_ENTRIES);
        let following = self.memtable.entries.lower_bound(Bound::Excluded(&left));
        Ok(copy_forward(following, self.chunk_entries, &mut self.chunk))
    }

    fn prev(&mut self) -> Result<bool, Infallible> {
        if self.at > 0 {
            self.at -= 1;
            return Ok(true);
        }
        let Some(left) = self.leave() else { return Ok(false) };
        self.chunk_entries = FIRST_CHUNK_ENTRIES;
        let preceding = self.memtable.entries.upper_bound(Bound::Excluded(&left));
        Ok(copy_one(preceding, &mut self.chunk))
    }

    fn entry(&self) -> Entry<'_> {
        self.current().entry()
    }

    /// A share in the entry, whatever its size; a caller that keeps small values long copies them.
    fn pin_value(&self) -> PinnedBytes {
        self.current().pin_value()
    }
}

/// Copies up to `count` entries from `first` on; returns whether there was one.
fn copy_forward(first: Option<Node<'_>>, count: usize, chunk: &mut Vec<StoredEntry>) -> bool {
    debug_assert!(chunk.is_empty(), "a chunk is left before the next one is copied");
    let Some(mut node) = first else { return false };
    chunk.push(node.key().clone());
    while chunk.len() < count && node.move_next() {
        chunk.push(node.key().clone());
    }
    true
}

/// Copies one entry; returns whether there was one.
fn copy_one(node: Option<Node<'_>>, chunk: &mut Vec<StoredEntry>) -> bool {
    copy_forward(node, 1, chunk)
}

impl fmt::Debug for MemtableCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemtableCursor")
            .field("entry", &self.valid().then(|| self.entry()))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use siltstone_base::EntryKind;

    /// Compiles only while the cursor may move to another thread and outlive its maker.
    fn owned(cursor: impl Send + Sync + 'static) {
        drop(cursor);
    }

    #[test]
    fn a_cursor_keeps_its_table_alive() {
        let memtable = Arc::new(Memtable::new(b""));
        for seqno in 1..=200 {
            memtable.insert(&[0; 3], seqno, EntryKind::Put, b"");
        }
        let mut cursor = memtable.cursor();
        drop(memtable);
        let mut met = 0;
        let Ok(mut on_entry) = cursor.seek_to_first();
        while on_entry {
            assert_eq!(cursor.entry().seqno, 200 - met);
            met += 1;
            Ok(on_entry) = cursor.next();
        }
        assert_eq!(met, 200);
        owned(cursor);
    }

    #[test]
    #[should_panic(expected = "stands on no entry")]
    fn no_entry_is_had_from_a_cursor_that_stands_on_none() {
        let cursor = Arc::new(Memtable::new(b"")).cursor();
        cursor.entry();
    }
}
