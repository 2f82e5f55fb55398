//! A file's bytes on the disk, and the writes above them that no sync made durable.

use super::bytes::FileBytes;
use super::inode::Content;

/// What a power cut has to choose from.
pub(crate) struct History {
    /// The bytes that are durable.
    pub(crate) disk: FileBytes,
    /// What was written since, in order.
    pub(crate) writes: Vec<Written>,
}

/// One write that is not durable.
pub(crate) struct Written {
    /// Where it begins.
    pub(crate) offset: usize,
    /// All it wrote.
    pub(crate) bytes: FileBytes,
}

impl Content {
    /// The disk below, and the writes above it.
    pub(crate) fn history(&self) -> History {
        let mut disk = self.bytes.clone();
        let mut writes = Vec::with_capacity(self.unsynced.len());
        for change in self.unsynced.iter().rev() {
            let bytes = disk.piece(change.offset..change.offset + change.count);
            writes.push(Written { offset: change.offset, bytes });
            change.undo(&mut disk);
        }
        writes.reverse();
        History { disk: self.parted.clone().unwrap_or(disk), writes }
    }
}

impl History {
    /// The bytes if every write reached the disk.
    pub(crate) fn latest(&self) -> FileBytes {
        self.prefix(self.writes.len())
    }

    /// The bytes if the first `count` writes reached the disk, and no other.
    pub(crate) fn prefix(&self, count: usize) -> FileBytes {
        let mut bytes = self.disk.clone();
        for write in self.writes.iter().take(count) {
            bytes.put_piece(write.offset, &write.bytes, 0..write.bytes.len());
        }
        bytes
    }

    /// The length if every write reached the disk.
    #[cfg(feature = "sim")]
    pub(crate) fn latest_len(&self) -> usize {
        let ends = self.writes.iter().map(|write| write.offset + write.bytes.len());
        ends.fold(self.disk.len(), usize::max)
    }
}
