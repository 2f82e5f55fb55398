//! A file system that panics at its n-th change.

use siltstone::vfs::{
    AppendFile, DirEntry, LockError, LockGuard, LogWindow, Metadata, ReadFile, SimVfs, Vfs,
};
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// See the module.
#[derive(Clone)]
pub(crate) struct PanicVfs {
    pub(crate) files: SimVfs,
    /// Changes left before the panic; below 0 there is none any more.
    left: Arc<AtomicI64>,
}

impl PanicVfs {
    pub(crate) fn new(seed: u64) -> Self {
        Self { files: SimVfs::new(seed), left: Arc::new(AtomicI64::new(-1)) }
    }

    /// The change after `changes` others panics.
    pub(crate) fn panic_after(&self, changes: i64) {
        self.left.store(changes, Ordering::SeqCst);
    }

    /// Whether it has panicked.
    pub(crate) fn has_panicked(&self) -> bool {
        self.left.load(Ordering::SeqCst) < 0
    }

    fn count(&self) {
        let before = self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| (left >= 0).then(|| left - 1));
        if before == Ok(0) {
            // Without a message, which nobody wants to read a thousand times.
            std::panic::resume_unwind(Box::new("injected"));
        }
    }
}

impl fmt::Debug for PanicVfs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PanicVfs")
    }
}

#[derive(Debug)]
struct File(PanicVfs, Box<dyn AppendFile>);

impl AppendFile for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.count();
        self.1.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.count();
        self.1.sync()
    }
}

#[derive(Debug)]
struct Window(PanicVfs, Arc<dyn LogWindow>);

impl LogWindow for Window {
    fn allocate(&self, bytes: u64) -> io::Result<()> {
        self.0.count();
        self.1.allocate(bytes)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.count();
        self.1.write_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.count();
        self.1.sync()
    }
}

impl Vfs for PanicVfs {
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn AppendFile>> {
        self.count();
        Ok(Box::new(File(self.clone(), self.files.create_new(path)?)))
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.files.create_dir_all(dir)
    }

    fn create_window(&self, path: &Path) -> io::Result<Arc<dyn LogWindow>> {
        self.count();
        Ok(Arc::new(Window(self.clone(), self.files.create_window(path)?)))
    }

    fn open_read(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>> {
        self.files.open_read(path)
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        self.files.metadata(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>> {
        self.files.list(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.count();
        self.files.rename(from, to)
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        self.count();
        self.files.unlink(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.count();
        self.files.sync_dir(dir)
    }

    fn lock(&self, path: &Path, note: &str) -> Result<Box<dyn LockGuard>, LockError> {
        self.files.lock(path, note)
    }

    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        self.files.is_locked(path)
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        self.files.sync_file(path)
    }

    fn link_or_copy(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.files.link_or_copy(from, to)
    }

    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        self.files.free_bytes(dir)
    }

    fn maps_are_safe(&self, dir: &Path) -> bool {
        self.files.maps_are_safe(dir)
    }

    fn boot_id(&self) -> u128 {
        self.files.boot_id()
    }
}
