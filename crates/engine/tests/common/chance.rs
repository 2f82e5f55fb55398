//! Draws from a seed.

use siltstone::vfs::{Random, SeededRandom};

/// A source of draws; the same seed gives the same ones.
#[derive(Debug)]
pub(crate) struct Chance(SeededRandom);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(SeededRandom::new(seed))
    }

    pub(crate) fn next(&self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `bound`.
    pub(crate) fn below(&self, bound: usize) -> usize {
        assert!(bound > 0, "no number is below 0");
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    /// A number in `from..=to`.
    pub(crate) fn between(&self, from: usize, to: usize) -> usize {
        from + self.below(to - from + 1)
    }

    /// Whether something happens that does so in `percent` of 100 cases.
    pub(crate) fn percent(&self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<'a, T>(&self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// An index of `weights`, each as likely as its weight.
    pub(crate) fn weighted(&self, weights: impl Iterator<Item = usize> + Clone) -> usize {
        let mut left = self.below(weights.clone().sum());
        for (index, weight) in weights.enumerate() {
            if left < weight {
                return index;
            }
            left -= weight;
        }
        unreachable!("the draw is below the sum of the weights");
    }
}
