//! The lock file of the machine: `flock`, which ends with the process and with its handle, and
//! keeps two handles of one process apart too.
//!
//! A holder has it exclusively. Who looks whether there is a holder takes it shared, for a moment,
//! and may be in the way of a taker just then. So a taker who is refused takes it shared too: if
//! that is refused as well, there is a holder; if not, there are only lookers, who are soon gone.

use super::files;
use crate::{LockError, LockGuard};
use rustix::fs::OFlags;
use std::fs::{File, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// A longer note is cut: the file may be a foreign one.
const NOTE_BYTES_MAX: u64 = 4096;
/// How often a taker tries while there are only lookers, each of whom takes microseconds.
const TRIES_MAX: u32 = 100_000;

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
        if !try_exclusive(&file).map_err(LockError::Io)? {
            return Err(LockError::Held(read_note(&mut file).map_err(LockError::Io)?));
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
    Ok(!taken(file.try_lock_shared())?)
}

/// Takes the lock; false if somebody holds it.
fn try_exclusive(file: &File) -> io::Result<bool> {
    for _ in 0..TRIES_MAX {
        if taken(file.try_lock())? {
            return Ok(true);
        }
        if !taken(file.try_lock_shared())? {
            return Ok(false);
        }
        file.unlock()?;
        std::thread::yield_now();
    }
    Ok(false)
}

fn taken(tried: Result<(), TryLockError>) -> io::Result<bool> {
    match tried {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
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
