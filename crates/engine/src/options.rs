//! The dozen things that can be set, each with a default that serves.

use crate::health::Listener;
use crate::{Db, Durability, Error, Health, RepairProgress, RepairReport, Runtime, repair};
use siltstone_compaction::{Leveled, PolicyFactory};
use siltstone_sstable::{Compression, ReadMode};
use siltstone_vfs::{DiskVfs, Vfs};
use std::path::Path;
use std::sync::Arc;

/// How to open a database. Everything is checked once, when it is opened.
///
/// ```no_run
/// # fn main() -> Result<(), siltstone::Error> {
/// use siltstone::{Durability, Options};
/// let db = Options::new().memory_budget(512 << 20).durability(Durability::Sync).open("path")?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    pub(crate) create_if_missing: bool,
    pub(crate) memory_budget: u64,
    pub(crate) memtable_bytes: Option<u64>,
    pub(crate) durability: Durability,
    pub(crate) compression: Compression,
    pub(crate) filter_bits_per_key: u8,
    pub(crate) block_bytes: u32,
    pub(crate) read_mode: ReadMode,
    pub(crate) policy: Arc<dyn PolicyFactory>,
    pub(crate) background_threads: usize,
    pub(crate) vfs: Arc<dyn Vfs>,
    pub(crate) runtime: Runtime,
    pub(crate) health_listener: Option<Listener>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            create_if_missing: true,
            memory_budget: 256 << 20,
            memtable_bytes: None,
            durability: Durability::Buffered,
            compression: Compression::None,
            filter_bits_per_key: 10,
            block_bytes: 4096,
            read_mode: ReadMode::Mmap,
            policy: Arc::new(Leveled::default()),
            background_threads: 2,
            vfs: Arc::new(DiskVfs::new()),
            runtime: Runtime::default(),
            health_listener: None,
        }
    }
}

impl Options {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether to create a database where there is none; default `true`.
    #[must_use]
    pub const fn create_if_missing(mut self, create: bool) -> Self {
        self.create_if_missing = create;
        self
    }

    /// Memory for memtables, caches and table metadata together, in bytes; default 256 MiB, at
    /// least 1 MiB.
    #[must_use]
    pub const fn memory_budget(mut self, bytes: u64) -> Self {
        self.memory_budget = bytes;
        self
    }

    /// Size at which a memtable is flushed, in bytes; default an eighth of the memory budget, at
    /// most 64 MiB. At most a quarter of the budget.
    #[must_use]
    pub const fn memtable_bytes(mut self, bytes: u64) -> Self {
        self.memtable_bytes = Some(bytes);
        self
    }

    /// What `put`, `delete` and `write` ask for; default [`Durability::Buffered`].
    #[must_use]
    pub const fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// How data blocks are compressed; default not at all.
    #[must_use]
    pub const fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Bits of filter per key, 0 for none; default 10, at most 32.
    #[must_use]
    pub const fn filter_bits_per_key(mut self, bits: u8) -> Self {
        self.filter_bits_per_key = bits;
        self
    }

    /// Size of a data block before compression, in bytes; default 4096, 64 to 1 MiB.
    #[must_use]
    pub const fn block_bytes(mut self, bytes: u32) -> Self {
        self.block_bytes = bytes;
        self
    }

    /// How tables are read; default [`ReadMode::Mmap`].
    ///
    /// Mapped, a block is verified when it is first used in this open; a page that rots later and
    /// is read again is found by `verify` and by compaction only, and a failing device ends the
    /// process with SIGBUS. [`ReadMode::Pread`] verifies each read from disk and gives an error
    /// instead. Where maps are unsafe (network file systems) the engine chooses `Pread` itself.
    #[must_use]
    pub const fn read_mode(mut self, mode: ReadMode) -> Self {
        self.read_mode = mode;
        self
    }

    /// The compaction policy; default [`Leveled`]. Each keyspace gets a clone of its own.
    #[must_use]
    pub fn compaction(mut self, policy: impl PolicyFactory + 'static) -> Self {
        self.policy = Arc::new(policy);
        self
    }

    /// Threads for flush and compaction; default 2. With 0 the writing thread does this work
    /// itself, in a fixed order: slow, but the same each time.
    #[must_use]
    pub const fn background_threads(mut self, threads: usize) -> Self {
        self.background_threads = threads;
        self
    }

