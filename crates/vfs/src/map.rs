//! A whole file as memory: the one file of this crate with `unsafe` in it.
//!
//! A map is sound as long as nobody changes the bytes below it, and reading it is safe as long as
//! nobody cuts the file short (touching a page that is gone ends the process by SIGBUS). What
//! makes that so:
//!
//! 1. A map is only ever read: none is writable, and no `&mut` to it exists.
//! 2. Files are mapped when they are finished. This crate has no call that writes to a file again
//!    once its [`AppendFile`](crate::AppendFile) is dropped, none that shortens a file, and a
//!    file's name can only be removed or replaced, which leaves the mapped file as it was.
//! 3. Files are created for their owner alone (mode 0600) in a directory that one process locks,
//!    so that a foreign writer needs the owner's rights and ill will.
//! 4. [`Vfs::maps_are_safe`](crate::Vfs::maps_are_safe) says where file systems break rule 2
//!    themselves.
//!
//! Who cannot rely on this reads by [`read_at`](crate::ReadFile::read_at).

use crate::mem::bytes::Stored;
use std::fmt;
use std::fs::File;
use std::io;
use std::ops::{Deref, Range};
use std::sync::Arc;

/// The bytes of a file that never changes again, shared; cloning copies none.
///
/// It stays valid when the file is closed, replaced or unlinked.
#[derive(Clone)]
pub struct Map {
    source: Source,
}

#[derive(Clone)]
enum Source {
    Mapped(Arc<memmap2::Mmap>),
    Memory(Arc<[u8]>),
    Stored(Arc<Stored>),
}

impl Map {
    /// Maps all of `file`, read only, for reads at random places. The file must never change
    /// again: see the module. An empty file gives an empty map.
    pub(crate) fn of_file(file: &File) -> io::Result<Self> {
        #[expect(unsafe_code, reason = "mapping a file has no safe form")]
        // SAFETY: the file is finished, and nothing in this crate writes to or shortens a finished
        // file (rules 1 to 3 of the module), so the bytes cannot change below the map.
        let mapped = unsafe { memmap2::Mmap::map(file)? };
        // Readahead around a point read only evicts pages that somebody wanted. It is advice: the
        // map serves as well without.
        #[cfg(unix)]
        let _ = mapped.advise(memmap2::Advice::Random);
        Ok(Self { source: Source::Mapped(Arc::new(mapped)) })
    }

    /// The bytes of a file in memory, which nobody changes while this holds a share of them.
    pub(crate) const fn of_stored(stored: Arc<Stored>) -> Self {
        Self { source: Source::Stored(stored) }
    }

    /// Asks the system to bring these bytes into memory soon, and does not wait for them. Advice
    /// only: a range outside the map asks for nothing.
    ///
    /// For who reads on in order: a map reads one page at a time from the disk by itself.
    pub fn will_need(&self, range: Range<usize>) {
        #[cfg(unix)]
        if let Source::Mapped(mapped) = &self.source
            && range.start < range.end
            && range.end <= mapped.len()
        {
            let _ = mapped.advise_range(memmap2::Advice::WillNeed, range.start, range.len());
        }
    }
}

impl From<Arc<[u8]>> for Map {
    fn from(bytes: Arc<[u8]>) -> Self {
        Self { source: Source::Memory(bytes) }
    }
}

impl Deref for Map {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.source {
            Source::Mapped(mapped) => mapped,
            Source::Memory(bytes) => bytes,
            Source::Stored(stored) => (**stored).as_ref(),
        }
    }
}

impl AsRef<[u8]> for Map {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Map({} bytes)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn advice_changes_no_byte_whatever_range_it_names() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let bytes: Vec<u8> = (0..20_000u32).map(|i| (i % 251) as u8).collect();
        file.write_all(&bytes).unwrap();
        let mapped = Map::of_file(file.as_file()).unwrap();
        let empty = Map::of_file(tempfile::NamedTempFile::new().unwrap().as_file()).unwrap();
        for map in [&mapped, &Map::from(Arc::from(bytes.as_slice())), &empty] {
            for (start, end) in [(0, 20_000), (5000, 5001), (9, 9), (9, 3), (19_999, 20_001)] {
                map.will_need(start..end);
            }
            map.will_need(usize::MAX - 1..usize::MAX);
        }
        assert_eq!(&*mapped, bytes);
        assert!(empty.is_empty());
    }
}
