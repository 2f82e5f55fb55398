//! The vocabulary that every layer of Siltstone shares: seqnos, entry kinds, the order of
//! entries, key spans and bounds, the cursor trait, varints, checksums, file headers, and what a
//! decoder says of bytes that cannot be right.
//!
//! Nothing here does I/O, starts a thread or reads a clock.
//!
//! ```
//! use siltstone_base::{Bounds, varint};
//! use std::ops::Bound;
//!
//! let mut bytes = Vec::new();
//! varint::put(&mut bytes, 300);
//! assert_eq!(varint::take(&bytes), Some((300, 2)));
//!
//! let bounds = Bounds::new(Bound::Included(b"a".to_vec()), Bound::Excluded(b"m".to_vec()));
//! assert!(bounds.contains(b"lion") && !bounds.contains(b"m"));
//! ```

mod bounds;
pub mod checksum;
mod corruption;
mod cursor;
mod entry;
mod file_header;
pub mod key;
mod pinned;
mod reader;
mod sabotage;
pub mod varint;

pub use bounds::{Bounds, KeySpan};
pub use corruption::{Corruption, DecodeError};
pub use cursor::Cursor;
pub use entry::{Entry, EntryKind, MAX_KEY_BYTES, MAX_SEQNO, MAX_VALUE_BYTES, Seqno, internal_cmp};
pub use file_header::{FILE_HEADER_BYTES, FileHeader};
pub use pinned::PinnedBytes;
pub use reader::Reader;
pub use sabotage::Sabotage;
