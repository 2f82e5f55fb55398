//! Files for storage engines, behind one trait.
//!
//! [`Vfs`] covers everything a database does to files; [`DiskVfs`] does it to the real ones and
//! [`MemVfs`] to memory, where a power cut can be played. Time and chance are traits too
//! ([`Clock`], [`Random`]), so that a whole database runs from a seed.
//!
//! ```
//! use siltstone_vfs::{MemVfs, Vfs};
//! use std::path::Path;
//!
//! # fn main() -> std::io::Result<()> {
//! let (vfs, dir) = (MemVfs::new(), Path::new("/db"));
//! vfs.create_dir_all(dir)?;
//! let mut file = vfs.create_new(&dir.join("table"))?;
//! vfs.sync_dir(dir)?;
//! file.append(b"synced")?;
//! file.sync()?;
//! file.append(b", not synced")?;
//! assert_eq!(vfs.process_death().read("/db/table")?, b"synced, not synced");
//! assert_eq!(vfs.power_cut().read("/db/table")?, b"synced");
//! # Ok(())
//! # }
//! ```

mod clock;
mod disk;
mod map;
mod mem;
mod random;
#[cfg(feature = "sim")]
mod sim;
mod vfs;

pub use clock::{Clock, ManualClock, SystemClock};
pub use disk::DiskVfs;
pub use map::Map;
pub use mem::MemVfs;
pub use random::{Random, SeededRandom, SystemRandom};
#[cfg(feature = "sim")]
pub use sim::{
    CrashPolicy, Fault, FaultClass, FaultCounts, FaultError, FaultKind, Op, Ops, Pages, Rot,
    SimVfs, TraceLine, Until, Unwritten,
};
pub use vfs::{
    AppendFile, DirEntry, FileKind, LockError, LockGuard, LogWindow, Metadata, ReadFile, Vfs,
};
