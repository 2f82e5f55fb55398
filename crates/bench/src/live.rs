//! Which keys are there: one bit for each number.
//!
//! A bit is set when its put was acknowledged and cleared when its delete was. So who saw it set
//! before a read must find the key, unless somebody deletes meanwhile.

use std::sync::atomic::{AtomicU64, Ordering};

/// The keys that a store holds.
#[derive(Debug)]
pub(crate) struct Live {
    bits: Vec<AtomicU64>,
    /// Numbers below this were given to keys.
    next: AtomicU64,
    limit: u64,
    /// The oldest generation that may be met, which the last fill wrote.
    pub(crate) oldest_generation: u64,
}

impl Live {
    /// No keys, room for `limit`; numbers below `first` need not be asked for.
    pub(crate) fn new(first: u64, limit: u64, oldest_generation: u64) -> Self {
        let words = usize::try_from(limit.div_ceil(64)).unwrap_or(usize::MAX);
        let bits = (0..words).map(|_| AtomicU64::new(0)).collect();
        Self { bits, next: AtomicU64::new(first), limit, oldest_generation }
    }

    /// A number that nobody has, if there is room.
    pub(crate) fn reserve(&self) -> Option<u64> {
        let taken = self.next.fetch_add(1, Ordering::Relaxed);
        (taken < self.limit).then_some(taken)
    }

    /// One more than the largest number given away.
    pub(crate) fn end(&self) -> u64 {
        self.next.load(Ordering::Relaxed).min(self.limit)
    }

    /// Whether the key is there for sure. Pairs with the release in `set`: what set the bit
    /// happened before.
    pub(crate) fn has(&self, number: u64) -> bool {
        self.word(number).load(Ordering::Acquire) >> (number % 64) & 1 == 1
    }

    pub(crate) fn set(&self, number: u64) {
        self.word(number).fetch_or(1 << (number % 64), Ordering::Release);
    }

    pub(crate) fn clear(&self, number: u64) {
        self.word(number).fetch_and(!(1 << (number % 64)), Ordering::Release);
    }

    /// How many keys are there.
    pub(crate) fn count(&self) -> u64 {
        self.bits.iter().map(|word| u64::from(word.load(Ordering::Acquire).count_ones())).sum()
    }

    /// How many of `len` keys from `number` on are there, and the number of the last of them.
    pub(crate) fn reach(&self, number: u64, len: u64) -> (u64, Option<u64>) {
        let (mut count, mut last) = (0, None);
        let mut mask = u64::MAX << (number % 64);
        for at in number / 64..self.end().div_ceil(64) {
            let mut word = self.word(at * 64).load(Ordering::Acquire) & mask;
            mask = u64::MAX;
            let ones = u64::from(word.count_ones());
            if count + ones >= len {
                for _ in count + 1..len {
                    word &= word - 1;
                }
                return (len, Some(at * 64 + u64::from(word.trailing_zeros())));
            }
            if ones > 0 {
                (count, last) = (count + ones, Some(at * 64 + u64::from(word.ilog2())));
            }
        }
        (count, last)
    }

    fn word(&self, number: u64) -> &AtomicU64 {
        &self.bits[(number / 64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_set_cleared_and_counted() {
        let live = Live::new(64, 130, 1);
        for number in [0, 63, 64, 129] {
            assert!(!live.has(number));
            live.set(number);
            live.set(number);
            assert!(live.has(number));
        }
        live.clear(63);
        assert!(!live.has(63));
        assert_eq!(live.count(), 3);
    }

    #[test]
    fn keys_are_counted_from_a_number_on() {
        let live = Live::new(200, 300, 1);
        let there = [0, 5, 63, 64, 70, 128, 199];
        for number in there {
            live.set(number);
        }
        for number in 0..200 {
            for len in 1..9 {
                let met = there.iter().filter(|at| **at >= number).take(len);
                let expected = (met.clone().count() as u64, met.max().copied());
                assert_eq!(live.reach(number, len as u64), expected, "{len} from {number}");
            }
        }
    }

    #[test]
    fn numbers_are_given_once_and_end_with_the_room() {
        let live = Live::new(128, 130, 1);
        assert_eq!([live.reserve(), live.reserve(), live.reserve()], [Some(128), Some(129), None]);
        assert_eq!(live.end(), 130);
    }
}
