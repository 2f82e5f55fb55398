//! The handle of an open database, and how it ends.

use crate::keyspace::Keyspace;
use crate::manifest::Field;
use crate::metrics::Metrics;
use crate::snapshot::Snapshot;
use crate::store::Store;
use crate::sync::atomic::Ordering;
use crate::tree::Tree;
use crate::trees::{DEFAULT_NAME, check_name};
use crate::verify::{VerifyProgress, VerifyReport};
use crate::{Durability, Error, Health, Options, WriteBatch, WriteOptions};
use crate::{checkpoint, jobs, observe, open, shape, verify};
use siltstone_base::Seqno;
use siltstone_wal::KeyspaceId;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

/// An open database. Cloning it is cheap; when the last handle of any kind goes, it is closed.
///
/// Everything a [`Keyspace`] does, a `Db` does to the keyspace `default`.
///
/// ```
/// # fn main() -> Result<(), siltstone::Error> {
/// # let vfs = std::sync::Arc::new(siltstone::vfs::MemVfs::new());
/// let db = siltstone::Options::new().vfs(vfs).open("/db")?;
/// db.put("granite", "igneous")?;
/// assert_eq!(db.get("granite")?.as_deref(), Some(&b"igneous"[..]));
/// db.close()?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Db {
    default: Keyspace,
}

/// A share in keeping the database open.
pub(crate) type Handle = Arc<OpenGuard>;

/// Closes the database when it goes.
#[derive(Debug)]
pub(crate) struct OpenGuard(Arc<Store>);

impl Drop for OpenGuard {
    fn drop(&mut self) {
        // Nobody is left to be told of an error; `close` is there for who wants to know.
        drop(close(&self.0));
    }
}

impl Deref for Db {
    type Target = Keyspace;

    fn deref(&self) -> &Keyspace {
        &self.default
    }
}

impl Db {
    /// Opens the database in `dir` with default options; creates it if there is none.
    ///
    /// # Errors
    ///
    /// As [`Options::open`].
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, Error> {
        Options::new().open(dir)
    }

    pub(crate) fn open_with(options: Options, dir: &Path) -> Result<Self, Error> {
        open::for_writing(options, dir).and_then(Self::of_store)
    }

    pub(crate) fn open_read_only_with(options: &Options, dir: &Path) -> Result<Self, Error> {
        open::read_only(options, dir).and_then(Self::of_store)
    }

    fn of_store(store: Arc<Store>) -> Result<Self, Error> {
        let handle = Arc::new(OpenGuard(Arc::clone(&store)));
        let tree = store.trees.read().by_name(DEFAULT_NAME).cloned();
        let tree = tree.ok_or_else(|| {
            Error::corrupt(&store.dir, "manifest", 0, "it names no default keyspace")
        })?;
        Ok(Self { default: Keyspace { store, tree, handle } })
    }

    fn store(&self) -> &Arc<Store> {
        &self.default.store
    }

    /// The keyspace `default`, which always exists.
    pub fn default_keyspace(&self) -> Keyspace {
        self.default.clone()
    }

    /// The keyspace with this name, created if there is none; names have 1 to 255 bytes.
    ///
    /// # Errors
    ///
    /// [`Error::OpenedReadOnly`] if it would have to be created in a database opened read-only.
    pub fn keyspace(&self, name: &str) -> Result<Keyspace, Error> {
        if let Some(keyspace) = self.find_keyspace(name)? {
            return Ok(keyspace);
        }
        self.create_keyspace(name)
    }

    /// The keyspace with this name, if there is one.
    pub fn find_keyspace(&self, name: &str) -> Result<Option<Keyspace>, Error> {
        check_name(name)?;
        self.store().check_open()?;
        let tree = self.store().trees.read().by_name(name).cloned();
        Ok(tree.map(|tree| self.keyspace_of(tree)))
    }

