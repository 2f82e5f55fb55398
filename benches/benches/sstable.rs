//! Tables: writing, opening, lookups of present and absent keys, seeks, scans.
//!
//! A lookup is one hash, one filter, one index, one block; `hot` looks up keys of one block after
//! another in a set that the processor's caches hold, `cold` in one they do not.
#![expect(missing_docs, reason = "criterion's macros make public functions")]
#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use siltstone_base::{Cursor, MAX_SEQNO, checksum};
use siltstone_benches::{ENTRY_BYTES, Tables, key, mixed};
use siltstone_sstable::{BlockCache, Compression, Table};
use std::hint::black_box;
use std::sync::Arc;

const HOT_ENTRIES: u64 = 8_000;
const COLD_ENTRIES: u64 = 2_000_000;
const CODECS: [(&str, Compression); 2] =
    [("plain", Compression::None), ("snap", Compression::Snap)];

/// Every second number is in the table: absent keys lie between present ones.
fn table(tables: &mut Tables, entries: u64, compression: Compression) -> Arc<Table> {
    let summary = tables.write((0..entries).map(|number| 2 * number), 1, compression);
    tables.open(&summary, &Arc::new(BlockCache::new(512 << 20)))
}

fn write(criterion: &mut Criterion) {
    const ENTRIES: u64 = 500_000;
    let mut bench = criterion.benchmark_group("sstable/write");
    bench.sample_size(10).throughput(Throughput::Bytes(ENTRIES * ENTRY_BYTES as u64));
    for (codec, compression) in CODECS {
        let mut tables = Tables::new();
        bench.bench_function(BenchmarkId::new(codec, ENTRIES), |bencher| {
            bencher.iter(|| {
                let summary = tables.write(0..ENTRIES, 1, compression);
                tables.remove(summary.id);
            });
        });
    }
    bench.finish();
}

fn open(criterion: &mut Criterion) {
    let mut bench = criterion.benchmark_group("sstable/open");
    let mut tables = Tables::new();
    let summary = tables.write(0..HOT_ENTRIES, 1, Compression::None);
    let cache = Arc::new(BlockCache::new(64 << 20));
    bench.bench_function("small", |bencher| {
        bencher.iter(|| tables.open(&summary, &cache));
    });
    bench.finish();
}

fn get(criterion: &mut Criterion) {
    let mut bench = criterion.benchmark_group("sstable/get");
    bench.throughput(Throughput::Elements(1));
    for (set, entries) in [("hot", HOT_ENTRIES), ("cold", COLD_ENTRIES)] {
        for (codec, compression) in CODECS {
            let mut tables = Tables::new();
            let table = table(&mut tables, entries, compression);
            let mut turn = 0;
            let mut number = || {
                turn += 1;
                mixed(turn) % entries
            };
            bench.bench_function(BenchmarkId::new(format!("present, {codec}"), set), |bencher| {
                bencher.iter(|| {
                    let key = key(2 * number());
                    let found = table.get(&key, checksum::of(&key), MAX_SEQNO, &mut ()).unwrap();
                    assert!(black_box(found).is_some());
                });
            });
            bench.bench_function(BenchmarkId::new(format!("absent, {codec}"), set), |bencher| {
                bencher.iter(|| {
                    let key = key(2 * number() + 1);
                    let found = table.get(&key, checksum::of(&key), MAX_SEQNO, &mut ()).unwrap();
                    assert!(black_box(found).is_none());
                });
            });
        }
    }
    bench.finish();
}

fn seek(criterion: &mut Criterion) {
    let mut bench = criterion.benchmark_group("sstable/seek");
    for (set, entries) in [("hot", HOT_ENTRIES), ("cold", COLD_ENTRIES)] {
        let mut tables = Tables::new();
        let table = table(&mut tables, entries, Compression::None);
        let mut cursor = table.cursor();
        let mut turn = 0;
        bench.bench_function(BenchmarkId::new("and next 10", set), |bencher| {
            bencher.iter(|| {
                turn += 1;
                let mut more = cursor.seek(&key(mixed(turn) % (2 * entries)), MAX_SEQNO).unwrap();
                let mut bytes = 0;
                for _ in 0..10 {
                    if !more {
                        break;
                    }
                    bytes += cursor.entry().value.len();
                    more = cursor.next().unwrap();
                }
                bytes
            });
        });
    }
    bench.finish();
}

fn scan(criterion: &mut Criterion) {
    const ENTRIES: u64 = 500_000;
    let mut bench = criterion.benchmark_group("sstable/scan");
    bench.sample_size(20).throughput(Throughput::Elements(ENTRIES));
    for (codec, compression) in CODECS {
        let mut tables = Tables::new();
        let table = table(&mut tables, ENTRIES, compression);
        for direction in ["forward", "backward"] {
            let id = BenchmarkId::new(direction, codec);
            bench.bench_function(id, |bencher| {
                bencher.iter_batched(
                    || table.cursor(),
                    |mut cursor| {
                        let is_forward = direction == "forward";
                        let begun =
                            if is_forward { cursor.seek_to_first() } else { cursor.seek_to_last() };
                        let (mut more, mut bytes) = (begun.unwrap(), 0);
                        while more {
                            bytes += cursor.entry().value.len();
                            let moved = if is_forward { cursor.next() } else { cursor.prev() };
                            more = moved.unwrap();
                        }
                        bytes
                    },
                    BatchSize::PerIteration,
                );
            });
        }
    }
    bench.finish();
}

criterion_group!(benches, write, open, get, seek, scan);
criterion_main!(benches);
