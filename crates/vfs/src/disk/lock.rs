//! The lock file of the machine: `flock`, which ends with the process and with its handle, and
//! keeps two handles of one process apart too.

use super::files;
use crate::{LockError, LockGuard};
use rustix::fs::OFlags;
use std::fs::{File, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// A longer note is cut: the file may be a foreign one.
const NOTE_BYTES_MAX: u64 = 4096;

/// A held lock. Closing the file releases it.
#[derive(Debug)]
pub(super) struct DiskLock {
    _file: File,
}

impl LockGuard for DiskLock {}

impl DiskLock {
    pub(super) fn take(path: &Path, note: &str) -> Result<Self, LockError> {
        let flags = OFlags::RDWR | OFlags::CREATE;
        let mut file = files::open(path, flags).map_err(LockError::Io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::Held(read_note(&mut file).map_err(LockError::Io)?));
            }
            Err(TryLockError::Error(error)) => return Err(LockError::Io(error)),
        }
        write_note(&file, note).map_err(LockError::Io)?;
        Ok(Self { _file: file })
    }
}

/// Whether the lock is held. A shared lock is taken for the look, for a moment.
pub(super) fn is_locked(path: &Path) -> io::Result<bool> {
    let file = match files::open(path, OFlags::RDONLY) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn write_note(file: &File, note: &str) -> io::Result<()> {
    file.set_len(0)?;
    file.write_all_at(note.as_bytes(), 0)
}

/// The holder's note; empty if they are just writing it.
fn read_note(file: &mut File) -> io::Result<String> {
    let mut note = Vec::new();
    file.take(NOTE_BYTES_MAX).read_to_end(&mut note)?;
    Ok(String::from_utf8_lossy(&note).into_owned())
}
