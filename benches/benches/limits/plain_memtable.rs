//! A memtable that one thread fills and nobody reads meanwhile: heads in a B-tree or in the skiplist
//! of the memtable, keys and values in one growing run of bytes.

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group};
use crossbeam_skiplist::SkipMap;
use siltstone_benches::{ENTRY_BYTES, KEY_BYTES, key, mixed, shuffled, value};
use std::collections::BTreeMap;
use std::hint::black_box;

const ENTRIES: u32 = 500_000;

/// Keys and values, one behind the other.
struct Arena {
    bytes: Vec<u8>,
}

impl Arena {
    fn new() -> Self {
        Self { bytes: Vec::with_capacity(ENTRIES as usize * ENTRY_BYTES) }
    }

    fn push(&mut self, number: u64) -> u32 {
        let at = u32::try_from(self.bytes.len()).unwrap();
        self.bytes.extend_from_slice(&key(number));
        self.bytes.extend_from_slice(&value(number));
        at
    }

    /// What a caller does with a value at least: it looks at a byte.
    fn used(&self, at: u32) -> u64 {
        self.bytes[at as usize + KEY_BYTES].into()
    }
}

fn tree(numbers: &[u64]) -> (BTreeMap<u64, u32>, Arena) {
    let (mut heads, mut arena) = (BTreeMap::new(), Arena::new());
    for &number in numbers {
        heads.insert(number, arena.push(number));
    }
    (heads, arena)
}

fn skiplist(numbers: &[u64]) -> (SkipMap<u64, u32>, Arena) {
    let (heads, mut arena) = (SkipMap::new(), Arena::new());
    for &number in numbers {
        heads.insert(number, arena.push(number));
    }
    (heads, arena)
}

fn insert(criterion: &mut Criterion) {
    let mut bench = criterion.benchmark_group("limits/memtable, insert");
    bench.sample_size(10).throughput(Throughput::Elements(ENTRIES.into()));
    let orders = [("random", shuffled(ENTRIES.into())), ("rising", (0..ENTRIES.into()).collect())];
    for (order, numbers) in &orders {
        bench.bench_function(BenchmarkId::new("B-tree", order), |bencher| {
            bencher.iter_batched(|| (), |()| tree(numbers), BatchSize::PerIteration);
        });
        bench.bench_function(BenchmarkId::new("skiplist", order), |bencher| {
            bencher.iter_batched(|| (), |()| skiplist(numbers), BatchSize::PerIteration);
        });
    }
    bench.finish();
}

fn read(criterion: &mut Criterion) {
    let mut bench = criterion.benchmark_group("limits/memtable, read");
    let numbers = shuffled(ENTRIES.into());
    let ((tree, arena), (skiplist, _)) = (tree(&numbers), skiplist(&numbers));
    let mut turn = 0;
    let mut draw = move || {
        turn += 1;
        let number = mixed(turn) % u64::from(ENTRIES);
        black_box(key(number));
        number
    };
    bench.bench_function("key drawn and made, which the gets have in them", |bencher| {
        bencher.iter(&mut draw);
    });
    bench.bench_function("get, B-tree", |bencher| {
        bencher.iter(|| arena.used(*tree.get(&draw()).unwrap()));
    });
    bench.bench_function("get, skiplist", |bencher| {
        bencher.iter(|| arena.used(*skiplist.get(&draw()).unwrap().value()));
    });
    bench.sample_size(10).throughput(Throughput::Elements(ENTRIES.into()));
    bench.bench_function("scan, B-tree", |bencher| {
        bencher.iter(|| tree.values().map(|at| arena.used(*at)).sum::<u64>());
    });
    bench.bench_function("scan, skiplist", |bencher| {
        bencher.iter(|| skiplist.iter().map(|at| arena.used(*at.value())).sum::<u64>());
    });
    bench.finish();
}

fn release(criterion: &mut Criterion) {
    let mut bench = criterion.benchmark_group("limits/memtable, drop");
    bench.sample_size(10).throughput(Throughput::Elements(ENTRIES.into()));
    let numbers = shuffled(ENTRIES.into());
    bench.bench_function("B-tree", |bencher| {
        bencher.iter_batched(|| tree(&numbers), drop, BatchSize::PerIteration);
    });
    bench.bench_function("skiplist", |bencher| {
        bencher.iter_batched(|| skiplist(&numbers), drop, BatchSize::PerIteration);
    });
    bench.finish();
}

criterion_group!(benches, insert, read, release);
