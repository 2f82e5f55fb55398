//! A file system in memory that stops whoever creates a table, until it is told to go on.

use super::forward::forward_to_files;
use siltstone::vfs::{AppendFile, LogWindow, MemVfs, Vfs};
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
    forward_to_files!();

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn AppendFile>> {
        if path.extension().is_some_and(|extension| extension == "sst") {
            self.pass();
        }
        self.files.create_new(path)
    }

    fn create_window(&self, path: &Path) -> io::Result<Arc<dyn LogWindow>> {
        self.files.create_window(path)
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
}
