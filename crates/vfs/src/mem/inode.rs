//! One file of [`MemVfs`](super::MemVfs): its bytes, and how to undo what is not synced.

use super::bytes::FileBytes;
use crate::SeededRandom;
use parking_lot::Mutex;
use std::io;

/// A file, whatever names it has.
pub(crate) struct Inode {
    /// Tells files with several names from files that are alike.
    pub(crate) number: u64,
    pub(crate) content: Mutex<Content>,
}

/// What is in a file.
///
/// Always: undoing `unsynced` from its end gives the bytes of the last sync, unless that failed.
#[derive(Clone, Default)]
pub(crate) struct Content {
    pub(crate) bytes: FileBytes,
    pub(super) unsynced: Vec<Change>,
    /// The writes that the last sync made durable: undone, they give what was there before it.
    pub(super) settled: Vec<Change>,
    /// What is on the disk below `unsynced`, where a failed sync parted that from `bytes`.
    pub(super) parted: Option<FileBytes>,
    /// Somebody holds the lock on this file.
    pub(crate) locked: bool,
}

/// One write: the bytes `offset..offset + count` are new.
#[derive(Clone)]
pub(super) struct Change {
    pub(super) offset: usize,
    pub(super) count: usize,
    /// What was at `offset` before; shorter than `count` if the file grew.
    replaced: FileBytes,
    /// Length of the file before.
    bytes_before: usize,
}

impl Inode {
    pub(crate) fn new(number: u64, content: Content) -> Self {
        Self { number, content: Mutex::new(content) }
    }
}

impl Content {
    /// Writes `bytes` at `offset`, which must lie in the file or at its end.
    pub(crate) fn write(&mut self, bytes: &[u8], offset: usize) {
        let bytes_before = self.bytes.len();
        assert!(offset <= bytes_before, "a write would leave a hole");
        let overlap = bytes.len().min(bytes_before - offset);
        let replaced = self.bytes.piece(offset..offset + overlap);
        self.bytes.put(offset, bytes);
        self.unsynced.push(Change { offset, count: bytes.len(), replaced, bytes_before });
    }

    /// `offset`, if `count` bytes from there lie in the file.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidInput`] if they do not.
    pub(crate) fn room_for(&self, count: usize, offset: u64) -> io::Result<usize> {
        let start = usize::try_from(offset).ok();
        let end = start.and_then(|start| start.checked_add(count));
        match start.filter(|_| end.is_some_and(|end| end <= self.bytes.len())) {
            Some(start) => Ok(start),
            None => Err(io::Error::new(io::ErrorKind::InvalidInput, "a write outside the window")),
        }
    }

    /// Writes `bytes` at the end.
    pub(crate) fn append(&mut self, bytes: &[u8]) {
        self.write(bytes, self.bytes.len());
    }

    /// Adds zeros up to the length `bytes`; a file as long already stays as it is.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::StorageFull`] if there is no memory for it; nothing is changed.
    pub(crate) fn grow(&mut self, bytes: usize) -> io::Result<()> {
        let bytes_before = self.bytes.len();
        if bytes <= bytes_before {
            return Ok(());
        }
        let more = bytes - bytes_before;
        self.bytes.grow(bytes)?;
        let replaced = FileBytes::default();
        self.unsynced.push(Change { offset: bytes_before, count: more, replaced, bytes_before });
        Ok(())
    }

    /// Makes all that was written durable.
    pub(crate) fn sync(&mut self) {
        if self.parted.is_some() {
            self.parted = Some(self.history().latest());
        }
        std::mem::swap(&mut self.settled, &mut self.unsynced);
        self.unsynced.clear();
    }

    /// Makes `bytes` the whole content, durable at once.
    pub(crate) fn replace(&mut self, bytes: &[u8]) {
        self.bytes = FileBytes::from(bytes.to_vec());
        self.unsynced.clear();
        self.settled.clear();
        self.parted = None;
    }

    /// This content with every write, durable; nobody holds its lock.
    pub(crate) fn all(&self) -> Self {
        self.clone().made_durable()
    }

    /// This content as of its last sync.
    pub(crate) fn synced(&self) -> Self {
        let mut content = self.clone();
        content.undo_to(0);
        content.made_durable()
    }

    /// This content with some first unsynced writes, and perhaps the beginning of the next.
    pub(crate) fn drawn(&self, random: &SeededRandom) -> Self {
        let kept = random.below(self.unsynced.len() + 1);
        let mut content = self.clone();
        content.undo_to(kept + 1);
        if let Some(next) = content.unsynced.get(kept).filter(|change| change.count > 0) {
            let torn_bytes = if random.below(2) == 0 { 0 } else { random.below(next.count) };
            let offset = next.offset;
            let torn = content.bytes.piece(offset..offset + torn_bytes);
            content.undo_to(kept);
            content.bytes.put_piece(offset, &torn, 0..torn_bytes);
        }
        content.made_durable()
    }

    /// This content with `bytes` in it, durable.
    #[cfg(feature = "sim")]
    pub(super) fn of(bytes: FileBytes) -> Self {
        Self { bytes, ..Self::default() }
    }

    fn made_durable(self) -> Self {
        Self { bytes: self.bytes, ..Self::default() }
    }

    /// Undoes the last unsynced writes until no more than `kept` of them are left.
    fn undo_to(&mut self, kept: usize) {
        while self.unsynced.len() > kept {
            let Some(change) = self.unsynced.pop() else { return };
            change.undo(&mut self.bytes);
        }
    }
}

impl Change {
    /// Takes this change back from `bytes`, to which it was the last.
    pub(super) fn undo(&self, bytes: &mut FileBytes) {
        bytes.resize(self.bytes_before);
        bytes.put_piece(self.offset, &self.replaced, 0..self.replaced.len());
    }
}
