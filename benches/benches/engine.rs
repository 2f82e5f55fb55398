//! The database: commit by one thread and by many, point reads, scans, open with and without a log.
#![expect(missing_docs, reason = "criterion's macros make public functions")]
#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use siltstone::{Db, Durability, Options, WriteBatch, WriteOptions};
use siltstone_benches::{KEY_BYTES, key, mixed, value};
use std::hint::black_box;

const KEYS: u64 = 1_000_000;

struct Database {
    db: Db,
    folder: tempfile::TempDir,
}

impl Database {
    fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { db: Options::new().open(folder.path()).unwrap(), folder }
    }

    /// A million keys, in tables of the last level.
    fn settled() -> Self {
        let database = Self::empty();
        for number in 0..KEYS {
            let number = mixed(number) % KEYS;
            database.db.put(key(number), value(number)).unwrap();
        }
        for number in 0..KEYS {
            database.db.put(key(number), value(number)).unwrap();
        }
        database.db.compact_range(..).unwrap();
        database
    }
}

fn put(criterion: &mut Criterion) {
    let mut bench = criterion.benchmark_group("engine/put");
    let database = Database::empty();
    let mut turn = 0;
    bench.throughput(Throughput::Elements(1));
    bench.bench_function("buffered", |bencher| {
        bencher.iter(|| {
            turn += 1;
            database.db.put(key(mixed(turn) % KEYS), value(turn)).unwrap()
        });
    });
    bench.throughput(Throughput::Elements(100));
    bench.bench_function(BenchmarkId::new("batch", 100), |bencher| {
        bencher.iter(|| {
            let mut batch = WriteBatch::new();
            for _ in 0..100 {
                turn += 1;
                batch.put(&database.db.default_keyspace(), key(mixed(turn) % KEYS), value(turn));
            }
            database.db.write(batch).unwrap()
        });
    });
    for threads in [2, 4] {
        bench.throughput(Throughput::Elements(threads * PUTS));
        bench.bench_function(BenchmarkId::new("threads", threads), |bencher| {
            bencher.iter(|| put_by(threads, &database.db));
        });
    }
    bench.sample_size(20).throughput(Throughput::Elements(1));
    let sync = WriteOptions::new().durability(Durability::Sync);
    bench.bench_function("sync", |bencher| {
        bencher.iter(|| {
            turn += 1;
            let mut batch = WriteBatch::new();
            batch.put(&database.db.default_keyspace(), key(mixed(turn) % KEYS), value(turn));
            database.db.write_with(batch, &sync).unwrap()
        });
    });
    bench.finish();
    database.db.close().unwrap();
}

/// Puts of one thread of several, so many that their start does not count.
const PUTS: u64 = 10_000;

fn put_by(threads: u64, db: &Db) {
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                for turn in thread * PUTS..(thread + 1) * PUTS {
                    db.put(key(mixed(turn) % KEYS), value(turn)).unwrap();
                }
            });
        }
    });
}

fn read(criterion: &mut Criterion) {
    let mut bench = criterion.benchmark_group("engine/read");
    bench.throughput(Throughput::Elements(1));
    let database = Database::settled();
    let mut turn = 0;
    bench.bench_function("present", |bencher| {
        bencher.iter(|| {
            turn += 1;
            assert!(black_box(database.db.get(key(mixed(turn) % KEYS)).unwrap()).is_some());
        });
    });
    bench.bench_function("absent", |bencher| {
        bencher.iter(|| {
            turn += 1;
            let mut absent = [b'-'; KEY_BYTES + 1];
            absent[..KEY_BYTES].copy_from_slice(&key(mixed(turn) % KEYS));
            assert!(black_box(database.db.get(absent).unwrap()).is_none());
        });
    });
    bench.bench_function("seek and next 10", |bencher| {
        bencher.iter(|| {
            turn += 1;
            let from = key(mixed(turn) % KEYS);
            let found = database.db.scan(&from[..]..).unwrap().take(10);
            found.map(|entry| entry.unwrap().1.len()).sum::<usize>()
        });
    });
    bench.sample_size(10).throughput(Throughput::Elements(KEYS));
    bench.bench_function("scan of all", |bencher| {
        bencher.iter(|| {
            let all = database.db.scan(..).unwrap();
            all.map(|entry| entry.unwrap().1.len()).sum::<usize>()
        });
    });
    bench.finish();
    database.db.close().unwrap();
}

fn open(criterion: &mut Criterion) {
    let mut bench = criterion.benchmark_group("engine/open");
    bench.sample_size(20);
    let database = Database::settled();
    database.db.close().unwrap();
    let path = database.folder.path();
    bench.bench_function("after a clean close", |bencher| {
        bencher.iter(|| Options::new().open(path).unwrap().close().unwrap());
    });
    bench.sample_size(10).throughput(Throughput::Elements(LOGGED));
    let logged = Database::empty();
    for number in 0..LOGGED {
        logged.db.put(key(mixed(number) % KEYS), value(number)).unwrap();
    }
    logged.db.close().unwrap();
    // Read only: the log is replayed and left as it is, each time.
    bench.bench_function("with a log", |bencher| {
        bencher.iter_batched(
            || (),
            |()| Options::new().open_read_only(logged.folder.path()).unwrap(),
            BatchSize::PerIteration,
        );
    });
    bench.finish();
}

/// Entries of the log that an open replays, fewer than a memtable holds.
const LOGGED: u64 = 100_000;

criterion_group!(benches, put, read, open);
criterion_main!(benches);
