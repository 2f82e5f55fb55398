//! A memtable that one thread fills and nobody reads meanwhile: heads in a B-tree or in the skiplist
//! of the memtable, keys and values in one growing run of bytes.

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group};
use crossbeam_skiplist::SkipMap;
use siltstone_benches::{KEY_BYTES, VALUE_BYTES, key, shuffled, value};
use std::collections::BTreeMap;
use std::hint::black_box;

const ENTRIES: u32 = 500_000;
const ENTRY: usize = KEY_BYTES + VALUE_BYTES;

/// Keys and values, one behind the other.
struct Arena {
    bytes: Vec<u8>,
}

impl Arena {
    fn new() -> Self {
        Self { bytes: Vec::with_capacity(ENTRIES as usize * ENTRY) }
    }

    fn push(&mut self, number: u64) -> u32 {
        let at = u32::try_from(self.bytes.len()).unwrap();
        self.bytes.extend_from_slice(&key(number));
        self.bytes.extend_from_slice(&value(number));
        at
    }

    fn value(&self, at: u32) -> [u8; VALUE_BYTES] {
        self.bytes[at as usize + KEY_BYTES..][..VALUE_BYTES].try_into().unwrap()
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
    let mut next = numbers.iter().cycle();
    bench.bench_function("get, B-tree", |bencher| {
        bencher.iter(|| arena.value(*tree.get(next.next().unwrap()).unwrap()));
    });
    bench.bench_function("get, skiplist", |bencher| {
        bencher.iter(|| arena.value(*skiplist.get(next.next().unwrap()).unwrap().value()));
    });
    bench.sample_size(10).throughput(Throughput::Elements(ENTRIES.into()));
    bench.bench_function("scan, B-tree", |bencher| {
        bencher.iter(|| {
            for &at in tree.values() {
                black_box(arena.value(at));
            }
        });
    });
    bench.bench_function("scan, skiplist", |bencher| {
        bencher.iter(|| {
            for at in &skiplist {
                black_box(arena.value(*at.value()));
            }
        });
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
