//! The mutable sorted run: every version of every key that was written and not yet flushed, in a
//! lock-free skiplist.
//!
//! Many threads may insert while many read; no reader ever waits. What it knows nothing of:
//! files, logs, levels, and which seqno is visible (the caller says at which one it reads).
//!
//! ```
//! use siltstone_base::{Cursor, EntryKind};
//! use siltstone_memtable::Memtable;
//! use std::sync::Arc;
//!
//! let memtable = Arc::new(Memtable::new(b""));
//! memtable.insert(b"gneiss", 1, EntryKind::Put, b"banded");
//! memtable.insert(b"gneiss", 2, EntryKind::Delete, b"");
//!
//! let before = memtable.get(b"gneiss", 1).unwrap();
//! assert_eq!((&*before.value, before.kind), (&b"banded"[..], EntryKind::Put));
//! assert_eq!(memtable.get(b"gneiss", 9).unwrap().kind, EntryKind::Delete);
//!
//! let mut cursor = memtable.cursor();
//! let Ok(true) = cursor.seek_to_first() else { unreachable!("two versions are there") };
//! assert_eq!(cursor.entry().seqno, 2, "the newest version comes first");
//! ```

mod apply;
mod cursor;
mod memtable;
mod seqno_range;
#[cfg(test)]
mod standstill;
mod stored_entry;
mod sync;

pub use cursor::MemtableCursor;
pub use memtable::{Found, Memtable};
