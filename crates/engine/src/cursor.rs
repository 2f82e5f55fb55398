//! A position among the keys that are visible at one seqno.
//!
//! Forward, the merged cursor stands on the version that is shown. Backward, a key's versions
//! come oldest first, so the merged cursor has to pass all of them: it stands before the key that
//! is shown, whose value is held aside.
//!
//! Always: the seqno is registered before the state is pinned, so no job drops what is visible
//! at it; at most one state is pinned, and given up for the newest one at the next call after it
//! was replaced.

use crate::Error;
use crate::run_cursor::{TreeCursor, tree_cursor};
use crate::snapshots::Registered;
use crate::store::Store;
use crate::tree::Tree;
use crate::value::Value;
use siltstone_base::{Bounds, Cursor as _, EntryKind, MAX_SEQNO, PinnedBytes};
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

/// Versions of one key that are stepped over before a seek is tried instead.
const STEPS_MAX: u32 = 8;

/// A position among the keys of a keyspace, as they were when the cursor was made. It moves both
/// ways; each move says whether it ended on an entry.
pub struct Cursor {
    store: Arc<Store>,
    /// Keeps the database open while cursors live.
    _handle: crate::db::Handle,
    tree: Arc<Tree>,
    seqno: Registered,
    bounds: Bounds,
    merged: TreeCursor,
    generation: u64,
    position: Position,
    /// The key that is shown, or around which the merged cursor stands.
    key: Vec<u8>,
}

/// Where the cursor stands.
#[derive(Debug)]
enum Position {
    /// On no entry.
    Nowhere,
    /// On the version under the merged cursor.
    Forward,
    /// On `key` with this value; the merged cursor stands before all its versions.
    Backward(PinnedBytes),
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cursor")
            .field("keyspace", &self.tree.name)
            .field("seqno", &self.seqno.seqno())
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

impl Cursor {
    pub(crate) fn new(
        store: Arc<Store>,
        handle: crate::db::Handle,
        tree: Arc<Tree>,
        seqno: Registered,
        bounds: Bounds,
    ) -> Result<Self, Error> {
        store.check_open()?;
        let generation = tree.generation();
        let state = tree.pin();
        tree.check_kept()?;
        let merged = tree_cursor(&store.tables, &state, &bounds);
        let position = Position::Nowhere;
        let key = Vec::new();
        Ok(Self { store, _handle: handle, tree, seqno, bounds, merged, generation, position, key })
    }

    /// Whether the cursor stands on an entry.
    pub const fn valid(&self) -> bool {
        !matches!(self.position, Position::Nowhere)
    }

    /// Moves to the first key.
    pub fn seek_to_first(&mut self) -> Result<bool, Error> {
        self.refresh()?;
        match self.bounds.lower.clone() {
            Bound::Unbounded => self.merged.seek_to_first()?,
            Bound::Included(key) => self.merged.seek(&key, MAX_SEQNO)?,
            Bound::Excluded(key) => self.seek_behind(&key)?,
        };
        self.find_forward()
    }

    /// Moves to the last key.
    pub fn seek_to_last(&mut self) -> Result<bool, Error> {
        self.refresh()?;
        match self.bounds.upper.clone() {
            Bound::Unbounded => self.merged.seek_to_last()?,
            Bound::Included(key) => self.merged.seek_for_prev(&key, 0)?,
            Bound::Excluded(key) => self.merged.seek_for_prev(&key, MAX_SEQNO)?,
        };
        self.find_backward()
    }

    /// Moves to the first key at or after `key`.
    pub fn seek(&mut self, key: impl AsRef<[u8]>) -> Result<bool, Error> {
        let key = key.as_ref();
        if self.bounds.is_below(key) {
            return self.seek_to_first();
        }
        self.refresh()?;
        self.merged.seek(key, self.seqno.seqno())?;
        self.find_forward()
    }

    /// Moves to the last key at or before `key`.
    pub fn seek_for_prev(&mut self, key: impl AsRef<[u8]>) -> Result<bool, Error> {
        let key = key.as_ref();
        if self.bounds.is_above(key) {
            return self.seek_to_last();
        }
        self.refresh()?;
        self.merged.seek_for_prev(key, 0)?;
        self.find_backward()
    }

    /// Moves to the following key.
    #[expect(clippy::should_implement_trait, reason = "a move, whose result is not an item")]
    pub fn next(&mut self) -> Result<bool, Error> {
        self.refresh()?;
        match std::mem::replace(&mut self.position, Position::Nowhere) {
            Position::Nowhere => return Ok(false),
            Position::Forward => self.pass_key()?,
            Position::Backward(_) => {
                let key = std::mem::take(&mut self.key);
                self.seek_behind(&key)?;
                self.key = key;
            }
        }
        self.find_forward()
    }

    /// Moves to the preceding key.
    pub fn prev(&mut self) -> Result<bool, Error> {
        self.refresh()?;
        match std::mem::replace(&mut self.position, Position::Nowhere) {
            Position::Nowhere => return Ok(false),
            Position::Forward => {
                self.merged.seek_for_prev(&self.key, MAX_SEQNO)?;
            }
            Position::Backward(_) => {}
        }
        self.find_backward()
    }

    /// The key under the cursor.
    ///
    /// # Panics
    ///
    /// If the cursor stands on none: ask [`valid`](Self::valid) first.
    pub fn key(&self) -> &[u8] {
        assert!(self.valid(), "the cursor stands on an entry");
        &self.key
    }

