//! Siltstone: an embedded, ordered key-value store.
//!
//! Keys and values are bytes. Writes go to a log and into memory, memory becomes sorted tables,
//! and tables are merged in the background: a log-structured merge tree. What was acknowledged
//! stays: by default it survives the death of the process, with [`Durability::Sync`] loss of
//! power.
//!
//! ```
//! use siltstone::{Options, WriteBatch};
//! # fn main() -> Result<(), siltstone::Error> {
//! # let vfs = std::sync::Arc::new(siltstone::vfs::MemVfs::new());
//! let db = Options::new().vfs(vfs).open("/rocks")?;    // or Db::open("rocks")
//! let ages = db.keyspace("ages")?;
//!
//! let mut batch = WriteBatch::new();
//! batch.put(&db.default_keyspace(), "gneiss", "metamorphic");
//! batch.put(&ages, "gneiss", "Archean");
//! db.write(batch)?;                                    // both or none
//!
//! let before = db.snapshot();
//! ages.delete("gneiss")?;
//! assert!(ages.get("gneiss")?.is_none());
//! assert_eq!(before.get(&ages, "gneiss")?.as_deref(), Some(&b"Archean"[..]));
//!
//! for item in db.scan("g".."h")?.rev() {
//!     let (key, value) = item?;
//!     println!("{key:?} is {value:?}");
//! }
//! db.close()?;
//! # Ok(()) }
//! ```

mod batch;
mod checkpoint;
mod commit;
mod current;
mod cursor;
mod db;
mod error;
mod explain;
mod files;
#[cfg(test)]
mod golden;
mod health;
mod jobs;
mod key_range;
mod keyspace;
#[cfg(all(test, loom))]
mod loom;
mod manifest;
mod memory;
mod metrics;
mod observe;
mod open;
mod options;
mod read;
mod repair;
mod run_cursor;
mod runtime;
mod scan;
mod shape;
mod size;
mod snapshot;
mod snapshots;
mod store;
mod sync;
mod tables;
mod throttle;
mod tree;
mod trees;
mod value;
mod verify;
mod watermark;
mod witness;

pub use batch::{Durability, KeyspaceRef, WriteBatch, WriteOptions};
pub use cursor::Cursor;
pub use db::Db;
pub use error::Error;
pub use explain::{Decision, ExplainStep, Explanation, Place, TableProbe};
pub use health::Health;
pub use key_range::KeyRange;
pub use keyspace::Keyspace;
pub use metrics::{KeyspaceMetrics, LevelMetrics, Metrics, RecoveryReport};
pub use options::Options;
pub use repair::{Loss, RepairProgress, RepairReport};
pub use runtime::{Join, NoThreads, Runtime, Spawner, ThreadSpawner};
pub use scan::{Keys, Scan};
pub use shape::{KeyspaceTree, TreeRun, TreeTable};
pub use snapshot::Snapshot;
pub use value::Value;
pub use verify::{Finding, VerifyProgress, VerifyReport};

pub use siltstone_base::{Corruption, EntryKind, Seqno};
pub use siltstone_compaction::{CompactionPolicy, Leveled, PolicyFactory};
pub use siltstone_sstable::{BlockSource, Compression, FilterVerdict, ReadMode, TableId};
/// Files, time and chance, for who injects their own.
pub use siltstone_vfs as vfs;
