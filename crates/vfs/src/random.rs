//! Chance: from the system, or from a seed.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};

/// A source of random numbers, shared by threads.
pub trait Random: Debug + Send + Sync + 'static {
    /// A number of which every bit is random.
    fn next_u64(&self) -> u64;

    /// Two of them: for identities.
    fn next_u128(&self) -> u128 {
        u128::from(self.next_u64()) << 64 | u128::from(self.next_u64())
    }
}

/// The randomness of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl SystemRandom {
    /// The system's source.
    pub fn new() -> Self {
        Self
    }
}

impl Random for SystemRandom {
    /// # Panics
    ///
    /// If the system has no randomness. Linux since 3.17 always has, and a database identity
    /// that is not random would be worse than none.
    fn next_u64(&self) -> u64 {
        getrandom::u64().expect("the system has randomness")
    }
}

/// The numbers that follow from a seed: `SplitMix64` (Steele, Lea, Flood 2014). One thread that
/// draws alone gets the same numbers from the same seed, always.
#[derive(Debug)]
pub struct SeededRandom {
    state: AtomicU64,
}

impl SeededRandom {
    /// The numbers of `seed`; every seed is as good as another.
    pub fn new(seed: u64) -> Self {
        Self { state: AtomicU64::new(seed) }
    }

    /// A number below `bound`, which is at least 1.
    pub(crate) fn below(&self, bound: usize) -> usize {
        debug_assert!(bound > 0, "no number is below 0");
        let draw = (u128::from(self.next_u64()) * bound as u128) >> 64;
        usize::try_from(draw).unwrap_or(0)
    }
}

const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

impl Random for SeededRandom {
    fn next_u64(&self) -> u64 {
        // Relaxed: the state is all there is; no other memory hangs on it.
        let state = self.state.fetch_add(GOLDEN_GAMMA, Ordering::Relaxed);
        let mut mixed = state.wrapping_add(GOLDEN_GAMMA);
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_published_numbers() {
        let random = SeededRandom::new(1_234_567);
        let drawn: Vec<u64> = (0..3).map(|_| random.next_u64()).collect();
        assert_eq!(
            drawn,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn below_reaches_every_number_under_its_bound_and_no_other() {
        let random = SeededRandom::new(7);
        let mut seen = [0; 5];
        for _ in 0..1000 {
            seen[random.below(5)] += 1;
        }
        assert!(seen.iter().all(|count| *count > 100), "uneven: {seen:?}");
    }

    #[test]
    fn the_system_does_not_repeat_itself() {
        assert_ne!(SystemRandom::new().next_u128(), SystemRandom::new().next_u128());
    }
}
