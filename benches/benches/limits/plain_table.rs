//! A table as an array: entries of one size in key order, a head for each block of 32, a filter of
//! one cache line a key.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group};
use siltstone_base::checksum;
use siltstone_benches::{ENTRY_BYTES, KEY_BYTES, VALUE_BYTES, key, mixed, value};
use std::hint::black_box;

const ENTRY: usize = KEY_BYTES + VALUE_BYTES;
const BLOCK: usize = 32;
const SETS: [(&str, u64); 2] = [("hot", 8_000), ("cold", 2_000_000)];

struct PlainTable {
    entries: Vec<[u8; ENTRY]>,
    /// The first key's number of each block.
    heads: Vec<u64>,
    /// Ten bits a key, in lines of 64 bytes.
    filter: Vec<[u64; 8]>,
}

impl PlainTable {
    /// Of the numbers below twice `entries` that are even.
    fn new(entries: u64) -> Self {
        let lines = usize::try_from(entries * 10 / 512 + 1).unwrap();
        let mut table =
            Self { entries: Vec::new(), heads: Vec::new(), filter: vec![[0; 8]; lines] };
        for number in (0..entries).map(|number| 2 * number) {
            table.push(number);
        }
        table
    }

    fn push(&mut self, number: u64) {
        if self.entries.len().is_multiple_of(BLOCK) {
            self.heads.push(number);
        }
        let key = key(number);
        let hash = checksum::of(&key);
        let line = self.line(hash);
        for (word, bits) in self.filter[line].iter_mut().zip(bits(hash)) {
            *word |= bits;
        }
        let mut entry = [0; ENTRY];
        entry[..KEY_BYTES].copy_from_slice(&key);
        entry[KEY_BYTES..].copy_from_slice(&value(number));
        self.entries.push(entry);
    }

    fn line(&self, hash: u64) -> usize {
        usize::try_from((u128::from(hash) * self.filter.len() as u128) >> 64).unwrap()
    }

    fn may_hold(&self, key: &[u8]) -> bool {
        let hash = checksum::of(key);
        let line = &self.filter[self.line(hash)];
        line.iter().zip(bits(hash)).fold(0, |missing, (word, bits)| missing | (bits & !word)) == 0
    }

    /// Where `number`'s key is, or would be.
    fn seek(&self, number: u64, key: &[u8]) -> usize {
        let block = self.heads.partition_point(|&head| head <= number).saturating_sub(1);
        let entries = &self.entries[block * BLOCK..];
        let entries = &entries[..entries.len().min(BLOCK)];
        block * BLOCK + entries.partition_point(|entry| &entry[..KEY_BYTES] < key)
    }

    fn get(&self, number: u64, key: &[u8]) -> Option<[u8; VALUE_BYTES]> {
        if !self.may_hold(key) {
            return None;
        }
        let entry = self.entries.get(self.seek(number, key))?;
        (&entry[..KEY_BYTES] == key).then(|| entry[KEY_BYTES..].try_into().unwrap())
    }
}

/// One bit in each of seven words of a line.
fn bits(hash: u64) -> [u64; 8] {
    let mut bits = [0; 8];
    for (turn, bits) in (0_u64..).zip(&mut bits[..7]) {
        *bits = 1 << ((hash >> (6 * turn)) & 63);
    }
    bits
}

fn read(criterion: &mut Criterion) {
    let mut bench = criterion.benchmark_group("limits/table");
    for (set, entries) in SETS {
        let table = PlainTable::new(entries);
        let mut turn = 0;
        let mut number = move || {
            turn += 1;
            2 * (mixed(turn) % (entries - 16))
        };
        bench.bench_function(BenchmarkId::new("get", set), |bencher| {
            bencher.iter(|| {
                let number = number();
                assert!(black_box(table.get(number, &key(number))).is_some());
            });
        });
        bench.bench_function(BenchmarkId::new("get of an absent key", set), |bencher| {
            bencher.iter(|| {
                let number = number() + 1;
                assert!(black_box(table.get(number, &key(number))).is_none());
            });
        });
        bench.bench_function(BenchmarkId::new("seek and next 10", set), |bencher| {
            bencher.iter(|| {
                let number = number();
                let at = table.seek(number, &key(number));
                for entry in &table.entries[at..at + 10] {
                    black_box(*entry);
                }
            });
        });
        bench.bench_function(BenchmarkId::new("search of the heads", set), |bencher| {
            bencher.iter(|| table.heads.partition_point(|&head| head <= number()));
        });
    }
    bench.finish();
}

/// Every entry copied, and nothing looked at.
fn scan(criterion: &mut Criterion) {
    const ENTRIES: u64 = 500_000;
    let mut bench = criterion.benchmark_group("limits/table, scan");
    bench.sample_size(20).throughput(Throughput::Elements(ENTRIES));
    let table = PlainTable::new(ENTRIES);
    bench.bench_function("forward", |bencher| {
        bencher.iter(|| {
            for entry in &table.entries {
                black_box(*entry);
            }
        });
    });
    bench.bench_function("backward", |bencher| {
        bencher.iter(|| {
            for entry in table.entries.iter().rev() {
                black_box(*entry);
            }
        });
    });
    bench.finish();
}

/// Entries made, hashed for the filter and put one behind the other, each block with its sum.
fn build(criterion: &mut Criterion) {
    const ENTRIES: u64 = 500_000;
    let mut bench = criterion.benchmark_group("limits/table, build");
    bench.sample_size(10).throughput(Throughput::Bytes(ENTRIES * ENTRY_BYTES));
    bench.bench_function("in memory", |bencher| {
        bencher.iter(|| {
            let mut block = Vec::with_capacity(BLOCK * ENTRY);
            let (mut hashes, mut sums) = (0, 0);
            for number in 0..ENTRIES {
                let key = key(number);
                hashes ^= checksum::of(&key);
                block.extend_from_slice(&key);
                block.extend_from_slice(&value(number));
                if block.len() == BLOCK * ENTRY {
                    sums ^= checksum::of(&block);
                    block.clear();
                }
            }
            (hashes, sums)
        });
    });
    bench.bench_function("keys and values alone", |bencher| {
        bencher.iter(|| {
            for number in 0..ENTRIES {
                black_box((key(number), value(number)));
            }
        });
    });
    bench.finish();
}

criterion_group!(benches, read, scan, build);
