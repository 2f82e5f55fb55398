//! What the simulated disk needs of the files in memory, beyond [`Vfs`](crate::Vfs).

use super::MemVfs;
use super::bytes::FileBytes;
use super::crash::Survival;
use super::directory::{Directory, Names, Node};
pub(crate) use super::history::History;
use super::inode::{Content, Inode};
use super::state::State;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Chooses what survives a power cut.
pub(crate) trait Survivor {
    /// The names that are left of the directory `path`.
    fn names(&self, path: &Path, dir: &Directory) -> Names;

    /// The bytes that are left of the file with this number.
    fn bytes(&self, number: u64, content: &Content) -> FileBytes;
}

impl MemVfs {
    /// The file system after a power cut of which `survivor` chooses what is left.
    pub(crate) fn after(&self, survivor: &dyn Survivor) -> Self {
        Self::of(self.state.lock().after(Survival::Chosen(survivor)))
    }

    /// The file system after the process died: unlike [`process_death`](Self::process_death) it
    /// still knows what is not synced, which the machine holds in memory.
    pub(crate) fn next_process(&self) -> Self {
        let state = self.state.lock();
        let mut copies: HashMap<u64, Arc<Inode>> = HashMap::new();
        let mut copy = |node: &Node| {
            let Node::File(inode) = node else { return Node::Dir };
            let copy = copies.entry(inode.number).or_insert_with(|| {
                let content = Content { locked: false, ..inode.content.lock().clone() };
                Arc::new(Inode::new(inode.number, content))
            });
            Node::File(Arc::clone(copy))
        };
        let dirs = state.dirs.iter().map(|(path, dir)| (path.clone(), dir.copied(&mut copy)));
        let (inodes_made, boot_id) = (state.inodes_made, state.boot_id);
        Self::of(State { dirs: dirs.collect(), inodes_made, boot_id, ..State::new() })
    }

    /// Counts a mutating operation; fails if it shall not happen any more.
    pub(crate) fn begin_operation(&self) -> io::Result<()> {
        self.state.lock().begin_operation()
    }

    /// Makes a file with a new name, as one operation.
    pub(crate) fn create(&self, path: &Path) -> io::Result<Arc<Inode>> {
        let mut state = self.state.lock();
        state.begin_operation()?;
        state.create(path)
    }

    /// The file `path`.
    pub(crate) fn inode(&self, path: &Path) -> io::Result<Arc<Inode>> {
        self.state.lock().file(path)
    }

    /// Every file that has a name, once for each.
    pub(crate) fn every_inode(&self, mut visit: impl FnMut(&Inode)) {
        for dir in self.state.lock().dirs.values() {
            for node in dir.names().values() {
                if let Node::File(inode) = node {
                    visit(inode);
                }
            }
        }
    }

    /// A number drawn from every name and every byte.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for (path, dir) in &self.state.lock().dirs {
            path.hash(&mut hasher);
            for (name, node) in dir.names() {
                name.hash(&mut hasher);
                if let Node::File(inode) = node {
                    inode.content.lock().bytes.fingerprint().hash(&mut hasher);
                }
            }
        }
        hasher.finish()
    }
}

impl Content {
    /// Does what a failed sync does: the first `kept` of the unsynced bytes, counted over its
    /// writes, reach the disk; the others are still read, but no later sync writes them.
    pub(crate) fn fail_sync(&mut self, kept: usize) {
        let history = self.history();
        let mut disk = history.disk;
        let mut left = kept;
        for write in &history.writes {
            let count = left.min(write.bytes.len());
            if count == 0 {
                break;
            }
            disk.put_piece(write.offset, &write.bytes, 0..count);
            left -= count;
        }
        self.parted = Some(disk);
        self.unsynced.clear();
    }

    /// How many bytes were written since the last sync; overwritten ones count again.
    pub(crate) fn unsynced_bytes(&self) -> usize {
        self.unsynced.iter().map(|change| change.count).sum()
    }

    /// What was on the disk before the last sync.
    pub(crate) fn stale(&self) -> FileBytes {
        let mut bytes = self.bytes.clone();
        for change in self.unsynced.iter().rev().chain(self.settled.iter().rev()) {
            change.undo(&mut bytes);
        }
        bytes
    }
}