    /// The value under the cursor, not copied.
    ///
    /// # Panics
    ///
    /// As [`key`](Self::key).
    pub fn value(&self) -> Result<&[u8], Error> {
        Ok(match &self.position {
            Position::Nowhere => panic!("the cursor stands on no entry"),
            Position::Forward => self.merged.entry().value,
            Position::Backward(value) => value,
        })
    }

    /// The value under the cursor, for keeping.
    pub(crate) fn keep_value(&self) -> Value {
        let gauge = &self.store.pinned_bytes;
        match &self.position {
            Position::Nowhere => panic!("the cursor stands on no entry"),
            Position::Forward
                if self.merged.entry().value.len() <= crate::value::COPIED_BYTES_MAX =>
            {
                Value::copy_of(self.merged.entry().value)
            }
            Position::Forward => Value::of_pinned(self.merged.pin_value(), gauge),
            Position::Backward(value) => Value::of_pinned(value.clone(), gauge),
        }
    }

    /// Refuses after a close or drop, and moves to the newest state if the pinned one was
    /// replaced: at the same seqno it shows the same entries.
    fn refresh(&mut self) -> Result<(), Error> {
        self.store.check_open()?;
        let generation = self.tree.generation();
        if generation == self.generation {
            return self.tree.check_kept();
        }
        let state = self.tree.pin();
        self.tree.check_kept()?;
        self.generation = generation;
        self.merged = tree_cursor(&self.store.tables, &state, &self.bounds);
        // If a seek fails, the cursor stands nowhere.
        let position = std::mem::replace(&mut self.position, Position::Nowhere);
        match position {
            Position::Nowhere => {}
            Position::Forward => {
                let again = self.merged.seek(&self.key, self.seqno.seqno())?;
                assert!(again && self.merged.entry().key == self.key, "a registered version stays");
            }
            Position::Backward(_) => {
                self.merged.seek_for_prev(&self.key, MAX_SEQNO)?;
            }
        }
        self.position = position;
        Ok(())
    }

    /// Moves the merged cursor behind every version of `key`.
    fn seek_behind(&mut self, key: &[u8]) -> Result<bool, Error> {
        // Seqno 0 is never given out, so nothing stands at it.
        self.merged.seek(key, 0)
    }

    /// Moves the merged cursor behind the versions of the key it stands on (which is `key`).
    fn pass_key(&mut self) -> Result<(), Error> {
        for _ in 0..STEPS_MAX {
            if !self.merged.next()? || self.merged.entry().key != self.key {
                return Ok(());
            }
        }
        let key = std::mem::take(&mut self.key);
        self.seek_behind(&key)?;
        self.key = key;
        Ok(())
    }

    /// From where the merged cursor stands, finds the first key with a visible value.
    fn find_forward(&mut self) -> Result<bool, Error> {
        self.position = Position::Nowhere;
        let seqno = self.seqno.seqno();
        let mut steps = 0;
        while self.merged.valid() {
            let entry = self.merged.entry();
            if self.bounds.is_above(entry.key) {
                return Ok(false);
            }
            if entry.seqno > seqno {
                // Newer than the cursor: pass by, with a seek if there are many.
                steps += 1;
                if steps <= STEPS_MAX {
                    self.merged.next()?;
                } else {
                    steps = 0;
                    self.key.clear();
                    self.key.extend_from_slice(entry.key);
                    self.merged.seek(&self.key, seqno)?;
                }
                continue;
            }
            steps = 0;
            let kind = entry.kind;
            self.key.clear();
            self.key.extend_from_slice(entry.key);
            if kind == EntryKind::Put {
                self.position = Position::Forward;
                return Ok(true);
            }
            self.pass_key()?;
        }
        Ok(false)
    }

    /// From where the merged cursor stands, finds the last key with a visible value.
    fn find_backward(&mut self) -> Result<bool, Error> {
        self.position = Position::Nowhere;
        while self.merged.valid() {
            let entry = self.merged.entry();
            if self.bounds.is_below(entry.key) {
                return Ok(false);
            }
            self.key.clear();
            self.key.extend_from_slice(entry.key);
            if let Some(value) = self.newest_visible_backward()? {
                self.position = Position::Backward(value);
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Passes all versions of `key` towards newer ones and beyond, and returns the value of the
    /// newest visible one if that is a put.
    fn newest_visible_backward(&mut self) -> Result<Option<PinnedBytes>, Error> {
        let mut newest = None;
        let mut steps = 0;
        while self.merged.valid() && self.merged.entry().key == self.key {
            let entry = self.merged.entry();
            if entry.seqno > self.seqno.seqno() || steps > STEPS_MAX {
                break;
            }
            newest = (entry.kind == EntryKind::Put).then(|| self.merged.pin_value());
            steps += 1;
            self.merged.prev()?;
        }
        if self.merged.valid() && self.merged.entry().key == self.key {
            // Either the rest is too new, or there are many versions: ask for the one directly.
            if steps > STEPS_MAX {
                self.merged.seek(&self.key, self.seqno.seqno())?;
                let entry = self.merged.entry();
                newest = (entry.kind == EntryKind::Put).then(|| self.merged.pin_value());
            }
            self.merged.seek_for_prev(&self.key, MAX_SEQNO)?;
        }
        Ok(newest)
    }
}

impl Drop for Cursor {
    fn drop(&mut self) {
        // What this cursor alone kept can go now; the workers see to it.
        if self.store.tables.has_obsolete() {
            self.store.scheduler.wake();
        }
    }
}
