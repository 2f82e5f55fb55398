//! Directories of the machine and the names in them.
#![expect(clippy::disallowed_methods, reason = "this is the seam that others reach files through")]

use crate::{DirEntry, FileKind, Metadata};
use rustix::fs::{Mode, OFlags};
use rustix::io::retry_on_intr;
use std::fs::{self, DirBuilder, File, FileType};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// Makes `dir` and all above it that are missing, from the top, each synced into the one above
/// before the next.
///
/// In that order a process that dies leaves at most one name unsynced, that of the deepest
/// directory there is; so the next call begins with this one.
pub(super) fn create_all(dir: &Path) -> io::Result<()> {
    let mut missing = Vec::new();
    let mut deepest = dir;
    while !is_dir(deepest)? {
        missing.push(deepest);
        deepest = above(deepest);
    }
    match sync(above(deepest)) {
        // Not ours to sync, so not ours to have made.
        Err(error) if is_forbidden(&error) => {}
        synced => synced?,
    }
    for dir in missing.into_iter().rev() {
        match DirBuilder::new().mode(0o700).create(dir) {
            // Somebody else was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_dir(dir)? => {}
            made => made?,
        }
        sync(above(dir))?;
    }
    Ok(())
}

/// Whether `path` is a directory, by a symbolic link too; false if nothing has the name.
fn is_dir(path: &Path) -> io::Result<bool> {
    match fs::metadata(or_here(path)) {
        Ok(metadata) if metadata.is_dir() => Ok(true),
        Ok(_) => Err(io::ErrorKind::NotADirectory.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn is_forbidden(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

/// The directory that holds the name of `path`; the root holds its own.
fn above(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

/// `path`, with the empty path, which no call knows, spelled out.
pub(super) fn or_here(path: &Path) -> &Path {
    if path.as_os_str().is_empty() { Path::new(".") } else { path }
}

/// Makes the names in `dir` durable.
pub(super) fn sync(dir: &Path) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let handle = retry_on_intr(|| rustix::fs::open(or_here(dir), flags, Mode::empty()))?;
    File::from(handle).sync_all()
}

pub(super) fn metadata(path: &Path) -> io::Result<Metadata> {
    fs::symlink_metadata(path).map(|found| describe(&found))
}

pub(super) fn list(dir: &Path) -> io::Result<Vec<DirEntry>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(or_here(dir))? {
        let entry = entry?;
        let metadata = match entry.metadata() {
            // It went between being named and being looked at.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            found => describe(&found?),
        };
        entries.push(DirEntry { name: entry.file_name(), metadata });
    }
    entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)
}

pub(super) fn unlink(path: &Path) -> io::Result<()> {
    fs::remove_file(path)
}

pub(super) fn link(from: &Path, to: &Path) -> io::Result<()> {
    fs::hard_link(from, to)
}

fn describe(found: &fs::Metadata) -> Metadata {
    let kind = kind(found.file_type());
    let bytes = if kind == FileKind::File { found.len() } else { 0 };
    Metadata { kind, bytes }
}

pub(super) fn kind(file_type: FileType) -> FileKind {
    if file_type.is_file() {
        FileKind::File
    } else if file_type.is_dir() {
        FileKind::Dir
    } else {
        FileKind::Other
    }
}
