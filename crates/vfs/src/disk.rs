//! The files of the machine.
//!
//! Always: files are created for their owner alone (0600, directories 0700), handles close on
//! `exec`, no symbolic link is followed to a file, and nothing but a regular file is opened. Calls
//! that a signal interrupted or that did a part go on until all is done.

mod dirs;
mod files;
mod host;
mod lock;
mod window;

use crate::{AppendFile, DirEntry, LockError, LockGuard, LogWindow, Metadata, ReadFile, Vfs};
use files::{DiskAppendFile, DiskReadFile};
use lock::DiskLock;
use std::io;
use std::path::Path;
use std::sync::Arc;
use window::DiskWindow;

/// The file system of the machine, below whatever directory it is asked about.
#[derive(Clone, Copy, Debug, Default)]
pub struct DiskVfs;

impl DiskVfs {
    /// The machine's file system.
    pub fn new() -> Self {
        Self
    }
}

impl Vfs for DiskVfs {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        dirs::create_all(dir)
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn AppendFile>> {
        Ok(Box::new(DiskAppendFile::create(path)?))
    }

    fn create_window(&self, path: &Path) -> io::Result<Arc<dyn LogWindow>> {
        Ok(Arc::new(DiskWindow::create(path)?))
    }

    fn open_read(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>> {
        Ok(Arc::new(DiskReadFile::open(path)?))
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        dirs::metadata(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>> {
        dirs::list(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        dirs::rename(from, to)
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        dirs::unlink(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        dirs::sync(dir)
    }

    fn lock(&self, path: &Path, note: &str) -> Result<Box<dyn LockGuard>, LockError> {
        Ok(Box::new(DiskLock::take(path, note)?))
    }

    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        lock::is_locked(path)
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        files::sync(path)
    }

    fn link_or_copy(&self, from: &Path, to: &Path) -> io::Result<()> {
        files::link_or_copy(from, to)
    }

    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        host::free_bytes(dir)
    }

    fn maps_are_safe(&self, dir: &Path) -> bool {
        host::maps_are_safe(dir)
    }

    fn boot_id(&self) -> u128 {
        host::boot_id()
    }
}
