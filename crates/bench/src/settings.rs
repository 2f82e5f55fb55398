//! What a run is asked for.

use crate::{Error, KeyStyle, Workload};
use siltstone::Durability;
use std::time::Duration;

/// The most keys: which are there is kept in memory, 4 bits for each, so 2 GiB.
const NUM_MAX: u64 = 1 << 32;

/// How much of what is done, and with what.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What is done, in this order.
    pub workloads: Vec<Workload>,
    /// How many keys, up to 2^32; default 1,000,000. Memory for 4 bits of each is taken.
    pub num: u64,
    /// How long a key is; default 16, or 40 for prefixed keys.
    pub key_bytes: Option<usize>,
    /// What keys look like.
    pub keys: KeyStyle,
    /// How long a value is; default 100, at least 24.
    pub value_bytes: usize,
    /// To what share of their size values can be compressed, about; default 0.5.
    pub compression_ratio: f64,
    /// How many threads work at once; default 1.
    pub threads: usize,
    /// How long each workload runs, except that a fill ends with its last key at the latest. By
    /// default workloads run for a number of operations.
    pub duration: Option<Duration>,
    /// So many operations begin in each second, all threads together, whether those before are
    /// done or not; an entry of a batch is one. By default each thread begins one when it has done
    /// the one before. Without meaning for `readseq` and `readreverse`.
    pub rate: Option<u64>,
    /// What each write survives; default the death of the process.
    pub durability: Durability,
    /// From which everything random comes.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            workloads: Workload::ALL.to_vec(),
            num: 1_000_000,
            key_bytes: None,
            keys: KeyStyle::default(),
            value_bytes: 100,
            compression_ratio: 0.5,
            threads: 1,
            duration: None,
            rate: None,
            durability: Durability::default(),
            seed: 1,
        }
    }
}

impl Settings {
    /// How many numbers there are for keys, those of inserts included.
    pub(crate) const fn limit(&self) -> u64 {
        4 * self.num + (1 << 20)
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let invalid = |option, why: &str| Err(Error::Invalid { option, why: why.to_owned() });
        if !(1..=NUM_MAX).contains(&self.num) {
            return invalid("num", "1 to 2^32");
        }
        if !(1..=1024).contains(&self.threads) {
            return invalid("threads", "1 to 1024");
        }
        if self.duration.is_some_and(|duration| duration.is_zero()) {
            return invalid("seconds", "more than 0");
        }
        if self.workloads.is_empty() {
            return invalid("workloads", "name one");
        }
        if self.rate.is_some_and(|rate| !(1..=1_000_000_000).contains(&rate)) {
            return invalid("rate", "1 to 1000000000");
        }
        if self.rate.is_some() && self.workloads.iter().all(|workload| workload.is_sweep()) {
            let why = "readseq and readreverse have none, they read as fast as they can";
            return invalid("rate", why);
        }
        Ok(())
    }
}