    fn create_keyspace(&self, name: &str) -> Result<Keyspace, Error> {
        let store = self.store();
        let _tells = store.health.tell_at_end();
        let writer = store.writer()?;
        store.check_writes()?;
        let mut trees = store.trees.write();
        if let Some(tree) = trees.by_name(name) {
            return Ok(self.keyspace_of(Arc::clone(tree)));
        }
        let mut manifest = writer.manifest.lock();
        store.health.check()?;
        let id = KeyspaceId(manifest.state().next_keyspace);
        let policy = store.options.policy.fresh();
        let next = id.0.checked_add(1).ok_or_else(|| Error::InvalidName {
            name: name.to_owned(),
            why: "every keyspace id was given out",
        })?;
        let fields = [
            Field::Keyspace { id, policy: policy.name().to_owned(), name: name.to_owned() },
            Field::NextKeyspace(next),
        ];
        manifest.publish(&fields).map_err(|error| store.stop(error))?;
        let tree = Tree::new(id, name, Arc::default(), policy);
        trees.insert(Arc::clone(&tree));
        Ok(self.keyspace_of(tree))
    }

    fn keyspace_of(&self, tree: Arc<Tree>) -> Keyspace {
        Keyspace { tree, ..self.default.clone() }
    }

    /// Names of all keyspaces, sorted.
    pub fn list_keyspaces(&self) -> Result<Vec<String>, Error> {
        self.store().check_open()?;
        let mut names: Vec<_> =
            self.store().trees.read().iter().map(|tree| tree.name.clone()).collect();
        names.sort();
        Ok(names)
    }

    /// Removes a keyspace with all it holds, durably. Its handles give
    /// [`Error::KeyspaceDropped`] from then on.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidName`] for `default`, which stays, and for one that does not exist.
    pub fn drop_keyspace(&self, name: &str) -> Result<(), Error> {
        let invalid = |why| Err(Error::InvalidName { name: name.to_owned(), why });
        if name == DEFAULT_NAME {
            return invalid("the default keyspace cannot be dropped");
        }
        let store = self.store();
        let _tells = store.health.tell_at_end();
        let writer = store.writer()?;
        store.check_writes()?;
        // No leader may be between its look at the keyspaces and its memtables.
        let log = writer.commit.log.lock();
        let mut trees = store.trees.write();
        let Some(tree) = trees.by_name(name).cloned() else {
            return invalid("there is no such keyspace");
        };
        let mut manifest = writer.manifest.lock();
        store.health.check()?;
        manifest.publish(&[Field::Dropped(tree.id)]).map_err(|error| store.stop(error))?;
        trees.remove(tree.id);
        let version = tree.drop_contents();
        drop((manifest, trees, log));
        store.tables.retire(version.tables().cloned());
        drop(version);
        store.tables.sweep();
        store.throttle.update(store);
        Ok(())
    }

    /// Applies a batch with the durability of the options and returns the seqno of its last
    /// write (of the newest visible one if it is empty) once all of it is visible.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`], [`Error::KeyspaceDropped`] and [`Error::ForeignHandle`] before
    /// anything is stored; [`Error::Stopped`] if writes have stopped.
    pub fn write(&self, batch: WriteBatch) -> Result<Seqno, Error> {
        self.store().write(batch, self.store().options.durability)
    }

