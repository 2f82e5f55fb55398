//! A table as arrays: entries of one size in key order, the numbers of their keys by blocks of 32,
//! a filter of one cache line a key.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group};
use siltstone_base::checksum;
use siltstone_benches::{ENTRY_BYTES, KEY_BYTES, key, mixed, value};
use std::hint::black_box;

const BLOCK_ENTRIES: usize = 32;
const FAN_OUT: usize = 16;
const SETS: [(&str, u32); 2] = [("hot", 8_000), ("cold", 2_000_000)];

struct PlainTable {
    entries: Vec<[u8; ENTRY_BYTES]>,
    /// The numbers of each block's keys.
    blocks: Vec<[u32; BLOCK_ENTRIES]>,
    /// The first number of each block.
    heads: Vec<[u32; FAN_OUT]>,
    /// The first of each group of heads.
    top: Vec<u32>,
    filter: Filter,
}

impl PlainTable {
    /// Of the numbers below twice `entries` that are even.
    fn new(entries: u32) -> Self {
        let numbers: Vec<u32> = (0..entries).map(|number| 2 * number).collect();
        let blocks = grouped::<BLOCK_ENTRIES>(&numbers);
        let heads = grouped::<FAN_OUT>(&blocks.iter().map(|block| block[0]).collect::<Vec<_>>());
        let mut filter = Filter::new(entries);
        for &number in &numbers {
            filter.insert(checksum::of(&key(number.into())));
        }
        Self {
            entries: numbers.iter().map(|&number| entry(number.into())).collect(),
            top: heads.iter().map(|group| group[0]).collect(),
            blocks,
            heads,
            filter,
        }
    }

    /// The block that has `number` if any does.
    fn block(&self, number: u32) -> usize {
        let group = self.top.partition_point(|&head| head <= number) - 1;
        group * FAN_OUT + below(&self.heads[group], number + 1) - 1
    }

    /// Where the first key is that is not below `number`'s.
    fn seek(&self, number: u32) -> usize {
        let block = self.block(number);
        block * BLOCK_ENTRIES + below(&self.blocks[block], number)
    }

    fn get(&self, number: u32, key: &[u8]) -> Option<&[u8]> {
        if !self.filter.may_hold(checksum::of(key)) {
            return None;
        }
        let (found, value) = self.entries.get(self.seek(number))?.split_at(KEY_BYTES);
        (found == key).then_some(value)
    }
}

fn entry(number: u64) -> [u8; ENTRY_BYTES] {
    let mut entry = [0; ENTRY_BYTES];
    entry[..KEY_BYTES].copy_from_slice(&key(number));
    entry[KEY_BYTES..].copy_from_slice(&value(number));
    entry
}

/// `numbers` in groups of `N`; what the last one lacks is larger than any.
fn grouped<const N: usize>(numbers: &[u32]) -> Vec<[u32; N]> {
    let group = |numbers: &[u32]| {
        let mut group = [u32::MAX; N];
        group[..numbers.len()].copy_from_slice(numbers);
        group
    };
    numbers.chunks(N).map(group).collect()
}

/// How many of a group are below `number`, by looking at each: the compiler makes vectors of it.
fn below<const N: usize>(group: &[u32; N], number: u32) -> usize {
    group.iter().map(|&head| usize::from(head < number)).sum()
}

/// One bit in each of eight words of a line, ten bits a key.
struct Filter {
    lines: Vec<[u64; 8]>,
}

impl Filter {
    fn new(keys: u32) -> Self {
        Self { lines: vec![[0; 8]; keys as usize * 10 / 512 + 1] }
    }

    fn line(&self, hash: u64) -> usize {
        usize::try_from((u128::from(hash) * self.lines.len() as u128) >> 64).unwrap()
    }

    fn insert(&mut self, hash: u64) {
        let line = self.line(hash);
        for (turn, word) in (0_u64..).zip(&mut self.lines[line]) {
            *word |= bit(hash, turn);
        }
    }

    fn may_hold(&self, hash: u64) -> bool {
        let words = (0_u64..).zip(&self.lines[self.line(hash)]);
        words.fold(0, |missing, (turn, word)| missing | (bit(hash, turn) & !word)) == 0
    }
}

fn bit(hash: u64, word: u64) -> u64 {
    1 << ((hash >> (6 * word)) & 63)
}

/// What a caller does with an entry at least: it looks at the first bytes of the value.
fn used(entry: &[u8; ENTRY_BYTES]) -> u64 {
    let (bytes, _) = entry[KEY_BYTES..].split_first_chunk().unwrap();
    u64::from_le_bytes(*bytes)
}

