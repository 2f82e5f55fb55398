//! Opening, reading and appending to files of the machine.

use super::dirs;
use crate::{AppendFile, FileKind, Map, ReadFile};
use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Opens or creates a regular file; for its owner alone if it is created.
///
/// # Errors
///
/// [`io::ErrorKind::IsADirectory`] for a directory, [`io::ErrorKind::InvalidInput`] for a
/// symbolic link, pipe, socket or device.
pub(super) fn open(path: &Path, flags: OFlags) -> io::Result<File> {
    // NONBLOCK: to open a pipe would wait for its other end; regular files do not care.
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let owner_only = Mode::RUSR | Mode::WUSR;
    let file = match retry_on_intr(|| rustix::fs::open(path, flags, owner_only)) {
        Ok(handle) => File::from(handle),
        // A link, a socket: nothing regular gives these.
        Err(Errno::LOOP | Errno::NXIO) => return Err(refusal(FileKind::Other)),
        Err(error) => return Err(error.into()),
    };
    match dirs::kind(file.metadata()?.file_type()) {
        FileKind::File => Ok(file),
        other => Err(refusal(other)),
    }
}

/// Creates a file that must not exist yet.
pub(super) fn create(path: &Path) -> io::Result<File> {
    open(path, OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL)
}

/// Why something of this kind is not opened as a file.
fn refusal(kind: FileKind) -> io::Error {
    match kind {
        FileKind::Dir => io::ErrorKind::IsADirectory.into(),
        FileKind::File | FileKind::Other => {
            io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")
        }
    }
}

/// Gives the regular file `from` the name `to` as well, or copies and syncs it.
pub(super) fn link_or_copy(from: &Path, to: &Path) -> io::Result<()> {
    // To link a symbolic link would link the link.
    let kind = dirs::metadata(from)?.kind;
    if kind != FileKind::File {
        return Err(refusal(kind));
    }
    match dirs::link(from, to) {
        Err(error) if has_no_links(&error) => copy(from, to),
        done => done,
    }
}

/// Whether `error` says that this file system, or this pair of them, has no links to offer.
fn has_no_links(error: &io::Error) -> bool {
    let none = [Errno::XDEV, Errno::PERM, Errno::OPNOTSUPP, Errno::NOSYS, Errno::MLINK];
    none.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

/// Copies all of `from` to the new file `to` and syncs it; leaves no part of it behind.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = open(from, OFlags::RDONLY)?;
    let mut target = create(to)?;
    let copied = io::copy(&mut source, &mut target).and_then(|_| target.sync_all());
    if copied.is_err() {
        // The first error counts; a name that stays is one that the next try finds taken.
        let _ = dirs::unlink(to);
    }
    copied
}

#[derive(Debug)]
pub(super) struct DiskAppendFile {
    file: File,
}

impl DiskAppendFile {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { file: create(path)? })
    }
}

impl AppendFile for DiskAppendFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_all()
    }
}

/// Syncs a file that is there already.
pub(super) fn sync(path: &Path) -> io::Result<()> {
    open(path, OFlags::RDONLY)?.sync_all()
}

#[derive(Debug)]
pub(super) struct DiskReadFile {
    file: File,
}

impl DiskReadFile {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: open(path, OFlags::RDONLY)? })
    }
}

impl ReadFile for DiskReadFile {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        // Beyond any file, where the system would call it an error.
        if i64::try_from(offset).is_err() {
            return Ok(0);
        }
        let mut done = 0;
        while done < buffer.len() {
            match self.file.read_at(&mut buffer[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn map(&self) -> io::Result<Option<Map>> {
        // Some file systems have no maps and a process has only so many: read instead. What is
        // wrong with the file itself shows there too.
        Ok(Map::of_file(&self.file).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_every_byte_and_replaces_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        let bytes: Vec<u8> = (0..300_000u32).map(|i| (i % 251) as u8).collect();
        DiskAppendFile::create(&from).unwrap().append(&bytes).unwrap();
        copy(&from, &to).unwrap();
        let mut read = vec![0; bytes.len() + 1];
        let count = DiskReadFile::open(&to).unwrap().read_at(&mut read, 0).unwrap();
        assert_eq!(&read[..count], bytes);
        assert_eq!(copy(&from, &to).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(dirs::metadata(&to).unwrap().bytes, bytes.len() as u64);
    }

    #[test]
    fn errors_that_mean_no_links_are_told_from_others() {
        for errno in [Errno::XDEV, Errno::PERM, Errno::OPNOTSUPP] {
            assert!(has_no_links(&errno.into()), "{errno}");
        }
        for errno in [Errno::EXIST, Errno::NOENT, Errno::NOSPC, Errno::ACCESS] {
            assert!(!has_no_links(&errno.into()), "{errno}");
        }
    }
}
