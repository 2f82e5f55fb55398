//! What a file remembers of another one: two numbers that only grow, overwritten in place.
//! ```text
//! witness = first: u64le | second: u64le | sum: u64le       at 512 and at 1024, in turns
//! ```
//! A log and its manifest vouch for each other: the log says how many records the manifest held
//! when it was last durable, the manifest how far the log was. So neither can lose its end, however
//! many sectors of it, without the other one telling.
//!
//! Always: the older of the two places stays while the other is written, each in a sector of its
//! own, so that a torn write loses at most what it was to say. Nothing is synced: who writes must
//! say only what is durable already.
//! Layout: docs/formats.md §2.

use crate::Error;
use crate::format::LogIdentity;
use siltstone_base::{Reader, checksum};
use siltstone_vfs::LogWindow;
use std::sync::Arc;

/// Where the two places are, in bytes from the start of the file.
const OFFSETS: [u64; 2] = [512, 1024];
const SUMMED_BYTES: usize = 16;
const BYTES: usize = SUMMED_BYTES + 8;

/// The one that writes what a file remembers of another.
#[derive(Debug)]
pub struct Witness {
    identity: LogIdentity,
    window: Arc<dyn LogWindow>,
    /// Index of the place to write next.
    next_index: usize,
}

impl Witness {
    pub(crate) fn new(identity: LogIdentity, window: Arc<dyn LogWindow>) -> Self {
        Self { identity, window, next_index: 0 }
    }

    /// Remembers this, in place of what was told the time before the last.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], after which nothing may be written to the file any more.
    pub fn tell(&mut self, (first, second): (u64, u64)) -> Result<(), Error> {
        let offset = OFFSETS[self.next_index];
        self.next_index = 1 - self.next_index;
        let mut bytes = [0; BYTES];
        bytes[..8].copy_from_slice(&first.to_le_bytes());
        bytes[8..SUMMED_BYTES].copy_from_slice(&second.to_le_bytes());
        let sum = checksum::of_part(self.identity.mixed(), offset, &bytes[..SUMMED_BYTES]);
        bytes[SUMMED_BYTES..].copy_from_slice(&sum.to_le_bytes());
        let written = self.window.write_at(&bytes, offset);
        written.map_err(|source| Error::io(self.identity.segment, offset, source))
    }
}

/// The largest that the beginning of a file remembers; zeros if it remembers nothing.
pub(crate) fn latest(file: &[u8], identity: &LogIdentity) -> (u64, u64) {
    let remembered = OFFSETS.iter().filter_map(|&offset| {
        let start = usize::try_from(offset).ok()?;
        decode(file.get(start..start + BYTES)?, identity, offset)
    });
    remembered.max().unwrap_or_default()
}

fn decode(bytes: &[u8], identity: &LogIdentity, offset: u64) -> Option<(u64, u64)> {
    let mut reader = Reader::new(bytes, "witness");
    let (first, second, sum) = (reader.u64().ok()?, reader.u64().ok()?, reader.u64().ok()?);
    let summed = bytes.get(..SUMMED_BYTES)?;
    (sum == checksum::of_part(identity.mixed(), offset, summed)).then_some((first, second))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::RECORDS_OFFSET;
    use crate::{LogKind, SegmentId};
    use siltstone_vfs::{MemVfs, Vfs};
    use std::path::Path;

    #[test]
    fn the_latest_is_read_and_any_damage_to_it_gives_the_one_before() {
        let (vfs, path) = (MemVfs::new(), Path::new("/7.log"));
        let identity = LogIdentity { kind: LogKind::Log, database: 5, segment: SegmentId(7) };
        let window = vfs.create_window(path).unwrap();
        window.allocate(RECORDS_OFFSET).unwrap();
        let mut witness = Witness::new(identity, window);
        assert_eq!(latest(&vfs.read(path).unwrap(), &identity), (0, 0));
        let mut before = (0, 0);
        for told in [(0, 9), (3, 1), (3, 2), (4, 0)] {
            let place = witness.next_index;
            witness.tell(told).unwrap();
            let file = vfs.read(path).unwrap();
            assert_eq!(latest(&file, &identity), told);
            let start = usize::try_from(OFFSETS[place]).unwrap();
            for bit in 0..BYTES * 8 {
                let mut damaged = file.clone();
                damaged[start + bit / 8] ^= 1 << (bit % 8);
                assert_eq!(latest(&damaged, &identity), before, "bit {bit}");
            }
            for cut in 0..=start {
                assert!(latest(&file[..cut], &identity) <= before, "{cut}");
            }
            let other = LogIdentity { segment: SegmentId(8), ..identity };
            assert_eq!(latest(&file, &other), (0, 0));
            before = told;
        }
    }
}
