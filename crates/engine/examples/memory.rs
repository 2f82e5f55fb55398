//! Loads random values, reopens, reads every one back, and holds the memory that took against the
//! budget.
//!
//! `cargo run --release -p siltstone --example memory -- 10000000` loads ten million values of
//! 100 bytes; without a number it is a hundred thousand.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]
#![expect(clippy::disallowed_methods, reason = "it looks at its own process from outside")]

use siltstone::{Db, Error, Options};
use std::path::Path;
use std::time::Instant;

const BUDGET: u64 = 256 << 20;
const VALUE_BYTES: usize = 100;
/// The memory is looked at each time so many values were written or read.
const LOOK_EVERY: u64 = 4096;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let values = std::env::args().nth(1).map_or(Ok(100_000), |count| count.parse::<u64>())?;
    let dir = tempfile::tempdir()?;
    let mut peak = Peak(0);
    timed("loaded", values, || load(dir.path(), values, &mut peak))?;
    let db = timed("reopened", 1, || open(dir.path()))?;
    timed("read back", values, || read_back(&db, values, &mut peak))?;
    println!("{:#?}", db.metrics().keyspaces);
    db.close()?;
    let limit = BUDGET / 10 * 13;
    println!("peak anonymous memory {} MiB, limit {} MiB", peak.0 >> 20, limit >> 20);
    assert!(peak.0 <= limit, "more than 1.3 times the budget");
    Ok(())
}

fn open(dir: &Path) -> Result<Db, Error> {
    Options::new().memory_budget(BUDGET).open(dir)
}

fn load(dir: &Path, values: u64, peak: &mut Peak) -> Result<(), Error> {
    let db = open(dir)?;
    for index in 0..values {
        db.put(key(index), value(index))?;
        peak.look(index);
    }
    db.close()
}

fn read_back(db: &Db, values: u64, peak: &mut Peak) -> Result<(), Error> {
    for index in 0..values {
        let found = db.get(key(index))?;
        assert_eq!(found.as_deref(), Some(&value(index)[..]), "value {index}");
        peak.look(index);
    }
    assert_eq!(db.keys(..)?.count() as u64, values);
    Ok(())
}

/// Keys in random order, each once: the mixing is a bijection.
fn key(index: u64) -> [u8; 20] {
    let mut key = *b"00000000000000000000";
    let digits = mixed(index).to_string();
    key[20 - digits.len()..].copy_from_slice(digits.as_bytes());
    key
}

fn value(index: u64) -> [u8; VALUE_BYTES] {
    let mut value = [0; VALUE_BYTES];
    for (chunk, word) in value.chunks_mut(8).zip(0..) {
        let bytes = mixed(index ^ word << 48).to_le_bytes();
        chunk.copy_from_slice(&bytes[..chunk.len()]);
    }
    value
}

/// `SplitMix64`, Steele, Lea and Flood 2014.
const fn mixed(index: u64) -> u64 {
    let mut mixed = index.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The most anonymous memory of this process that was seen, in bytes; 0 where nobody tells.
struct Peak(u64);

impl Peak {
    fn look(&mut self, index: u64) {
        if index.is_multiple_of(LOOK_EVERY) {
            self.0 = self.0.max(anonymous_bytes().unwrap_or(0));
        }
    }
}

fn anonymous_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("RssAnon:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib << 10)
}

fn timed<T, E>(what: &str, count: u64, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let began = Instant::now();
    let done = work()?;
    let seconds = began.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a rate to look at")]
    let rate = count as f64 / seconds;
    println!("{what}: {seconds:.2} s, {rate:.0} a second");
    Ok(done)
}
