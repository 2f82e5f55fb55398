//! What can become of one file while nobody looks.

use crate::common::from_env;
use crate::lives::{DIR, Life};
use siltstone::vfs::MemVfs;

/// One way in which a file is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Damage {
    /// One bit of the byte at `offset` is another.
    Flip {
        offset: usize,
        bit: usize,
    },
    /// 512 bytes are zeros.
    ZeroSector {
        offset: usize,
    },
    /// All from here on are zeros.
    ZeroFrom {
        offset: usize,
    },
    Missing,
    Empty,
    Cut {
        bytes: usize,
    },
    /// It is the one of another database.
    Foreign,
    /// It is what it was at an earlier moment of the same database.
    Stale {
        moment: usize,
    },
    /// It is another file of its kind in the same database.
    Sibling {
        index: usize,
    },
}

const SECTOR_BYTES: usize = 512;
/// Every so many lengths a table, and the unwritten end of any file, is cut, unless told otherwise.
const FEWER_CUTS: u64 = 13;

impl Damage {
    pub(crate) const FLIP: &str = "one bit";

    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::Flip { .. } => Self::FLIP,
            Self::ZeroSector { .. } => "zeroed sector",
            Self::ZeroFrom { .. } => "zeroed from a sector on",
            Self::Missing => "missing",
            Self::Empty => "empty",
            Self::Cut { .. } => "cut",
            Self::Foreign => "of another database",
            Self::Stale { .. } => "of an earlier moment",
            Self::Sibling { .. } => "a sibling",
        }
    }

    /// Whether the file is another one, so that the error may name what it does not fit.
    pub(crate) const fn is_exchange(self) -> bool {
        matches!(self, Self::Foreign | Self::Stale { .. } | Self::Sibling { .. })
    }

    /// Whether it is one bit behind everything that was written.
    pub(crate) const fn is_flip_behind(self, written_end: usize) -> bool {
        matches!(self, Self::Flip { offset, .. } if offset >= written_end + SECTOR_BYTES)
    }

    /// The file afterwards.
    pub(crate) fn of(self, life: &Life, other: &Life, file: &str, bytes: &[u8]) -> After {
        let damaged = match self {
            Self::Flip { offset, bit } => {
                let mut flipped = bytes.to_vec();
                flipped[offset] ^= 1 << bit;
                flipped
            }
            Self::ZeroSector { offset } => {
                let mut zeroed = bytes.to_vec();
                let end = (offset + SECTOR_BYTES).min(bytes.len());
                zeroed[offset..end].fill(0);
                zeroed
            }
            Self::ZeroFrom { offset } => {
                let mut zeroed = bytes.to_vec();
                zeroed[offset..].fill(0);
                zeroed
            }
            Self::Missing => return After::Gone,
            Self::Empty => Vec::new(),
            Self::Cut { bytes: length } => bytes[..length].to_vec(),
            Self::Foreign => return After::of(namesake(life, other, file), bytes),
            Self::Stale { moment } => return After::of(read(&life.moments[moment], file), bytes),
            Self::Sibling { index } => {
                let sibling = siblings(life, file).get(index).and_then(|it| read(&life.left, it));
                return After::of(sibling, bytes);
            }
        };
        After::of(Some(damaged), bytes)
    }
}

/// A file after it was damaged.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// It is what it was, or there is nothing to replace it.
    Same,
    Gone,
    Bytes(Vec<u8>),
}

impl After {
    fn of(now: Option<Vec<u8>>, before: &[u8]) -> Self {
        match now {
            Some(bytes) if bytes != before => Self::Bytes(bytes),
            _ => Self::Same,
        }
    }
}

/// Every damage of one file.
pub(crate) fn of_file(life: &Life, other: &Life, file: &str, bytes: &[u8]) -> Vec<Damage> {
    let sectors = || (0..bytes.len()).step_by(SECTOR_BYTES);
    let step = usize::try_from(cuts_step()).unwrap();
    let dense = if kind(file) == "sst" { 0 } else { written_end(bytes) };
    let mut damages = vec![Damage::Missing, Damage::Empty];
    // Which bit is the one of this byte is as good as random, and always the same.
    damages.extend((0..bytes.len()).map(|offset| Damage::Flip { offset, bit: offset * 5 / 3 % 8 }));
    damages.extend(sectors().map(|offset| Damage::ZeroSector { offset }));
    damages.extend(sectors().map(|offset| Damage::ZeroFrom { offset }));
    let cuts = (1..bytes.len()).filter(|length| *length <= dense || length % step == 0);
    damages.extend(cuts.map(|bytes| Damage::Cut { bytes }));
    damages.extend(namesake(life, other, file).map(|_| Damage::Foreign));
    damages.extend((0..life.moments.len()).map(|moment| Damage::Stale { moment }));
    damages.extend((0..siblings(life, file).len()).map(|index| Damage::Sibling { index }));
    damages
}

/// Every which length is tried where one is as good as the other.
pub(crate) fn cuts_step() -> u64 {
    from_env("SILTSTONE_CUTS").unwrap_or(FEWER_CUTS)
}

/// Where zeros begin that nobody wrote.
pub(crate) fn written_end(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

/// What a file is named after its number.
fn kind(file: &str) -> &str {
    file.rsplit('.').next().unwrap_or(file)
}

fn of_kind(disk: &MemVfs, of: &str) -> Vec<String> {
    let names = crate::common::files(disk, DIR).into_iter().map(|(name, _)| name);
    names.filter(|name| kind(name) == kind(of)).collect()
}

fn siblings(life: &Life, file: &str) -> Vec<String> {
    of_kind(&life.left, file).into_iter().filter(|name| name != file).collect()
}

/// The file of the other database with this name, or else, as names of tables are drawn, the one
/// at the same place among its kind.
fn namesake(life: &Life, other: &Life, file: &str) -> Option<Vec<u8>> {
    read(&other.left, file).or_else(|| {
        let index = of_kind(&life.left, file).iter().position(|name| name == file)?;
        read(&other.left, of_kind(&other.left, file).get(index)?)
    })
}

fn read(disk: &MemVfs, file: &str) -> Option<Vec<u8>> {
    disk.read(format!("{DIR}/{file}")).ok()
}
