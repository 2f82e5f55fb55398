//! The log window of the machine's files, served by `pwrite`.
//!
//! A write through a map costs less processor time, and turns a full disk or a bad sector into a
//! signal that ends the process; `pwrite` returns them as errors.

use super::files;
use crate::LogWindow;
use rustix::io::{Errno, retry_on_intr};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug)]
pub(super) struct DiskWindow {
    file: File,
    /// Bytes that writes may fill. Stored with Release after the file grew, loaded with Acquire
    /// before a write: who sees the length finds the space.
    allocated: AtomicU64,
}

impl DiskWindow {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { file: files::create(path)?, allocated: AtomicU64::new(0) })
    }
}

impl LogWindow for DiskWindow {
    fn allocate(&self, bytes: u64) -> io::Result<()> {
        let before = self.allocated.load(Ordering::Acquire);
        if bytes <= before {
            return Ok(());
        }
        if !reserve(&self.file, before, bytes)? {
            write_zeros(&self.file, before, bytes)?;
        }
        self.allocated.fetch_max(bytes, Ordering::Release);
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let room = self.allocated.load(Ordering::Acquire).checked_sub(offset);
        if room.is_none_or(|room| room < bytes.len() as u64) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a write outside the window"));
        }
        self.file.write_all_at(bytes, offset)
    }

    /// One `fdatasync`: it leaves out times, but not what is needed to read the bytes back, so the
    /// length after an allocation is in it.
    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// Reserves the bytes `from..to` of the file, which read as zeros; false where the file system
/// cannot.
#[cfg(target_os = "linux")]
fn reserve(file: &File, from: u64, to: u64) -> io::Result<bool> {
    use rustix::fs::{FallocateFlags, fallocate};
    match retry_on_intr(|| fallocate(file, FallocateFlags::empty(), from, to - from)) {
        Ok(()) => Ok(true),
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn reserve(_file: &File, _from: u64, _to: u64) -> io::Result<bool> {
    Ok(false)
}

/// Writes zeros into the bytes `from..to` of the file: a length alone would reserve no space.
fn write_zeros(file: &File, from: u64, to: u64) -> io::Result<()> {
    let zeros = [0; 16 << 10];
    let mut offset = from;
    while offset < to {
        let count = (to - offset).min(zeros.len() as u64);
        file.write_all_at(&zeros[..usize::try_from(count).unwrap_or(zeros.len())], offset)?;
        offset += count;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_fill_a_file_that_cannot_reserve_and_spare_what_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let window = DiskWindow::create(&dir.path().join("log")).unwrap();
        write_zeros(&window.file, 0, 10).unwrap();
        window.file.write_all_at(b"bytes", 5).unwrap();
        write_zeros(&window.file, 10, 200_000).unwrap();
        let file = files::open(&dir.path().join("log"), rustix::fs::OFlags::RDONLY).unwrap();
        let mut read = vec![1; 200_001];
        file.read_exact_at(&mut read[..200_000], 0).unwrap();
        assert_eq!(file.metadata().unwrap().len(), 200_000);
        assert_eq!(&read[..10], b"\0\0\0\0\0bytes");
        assert!(read[10..200_000].iter().all(|byte| *byte == 0));
    }
}
