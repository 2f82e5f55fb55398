//! What a table is made of: block, index, filter.
//!
//! They are private to their crate, so each is measured in a table that is nearly nothing else: a
//! table of one block for the block, one of a block an entry for the index, absent keys for the
//! filter's probe. What building a filter costs is the difference of two tables.
#![expect(missing_docs, reason = "criterion's macros make public functions")]
#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use siltstone_base::{Cursor, MAX_SEQNO, checksum};
use siltstone_benches::{Tables, key, mixed};
use siltstone_sstable::{BlockCache, Table, TableOptions};
use std::hint::black_box;
use std::sync::Arc;

/// As many as a block of 4 KiB holds.
const BLOCK_ENTRIES: u64 = 30;
const INDEX_ENTRIES: u64 = 100_000;
const FILTER_ENTRIES: u64 = 200_000;

/// Every second number is in the table, and all of it has been used once.
fn table(tables: &mut Tables, entries: u64, options: TableOptions) -> Arc<Table> {
    let summary = tables.write_with((0..entries).map(|number| 2 * number), 1, options);
    let table = tables.open(&summary, &Arc::new(BlockCache::new(256 << 20)));
    let mut cursor = table.cursor();
    let mut more = cursor.seek_to_first().unwrap();
    while more {
        more = cursor.next().unwrap();
    }
    table
}

fn block(criterion: &mut Criterion) {
    let mut bench = criterion.benchmark_group("sstable/block");
    let mut tables = Tables::new();
    let table = table(&mut tables, BLOCK_ENTRIES, TableOptions::default());
    assert_eq!(table.properties().data_blocks, 1);
    let (mut cursor, mut turn) = (table.cursor(), 0);
    bench.bench_function("seek", |bencher| {
        bencher.iter(|| {
            turn += 1;
            cursor.seek(&key(mixed(turn) % (2 * BLOCK_ENTRIES - 1)), MAX_SEQNO).unwrap()
        });
    });
    bench.throughput(Throughput::Elements(BLOCK_ENTRIES));
    bench.bench_function("decode", |bencher| {
        bencher.iter(|| {
            let (mut more, mut bytes) = (cursor.seek_to_first().unwrap(), 0);
            while more {
                bytes += cursor.entry().value.len();
                more = cursor.next().unwrap();
            }
            bytes
        });
    });
    bench.finish();
}

fn index(criterion: &mut Criterion) {
    let mut bench = criterion.benchmark_group("sstable/index");
    let options = TableOptions { block_bytes: 64, ..TableOptions::default() };
    let mut tables = Tables::new();
    let table = table(&mut tables, INDEX_ENTRIES, options);
    assert_eq!(table.properties().data_blocks, INDEX_ENTRIES);
    let (mut cursor, mut turn) = (table.cursor(), 0);
    bench.bench_function(
        BenchmarkId::new("seek among blocks of one entry", INDEX_ENTRIES),
        |bencher| {
            bencher.iter(|| {
                turn += 1;
                cursor.seek(&key(mixed(turn) % (2 * INDEX_ENTRIES - 1)), MAX_SEQNO).unwrap()
            });
        },
    );
    bench.finish();
}

fn filter(criterion: &mut Criterion) {
    let mut bench = criterion.benchmark_group("sstable/filter");
    let mut tables = Tables::new();
    bench.sample_size(10).throughput(Throughput::Elements(FILTER_ENTRIES));
    for bits in [0, 10] {
        let options = TableOptions { filter_bits_per_key: bits, ..TableOptions::default() };
        bench.bench_function(BenchmarkId::new("table with bits a key", bits), |bencher| {
            bencher.iter(|| {
                let summary = tables.write_with(0..FILTER_ENTRIES, 1, options);
                tables.remove(summary.id);
            });
        });
    }
    let table = table(&mut tables, FILTER_ENTRIES, TableOptions::default());
    let mut turn = 0;
    bench.sample_size(100).throughput(Throughput::Elements(1));
    bench.bench_function("probe", |bencher| {
        bencher.iter(|| {
            turn += 1;
            let key = key(2 * (mixed(turn) % (FILTER_ENTRIES - 1)) + 1);
            let found = table.get(&key, checksum::of(&key), MAX_SEQNO, &mut ()).unwrap();
            assert!(black_box(found).is_none());
        });
    });
    bench.finish();
}

criterion_group!(benches, block, index, filter);
criterion_main!(benches);
