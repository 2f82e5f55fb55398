//! Numbers from a seed: uniform, after Zipf, and a random permutation.

/// A good mix of all bits of `number`; a bijection (the finalizer of `SplitMix64`).
pub(crate) const fn mix(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// `SplitMix64`: the same numbers for the same seed.
#[derive(Clone, Debug)]
pub(crate) struct Seeded(u64);

impl Seeded {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(mix(seed ^ 0x5175_7473_746f_6e65))
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below `limit`, which is not 0.
    pub(crate) const fn below(&mut self, limit: u64) -> u64 {
        ((self.next() as u128 * limit as u128) >> 64) as u64
    }

    /// A number from 0 to below 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit exactly")]
    pub(crate) fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// A random permutation of `0..len` without a table: a Feistel network of four rounds over the
/// next even number of bits, walked again while it leads outside.
#[derive(Clone, Debug)]
pub(crate) struct Permutation {
    len: u64,
    half_bits: u32,
    keys: [u64; 4],
}

impl Permutation {
    pub(crate) fn new(len: u64, seed: u64) -> Self {
        let bits = u64::BITS - len.saturating_sub(1).leading_zeros();
        let mut seeded = Seeded::new(seed);
        let keys = std::array::from_fn(|_| seeded.next());
        Self { len, half_bits: bits.div_ceil(2).max(1), keys }
    }

    /// Where `position`, which is below the length, leads.
    pub(crate) fn at(&self, position: u64) -> u64 {
        debug_assert!(position < self.len, "outside the permutation");
        let mut place = position;
        loop {
            place = self.encrypted(place);
            if place < self.len {
                return place;
            }
        }
    }

    fn encrypted(&self, number: u64) -> u64 {
        let mask = (1 << self.half_bits) - 1;
        let (mut left, mut right) = (number >> self.half_bits, number & mask);
        for key in self.keys {
            (left, right) = (right, left ^ (mix(right ^ key) & mask));
        }
        left << self.half_bits | right
    }
}

/// Ranks below `len` after Zipf with 0.99, as YCSB draws them (Gray et al., "Quickly Generating
/// Billion-Record Synthetic Databases", SIGMOD 1994). Rank 0 comes most often.
#[derive(Clone, Debug)]
pub(crate) struct Zipf {
    len: u64,
    zeta: f64,
    eta: f64,
}

const THETA: f64 = 0.99;

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "ranks are far below 2^53 and never negative"
)]
impl Zipf {
    /// Takes some 20 ms at most: see [`zeta`].
    pub(crate) fn new(len: u64) -> Self {
        let zeta = zeta(len);
        let zeta_2 = 1.0 + 0.5_f64.powf(THETA);
        let eta = (1.0 - (2.0 / len as f64).powf(1.0 - THETA)) / (1.0 - zeta_2 / zeta);
        Self { len, zeta, eta }
    }

    pub(crate) fn draw(&self, seeded: &mut Seeded) -> u64 {
        let fraction = seeded.fraction();
        let place = fraction * self.zeta;
        if place < 1.0 {
            return 0;
        }
        if place < 1.0 + 0.5_f64.powf(THETA) {
            return 1.min(self.len - 1);
        }
        let base = self.eta.mul_add(fraction, 1.0 - self.eta);
        ((self.len as f64 * base.powf(1.0 / (1.0 - THETA))) as u64).min(self.len - 1)
    }
}

/// The sum of `rank^-THETA` over the ranks from 1 to `len`: added up to a million, from there on
/// the integral and half of the ends (Euler and Maclaurin), which is wrong by 10^-13 at most.
#[expect(clippy::cast_precision_loss, reason = "ranks are far below 2^53")]
fn zeta(len: u64) -> f64 {
    let power = |rank: u64| (rank as f64).powf(-THETA);
    let added = len.min(1_000_000);
    let sum: f64 = (1..=added).map(power).sum();
    let integral = |rank: u64| (rank as f64).powf(1.0 - THETA) / (1.0 - THETA);
    sum + integral(len) - integral(added) + (power(len) - power(added)) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permutation_meets_everything_once() {
        for len in [1, 2, 3, 4, 5, 100, 1000, 1025] {
            let permutation = Permutation::new(len, 7);
            let mut places: Vec<_> = (0..len).map(|position| permutation.at(position)).collect();
            assert!(len < 100 || !places.is_sorted());
            places.sort_unstable();
            assert_eq!(places, (0..len).collect::<Vec<_>>(), "{len}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let draw = |seed| {
            let mut seeded = Seeded::new(seed);
            [seeded.next(), seeded.below(10), seeded.below(1)]
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert_eq!(draw(1)[2], 0);
    }

    #[test]
    fn zipf_is_as_skewed_as_its_formula() {
        let (len, draws) = (1000, 200_000);
        let (zipf, mut seeded) = (Zipf::new(len), Seeded::new(3));
        let mut counts = vec![0_u32; 1000];
        for _ in 0..draws {
            counts[usize::try_from(zipf.draw(&mut seeded)).unwrap()] += 1;
        }
        // 1/zeta(1000, 0.99) = 0.1293 of all draws meet rank 0, and 2^-0.99 as many rank 1.
        let share = |rank: usize| f64::from(counts[rank]) / f64::from(draws);
        assert!((share(0) - 0.1293).abs() < 0.005, "{}", share(0));
        assert!((share(1) - 0.0651).abs() < 0.005, "{}", share(1));
        let first_100: u32 = counts[..100].iter().sum();
        assert!((0.62..0.72).contains(&(f64::from(first_100) / f64::from(draws))), "{first_100}");
        assert!(counts[500..].iter().any(|count| *count > 0));
    }

    #[test]
    fn the_sum_is_right_where_it_is_not_added_up() {
        for len in [1_u32, 1000, 1_000_000, 1_000_001, 3_000_000] {
            let sum: f64 = (1..=len).map(|rank| f64::from(rank).powf(-THETA)).sum();
            let found = zeta(u64::from(len));
            assert!((found / sum - 1.0).abs() < 1e-10, "{len}: {found} {sum}");
        }
    }

    #[test]
    fn zipf_stays_inside_short_ranges() {
        for len in 1..5 {
            let (zipf, mut seeded) = (Zipf::new(len), Seeded::new(len));
            assert!((0..1000).all(|_| zipf.draw(&mut seeded) < len));
        }
    }
}
