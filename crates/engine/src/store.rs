//! The open database behind all handles: its parts, and nothing of what they do.
//!
//! Locks are taken in this order: `commit.log`, the throttle's, `trees`, `manifest`, then the leaf
//! locks (`segments`, `snapshots`, a tree's own, the scheduler's). Nobody waits for a write to
//! commit while holding any of them.

use crate::commit::{Commit, Segments, Write};
use crate::health::HealthCell;
use crate::jobs::{self, Scheduler};
use crate::manifest::Manifest;
use crate::memory::MemoryPlan;
use crate::metrics::{Counters, RecoveryReport};
use crate::snapshots::Snapshots;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering, Tally};
use crate::sync::{Mutex, RwLock};
use crate::tables::Tables;
use crate::throttle::Throttle;
use crate::tree::Tree;
use crate::trees::Trees;
use crate::{Durability, Error, Options, WriteBatch};
use siltstone_base::Seqno;
use siltstone_sstable::TableId;
use siltstone_vfs::{LockGuard, Vfs};
use std::path::PathBuf;
use std::sync::Arc;

/// One open database.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) options: Options,
    pub(crate) dir: PathBuf,
    pub(crate) vfs: Arc<dyn Vfs>,
    /// Identity on disk.
    pub(crate) database: u128,
    /// Number of this open in the process, which handles carry.
    pub(crate) instance: u64,
    pub(crate) memory: MemoryPlan,
    pub(crate) health: HealthCell,
    pub(crate) counters: Counters,
    pub(crate) recovery: RecoveryReport,
    pub(crate) snapshots: Arc<Snapshots>,
    pub(crate) tables: Arc<Tables>,
    pub(crate) trees: RwLock<Trees>,
    pub(crate) segments: Segments,
    pub(crate) scheduler: Scheduler,
    pub(crate) throttle: Throttle,
    /// Bytes of values that callers pin.
    pub(crate) pinned_bytes: Arc<Tally>,
    pub(crate) closed: AtomicBool,
    /// Held while the database is being closed, so that a second call waits for the first.
    pub(crate) closing: Mutex<()>,
    /// What only a writer has; `None` if the database was opened read-only.
    pub(crate) writer: Option<Writer>,
}

/// The parts that write.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) commit: Commit,
    pub(crate) manifest: Mutex<Manifest>,
    pub(crate) lock: Mutex<Option<Box<dyn LockGuard>>>,
    /// Upper half of the ids of tables that this open creates.
    pub(crate) epoch: u64,
    pub(crate) next_table: AtomicU64,
    pub(crate) next_run: AtomicU64,
    /// Held by who takes writes again after the disk was full, so that a second call, and a close,
    /// wait for the first.
    pub(crate) resuming: Mutex<()>,
    /// Tables that no version names, but perhaps a manifest whose last record failed. They go
    /// when another manifest is the one.
    pub(crate) left_behind: Mutex<Vec<TableId>>,
}

