//! Wrong bytes: what rot does to a piece of a file.

use super::fault::Rot;
use super::survivor::SECTOR_BYTES;
use crate::SeededRandom;

/// Spoils `piece`, which lies in its file at `offset`; whether any byte is another now.
///
/// `stale` is what the whole file held before, `other` what it holds now at other places: both may
/// be shorter, and are zeros behind their end.
pub(super) fn spoil(
    rot: Rot,
    piece: &mut [u8],
    offset: usize,
    (stale, other): (&[u8], &[u8]),
    random: &SeededRandom,
) -> bool {
    if piece.is_empty() {
        return false;
    }
    let before = piece.to_vec();
    match rot {
        Rot::BitFlip => piece[random.below(before.len())] ^= 1 << random.below(8),
        Rot::ZeroSector | Rot::StaleSector => {
            let first = offset / SECTOR_BYTES;
            let sectors = (offset + piece.len()).div_ceil(SECTOR_BYTES) - first;
            let start = (first + random.below(sectors)) * SECTOR_BYTES;
            let from = start.saturating_sub(offset);
            let to = (start + SECTOR_BYTES - offset).min(piece.len());
            let source = if rot == Rot::StaleSector { stale } else { &[] };
            copy_or_zero(&mut piece[from..to], source, offset + from);
        }
        Rot::Misdirected => {
            let place = elsewhere(offset, piece.len(), other.len(), random);
            copy_or_zero(piece, other, place.unwrap_or(other.len()));
        }
    }
    before != piece
}

/// Another place for `count` bytes that belong at `offset` of a file of `bytes`: some sectors
/// away and in the file, or `None` if it is too short for one.
pub(super) fn elsewhere(
    offset: usize,
    count: usize,
    bytes: usize,
    random: &SeededRandom,
) -> Option<usize> {
    let in_sector = offset % SECTOR_BYTES;
    let room = bytes.checked_sub(count + in_sector)?;
    let places = room / SECTOR_BYTES + 1;
    let own = offset / SECTOR_BYTES;
    let others = if own < places { places - 1 } else { places };
    if others == 0 {
        return None;
    }
    let drawn = random.below(others);
    let sector = if own < places && drawn >= own { drawn + 1 } else { drawn };
    Some(sector * SECTOR_BYTES + in_sector)
}

fn copy_or_zero(piece: &mut [u8], source: &[u8], offset: usize) {
    let source = source.get(offset..).unwrap_or_default();
    let count = source.len().min(piece.len());
    piece[..count].copy_from_slice(&source[..count]);
    piece[count..].fill(0);
}
