//! The record log: append with and without sync, by records a group; replay.
#![expect(missing_docs, reason = "criterion's macros make public functions")]
#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use siltstone_benches::{key, mixed, value};
use siltstone_vfs::{DiskVfs, Vfs};
use siltstone_wal::{
    Batch, Birth, GroupHeader, KeyspaceId, LogIdentity, LogKind, LogWriter, ReplayContext,
    ReplayError, SegmentFile, SegmentId, decode_group, replay,
};
use std::hint::black_box;
use std::path::{Path, PathBuf};

const DATABASE: u128 = 7;
/// A segment is left for the next one when it is this long, as the engine does.
const SEGMENT_BYTES: u64 = 64 << 20;

/// A log on a disk that begins a new segment when one is full.
struct Log {
    folder: tempfile::TempDir,
    vfs: DiskVfs,
    writer: LogWriter,
    segment: u64,
}

impl Log {
    fn new() -> Self {
        let (folder, vfs) = (tempfile::tempdir().unwrap(), DiskVfs::new());
        let writer = begin(vfs, &path(folder.path(), 1), 1);
        Self { folder, vfs, writer, segment: 1 }
    }

    fn append(&mut self, payload: &[u8]) {
        if self.writer.end() > SEGMENT_BYTES {
            self.vfs.unlink(&path(self.folder.path(), self.segment)).unwrap();
            self.segment += 1;
            let path = path(self.folder.path(), self.segment);
            self.writer = begin(self.vfs, &path, self.segment);
        }
        self.writer.append(&[payload]).unwrap();
    }
}

fn path(folder: &Path, segment: u64) -> PathBuf {
    folder.join(format!("{segment}.log"))
}

fn begin(vfs: DiskVfs, path: &Path, segment: u64) -> LogWriter {
    let window = vfs.create_window(path).unwrap();
    let identity =
        LogIdentity { kind: LogKind::Log, database: DATABASE, segment: SegmentId(segment) };
    let boot_id = vfs.boot_id();
    let birth = Birth { identity, boot_id, witness_number: 1, witness_records: 1 };
    LogWriter::create(window, birth, None, 64 << 10).unwrap()
}

/// A group of `puts`, as the engine would log it.
fn group(puts: u64) -> Vec<u8> {
    let mut batch = Batch::new();
    for number in 0..puts {
        batch.put(KeyspaceId(0), &key(mixed(number) % 1_000_000), &value(number));
    }
    let header = GroupHeader { first_seqno: 1, ops: batch.len() }.encode();
    [&header[..], batch.bytes()].concat()
}

fn append(criterion: &mut Criterion) {
    let mut bench = criterion.benchmark_group("wal/append");
    for puts in [1, 10, 100, 1000] {
        let payload = group(puts);
        bench.throughput(Throughput::Elements(puts));
        bench.bench_function(BenchmarkId::new("puts a group", puts), |bencher| {
            let mut log = Log::new();
            bencher.iter(|| log.append(black_box(&payload)));
        });
    }
    bench.finish();
}

fn append_and_sync(criterion: &mut Criterion) {
    let mut bench = criterion.benchmark_group("wal/append and sync");
    bench.sample_size(20);
    for puts in [1, 100] {
        let payload = group(puts);
        bench.throughput(Throughput::Elements(puts));
        bench.bench_function(BenchmarkId::new("puts a group", puts), |bencher| {
            let mut log = Log::new();
            bencher.iter(|| {
                log.append(black_box(&payload));
                log.writer.sync().unwrap();
            });
        });
    }
    bench.finish();
}

fn replay_groups(criterion: &mut Criterion) {
    const GROUPS: u64 = 20_000;
    let mut bench = criterion.benchmark_group("wal/replay");
    bench.sample_size(20);
    let mut log = Log::new();
    let payload = group(1);
    (0..GROUPS).for_each(|_| log.append(&payload));
    log.writer.sync().unwrap();
    let context = ReplayContext {
        kind: LogKind::Log,
        database: DATABASE,
        boot_id: log.vfs.boot_id(),
        durable: None,
    };
    let file = log.vfs.open_read(&path(log.folder.path(), 1)).unwrap();
    let segments = [SegmentFile { id: SegmentId(1), file, cut: None }];
    bench.throughput(Throughput::Elements(GROUPS));
    bench.bench_function("one put a group", |bencher| {
        bencher.iter_batched(
            || (),
            |()| {
                let mut bytes = 0;
                let replayed = replay(&segments, &context, |record| {
                    for op in decode_group(record.payload)?.1 {
                        bytes += op?.value.len();
                    }
                    Ok(())
                });
                let replayed: Result<_, ReplayError<siltstone_base::DecodeError>> = replayed;
                assert_eq!(replayed.unwrap().records, GROUPS);
                bytes
            },
            BatchSize::PerIteration,
        );
    });
    bench.finish();
}

criterion_group!(benches, append, append_and_sync, replay_groups);
criterion_main!(benches);
