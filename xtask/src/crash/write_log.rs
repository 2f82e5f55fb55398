//! The log of everything written to a disk, and images of the disk as a loss of power leaves it.
//!
//! ```text
//! log   = superblock entry*                       each padded to a sector
//! superblock = magic: u64le  version: u64le  entries: u64le  sector_bytes: u32le
//! entry = sector: u64le  sectors: u64le  flags: u64le  data_bytes: u64le  | data, not if DISCARD
//! ```
//! The format is that of the kernel's dm-log-writes. A disk with a cache keeps what it was given
//! before a flush that ended; of what came after, any part may have been kept when the power goes,
//! in any order.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use super::seed::Seed;

const MAGIC: u64 = 0x006a_7366_7773_6872;
const FLUSH: u64 = 1;
const FUA: u64 = 2;
const DISCARD: u64 = 4;
/// What a disk writes whole or not at all.
const ATOM_BYTES: usize = 4096;

/// One write or flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    disk_offset: u64,
    bytes: u64,
    flags: u64,
    data_offset: u64,
    /// Where it ends in the log.
    pub(super) end: u64,
}

impl Entry {
    /// What was written before is on the disk when it has ended.
    pub(super) fn flushes(&self) -> bool {
        self.flags & FLUSH != 0
    }
}

/// All of a log.
#[derive(Debug)]
pub(super) struct WriteLog {
    file: File,
    pub(super) entries: Vec<Entry>,
}

impl WriteLog {
    /// Reads the entries of `file`; their data stays there.
    pub(super) fn read(file: File) -> Result<Self> {
        let mut head = [0; 28];
        file.read_exact_at(&mut head, 0).context("read the superblock")?;
        ensure!(number(&head, 0) == MAGIC && number(&head, 8) == 1, "no log of writes, version 1");
        let sector = number(&[&head[24..28], &[0; 4]].concat(), 0);
        ensure!(sector.is_power_of_two() && sector >= 512, "sectors of {sector} bytes");
        let mut entries = Vec::new();
        let mut at = sector;
        for _ in 0..number(&head, 16) {
            let mut bytes = [0; 32];
            file.read_exact_at(&mut bytes, at).context("read an entry")?;
            let flags = number(&bytes, 16);
            let (disk_offset, length) = (number(&bytes, 0) * sector, number(&bytes, 8) * sector);
            let data = if flags & DISCARD == 0 { length } else { 0 };
            let end = at + sector + data;
            let data_offset = at + sector;
            entries.push(Entry { disk_offset, bytes: length, flags, data_offset, end });
            at = end;
        }
        Ok(Self { file, entries })
    }

    /// The last flush at or before entry `at`, if there is one.
    pub(super) fn flush_before(&self, at: usize) -> Option<usize> {
        self.entries[..=at].iter().rposition(Entry::flushes)
    }

    /// Writes entry `index` to `image`, as a whole.
    pub(super) fn apply(&self, index: usize, image: &File) -> Result<()> {
        self.apply_atoms(index, image, &mut |_| true)
    }

    /// Writes those pages of entry `index` that `keep` takes.
    fn apply_atoms(
        &self,
        index: usize,
        image: &File,
        keep: &mut dyn FnMut(u64) -> bool,
    ) -> Result<()> {
        let entry = self.entries[index];
        let mut page = [0; ATOM_BYTES];
        for start in (0..entry.bytes).step_by(ATOM_BYTES) {
            let count = usize::try_from(entry.bytes - start).unwrap_or(usize::MAX).min(ATOM_BYTES);
            let page = &mut page[..count];
            if entry.flags & DISCARD == 0 {
                self.file.read_exact_at(page, entry.data_offset + start).context("read the log")?;
            } else {
                page.fill(0);
            }
            if keep(start) {
                image.write_all_at(page, entry.disk_offset + start).context("write an image")?;
            }
        }
        Ok(())
    }

