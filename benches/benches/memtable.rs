//! The skiplist: insert in random and rising order, get, scan, drop; half a million entries.
#![expect(missing_docs, reason = "criterion's macros make public functions")]

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use siltstone_base::{Cursor, EntryKind, MAX_SEQNO};
use siltstone_benches::{KEY_BYTES, key, mixed, shuffled, value};
use siltstone_memtable::Memtable;
use std::hint::black_box;
use std::sync::Arc;

/// As many as a memtable of 64 MiB holds.
const ENTRIES: u64 = 500_000;

/// With the common prefix that a memtable of the engine learns from the one before it.
fn empty() -> Memtable {
    Memtable::new(b"0000000000")
}

fn filled(numbers: &[u64]) -> Arc<Memtable> {
    let memtable = empty();
    for (&number, seqno) in numbers.iter().zip(1..) {
        memtable.insert(&key(number), seqno, EntryKind::Put, &value(number));
    }
    Arc::new(memtable)
}

fn insert(criterion: &mut Criterion) {
    let mut bench = criterion.benchmark_group("memtable/insert");
    bench.sample_size(10).throughput(Throughput::Elements(ENTRIES));
    let orders = [("random", shuffled(ENTRIES)), ("rising", (0..ENTRIES).collect())];
    for (order, numbers) in &orders {
        bench.bench_function(BenchmarkId::new(*order, ENTRIES), |bencher| {
            bencher.iter_batched(empty, |_| filled(numbers), BatchSize::PerIteration);
        });
    }
    bench.finish();
}

fn get(criterion: &mut Criterion) {
    let mut bench = criterion.benchmark_group("memtable/get");
    bench.throughput(Throughput::Elements(1));
    let memtable = filled(&shuffled(ENTRIES));
    let mut turn = 0;
    // Not in the order of the inserts, which would be that of memory.
    let mut draw = || {
        turn += 1;
        key(mixed(turn) % ENTRIES)
    };
    bench.bench_function("present", |bencher| {
        bencher.iter(|| memtable.get(black_box(&draw()), MAX_SEQNO));
    });
    bench.bench_function("absent", |bencher| {
        bencher.iter(|| {
            let mut absent = [b'-'; KEY_BYTES + 1];
            absent[..KEY_BYTES].copy_from_slice(&draw());
            memtable.get(black_box(&absent), MAX_SEQNO)
        });
    });
    bench.finish();
}

fn scan(criterion: &mut Criterion) {
    let mut bench = criterion.benchmark_group("memtable/scan");
    bench.sample_size(20).throughput(Throughput::Elements(ENTRIES));
    let memtable = filled(&shuffled(ENTRIES));
    bench.bench_function("forward", |bencher| {
        bencher.iter(|| {
            let mut cursor = memtable.cursor();
            let Ok(mut more) = cursor.seek_to_first();
            let mut bytes = 0;
            while more {
                bytes += cursor.entry().value.len();
                Ok(more) = cursor.next();
            }
            bytes
        });
    });
    bench.finish();
}

/// What is left to whoever lets go of a memtable last.
fn free(criterion: &mut Criterion) {
    let mut bench = criterion.benchmark_group("memtable/drop");
    bench.sample_size(10).throughput(Throughput::Elements(ENTRIES));
    let numbers = shuffled(ENTRIES);
    bench.bench_function("all", |bencher| {
        bencher.iter_batched(|| filled(&numbers), drop, BatchSize::PerIteration);
    });
    bench.finish();
}

criterion_group!(benches, insert, get, scan, free);
criterion_main!(benches);
