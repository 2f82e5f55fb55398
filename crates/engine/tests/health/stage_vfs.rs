//! A file system that panics at its n-th change, or stands still at one until it is told to go on.

use crate::common::forward::forward_to_files;
use siltstone::vfs::{AppendFile, LogWindow, SimVfs, Vfs};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Condvar, Mutex};

/// See the module.
#[derive(Clone)]
pub(crate) struct StageVfs {
    pub(crate) files: SimVfs,
    /// Changes left before the panic; below 0 there is none any more.
    left: Arc<AtomicI64>,
    gate: Arc<(Mutex<Gate>, Condvar)>,
}

/// Who is held up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Gate {
    #[default]
    Open,
    /// The next one that changes a file of this extension.
    Closed(&'static str),
    /// Somebody stands still.
    Holds,
}

impl StageVfs {
    pub(crate) fn new(seed: u64) -> Self {
        let left = Arc::new(AtomicI64::new(-1));
        Self { files: SimVfs::new(seed), left, gate: Arc::default() }
    }

    /// The change after `changes` others panics.
    pub(crate) fn panic_after(&self, changes: i64) {
        self.left.store(changes, Ordering::SeqCst);
    }

    /// Whether it has panicked.
    pub(crate) fn has_panicked(&self) -> bool {
        self.left.load(Ordering::SeqCst) < 0
    }

    /// The next change of a file with this extension stands still.
    pub(crate) fn hold_next(&self, extension: &'static str) {
        *self.gate.0.lock().unwrap() = Gate::Closed(extension);
    }

    /// Returns once somebody stands still.
    pub(crate) fn wait_for_someone(&self) {
        let mut gate = self.gate.0.lock().unwrap();
        while *gate != Gate::Holds {
            gate = self.gate.1.wait(gate).unwrap();
        }
    }

    /// Lets go on.
    pub(crate) fn release(&self) {
        *self.gate.0.lock().unwrap() = Gate::Open;
        self.gate.1.notify_all();
    }

    fn change(&self, path: &Path) {
        let mut gate = self.gate.0.lock().unwrap();
        if let Gate::Closed(extension) = *gate
            && path.extension().is_some_and(|own| own == extension)
        {
            *gate = Gate::Holds;
            self.gate.1.notify_all();
            while *gate == Gate::Holds {
                gate = self.gate.1.wait(gate).unwrap();
            }
        }
        drop(gate);
        self.count();
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

impl fmt::Debug for StageVfs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StageVfs")
    }
}

#[derive(Debug)]
struct File(StageVfs, PathBuf, Box<dyn AppendFile>);

impl AppendFile for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.change(&self.1);
        self.2.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.change(&self.1);
        self.2.sync()
    }
}

#[derive(Debug)]
struct Window(StageVfs, PathBuf, Arc<dyn LogWindow>);

impl LogWindow for Window {
    fn allocate(&self, bytes: u64) -> io::Result<()> {
        self.0.change(&self.1);
        self.2.allocate(bytes)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.change(&self.1);
        self.2.write_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.change(&self.1);
        self.2.sync()
    }
}

impl Vfs for StageVfs {
    forward_to_files!();

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn AppendFile>> {
        self.change(path);
        Ok(Box::new(File(self.clone(), path.to_owned(), self.files.create_new(path)?)))
    }

    fn create_window(&self, path: &Path) -> io::Result<Arc<dyn LogWindow>> {
        self.change(path);
        Ok(Arc::new(Window(self.clone(), path.to_owned(), self.files.create_window(path)?)))
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
}
