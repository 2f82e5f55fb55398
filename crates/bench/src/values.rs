//! Values that say themselves whether they are right.
//! ```text
//! value = check: u64le | number: u64le | generation: u64le | body
//! ```
//! The check is mixed from the seed, the number of the key and the generation; the body is a
//! slice of a pool made once, at an offset taken from the check. So any value can be verified
//! without a table of what was written, and making one costs two copies.

use crate::Error;
use crate::chance::{Seeded, mix};
use std::ops::RangeInclusive;

const HEADER_BYTES: usize = 24;
const POOL_BYTES: usize = 1 << 20;
/// Runs of random and of common bytes alternate at this distance, below the window of any codec.
const PIECE_BYTES: usize = 100;

/// Makes and checks values.
#[derive(Clone, Debug)]
pub(crate) struct Values {
    bytes: usize,
    seed: u64,
    pool: Vec<u8>,
}

impl Values {
    /// Values of `bytes` bytes whose bodies compress to about `ratio` of their size.
    pub(crate) fn new(bytes: usize, ratio: f64, seed: u64) -> Result<Self, Error> {
        if !(HEADER_BYTES..=64 << 20).contains(&bytes) {
            let why = format!("{HEADER_BYTES} bytes to 64 MiB");
            return Err(Error::Invalid { option: "value-bytes", why });
        }
        if !(0.0..=1.0).contains(&ratio) {
            let why = "0 to 1".to_owned();
            return Err(Error::Invalid { option: "compression-ratio", why });
        }
        let pool_bytes = POOL_BYTES.max(2 * bytes);
        Ok(Self { bytes, seed, pool: pool(pool_bytes, ratio, seed) })
    }

    /// How long a value is.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The value of key `number` in this `generation`, into `value`.
    pub(crate) fn make(&self, number: u64, generation: u64, value: &mut Vec<u8>) {
        let check = self.check_of(number, generation);
        value.clear();
        value.extend_from_slice(&check.to_le_bytes());
        value.extend_from_slice(&number.to_le_bytes());
        value.extend_from_slice(&generation.to_le_bytes());
        value.extend_from_slice(self.body(check));
    }

    /// Verifies `value`; returns the number of its key.
    pub(crate) fn verify(
        &self,
        value: &[u8],
        generations: &RangeInclusive<u64>,
    ) -> Result<u64, String> {
        let header = value.first_chunk::<HEADER_BYTES>();
        let (Some(header), true) = (header, value.len() == self.bytes) else {
            return Err(format!("{} bytes instead of {}", value.len(), self.bytes));
        };
        let field = |at: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&header[at..at + 8]);
            u64::from_le_bytes(bytes)
        };
        let (check, number, generation) = (field(0), field(8), field(16));
        if check != self.check_of(number, generation) {
            return Err("its check does not fit its number and generation".to_owned());
        }
        if !generations.contains(&generation) {
            return Err(format!("generation {generation} is none of {generations:?}"));
        }
        if value[HEADER_BYTES..] != *self.body(check) {
            return Err("its body is another one".to_owned());
        }
        Ok(number)
    }

    const fn check_of(&self, number: u64, generation: u64) -> u64 {
        mix(mix(number ^ self.seed).wrapping_add(generation))
    }

    fn body(&self, check: u64) -> &[u8] {
        let len = self.bytes - HEADER_BYTES;
        let offset = usize::try_from(check % (self.pool.len() - len) as u64).unwrap_or(0);
        &self.pool[offset..offset + len]
    }
}

/// `bytes` bytes: of each piece the share `ratio` is random, the rest is the same everywhere.
fn pool(bytes: usize, ratio: f64, seed: u64) -> Vec<u8> {
    let mut seeded = Seeded::new(seed);
    let mut pool = Vec::with_capacity(bytes + 8);
    let mut place = 0;
    while pool.len() < bytes {
        let [byte, ..] = seeded.next().to_le_bytes();
        #[expect(clippy::cast_precision_loss, reason = "below 100")]
        let random = (place as f64) < ratio * PIECE_BYTES as f64;
        pool.push(if random { byte } else { b'=' });
        place = (place + 1) % PIECE_BYTES;
    }
    pool
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(values: &Values, number: u64, generation: u64) -> Vec<u8> {
        let mut value = Vec::new();
        values.make(number, generation, &mut value);
        value
    }

    #[test]
    fn values_verify_and_are_the_same_each_time() {
        for bytes in [24, 25, 100, 4096, 3 << 20] {
            let values = Values::new(bytes, 0.5, 1).unwrap();
            let made = value(&values, 77, 3);
            assert_eq!((made.len(), values.verify(&made, &(1..=3))), (bytes, Ok(77)));
            assert_eq!(made, value(&Values::new(bytes, 0.5, 1).unwrap(), 77, 3));
            assert_ne!(made, value(&values, 77, 4));
            assert_ne!(made, value(&Values::new(bytes, 0.5, 2).unwrap(), 77, 3));
        }
    }

    #[test]
    fn every_changed_byte_is_found() {
        let values = Values::new(100, 0.5, 1).unwrap();
        let made = value(&values, 77, 3);
        for at in 0..made.len() {
            let mut changed = made.clone();
            changed[at] ^= 1;
            assert!(values.verify(&changed, &(0..=9)).is_err(), "byte {at}");
        }
    }

    #[test]
    fn wrong_lengths_and_generations_are_found() {
        let values = Values::new(100, 0.5, 1).unwrap();
        let made = value(&values, 77, 3);
        assert!(values.verify(&made[..99], &(0..=9)).is_err());
        assert!(values.verify(&[], &(0..=9)).is_err());
        assert!(values.verify(&made, &(4..=9)).is_err());
        assert!(values.verify(&made, &(0..=2)).is_err());
    }

    #[test]
    fn the_asked_share_of_a_body_is_random() {
        for (ratio, expected) in [(0.0, 0), (0.25, 250), (0.5, 500), (1.0, 1000)] {
            let pool = pool(1000, ratio, 5);
            let random = pool.iter().filter(|byte| **byte != b'=').count();
            assert!(random.abs_diff(expected) < 20, "{ratio}: {random}");
        }
        assert!(Values::new(100, 1.5, 1).is_err() && Values::new(23, 0.5, 1).is_err());
    }
}
