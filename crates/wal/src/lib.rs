//! A record log that tells a torn tail from corruption, and the batches that go into it.
//!
//! A log is a chain of segments, each a file that one [`LogWriter`] fills with opaque payloads.
//! [`replay`] hands them back in order, says how the log ended, and gives what the next segment
//! needs to continue it. What was synced is never dropped silently: each record says up to where
//! the log was durable when it was written, and each segment how the one before it ended.
//!
//! Two files can vouch for each other: a [`Witness`] keeps in the one how far the other is durable.
//!
//! A [`Batch`] holds puts and deletes over keyspaces in the form in which they go into a record.
//!
//! Nothing here names a file, starts a thread or reads a clock: windows and open files come from
//! the caller, who also makes the names of files durable.
//!
//! ```
//! use siltstone_vfs::{MemVfs, Vfs};
//! use siltstone_wal::{
//!     Birth, LogEnd, LogIdentity, LogKind, LogWriter, ReplayContext, SegmentFile, SegmentId, replay,
//! };
//! use std::path::Path;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (vfs, path) = (MemVfs::new(), Path::new("/1.log"));
//! let identity = LogIdentity { kind: LogKind::Log, database: 42, segment: SegmentId(1) };
//! let boot_id = vfs.boot_id();
//! let birth = Birth { identity, boot_id, witness_number: 0, witness_records: 0 };
//! let mut log = LogWriter::create(vfs.create_window(path)?, birth, None, 64 << 10)?;
//! vfs.sync_dir(Path::new("/"))?;
//! log.append(&[b"one record ", b"in two pieces"])?;
//! log.sync()?;
//!
//! let vfs = vfs.power_cut();
//! let segments = [SegmentFile { id: SegmentId(1), file: vfs.open_read(path)?, cut: None }];
//! let (kind, boot_id) = (LogKind::Log, vfs.boot_id());
//! let context = ReplayContext { kind, database: 42, boot_id, durable: None };
//! let replayed = replay(&segments, &context, |record| {
//!     assert_eq!(record.payload, b"one record in two pieces");
//!     Ok::<(), std::io::Error>(())
//! })?;
//! assert_eq!((replayed.records, replayed.end), (1, LogEnd::Clean));
//! # Ok(())
//! # }
//! ```

mod batch;
mod error;
mod format;
mod ids;
mod inspect;
mod log_end;
mod open_segment;
mod ops;
mod replay;
mod salvage;
mod sealed;
mod segment_reader;
mod witness;
mod writer;

pub use batch::{Batch, GroupHeader};
pub use error::Error;
pub use format::{Birth, LogIdentity, LogKind};
pub use ids::{KeyspaceId, SegmentId};
pub use inspect::{HeaderState, inspect};
pub use log_end::LogEnd;
pub use ops::{Op, Ops, decode_group};
pub use replay::{
    RecordRef, ReplayContext, ReplayError, Replayed, ReplayedSegment, SegmentFile, replay,
};
pub use salvage::{Salvaged, identify, salvage};
pub use sealed::Sealed;
pub use witness::Witness;
pub use writer::LogWriter;