    /// As [`write`](Self::write), with options for this batch.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub fn write_with(&self, batch: WriteBatch, options: &WriteOptions) -> Result<Seqno, Error> {
        let durability = options.durability.unwrap_or(self.store().options.durability);
        self.store().write(batch, durability)
    }

    /// Makes every write so far survive loss of power.
    pub fn sync(&self) -> Result<(), Error> {
        self.store().write(WriteBatch::new(), Durability::Sync).map(drop)
    }

    /// Turns the memtables of all keyspaces into tables; returns when everything that is visible
    /// now is in tables.
    pub fn flush(&self) -> Result<(), Error> {
        jobs::flush_now(self.store(), None)
    }

    /// Does on this thread what a worker would do next: one flush or compaction, or, if there is
    /// none, the removal of files that nobody reads any more. Returns whether there was a job.
    ///
    /// For programs that decide themselves when work is done. With
    /// [`NoThreads`](crate::NoThreads) nobody else does any.
    ///
    /// # Errors
    ///
    /// Those of the job, which stays to be done; health tells of it, as it does for a worker.
    pub fn step(&self) -> Result<bool, Error> {
        let store = self.store();
        let _tells = store.health.tell_at_end();
        store.writer()?;
        jobs::step(store)
    }

    /// All keyspaces as they are now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::new(Arc::clone(self.store()), Arc::clone(&self.default.handle))
    }

    /// Makes a copy of the database as it is now in `dir`, which must be missing or empty: its
    /// tables linked, its log copied. It opens as a database of its own.
    pub fn checkpoint(&self, dir: impl AsRef<Path>) -> Result<(), Error> {
        let _tells = self.store().health.tell_at_end();
        checkpoint::write(self.store(), dir.as_ref())
    }

    /// Checks every checksum, the order of all entries, the levels, and the manifest against the
    /// files. What is wrong is in the report, not an error.
    pub fn verify(&self) -> Result<VerifyReport, Error> {
        self.verify_with(&mut |_| {})
    }

    /// As [`verify`](Self::verify); `progress` is told how far it is.
    ///
    /// # Errors
    ///
    /// As [`verify`](Self::verify).
    pub fn verify_with(
        &self,
        progress: &mut dyn FnMut(VerifyProgress),
    ) -> Result<VerifyReport, Error> {
        self.store().check_open()?;
        verify::run(self.store(), progress)
    }

    /// The runs of each keyspace, and what compaction would do next.
    pub fn tree(&self) -> Result<Vec<shape::KeyspaceTree>, Error> {
        self.store().check_open()?;
        Ok(shape::of_store(self.store()))
    }

    /// Whether writes are taken, and if not, why.
    pub fn health(&self) -> Health {
        self.store().health.get()
    }

    /// Takes writes again after the disk was full and has room now: what is in memory goes into
    /// tables, a new manifest names them, and a new log begins. What was refused before is not
    /// there then, and never comes back. Does nothing if writes are taken.
    ///
    /// ```
    /// # fn main() -> Result<(), siltstone::Error> {
    /// # let vfs = std::sync::Arc::new(siltstone::vfs::MemVfs::new());
    /// # let db = siltstone::Options::new().vfs(vfs).open("/db")?;
    /// if matches!(db.health(), siltstone::Health::ReadOnly(_)) {
    ///     // .. make room ..
    ///     db.resume()?;
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if there still is no room: the database stays read-only, and it may be tried
    /// again. [`Error::Stopped`] if only a new open helps.
    pub fn resume(&self) -> Result<(), Error> {
        jobs::resume(self.store())
    }

    /// What the database did since it was opened, and how it stands.
    pub fn metrics(&self) -> Metrics {
        observe::metrics(self.store())
    }

    /// Finishes running jobs, makes every write durable and releases the lock, whatever handles
    /// remain: they give [`Error::Closed`] from then on. Values that were read stay valid. A
    /// second call does nothing.
    ///
    /// # Errors
    ///
    /// If not every acknowledged write could be made durable; the database is closed all the
    /// same.
    pub fn close(&self) -> Result<(), Error> {
        close(self.store())
    }
}

fn close(store: &Store) -> Result<(), Error> {
    let _one_at_a_time = store.closing.lock();
    if store.closed.swap(true, Ordering::AcqRel) {
        return Ok(());
    }
    store.scheduler.stop();
    store.throttle.wake_all();
    let Some(writer) = &store.writer else { return Ok(()) };
    let _not_resuming = writer.resuming.lock();
    let log = writer.commit.log.lock().close();
    let manifest = writer.manifest.lock().close();
    store.tables.sweep();
    *writer.lock.lock() = None;
    // Once writes had stopped, the log may hold acknowledged writes that no sync covers.
    store.health.check().and(log).and(manifest)
}