    /// The file system; default the real one.
    #[must_use]
    pub fn vfs(mut self, vfs: Arc<dyn Vfs>) -> Self {
        self.vfs = vfs;
        self
    }

    /// Clock, chance and threads; default those of the operating system.
    #[must_use]
    pub fn runtime(mut self, runtime: Runtime) -> Self {
        self.runtime = runtime;
        self
    }

    /// Who is told whenever health changes, of the state that came; default nobody.
    ///
    /// It is called by the thread that met the change, one call at a time, in the order of the
    /// changes, and holds up that thread. No lock is held: it may read, write and
    /// [`resume`](Db::resume), but must not close the database, which would wait for its own end.
    /// A clone of [`Db`] that it owns keeps the database open. A panic of it is caught.
    ///
    /// ```
    /// # fn main() -> Result<(), siltstone::Error> {
    /// # let vfs = std::sync::Arc::new(siltstone::vfs::MemVfs::new());
    /// let (tell, told) = std::sync::mpsc::channel();
    /// let listener = move |health: &siltstone::Health| drop(tell.send(health.clone()));
    /// let db = siltstone::Options::new().vfs(vfs).health_listener(listener).open("/db")?;
    /// db.put("basalt", "igneous")?;
    /// assert!(told.try_recv().is_err(), "nothing changed");
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn health_listener(mut self, listener: impl Fn(&Health) + Send + Sync + 'static) -> Self {
        self.health_listener = Some(Listener(Arc::new(listener)));
        self
    }

    /// Opens the database in `dir` for reading and writing.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] if somebody has it open; [`Error::NotFound`] if there is none and none
    /// may be created; [`Error::Corrupt`] if bytes on disk are wrong, in which case nothing was
    /// changed.
    pub fn open(self, dir: impl AsRef<Path>) -> Result<Db, Error> {
        self.check()?;
        Db::open_with(self, dir.as_ref())
    }

    /// Opens the database in `dir` for reading the state of this moment. Writes and creates
    /// nothing, and runs beside a writer.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open); [`Error::Busy`] if a writer kept changing the files.
    pub fn open_read_only(self, dir: impl AsRef<Path>) -> Result<Db, Error> {
        self.check()?;
        Db::open_read_only_with(&self, dir.as_ref())
    }

    /// Saves what can be saved of the damaged database in `dir` into `new_dir`, which is missing
    /// or empty, as a database of its own; tells what could not be saved. `dir` is locked
    /// meanwhile and nothing in it changes. `progress` is called now and then.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] if somebody has it open, [`Error::NotFound`] if there are no files of a
    /// database, [`Error::NotEmpty`] for `new_dir`, and [`Error::Io`]. Damage is no error.
    pub fn repair(
        self,
        dir: impl AsRef<Path>,
        new_dir: impl AsRef<Path>,
        progress: &mut dyn FnMut(RepairProgress),
    ) -> Result<RepairReport, Error> {
        self.check()?;
        repair::run(&self, dir.as_ref(), new_dir.as_ref(), progress)
    }

    /// Size at which a memtable is flushed.
    pub(crate) fn memtable_bytes_or_default(&self) -> u64 {
        self.memtable_bytes.unwrap_or((self.memory_budget / 8).min(64 << 20))
    }

    fn check(&self) -> Result<(), Error> {
        let invalid = |option, why: &str| Err(Error::InvalidOption { option, why: why.to_owned() });
        if self.memory_budget < 1 << 20 {
            return invalid("memory_budget", "at least 1 MiB");
        }
        let memtable_bytes = self.memtable_bytes_or_default();
        if memtable_bytes < 1024 {
            return invalid("memtable_bytes", "at least 1 KiB");
        }
        if memtable_bytes > self.memory_budget / 4 {
            return invalid("memtable_bytes", "at most a quarter of memory_budget");
        }
        if self.filter_bits_per_key > 32 {
            return invalid("filter_bits_per_key", "at most 32");
        }
        if !(64..=1 << 20).contains(&self.block_bytes) {
            return invalid("block_bytes", "64 bytes to 1 MiB");
        }
        if self.background_threads > 256 {
            return invalid("background_threads", "at most 256");
        }
        Ok(())
    }
}
