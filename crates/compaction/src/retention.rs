//! What a merge or a flush keeps. A pure decision, and the only place where it is made: no policy
//! has a say.
//!
//! A *view* is a seqno at which somebody may read: each registered snapshot, and the *floor*, the
//! visible seqno when the job started. A view reads the newest version of a key that is not newer
//! than itself. Views that appear while the job runs are at or above the floor.
//!
//! For each version v of a key, newest first, with p the seqno of the next newer version:
//!
//! 1. v is newer than the newest view: keep it. A later view may need it.
//! 2. No view s has v <= s < p: every view that could read v reads something newer. Drop it as
//!    *shadowed*.
//! 3. v is a tombstone, no view is older than v, and nothing older of its key can lie outside the
//!    job: drop it. All it could hide are older versions inside the job, and by rule 2 none of
//!    those is kept, since every view at or above them reads v or something newer.
//! 4. Else keep it: some view reads it.
//!
//! Always: what each view reads of a key is the same before and after. Rule 3 gives "absent" for
//! a tombstone, which is the same answer. Without any view everything is kept.

use siltstone_base::{Entry, EntryKind, Sabotage, Seqno};

#[cfg(test)]
mod tests;

/// Decides about one entry after the other, in merge order.
#[derive(Debug)]
pub struct Retention<B> {
    /// Ascending, each once.
    views: Vec<Seqno>,
    bottom: B,
    /// Key and seqno of the entry before.
    newer: Option<(Vec<u8>, Seqno)>,
}

/// What becomes of an entry, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Some view reads it, or may.
    Keep,
    /// Every view that could read it reads a newer version of its key.
    Shadowed,
    /// A tombstone with nothing left to hide.
    SpentTombstone,
}

/// Whether a key ends in the job: the answer to where tombstones may go.
///
/// `FnMut(&[u8]) -> bool` is one; [`OlderTables`](crate::OlderTables) is the one for merges.
pub trait BottomRule {
    /// Whether nothing older of `key` can lie outside the job. Asked with rising keys.
    fn is_bottom(&mut self, key: &[u8]) -> bool;
}

impl<F: FnMut(&[u8]) -> bool> BottomRule for F {
    fn is_bottom(&mut self, key: &[u8]) -> bool {
        self(key)
    }
}

impl<B: BottomRule> Retention<B> {
    /// `views`: ascending, the seqnos of all registered snapshots and the floor, which were taken
    /// in one step when the job started.
    ///
    /// # Panics
    ///
    /// If the views fall.
    pub fn new(mut views: Vec<Seqno>, bottom: B) -> Self {
        assert!(views.is_sorted(), "views rise");
        views.dedup();
        if Sabotage::SnapshotForgotten.is_on() && views.len() > 1 {
            views.remove(0);
        }
        Self { views, bottom, newer: None }
    }

    /// Whether `entry` is kept: [`judge`](Self::judge) without the reason.
    #[inline]
    pub fn keep(&mut self, entry: &Entry<'_>) -> bool {
        self.judge(entry) == Verdict::Keep
    }

    /// What becomes of `entry`. Every entry of the job is asked about once, in merge order: keys
    /// ascending, of each key the newest version first.
    ///
    /// A second entry with the same key and seqno counts as shadowed.
    ///
    /// # Panics
    ///
    /// If entries come out of order, in builds with debug assertions.
    pub fn judge(&mut self, entry: &Entry<'_>) -> Verdict {
        let newer = self.follow(entry);
        if newer == Some(entry.seqno) {
            return Verdict::Shadowed;
        }
        let readers = self.views.partition_point(|&view| view < entry.seqno);
        let Some(&reader) = self.views.get(readers) else { return Verdict::Keep };
        if newer.is_some_and(|newer| reader >= newer) {
            return Verdict::Shadowed;
        }
        let oldest_view_reads_it = readers == 0;
        if entry.kind == EntryKind::Delete
            && oldest_view_reads_it
            && (self.bottom.is_bottom(entry.key) || Sabotage::TombstoneDroppedEarly.is_on())
        {
            return Verdict::SpentTombstone;
        }
        Verdict::Keep
    }

    /// The seqno of the next newer version of the same key, if there is one in the job; `entry`
    /// becomes the one before.
    #[inline]
    fn follow(&mut self, entry: &Entry<'_>) -> Option<Seqno> {
        let Some((key, seqno)) = &mut self.newer else {
            self.newer = Some((entry.key.to_vec(), entry.seqno));
            return None;
        };
        let newer = *seqno;
        *seqno = entry.seqno;
        if key.as_slice() == entry.key {
            debug_assert!(entry.seqno <= newer, "versions of a key come newest first");
            return Some(newer);
        }
        debug_assert!(key.as_slice() < entry.key, "keys rise");
        key.clear();
        key.extend_from_slice(entry.key);
        None
    }
}
