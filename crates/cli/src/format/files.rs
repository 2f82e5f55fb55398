//! A directory tree: a key is a path, its value the file's contents.
//!
//! Read: every regular file below a directory, hidden ones too, with no ignore rules; symbolic
//! links are not followed. The key is the path below the directory with `/` between its parts and
//! no leading `./`, as raw bytes. Written: only below a new or empty directory; keys that no such
//! path can stand for are left out and named.

mod reader;
mod writer;

pub(crate) use reader::{FileList, FilesReader, read_file};
pub(crate) use writer::{FilesWriter, Written};

#[cfg(test)]
mod tests;
