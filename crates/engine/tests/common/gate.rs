//! A file system in memory that stops whoever creates a table, until it is told to go on.

use siltstone::vfs::{
    AppendFile, DirEntry, LockError, LockGuard, LogWindow, MemVfs, Metadata, ReadFile, Vfs,
};
use std::io;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct GateVfs {
    pub(crate) files: MemVfs,
    gate: Arc<(Mutex<Gate>, Condvar)>,
}

#[derive(Debug, Default)]
struct Gate {
    closed: bool,
    waiting: usize,
}

impl GateVfs {
    /// From now on tables wait.
    pub(crate) fn close_gate(&self) {
        self.gate.0.lock().unwrap().closed = true;
    }

    pub(crate) fn open_gate(&self) {
        self.gate.0.lock().unwrap().closed = false;
        self.gate.1.notify_all();
    }

    /// Returns once somebody stands before the gate.
    pub(crate) fn wait_for_someone(&self) {
        let mut gate = self.gate.0.lock().unwrap();
        while gate.waiting == 0 {
            gate = self.gate.1.wait(gate).unwrap();
        }
    }

    fn pass(&self) {
        let mut gate = self.gate.0.lock().unwrap();
        gate.waiting += 1;
        self.gate.1.notify_all();
        while gate.closed {
            gate = self.gate.1.wait(gate).unwrap();
        }
        gate.waiting -= 1;
    }
}

impl Vfs for GateVfs {
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn AppendFile>> {
        if path.extension().is_some_and(|extension| extension == "sst") {
            self.pass();
        }
        self.files.create_new(path)
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.files.create_dir_all(dir)
    }

    fn create_window(&self, path: &Path) -> io::Result<Arc<dyn LogWindow>> {
        self.files.create_window(path)
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
        self.files.rename(from, to)
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        self.files.unlink(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
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
