//! A file's bytes on the disk, and the writes above them that no sync made durable.

use super::inode::Content;

/// What a power cut has to choose from.
pub(crate) struct History {
    /// The bytes that are durable.
    pub(crate) disk: Vec<u8>,
    /// What was written since, in order.
    pub(crate) writes: Vec<Written>,
}

/// One write that is not durable.
pub(crate) struct Written {
    /// Where it begins.
    pub(crate) offset: usize,
    /// All it wrote.
    pub(crate) bytes: Vec<u8>,
}

impl Content {
    /// The disk below, and the writes above it.
    pub(crate) fn history(&self) -> History {
        let mut disk = self.bytes.clone();
        let mut writes = Vec::with_capacity(self.unsynced.len());
        for change in self.unsynced.iter().rev() {
            let bytes = disk[change.offset..change.offset + change.count].to_vec();
            writes.push(Written { offset: change.offset, bytes });
            change.undo(&mut disk);
        }
        writes.reverse();
        History { disk: self.parted.clone().unwrap_or(disk), writes }
    }
}

impl History {
    /// The bytes if every write reached the disk.
    pub(crate) fn latest(&self) -> Vec<u8> {
        self.prefix(self.writes.len())
    }

    /// The bytes if the first `count` writes reached the disk, and no other.
    pub(crate) fn prefix(&self, count: usize) -> Vec<u8> {
        let mut bytes = self.disk.clone();
        for write in self.writes.iter().take(count) {
            put(&mut bytes, write.offset, &write.bytes);
        }
        bytes
    }
}

/// Sets `piece` at `offset`; what is missing before it becomes zeros.
pub(crate) fn put(bytes: &mut Vec<u8>, offset: usize, piece: &[u8]) {
    let end = offset + piece.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[offset..end].copy_from_slice(piece);
}
