//! The immutable sorted run of a log-structured merge tree: a file of sorted entries that is
//! written once, in order, and then read by any number of threads.
//!
//! A [`TableWriter`] takes entries and leaves a finished, synced file; its [`TableSummary`] is
//! what the file is known by. A [`Table`] is opened from that, looks keys up, and makes
//! [`TableCursor`]s. Tables share a [`BlockCache`]. What it knows nothing of: levels, file names,
//! which tables there are.
//!
//! ```
//! use siltstone_base::{Entry, EntryKind, MAX_SEQNO, checksum};
//! use siltstone_sstable::{
//!     BlockCache, Origin, ReadMode, Table, TableId, TableOptions, TableSource, TableWriter,
//! };
//! use siltstone_vfs::{MemVfs, Vfs};
//! use std::path::Path;
//! use std::sync::Arc;
//!
//! let (vfs, path) = (MemVfs::new(), Path::new("/rocks.sst"));
//! let id = TableId { epoch: 1, number: 1 };
//! let (options, origin) = (TableOptions::default(), Origin::default());
//! let mut writer = TableWriter::new(vfs.create_new(path)?, id, options, origin)?;
//! writer.add(Entry { key: b"gneiss", seqno: 2, kind: EntryKind::Put, value: b"banded" })?;
//! writer.add(Entry { key: b"shale", seqno: 1, kind: EntryKind::Put, value: b"layered" })?;
//! let summary = writer.finish()?;
//!
//! let source = TableSource {
//!     file: vfs.open_read(path)?,
//!     id,
//!     file_bytes: summary.file_bytes,
//!     digest: summary.digest,
//!     handle: 0,
//!     mode: ReadMode::Mmap,
//! };
//! let table = Table::open(source, Arc::new(BlockCache::new(1 << 20)))?;
//! let found = table.get(b"shale", checksum::of(b"shale"), MAX_SEQNO, &mut ())?;
//! assert_eq!(&*found.unwrap().value, b"layered");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod table_id;

mod part;

mod block;
mod block_builder;
mod directory;
mod filter;
mod footer;
mod index;
mod index_builder;
mod properties;

mod output;
mod partitions;
mod writer;

mod cache;
mod parts;
mod prefetch;
mod probe;
mod table_source;

mod cursor;
mod estimates;
mod lookup;
mod salvage;
mod table;
mod verify;

mod error;
#[cfg(feature = "flush")]
mod flush;

pub use cache::{BlockCache, CacheStats};
pub use cursor::TableCursor;
pub use error::Error;
#[cfg(feature = "flush")]
pub use flush::write_memtable;
pub use lookup::Found;
pub use probe::{BlockSource, FilterVerdict, Probe};
pub use properties::{Origin, Properties};
pub use salvage::{LostBytes, Salvaged, Salvager};
pub use table::Table;
pub use table_id::TableId;
pub use table_source::{ReadMode, TableSource};
pub use verify::VerifyReport;
pub use writer::{Compression, TableOptions, TableSummary, TableWriter};