fn read(criterion: &mut Criterion) {
    let mut bench = criterion.benchmark_group("limits/table");
    let mut turn = 0;
    let mut draw = move |entries: u32| {
        turn += 1;
        2 * u32::try_from(mixed(turn) % u64::from(entries - 16)).unwrap()
    };
    bench.bench_function("key drawn and made, which the other rows have in them", |bencher| {
        bencher.iter(|| key(draw(black_box(8_000)).into()));
    });
    let entries = u32::try_from(BLOCK_ENTRIES).unwrap();
    let one = PlainTable::new(entries);
    bench.bench_function("search of one block", |bencher| {
        bencher.iter(|| {
            let number = draw(black_box(entries));
            black_box(key(number.into()));
            below(&one.blocks[0], number)
        });
    });
    for (set, entries) in SETS {
        let table = PlainTable::new(entries);
        bench.bench_function(BenchmarkId::new("get", set), |bencher| {
            bencher.iter(|| {
                let number = draw(entries);
                let found = table.get(number, black_box(&key(number.into()))).unwrap();
                found[0]
            });
        });
        bench.bench_function(BenchmarkId::new("get of an absent key", set), |bencher| {
            bencher.iter(|| {
                let number = draw(entries) + 1;
                assert_eq!(table.get(number, black_box(&key(number.into()))), None);
            });
        });
        bench.bench_function(BenchmarkId::new("seek and next 10", set), |bencher| {
            bencher.iter(|| {
                let number = draw(entries);
                black_box(key(number.into()));
                let at = table.seek(number);
                table.entries[at..at + 10].iter().map(used).fold(0, u64::wrapping_add)
            });
        });
        bench.bench_function(BenchmarkId::new("block of a key", set), |bencher| {
            bencher.iter(|| {
                let number = draw(entries);
                black_box(key(number.into()));
                table.block(number)
            });
        });
    }
    bench.finish();
}

/// Every value looked at.
fn scan(criterion: &mut Criterion) {
    const ENTRIES: u32 = 500_000;
    let mut bench = criterion.benchmark_group("limits/table, scan");
    bench.sample_size(20).throughput(Throughput::Elements(ENTRIES.into()));
    let table = PlainTable::new(ENTRIES);
    bench.bench_function("forward", |bencher| {
        bencher.iter(|| table.entries.iter().map(used).fold(0, u64::wrapping_add));
    });
    bench.bench_function("backward", |bencher| {
        bencher.iter(|| table.entries.iter().rev().map(used).fold(0, u64::wrapping_add));
    });
    bench.finish();
}

/// Entries made and put one behind the other in memory that was used before, each hashed for the
/// filter and each block with its sum.
fn build(criterion: &mut Criterion) {
    const ENTRIES: u32 = 500_000;
    let mut bench = criterion.benchmark_group("limits/table, build");
    bench.sample_size(10).throughput(Throughput::Bytes(u64::from(ENTRIES) * ENTRY_BYTES as u64));
    let mut bytes = vec![1; ENTRIES as usize * ENTRY_BYTES];
    bench.bench_function("blocks, sums and filter", |bencher| {
        bencher.iter(|| {
            let (mut filter, mut sums) = (Filter::new(ENTRIES), 0);
            for (block, first) in
                bytes.chunks_mut(BLOCK_ENTRIES * ENTRY_BYTES).zip((0_u64..).step_by(BLOCK_ENTRIES))
            {
                for (place, number) in block.chunks_exact_mut(ENTRY_BYTES).zip(first..) {
                    place.copy_from_slice(&entry(number));
                    filter.insert(checksum::of(&place[..KEY_BYTES]));
                }
                sums ^= checksum::of(block);
            }
            (filter.lines, sums)
        });
    });
    bench.bench_function("keys and values alone", |bencher| {
        bencher.iter(|| {
            for number in 0..u64::from(ENTRIES) {
                black_box((key(number), value(number)));
            }
        });
    });
    bench.throughput(Throughput::Elements(ENTRIES.into()));
    let hashes: Vec<_> = (0..ENTRIES.into()).map(mixed).collect();
    bench.bench_function("filter of hashes", |bencher| {
        bencher.iter(|| {
            let mut filter = Filter::new(ENTRIES);
            for &hash in &hashes {
                filter.insert(hash);
            }
            filter.lines
        });
    });
    bench.finish();
}

criterion_group!(benches, read, scan, build);
