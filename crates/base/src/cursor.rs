//! The one way to move over entries, whatever holds them.

use crate::{Entry, PinnedBytes, Seqno};

/// A position in a sorted run of entries, which moves both ways.
///
/// Always: a move returns whether the cursor stands on an entry; after a move off either end, or
/// one that failed, it stands on none until the next seek, and `next` and `prev` return `false`.
pub trait Cursor {
    /// What a move can fail with; [`std::convert::Infallible`] for runs in memory.
    type Error;

    /// Whether the cursor stands on an entry.
    fn valid(&self) -> bool;

    /// Moves to the first entry.
    fn seek_to_first(&mut self) -> Result<bool, Self::Error>;

    /// Moves to the last entry.
    fn seek_to_last(&mut self) -> Result<bool, Self::Error>;

    /// Moves to the first entry at or after (`key`, `seqno`) in the order of
    /// [`internal_cmp`](crate::internal_cmp): the newest version of `key` that is not newer than
    /// `seqno`, or what follows it.
    fn seek(&mut self, key: &[u8], seqno: Seqno) -> Result<bool, Self::Error>;

    /// Moves to the last entry at or before (`key`, `seqno`) in the same order: with `seqno` 0
    /// the oldest version of `key`, or what precedes all of them.
    fn seek_for_prev(&mut self, key: &[u8], seqno: Seqno) -> Result<bool, Self::Error>;

    /// Moves to the following entry.
    fn next(&mut self) -> Result<bool, Self::Error>;

    /// Moves to the preceding entry.
    fn prev(&mut self) -> Result<bool, Self::Error>;

    /// The entry under the cursor.
    ///
    /// # Panics
    ///
    /// If the cursor stands on none: ask [`valid`](Self::valid) first.
    fn entry(&self) -> Entry<'_>;

    /// The value under the cursor, kept alive by what holds it (or copied where that is cheaper).
    ///
    /// # Panics
    ///
    /// As [`entry`](Self::entry).
    fn pin_value(&self) -> PinnedBytes {
        PinnedBytes::copy_of(self.entry().value)
    }
}
