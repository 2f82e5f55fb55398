//! Handles to files of [`MemVfs`](super::MemVfs).
//!
//! Who writes locks the tree first and the file second; who reads locks the file alone.

use super::inode::Inode;
use super::state::State;
use crate::{AppendFile, LockError, LockGuard, LogWindow, Map, ReadFile};
use parking_lot::Mutex;
use std::fmt;
use std::io;
use std::sync::Arc;

pub(super) struct MemAppendFile {
    pub(super) state: Arc<Mutex<State>>,
    pub(super) inode: Arc<Inode>,
}

impl AppendFile for MemAppendFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state.lock();
        state.begin_operation()?;
        self.inode.content.lock().append(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.state.lock();
        state.begin_operation()?;
        self.inode.content.lock().sync();
        Ok(())
    }
}

pub(super) struct MemWindow {
    pub(super) state: Arc<Mutex<State>>,
    pub(super) inode: Arc<Inode>,
}

impl LogWindow for MemWindow {
    fn allocate(&self, bytes: u64) -> io::Result<()> {
        let bytes = usize::try_from(bytes).map_err(|_| io::ErrorKind::StorageFull)?;
        let mut state = self.state.lock();
        state.begin_operation()?;
        self.inode.content.lock().grow(bytes)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.state.lock();
        state.begin_operation()?;
        let mut content = self.inode.content.lock();
        let offset = content.room_for(bytes.len(), offset)?;
        content.write(bytes, offset);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        state.begin_operation()?;
        self.inode.content.lock().sync();
        Ok(())
    }
}

pub(super) struct MemReadFile {
    pub(super) inode: Arc<Inode>,
}

impl ReadFile for MemReadFile {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.inode.content.lock().bytes.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let content = self.inode.content.lock();
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        Ok(content.bytes.read(buffer, start))
    }

    /// The bytes as they are now.
    fn map(&self) -> io::Result<Option<Map>> {
        Ok(Some(self.inode.content.lock().bytes.map()))
    }
}

/// A held lock: the file's `locked` is true as long as it lives.
pub(super) struct MemLock {
    inode: Arc<Inode>,
}

impl MemLock {
    pub(super) fn take(inode: Arc<Inode>, note: &str) -> Result<Self, LockError> {
        let mut content = inode.content.lock();
        if content.locked {
            return Err(LockError::Held(
                String::from_utf8_lossy(&content.bytes.to_vec()).into_owned(),
            ));
        }
        content.locked = true;
        content.replace(note.as_bytes());
        drop(content);
        Ok(Self { inode })
    }
}

impl LockGuard for MemLock {}

impl Drop for MemLock {
    fn drop(&mut self) {
        self.inode.content.lock().locked = false;
    }
}

macro_rules! debug_by_number {
    ($($handle:ident)*) => {$(
        impl fmt::Debug for $handle {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($handle), "({})"), self.inode.number)
            }
        }
    )*};
}
debug_by_number!(MemAppendFile MemWindow MemReadFile MemLock);
