//! What a database does to files, and nothing more.
//!
//! The rules an implementation keeps, and the simulated disk tests:
//!
//! 1. Bytes written are durable once [`AppendFile::sync`] or [`LogWindow::sync`] returned `Ok`
//!    *and* the name is durable, which it is once [`Vfs::sync_dir`] of its directory returned.
//! 2. After a failed write or sync of a file its owner writes no more to it and never syncs it
//!    again.
//! 3. No implementation follows a symbolic link in the last component of a file's path, and none
//!    opens anything but a regular file. The directory itself may be reached by a link: whoever
//!    named it chose it.

use crate::Map;
use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// A file system.
pub trait Vfs: Debug + Send + Sync + 'static {
    /// Makes the directory and all above it that are missing; `Ok` if it exists already. The new
    /// names are synced in the directories that hold them.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;

    /// Creates a file that does not exist yet, for appending.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::AlreadyExists`] if anything has the name.
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn AppendFile>>;

    /// Creates a file that does not exist yet, as a log window of 0 bytes.
    ///
    /// # Errors
    ///
    /// As [`create_new`](Self::create_new).
    fn create_window(&self, path: &Path) -> io::Result<Arc<dyn LogWindow>>;

    /// Opens a regular file for reading.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`]; [`io::ErrorKind::IsADirectory`];
    /// [`io::ErrorKind::InvalidInput`] for anything else that is no regular file.
    fn open_read(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>>;

    /// What has this name; [`io::ErrorKind::NotFound`] if nothing has.
    fn metadata(&self, path: &Path) -> io::Result<Metadata>;

    /// The names in `dir`, sorted; without `.` and `..`.
    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>>;

    /// Gives the file `from` the name `to`, which replaces what had it, atomically.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes the name of a file; readers and maps of it stay valid.
    fn unlink(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in `dir` durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Takes the exclusive lock on the file `path`, which it creates if it is missing, and writes
    /// `note` into it for whoever comes second. The lock ends when the guard is dropped and with
    /// the process; the file stays.
    ///
    /// # Errors
    ///
    /// [`LockError::Held`] with the holder's note if another process, or this one, holds it.
    fn lock(&self, path: &Path, note: &str) -> Result<Box<dyn LockGuard>, LockError>;

    /// Whether somebody holds the lock on the file `path`; nobody does if it is missing. Changes
    /// nothing, and is in the way of nobody who takes the lock meanwhile.
    fn is_locked(&self, path: &Path) -> io::Result<bool>;

    /// Makes the bytes of a file durable that an earlier process may have left unsynced.
    fn sync_file(&self, path: &Path) -> io::Result<()>;

    /// Gives the name `to` to the immutable file `from` as well; copies it where the file system
    /// has no links. The new file is durable after a [`sync_dir`](Self::sync_dir).
    ///
    /// # Errors
    ///
    /// As [`create_new`](Self::create_new).
    fn link_or_copy(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Bytes that can still be written below `dir`; `u64::MAX` where nobody knows.
    fn free_bytes(&self, dir: &Path) -> io::Result<u64>;

    /// Whether maps of files in `dir` may be trusted: not on network or user-space file systems,
    /// where other machines may change the bytes or an I/O error is likely.
    fn maps_are_safe(&self, dir: &Path) -> bool;

    /// A number drawn anew at each start of the machine; 0 where there is none.
    fn boot_id(&self) -> u128;
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// What it is.
    pub kind: FileKind,
    /// Its length in bytes, for a regular file.
    pub bytes: u64,
}

/// What a name can stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link, device, socket or pipe: nothing of ours.
    Other,
}

/// One name of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    /// The name alone, without its directory.
    pub name: std::ffi::OsString,
    /// What it stands for.
    pub metadata: Metadata,
}

/// A file that only grows: tables, CURRENT before its rename.
pub trait AppendFile: Debug + Send {
    /// Writes `bytes` at the end; all of them, or the file's content is unknown.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes everything appended durable.
    fn sync(&mut self) -> io::Result<()>;
}

/// A file whose bytes are read at any place.
pub trait ReadFile: Debug + Send + Sync {
    /// Length, in bytes, now.
    fn bytes(&self) -> io::Result<u64>;

    /// Reads into `buffer` from `offset` and returns how many bytes there were: fewer than asked
    /// for only at the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Reads exactly `buffer.len()` bytes from `offset`.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::UnexpectedEof`] if the file ends before.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        if self.read_at(buffer, offset)? == buffer.len() {
            return Ok(());
        }
        Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the file ends before the bytes asked for",
        ))
    }

    /// The whole file as memory, for reads at random places, or `None` where it cannot be mapped:
    /// then use [`read_at`](Self::read_at).
    ///
    /// For files that never change again: see [`Map`].
    fn map(&self) -> io::Result<Option<Map>>;
}

/// A preallocated file that one log writer fills: the only way to write at a place, and the only
/// one that may ever write through a map.
///
/// Each `write_at` is one operation of the simulated disk, and may be torn by a crash.
pub trait LogWindow: Debug + Send + Sync {
    /// Grows the file to `bytes`, with space reserved and zeros in it; never shrinks it.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::StorageFull`] and the like: the file may have any length between.
    fn allocate(&self, bytes: u64) -> io::Result<()>;

    /// Writes all of `bytes` at `offset`, below what was allocated. When it returns, they survive
    /// the death of the process.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidInput`], with nothing written, if they end beyond what was
    /// allocated; after any other error the bytes there are unknown.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes every write that returned before durable.
    fn sync(&self) -> io::Result<()>;
}

/// Holds a lock until it is dropped.
pub trait LockGuard: Debug + Send + Sync {}

/// Why a lock was not taken.
#[derive(Debug)]
pub enum LockError {
    /// Somebody holds it; the note they left.
    Held(String),
    /// The lock file could not be made or read.
    Io(io::Error),
}
