//! What a cursor that walks through a mapped table asks the system to read ahead.
//!
//! A map is made for reads at random places, so by itself it brings in one page at a time: a walk
//! through cold blocks would wait for the disk at every page. So:
//!
//! 1. The third block in a row, either way, shows that this is a walk. Then a window of bytes
//!    beyond it is asked for, and each following one when half of the last is used up.
//! 2. The first window is small and each one twice the last, up to a limit: a short scan reads
//!    little that it does not use.
//! 3. A jump, or a turn, begins anew.

use std::ops::Range;

const WINDOW_BYTES_MIN: u64 = 32 << 10;
const WINDOW_BYTES_MAX: u64 = 2 << 20;
/// Blocks in a row that make a walk.
const WALK_BLOCKS: u32 = 3;

/// Where a walk is and how far it has asked.
#[derive(Debug)]
pub(crate) struct Prefetch {
    last: Range<u64>,
    is_forward: bool,
    blocks: u32,
    /// How far was asked in the direction of the walk: an end going forward, a start going back.
    asked: u64,
    window_bytes: u64,
}

impl Prefetch {
    pub(crate) const fn new() -> Self {
        Self { last: 0..0, is_forward: true, blocks: 0, asked: 0, window_bytes: WINDOW_BYTES_MIN }
    }

    /// The cursor is about to use `block`, a place in the file; returns what to ask for, which
    /// may reach beyond the data behind it.
    pub(crate) fn visit(&mut self, block: Range<u64>) -> Option<Range<u64>> {
        let is_forward = block.start == self.last.end;
        let goes_on = is_forward || block.end == self.last.start;
        if !goes_on || (self.blocks > 1 && is_forward != self.is_forward) {
            *self = Self::new();
        }
        self.is_forward = is_forward;
        self.blocks = self.blocks.saturating_add(1);
        self.last = block.clone();
        if self.blocks < WALK_BLOCKS {
            return None;
        }
        let is_first = self.blocks == WALK_BLOCKS;
        let window =
            if is_forward { self.ahead(&block, is_first) } else { self.behind(&block, is_first) };
        if window.is_some() {
            self.window_bytes = (self.window_bytes * 2).min(WINDOW_BYTES_MAX);
        }
        window
    }

    fn ahead(&mut self, block: &Range<u64>, is_first: bool) -> Option<Range<u64>> {
        if !is_first && self.asked >= block.end.saturating_add(self.window_bytes / 4) {
            return None;
        }
        let start = if is_first { block.start } else { self.asked.max(block.start) };
        self.asked = start.max(block.end).saturating_add(self.window_bytes);
        Some(start..self.asked)
    }

    fn behind(&mut self, block: &Range<u64>, is_first: bool) -> Option<Range<u64>> {
        if !is_first && self.asked <= block.start.saturating_sub(self.window_bytes / 4) {
            // At the start of the file `asked` cannot fall further.
            return None;
        }
        let end = if is_first { block.end } else { self.asked.min(block.end) };
        self.asked = end.min(block.start).saturating_sub(self.window_bytes);
        (self.asked < end).then_some(self.asked..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Visits blocks of 1,000 bytes by their numbers; returns what was asked for at which step.
    fn walk(blocks: impl IntoIterator<Item = u64>) -> Vec<(usize, Range<u64>)> {
        let mut prefetch = Prefetch::new();
        let visits =
            blocks.into_iter().map(|block| prefetch.visit(block * 1000..(block + 1) * 1000));
        visits.enumerate().filter_map(|(step, asked)| Some((step, asked?))).collect()
    }

    #[test]
    fn a_walk_asks_for_every_byte_once_before_it_comes_and_ever_more_at_a_time() {
        for forward in [true, false] {
            let number = |step: u64| if forward { 5 + step } else { 9999 - step };
            let asked = walk((0..9000).map(number));
            assert_eq!(asked[0].0, 2);
            let lengths: Vec<u64> =
                asked.iter().map(|(_, range)| range.end - range.start).collect();
            assert!(lengths[0] < WINDOW_BYTES_MIN + 2000, "{lengths:?}");
            assert!(lengths.len() < 20, "{lengths:?}");
            for pair in asked.windows(2) {
                let (before, after) = (&pair[0].1, &pair[1].1);
                let apart = if forward { before.end..after.start } else { after.end..before.start };
                assert!(apart.start == apart.end, "{before:?} {after:?}");
                // Asked for before the block at its edge is needed.
                let edge = if forward { before.end / 1000 } else { before.start / 1000 };
                let step = if forward { edge - 5 } else { 9999 - edge };
                assert!((pair[1].0 as u64) < step, "{before:?} {pair:?}");
            }
        }
    }

    #[test]
    fn jumps_turns_and_short_scans_ask_for_nothing() {
        assert_eq!(walk([1, 2]), []);
        assert_eq!(walk([7, 3, 9, 10, 2, 1, 5]), []);
        assert_eq!(walk([4, 5, 4, 5, 4, 5, 4]), []);
        assert_eq!(walk([0]), []);
    }

    #[test]
    fn a_walk_back_ends_at_the_start_of_the_file() {
        let asked = walk((0..200).rev());
        assert_eq!(asked.last().unwrap().1.start, 0);
        assert_eq!(asked.iter().map(|(_, range)| range.end - range.start).sum::<u64>(), 198_000);
    }
}
