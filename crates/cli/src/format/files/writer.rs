//! Writes pairs as files below one directory, and nowhere else.
//!
//! Keys come in order, so everything below a folder comes in one piece: each folder is made once,
//! by us, and a name that is already there is never entered or opened. That keeps every write
//! below the directory, whatever links somebody else puts into it.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// Longest part of a path, in bytes.
const MAX_PART_BYTES: usize = 255;

/// Longest path that the system takes, in bytes, its closing NUL included. Known beforehand, so
/// that half of such a path is not made.
const MAX_PATH_BYTES: usize = 4096;

/// What became of a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Written {
    /// It is a file now.
    Yes,
    /// No file can stand for the key, for this reason.
    No(String),
}

/// Writes files; keys must come in rising order.
#[derive(Debug)]
pub(crate) struct FilesWriter {
    root: PathBuf,
    /// The folder that the last key was in, part by part.
    folder: Vec<Vec<u8>>,
}

impl FilesWriter {
    /// Makes `root`, or takes it if it is an empty directory.
    ///
    /// # Errors
    ///
    /// `DirectoryNotEmpty` if something lies in it, and what the system says.
    pub(crate) fn new(root: &Path) -> io::Result<Self> {
        match fs::read_dir(root) {
            Ok(mut entries) => {
                if entries.next().is_some() {
                    return Err(io::ErrorKind::DirectoryNotEmpty.into());
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => fs::create_dir_all(root)?,
            Err(error) => return Err(error),
        }
        Ok(Self { root: root.to_path_buf(), folder: Vec::new() })
    }

    /// Writes one file. `is_folder` says whether other keys lie below `key`.
    ///
    /// # Errors
    ///
    /// What the system says if it is not about this key's name, such as a full disk.
    pub(crate) fn write(
        &mut self,
        key: &[u8],
        value: &[u8],
        is_folder: bool,
    ) -> io::Result<Written> {
        if let Some(why) = unfit(key) {
            return Ok(Written::No(why.to_owned()));
        }
        if self.root.as_os_str().len() + 1 + key.len() >= MAX_PATH_BYTES {
            return Ok(Written::No("the path would be too long".to_owned()));
        }
        if is_folder {
            return Ok(Written::No("it is also another key's folder".to_owned()));
        }
        match self.create(key, value) {
            Ok(()) => Ok(Written::Yes),
            Err(error) if is_about_name(&error) => Ok(Written::No(error.to_string())),
            Err(error) => Err(error),
        }
    }

    fn create(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        let mut parts: Vec<&[u8]> = key.split(|&byte| byte == b'/').collect();
        let name = parts.pop().unwrap_or_default();
        let path = self.enter(&parts)?.join(OsStr::from_bytes(name));
        let mut file = File::create_new(&path)?;
        file.write_all(value)
    }

    /// Makes the folders on the way to `parts` that are not there yet.
    fn enter(&mut self, parts: &[&[u8]]) -> io::Result<PathBuf> {
        let shared = self.folder.iter().zip(parts).take_while(|(have, want)| have == *want).count();
        self.folder.truncate(shared);
        let mut path = self.root.clone();
        path.extend(self.folder.iter().map(|part| OsStr::from_bytes(part)));
        for part in &parts[shared..] {
            path.push(OsStr::from_bytes(part));
            DirBuilder::new().create(&path)?;
            self.folder.push(part.to_vec());
        }
        Ok(path)
    }
}

/// Why no path below a directory can be `key`, if so.
fn unfit(key: &[u8]) -> Option<&'static str> {
    if key.is_empty() {
        return Some("it is empty");
    }
    if key.starts_with(b"/") {
        return Some("it is absolute");
    }
    if key.contains(&0) {
        return Some("it has a NUL");
    }
    for part in key.split(|&byte| byte == b'/') {
        match part {
            b"" => return Some("it has an empty part"),
            b"." => return Some("it has a part ."),
            b".." => return Some("it has a part .."),
            _ if part.len() > MAX_PART_BYTES => return Some("a part is over 255 bytes"),
            _ => {}
        }
    }
    None
}

/// Whether another key may still be written: the name is the trouble, not the disk.
fn is_about_name(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::AlreadyExists
            | io::ErrorKind::InvalidFilename
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::IsADirectory
    )
}