impl Writer {
    /// An id that no table has had.
    pub(crate) fn new_table_id(&self) -> TableId {
        TableId { epoch: self.epoch, number: self.next_table.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Store {
    /// Refuses once the database is closed.
    pub(crate) fn check_open(&self) -> Result<(), Error> {
        if self.closed.load(Ordering::Acquire) { Err(Error::Closed) } else { Ok(()) }
    }

    /// Stops writes after a failure of log or manifest; what writers get. That the log was closed
    /// is no failure.
    pub(crate) fn stop(&self, error: Error) -> Error {
        let is_failure = !matches!(error, Error::Closed | Error::Stopped { .. });
        if is_failure { self.health.stop(error) } else { error }
    }

    /// Stops writes after a panic, which may have left anything half done in memory.
    pub(crate) fn stop_after_panic(&self, doing: &'static str) {
        let source = std::io::Error::other("a thread of the database panicked");
        self.health.stop(Error::io(&self.dir, doing, source));
        self.throttle.wake_all();
    }

    /// Does `work`, and stops writes if that panics.
    pub(crate) fn guarded<T>(&self, doing: &'static str, work: impl FnOnce() -> T) -> T {
        let unfinished = StopOnPanic { store: self, doing };
        let outcome = work();
        std::mem::forget(unfinished);
        outcome
    }

    /// Refuses if writes cannot be taken now.
    pub(crate) fn check_writes(&self) -> Result<(), Error> {
        self.check_open()?;
        self.health.check()
    }

    /// The writing parts, for what only a writer may do.
    pub(crate) fn writer(&self) -> Result<&Writer, Error> {
        self.check_open()?;
        self.writer.as_ref().ok_or(Error::OpenedReadOnly)
    }

    /// The keyspaces of now, for going through them without holding their lock.
    pub(crate) fn list_trees(&self) -> Vec<Arc<Tree>> {
        self.trees.read().iter().cloned().collect()
    }

    /// Writes a batch and returns its last seqno.
    pub(crate) fn write(&self, batch: WriteBatch, durability: Durability) -> Result<Seqno, Error> {
        let _tells = self.health.tell_at_end();
        let writer = self.writer()?;
        batch.check()?;
        self.health.check()?;
        if batch.keyspaces.iter().any(|keyspace| keyspace.database != self.instance) {
            return Err(Error::ForeignHandle);
        }
        self.throttle.admit(self, batch.user_bytes())?;
        if batch.is_empty() && durability == Durability::Buffered {
            self.check_writes()?;
            return Ok(self.snapshots.visible());
        }
        let seqno = writer.commit.write(self, Write { batch, durability })?;
        self.work_if_alone();
        Ok(seqno)
    }

    /// Does the jobs of the moment, if no worker does them. A job that fails is tried again
    /// after the next write, and health says so meanwhile.
    pub(crate) fn work_if_alone(&self) {
        if self.options.background_threads == 0 {
            // Health was told of a failure.
            drop(jobs::drain(self));
        }
    }

    /// Makes full memtables immutable and has them flushed. Called by the commit leader.
    pub(crate) fn rotate_full_memtables<'a>(
        &self,
        written: impl Iterator<Item = &'a Arc<Tree>>,
        last_seqno: Seqno,
    ) {
        let mut rotated = false;
        for tree in written {
            if self.is_full(tree) {
                rotated |= tree.rotate(last_seqno);
            }
        }
        if rotated {
            self.memtables_rotated();
        }
    }

    /// Whether the tree's active memtable is to be flushed for its size.
    pub(crate) fn is_full(&self, tree: &Tree) -> bool {
        tree.state().active.table.bytes() as u64 >= self.memory.memtable_bytes
    }

    /// With many keyspaces no single memtable need be full when all together are: then the
    /// largest goes. Called by the commit leader, every now and then.
    pub(crate) fn rotate_largest_if_over_budget(&self, last_seqno: Seqno) {
        if self.largest_over_budget().is_some_and(|tree| tree.rotate(last_seqno)) {
            self.memtables_rotated();
        }
    }

    /// The tree with the largest active memtable, if all of them take too much.
    pub(crate) fn largest_over_budget(&self) -> Option<Arc<Tree>> {
        let trees = self.trees.read();
        let active_bytes = |tree: &Tree| tree.state().active.table.bytes() as u64;
        let total: u64 = trees.iter().map(|tree| active_bytes(tree)).sum();
        if total < self.memory.all_memtables_bytes / 2 {
            return None;
        }
        trees.iter().max_by_key(|tree| active_bytes(tree)).cloned()
    }

    /// Has memtables flushed that need log from long before `position`. Called by the commit
    /// leader.
    pub(crate) fn rotate_memtables_that_pin_log(&self, position: u64, last_seqno: Seqno) {
        let pinned_max = 2 * self.memory.memtable_bytes;
        let mut rotated = false;
        for tree in self.trees.read().iter() {
            let first = tree.state().active.first_position();
            if first.is_some_and(|first| first + pinned_max < position) {
                rotated |= tree.rotate(last_seqno);
            }
        }
        if rotated {
            self.memtables_rotated();
        }
    }

    fn memtables_rotated(&self) {
        self.throttle.update(self);
        self.scheduler.wake();
    }

    /// Makes every memtable immutable, so that a flush takes all that is visible now.
    pub(crate) fn rotate_all(&self, only: Option<&Arc<Tree>>) -> Result<(), Error> {
        let writer = self.writer()?;
        let log = writer.commit.log.lock();
        let trees = self.trees.read();
        for tree in trees.iter().filter(|tree| only.is_none_or(|only| Arc::ptr_eq(only, tree))) {
            tree.rotate(log.last_seqno);
        }
        drop((trees, log));
        self.memtables_rotated();
        Ok(())
    }
}

/// Stops writes if it is dropped: what was being done may be half done in memory, a part of a
/// group in memtables for one, and must not become visible with the next.
struct StopOnPanic<'a> {
    store: &'a Store,
    doing: &'static str,
}

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        self.store.stop_after_panic(self.doing);
    }
}
