//! Random choices that a number repeats.

/// `SplitMix64`, Steele, Lea and Flood 2014.
#[derive(Clone, Debug)]
pub(super) struct Seed(u64);

impl Seed {
    /// The choices of `name` under `seed`.
    pub(super) fn new(seed: u64, name: &str) -> Self {
        let start = name.bytes().fold(seed, |state, byte| {
            state.wrapping_mul(0x0100_0000_01b3).wrapping_add(u64::from(byte))
        });
        Self(start)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Uniform below `end`, which is not 0.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// `count` of `items` (or all), evenly spread with a random start, in their order.
    pub(super) fn spread<T: Clone>(&mut self, items: &[T], count: usize) -> Vec<T> {
        if items.len() <= count {
            return items.to_vec();
        }
        let start = usize::try_from(self.below(items.len() as u64)).unwrap_or(0);
        let mut chosen: Vec<usize> =
            (0..count).map(|index| (start + index * items.len() / count) % items.len()).collect();
        chosen.sort_unstable();
        chosen.into_iter().map(|index| items[index].clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_has_as_many_items_as_asked_each_once_in_order() {
        let items: Vec<u64> = (0..97).collect();
        for seed in 0..50 {
            let chosen = Seed::new(seed, "spread").spread(&items, 30);
            assert_eq!(chosen.len(), 30);
            assert!(chosen.is_sorted_by(|a, b| a < b), "{chosen:?}");
        }
        assert_eq!(Seed::new(1, "spread").spread(&items, 200), items);
    }
}