    /// Writes a choice of the entries `from..=to` to `image`; returns how many were lost, whole or
    /// in part.
    pub(super) fn apply_some(
        &self,
        entries: std::ops::RangeInclusive<usize>,
        image: &File,
        seed: &mut Seed,
    ) -> Result<u64> {
        // From nothing but what was flushed to everything that was written.
        let kept_of_four = seed.below(5);
        let mut lost = 0;
        for index in entries {
            let entry = self.entries[index];
            if entry.flushes() && entry.bytes == 0 {
                bail!("a flush among what was not flushed");
            }
            if entry.flags & FUA != 0 || seed.below(4) < kept_of_four {
                self.apply(index, image)?;
                continue;
            }
            lost += 1;
            // Of each fourth that is lost, some pages are kept.
            if kept_of_four > 0 && seed.below(4) == 0 {
                self.apply_atoms(index, image, &mut |_| seed.below(2) == 0)?;
            }
        }
        Ok(lost)
    }
}

/// A new image of zeros.
pub(super) fn empty_image(path: &Path, bytes: u64) -> Result<File> {
    let file = File::options().read(true).write(true).create_new(true).open(path);
    let file = file.context("make an image")?;
    file.set_len(bytes).context("make an image")?;
    Ok(file)
}

/// The little-endian number at `offset`.
fn number(bytes: &[u8], offset: usize) -> u64 {
    let word = bytes[offset..offset + 8].iter().rev();
    word.fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log of `(first sector, flags, fill)`, one sector of data each where `fill` is not 0.
    fn log(entries: &[(u64, u64, u8)]) -> WriteLog {
        let mut bytes = vec![0; 512];
        let head = [MAGIC, 1, entries.len() as u64, 512];
        for (place, number) in bytes.chunks_mut(8).zip(head) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        for (sector, flags, fill) in entries {
            let start = bytes.len();
            let sectors = u64::from(*fill != 0);
            bytes.resize(start + 512, 0);
            for (place, number) in bytes[start..].chunks_mut(8).zip([*sector, sectors, *flags, 0]) {
                place.copy_from_slice(&number.to_le_bytes());
            }
            bytes.resize(start + 512 + usize::try_from(sectors).unwrap() * 512, *fill);
        }
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(&bytes, 0).unwrap();
        WriteLog::read(file).unwrap()
    }

    fn sectors(image: &File, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count * 512];
        image.read_exact_at(&mut bytes, 0).unwrap();
        bytes.chunks(512).map(|sector| sector[0]).collect()
    }

    #[test]
    fn entries_are_found_with_their_ends_and_flushes() {
        let log = log(&[(0, 0, 7), (1, 0, 8), (0, FLUSH, 0), (0, 0, 9)]);
        let ends: Vec<u64> = log.entries.iter().map(|entry| entry.end).collect();
        assert_eq!(ends, [1536, 2560, 3072, 4096]);
        assert_eq!([0, 1, 2, 3].map(|at| log.flush_before(at)), [None, None, Some(2), Some(2)]);
    }

    #[test]
    fn what_was_flushed_is_there_and_of_the_rest_any_choice() {
        let log = log(&[(0, 0, 7), (0, FLUSH, 0), (1, 0, 8), (2, 0, 9), (3, FUA, 5)]);
        let mut images = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let folder = tempfile::tempdir().unwrap();
            let image = empty_image(&folder.path().join("image"), 8192).unwrap();
            log.apply(0, &image).unwrap();
            let mut seed = Seed::new(seed, "log");
            let lost = log.apply_some(2..=4, &image, &mut seed).unwrap();
            let found = sectors(&image, 4);
            assert_eq!((found[0], found[3]), (7, 5));
            assert!(lost >= u64::from(found[1] == 0) + u64::from(found[2] == 0));
            images.insert(found);
        }
        assert_eq!(images.len(), 4, "each of two writes there or not: {images:?}");
    }
}
