//! What a simulated disk does when it is called: it asks the plan, then lets the memory do it.

use super::fault::{FaultKind, Pages};
use super::files::{SimAppendFile, SimFile, SimReadFile, SimWindow, error_of, sync_content};
use super::op::{Op, Ops};
use super::plan::{Last, Plan};
use super::trace::TraceLine;
use super::{Disk, SimVfs};
use crate::mem::inode::Inode;
use crate::{AppendFile, DirEntry, LockError, LockGuard, LogWindow, Metadata, ReadFile, Vfs};
use std::io;
use std::path::Path;
use std::sync::Arc;

impl Disk {
    pub(super) fn line(&self, op: Op, path: impl Into<Arc<Path>>) -> TraceLine {
        let operation = self.mem.operations();
        TraceLine { operation, op, path: path.into(), place: None, fault: None }
    }

    /// Counts a call, and fails if a fault met it: then nothing is done. One that would have
    /// changed something counts as an operation.
    pub(super) fn meet(&self, plan: &mut Plan, op: Op, path: &Path) -> io::Result<()> {
        let Some(kind) = plan.begin(self.line(op, path)) else { return Ok(()) };
        if Ops::CHANGES.contains(op) {
            self.mem.begin_operation()?;
        }
        plan.count(kind);
        Err(error_of(kind))
    }
}

impl SimVfs {
    /// Does `body` if no fault meets this call.
    fn call<T>(
        &self,
        op: Op,
        path: &Path,
        body: impl FnOnce(&mut Plan) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut plan = self.disk.plan.lock();
        self.disk.meet(&mut plan, op, path)?;
        body(&mut plan)
    }

    /// The same for a call that changes these names.
    fn change_names<T>(
        &self,
        op: Op,
        paths: &[&Path],
        body: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        let first = paths.first().copied().unwrap_or(Path::new(""));
        self.call(op, first, |plan| {
            let done = body()?;
            plan.last = Last::names(paths);
            Ok(done)
        })
    }

    fn file(&self, path: &Path, inode: Arc<Inode>) -> SimFile {
        SimFile { disk: Arc::clone(&self.disk), inode, path: Arc::from(path) }
    }

    fn create(&self, path: &Path) -> io::Result<SimFile> {
        let inode = self.change_names(Op::Create, &[path], || self.disk.mem.create(path))?;
        Ok(self.file(path, inode))
    }
}

impl Vfs for SimVfs {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.call(Op::CreateDir, dir, |plan| {
            plan.last = Last::Nothing;
            self.disk.mem.create_dir_all(dir)
        })
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn AppendFile>> {
        Ok(Box::new(SimAppendFile(self.create(path)?)))
    }

    fn create_window(&self, path: &Path) -> io::Result<Arc<dyn LogWindow>> {
        Ok(Arc::new(SimWindow(self.create(path)?)))
    }

    fn open_read(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>> {
        let inode = self.call(Op::Open, path, |_| self.disk.mem.inode(path))?;
        Ok(Arc::new(SimReadFile(self.file(path, inode))))
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        self.call(Op::Metadata, path, |_| self.disk.mem.metadata(path))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>> {
        self.call(Op::List, dir, |_| self.disk.mem.list(dir))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change_names(Op::Rename, &[from, to], || self.disk.mem.rename(from, to))
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        self.change_names(Op::Unlink, &[path], || self.disk.mem.unlink(path))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut plan = self.disk.plan.lock();
        let met = plan.begin(self.disk.line(Op::SyncDir, dir));
        plan.last = Last::Nothing;
        let kept = matches!(met, None | Some(FaultKind::FailedSync(Pages::Kept)));
        if kept {
            self.disk.mem.sync_dir(dir)?;
        } else {
            self.disk.mem.begin_operation()?;
        }
        met.map_or(Ok(()), |kind| {
            plan.count(kind);
            Err(error_of(kind))
        })
    }

    fn lock(&self, path: &Path, note: &str) -> Result<Box<dyn LockGuard>, LockError> {
        let mut plan = self.disk.plan.lock();
        if let Some(kind) = plan.begin(self.disk.line(Op::Lock, path)) {
            self.disk.mem.begin_operation().map_err(LockError::Io)?;
            plan.count(kind);
            return Err(LockError::Io(error_of(kind)));
        }
        plan.last = Last::Nothing;
        self.disk.mem.lock(path, note)
    }

    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        self.call(Op::Lock, path, |_| self.disk.mem.is_locked(path))
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        let mut plan = self.disk.plan.lock();
        match self.disk.mem.inode(path) {
            Ok(inode) => {
                let line = self.disk.line(Op::Sync, path);
                sync_content(&self.disk, &mut plan, &inode, line)
            }
            Err(error) => self.disk.mem.begin_operation().and(Err(error)),
        }
    }

    fn link_or_copy(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change_names(Op::Link, &[to], || self.disk.mem.link_or_copy(from, to))
    }

    /// 0 while a fault says that there is no room.
    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        self.call(Op::Metadata, dir, |plan| {
            let free = self.disk.mem.free_bytes(dir)?;
            Ok(if plan.is_full() { 0 } else { free })
        })
    }

    fn maps_are_safe(&self, dir: &Path) -> bool {
        !self.disk.plan.lock().reads_fail() && self.disk.mem.maps_are_safe(dir)
    }

    fn boot_id(&self) -> u128 {
        self.disk.mem.boot_id()
    }
}
