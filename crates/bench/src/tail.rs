//! The greatest keys: where scans may end early.
//!
//! Whether a scan that met fewer entries than it was to read came to the end is not told by a
//! number if the order of keys is another one than that of numbers. So the greatest keys, as many
//! as the longest scan reads, are sought out before a workload begins. An exact count follows.

use crate::keys::Keys;
use crate::live::Live;
use crate::worker::SCAN_MAX;
use std::collections::BTreeSet;

/// The greatest keys that are there.
#[derive(Debug)]
pub(crate) struct Tail(Vec<Vec<u8>>);

impl Tail {
    /// Makes every key once.
    pub(crate) fn of(keys: &Keys, live: &Live) -> Self {
        let (mut greatest, mut key) = (BTreeSet::new(), Vec::new());
        for number in (0..live.end()).filter(|number| live.has(*number)) {
            keys.present(number, &mut key);
            let full = greatest.len() as u64 >= SCAN_MAX;
            if !full || greatest.first().is_some_and(|least| *least < key) {
                greatest.insert(key.clone());
                if full {
                    greatest.pop_first();
                }
            }
        }
        Self(greatest.into_iter().collect())
    }

    /// How many keys there are from `key` on, up to [`SCAN_MAX`].
    pub(crate) fn from(&self, key: &[u8]) -> u64 {
        (self.0.len() - self.0.partition_point(|other| &other[..] < key)) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KeyStyle;

    #[test]
    fn what_lies_behind_a_key_is_counted() {
        let keys = Keys::new(KeyStyle::Random, 16, 1000, 3).unwrap();
        let live = Live::new(1000, 1000, 1);
        let mut present: Vec<_> = (0..1000)
            .filter(|number| number % 3 > 0)
            .map(|number| {
                let mut key = Vec::new();
                keys.present(number, &mut key);
                live.set(number);
                key
            })
            .collect();
        present.sort_unstable();
        let tail = Tail::of(&keys, &live);
        for (at, key) in present.iter().enumerate() {
            assert_eq!(tail.from(key), SCAN_MAX.min((present.len() - at) as u64), "{at}");
        }
    }
}
