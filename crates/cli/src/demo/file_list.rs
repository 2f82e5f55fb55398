//! A list of files on its way to the child: `key NUL path NUL` for each.
//!
//! Neither can hold a NUL: keys are made of paths here.

use super::corpus::Source;
use std::ffi::OsString;
use std::io::{self, BufRead, Write};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;

/// Writes one file of the list.
pub(super) fn write(out: &mut dyn Write, file: &Source) -> io::Result<()> {
    out.write_all(&file.key)?;
    out.write_all(&[0])?;
    out.write_all(file.path.as_os_str().as_bytes())?;
    out.write_all(&[0])
}

/// Reads a list; `WouldBlock` from the input is passed on and nothing is lost by it.
#[derive(Debug)]
pub(super) struct FileListReader<R> {
    input: R,
    partial: Vec<u8>,
    key: Option<Vec<u8>>,
}

impl<R: BufRead> FileListReader<R> {
    pub(super) const fn new(input: R) -> Self {
        Self { input, partial: Vec::new(), key: None }
    }

    fn read(&mut self) -> io::Result<Option<(Vec<u8>, PathBuf)>> {
        loop {
            self.input.read_until(0, &mut self.partial)?;
            if self.partial.pop() != Some(0) {
                return match &self.key {
                    None if self.partial.is_empty() => Ok(None),
                    _ => Err(io::ErrorKind::UnexpectedEof.into()),
                };
            }
            let field = std::mem::take(&mut self.partial);
            match self.key.take() {
                None => self.key = Some(field),
                Some(key) => return Ok(Some((key, OsString::from_vec(field).into()))),
            }
        }
    }
}

impl<R: BufRead> Iterator for FileListReader<R> {
    type Item = io::Result<(Vec<u8>, PathBuf)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Hesitant;

    #[test]
    fn a_list_comes_back_whatever_the_pauses() {
        let mut bytes = Vec::new();
        for name in ["a", "b\n\u{e9}", ""] {
            let (key, path) = (name.as_bytes().to_vec(), PathBuf::from(format!("/{name}")));
            write(&mut bytes, &Source { key, path, bytes: 0, modified: None }).unwrap();
        }
        let read = FileListReader::new(Hesitant { bytes: &bytes, ready: false });
        let read: Vec<_> = read.filter_map(Result::ok).map(|(key, _)| key).collect();
        assert_eq!(read, ["a".as_bytes(), "b\n\u{e9}".as_bytes(), b""]);
    }

    #[test]
    fn a_list_that_is_cut_is_an_error() {
        for cut in [&b"key"[..], b"key\0", b"key\0path"] {
            let mut read = FileListReader::new(cut);
            assert!(read.next().is_some_and(|file| file.is_err()), "{cut:?}");
        }
        assert!(FileListReader::new(&b""[..]).next().is_none());
    }
}
