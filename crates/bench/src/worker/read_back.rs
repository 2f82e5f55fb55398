//! What a workload wrote is read back, not measured.

use super::Worker;
use crate::Error;

/// Of so many numbers this many are read back: 1 of 100, but 1000 at least or all.
pub(crate) fn sample(numbers: u64) -> u64 {
    (numbers / 100).max(1000).min(numbers)
}

impl Worker<'_> {
    /// Reads keys back, spread over the numbers, when nobody writes any more: each must be there
    /// with a right value, or absent, as is known. Behind one that is absent the next that is there
    /// is read too, so that a store of few keys is not only asked for absent ones. Returns how many
    /// answers were compared.
    pub(crate) fn read_back(mut self) -> Result<u64, Error> {
        let live = self.shared.live;
        let numbers = live.end();
        let wanted = sample(numbers);
        let mut compared = 0;
        for index in 0..wanted {
            let at = |index| numbers * index / wanted;
            let number = at(index) + self.seeded.below(at(index + 1) - at(index));
            self.get_checked(number, true, true)?;
            compared += 1;
            if !live.has(number)
                && let (1, Some(next)) = live.reach(number, 1)
            {
                self.get_checked(next, true, true)?;
                compared += 1;
            }
        }
        Ok(compared)
    }
}
