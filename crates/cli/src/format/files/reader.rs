//! Reads the files of a directory tree, or of a list, in key order.

use super::super::{InputError, MAX_VALUE_BYTES, Next, Pair, Source, over_limit};
use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// A file of this length or more is worth a pause before it is read, so that what was read before
/// is acknowledged meanwhile.
const LONG_FILE_BYTES: u64 = 4 << 20;

/// Walks a directory; files come in the order of their keys.
#[derive(Debug)]
pub(crate) struct FilesReader {
    /// Directories on the way down, each with what is left of it.
    open: Vec<VecDeque<Found>>,
    /// Found, but not read because a pause was due.
    waiting: Option<Found>,
    /// Names of directories that are passed over.
    skipped: &'static [&'static str],
}

/// A file or directory below the root.
#[derive(Debug)]
struct Found {
    key: Vec<u8>,
    path: PathBuf,
    is_dir: bool,
}

impl FilesReader {
    /// Begins at `root`, which must be a directory (or a link to one).
    pub(crate) fn new(root: &Path) -> Result<Self, InputError> {
        Ok(Self { open: vec![list(root, b"")?], waiting: None, skipped: &[] })
    }

    /// Passes over directories with these names.
    pub(crate) const fn skipping(mut self, names: &'static [&'static str]) -> Self {
        self.skipped = names;
        self
    }

    /// The next regular file: its key and path. After an error the walk may go on: the directory
    /// that could not be read is left out.
    pub(crate) fn next_file(&mut self) -> Result<Option<(Vec<u8>, PathBuf)>, InputError> {
        Ok(self.next_found()?.map(|found| (found.key, found.path)))
    }

    fn next_found(&mut self) -> Result<Option<Found>, InputError> {
        while let Some(dir) = self.open.last_mut() {
            match dir.pop_front() {
                None => {
                    self.open.pop();
                }
                Some(found) if found.is_dir && self.skips(&found.path) => {}
                Some(found) if found.is_dir => {
                    let below = list(&found.path, &found.key)?;
                    self.open.push(below);
                }
                Some(found) => return Ok(Some(found)),
            }
        }
        Ok(None)
    }

    fn skips(&self, dir: &Path) -> bool {
        dir.file_name().is_some_and(|name| self.skipped.iter().any(|skipped| name == *skipped))
    }
}

impl Source for FilesReader {
    fn next(&mut self, pair: &mut Pair) -> Result<Next, InputError> {
        let found = match self.waiting.take() {
            Some(found) => found,
            None => match self.next_found()? {
                None => return Ok(Next::End),
                Some(found) if is_long(&found.path) => {
                    self.waiting = Some(found);
                    return Ok(Next::Idle);
                }
                Some(found) => found,
            },
        };
        pair.key = found.key;
        read_pair(&found.path, pair)
    }
}

/// Files that were listed before: each with its key.
#[derive(Debug)]
pub(crate) struct FileList<I> {
    files: I,
}

impl<I: Iterator<Item = io::Result<(Vec<u8>, PathBuf)>>> FileList<I> {
    pub(crate) const fn new(files: I) -> Self {
        Self { files }
    }
}

impl<I: Iterator<Item = io::Result<(Vec<u8>, PathBuf)>>> Source for FileList<I> {
    fn next(&mut self, pair: &mut Pair) -> Result<Next, InputError> {
        match self.files.next() {
            None => Ok(Next::End),
            Some(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(Next::Idle),
            Some(Err(error)) => Err(InputError::unreadable("list of files", error)),
            Some(Ok((key, path))) => {
                pair.key = key;
                read_pair(&path, pair)
            }
        }
    }
}

fn is_long(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.len() >= LONG_FILE_BYTES)
}

fn unreadable(path: &Path, error: io::Error) -> InputError {
    InputError::unreadable(path.display().to_string(), error)
}

/// What lies directly in `dir`, links and special files left out, in the order of keys.
fn list(dir: &Path, key: &[u8]) -> Result<VecDeque<Found>, InputError> {
    let failed = |error| unreadable(dir, error);
    let mut entries = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let kind = entry.file_type().map_err(|error| unreadable(&entry.path(), error))?;
        if kind.is_dir() || kind.is_file() {
            let key = join(key, &entry.file_name());
            entries.push(Found { key, path: entry.path(), is_dir: kind.is_dir() });
        }
    }
    // A directory sorts as what is below it does: with a `/` behind its name.
    let full = |found: &Found| {
        let mut key = found.key.clone();
        if found.is_dir {
            key.push(b'/');
        }
        key
    };
    entries.sort_by_cached_key(full);
    Ok(entries.into())
}

fn join(dir: &[u8], name: &OsStr) -> Vec<u8> {
    if dir.is_empty() { name.as_bytes().to_vec() } else { [dir, b"/", name.as_bytes()].concat() }
}

fn read_pair(path: &Path, pair: &mut Pair) -> Result<Next, InputError> {
    read_file(path, &mut pair.value).map_err(|error| unreadable(path, error))?;
    match over_limit(pair.key.len(), pair.value.len()) {
        Some(why) => Err(InputError::Malformed { place: path.display().to_string(), why }),
        None => Ok(Next::Pair),
    }
}

/// Reads a regular file into `contents`, up to one byte over the limit for values.
pub(crate) fn read_file(path: &Path, contents: &mut Vec<u8>) -> io::Result<()> {
    contents.clear();
    let listed = fs::symlink_metadata(path)?;
    let file = File::open(path)?;
    let opened = file.metadata()?;
    // Between the listing and here somebody may have put a link in the file's place.
    if !opened.is_file() || (listed.dev(), listed.ino()) != (opened.dev(), opened.ino()) {
        return Err(io::Error::other("it was replaced while it was read; load again"));
    }
    file.take(MAX_VALUE_BYTES as u64 + 1).read_to_end(contents)?;
    Ok(())
}
