//! Files in memory, which know what a power cut would leave of them.
//!
//! Each file remembers how to undo what was written since its last sync, each directory the names
//! it had at its last [`sync_dir`](Vfs::sync_dir) and the changes since. From that a test gets the
//! file system as it would be found after a crash: a *new* one, while the old goes on living with
//! whoever still holds its handles.
//!
//! Locks: one over the tree, which every mutating operation holds, so that a crash falls between
//! two operations; then one in each file, which readers take alone. Nothing is called from below
//! them.

pub(crate) mod bytes;
mod crash;
pub(crate) mod directory;
mod files;
mod history;
pub(crate) mod inode;
#[cfg(feature = "sim")]
pub(crate) mod seam;
mod state;

use crate::{
    AppendFile, DirEntry, LockError, LockGuard, LogWindow, Metadata, ReadFile, SeededRandom, Vfs,
};
use crash::Survival;
use files::{MemAppendFile, MemLock, MemReadFile, MemWindow};
use parking_lot::Mutex;
use state::State;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// A file system in memory, for tests and for databases that shall leave nothing behind.
///
/// A clone is the same file system. It starts with its root alone, which is also where relative
/// paths begin: `/db` and `db` are one directory. Paths with `..` in them are refused.
///
/// Beyond [`Vfs`] it plays crashes: [`process_death`](Self::process_death),
/// [`power_cut`](Self::power_cut), [`power_cut_keeping`](Self::power_cut_keeping), at an operation
/// chosen with [`cut_after`](Self::cut_after); and it rots bytes with [`write`](Self::write) and
/// [`remove`](Self::remove).
#[derive(Clone)]
pub struct MemVfs {
    state: Arc<Mutex<State>>,
}

impl MemVfs {
    /// An empty file system.
    pub fn new() -> Self {
        Self::of(State::new())
    }

    fn of(state: State) -> Self {
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// What is found when the process died now: every write that returned, no lock. The machine
    /// did not start again, so the boot id is the same.
    #[must_use = "the file system after the crash is a new one"]
    pub fn process_death(&self) -> Self {
        Self::of(self.state.lock().after(Survival::Everything))
    }

    /// What is found when the power failed now and the disk had kept nothing it was not made to:
    /// bytes up to each file's last sync, names up to each directory's last
    /// [`sync_dir`](Vfs::sync_dir), no lock, another boot id.
    #[must_use = "the file system after the crash is a new one"]
    pub fn power_cut(&self) -> Self {
        Self::of(self.state.lock().after(Survival::Synced))
    }

    /// What may be found when the power failed now: all that [`power_cut`](Self::power_cut) keeps
    /// and, drawn from `seed`, some of the rest. Each file keeps the first few of its unsynced
    /// writes and perhaps the beginning of the next; each unsynced change of a name is kept or
    /// lost by itself, a rename within a directory as a whole.
    #[must_use = "the file system after the crash is a new one"]
    pub fn power_cut_keeping(&self, seed: u64) -> Self {
        Self::of(self.state.lock().after(Survival::Drawn(&SeededRandom::new(seed))))
    }

    /// How many mutating operations were begun so far: calls that create, write, allocate, sync,
    /// rename, link, unlink or lock, those too that found nothing to do or gave an error. What
    /// [`cut_after`](Self::cut_after) stopped does not count.
    pub fn operations(&self) -> u64 {
        self.state.lock().operations
    }

    /// Lets the first `operations` mutating operations of this file system happen, counted from
    /// its birth as [`operations`](Self::operations) counts; each one after them fails with an I/O
    /// error and changes nothing. Reading still works.
    ///
    /// Run the program until it fails, then look at what a crash leaves.
    pub fn cut_after(&self, operations: u64) {
        self.state.lock().operations_max = operations;
    }

    /// All bytes of the file `path`.
    pub fn read(&self, path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
        let inode = self.state.lock().file(path.as_ref())?;
        let content = inode.content.lock();
        Ok(content.bytes.to_vec())
    }

    /// Makes `bytes` all that the file `path` holds, as rot or a foreign hand would: durable at
    /// once, seen by open handles, not counted as an operation. A file that was not there is
    /// created, its name durable too; its directory must exist.
    pub fn write(&self, path: impl AsRef<Path>, bytes: &[u8]) -> io::Result<()> {
        let inode = self.state.lock().file_or_durable_new(path.as_ref())?;
        inode.content.lock().replace(bytes);
        Ok(())
    }

    /// Takes the file `path` away, as a foreign hand would: durable at once, not counted as an
    /// operation.
    pub fn remove(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.state.lock().forget(path.as_ref())
    }
}

impl Default for MemVfs {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemVfs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemVfs").finish_non_exhaustive()
    }
}

impl Vfs for MemVfs {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.begin_operation()?;
        state.create_dir_all(dir)
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn AppendFile>> {
        let mut state = self.state.lock();
        state.begin_operation()?;
        let inode = state.create(path)?;
        Ok(Box::new(MemAppendFile { state: Arc::clone(&self.state), inode }))
    }

    fn create_window(&self, path: &Path) -> io::Result<Arc<dyn LogWindow>> {
        let mut state = self.state.lock();
        state.begin_operation()?;
        let inode = state.create(path)?;
        Ok(Arc::new(MemWindow { state: Arc::clone(&self.state), inode }))
    }

    fn open_read(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>> {
        let inode = self.state.lock().file(path)?;
        Ok(Arc::new(MemReadFile { inode }))
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        self.state.lock().metadata(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>> {
        self.state.lock().list(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.begin_operation()?;
        state.rename(from, to)
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.begin_operation()?;
        state.unlink(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.begin_operation()?;
        state.sync_dir(dir)
    }

    fn lock(&self, path: &Path, note: &str) -> Result<Box<dyn LockGuard>, LockError> {
        let mut state = self.state.lock();
        state.begin_operation().map_err(LockError::Io)?;
        let inode = state.file_or_new(path).map_err(LockError::Io)?;
        MemLock::take(inode, note).map(|lock| Box::new(lock) as Box<dyn LockGuard>)
    }

    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        match self.state.lock().file(path) {
            Ok(inode) => Ok(inode.content.lock().locked),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.begin_operation()?;
        state.file(path)?.content.lock().sync();
        Ok(())
    }

    fn link_or_copy(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.begin_operation()?;
        state.link(from, to)
    }

    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        let state = self.state.lock();
        state.metadata(dir).map(|_| u64::MAX)
    }

    fn maps_are_safe(&self, _dir: &Path) -> bool {
        true
    }

    fn boot_id(&self) -> u128 {
        self.state.lock().boot_id
    }
}
