//! What files cost: a record written, mapped or synced, a long run of bytes, an open.

use crate::RECORD_BYTES;
use criterion::{BatchSize, Criterion, Throughput, criterion_group};
use memmap2::{Mmap, MmapMut};
use std::fs::{File, remove_file};
use std::io::Write;
use std::os::unix::fs::FileExt;

const RECORD: [u8; RECORD_BYTES] = [7; RECORD_BYTES];
/// A segment of the log.
const SEGMENT_BYTES: usize = 64 << 20;

/// A file of this length that is all there, its name removed.
fn file(bytes: usize) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&vec![0; bytes]).unwrap();
    file.sync_all().unwrap();
    file
}

/// Where the next record goes: on to the end of the segment, then from its beginning.
fn step(at: &mut usize) -> usize {
    *at = if *at + 2 * RECORD.len() > SEGMENT_BYTES { 0 } else { *at + RECORD.len() };
    *at
}

fn record(criterion: &mut Criterion) {
    let mut bench = criterion.benchmark_group("limits/record of 150 bytes");
    let (log, mut at) = (file(SEGMENT_BYTES), 0);
    bench.bench_function("pwrite", |bencher| {
        bencher.iter(|| log.write_all_at(&RECORD, step(&mut at) as u64).unwrap());
    });
    let (chunk, mut chunk_at) = (vec![7; 64 << 10], 0);
    bench.bench_function("pwrite of 64 KiB", |bencher| {
        bencher.iter(|| {
            log.write_all_at(&chunk, chunk_at).unwrap();
            chunk_at = (chunk_at + chunk.len() as u64) % SEGMENT_BYTES as u64;
        });
    });
    bench.sample_size(20);
    bench.bench_function("pwrite and sync", |bencher| {
        bencher.iter(|| {
            log.write_all_at(&RECORD, step(&mut at) as u64).unwrap();
            log.sync_data().unwrap();
        });
    });
    bench.bench_function("sync of nothing", |bencher| {
        bencher.iter(|| log.sync_data().unwrap());
    });
    bench.finish();
}

/// A new segment is mapped and filled with records; the time is that of one of them.
fn map(criterion: &mut Criterion) {
    const RECORDS: usize = SEGMENT_BYTES / RECORD.len();
    let mut bench = criterion.benchmark_group("limits/record of 150 bytes in a map");
    bench.sample_size(10).throughput(Throughput::Elements(RECORDS as u64));
    bench.bench_function("of a new file", |bencher| {
        bencher.iter_batched(
            || {
                let log = tempfile::tempfile().unwrap();
                log.set_len(SEGMENT_BYTES as u64).unwrap();
                #[expect(unsafe_code, reason = "a map of a file")]
                // SAFETY: the file has no name, so nobody else writes it or makes it shorter.
                unsafe { MmapMut::map_mut(&log) }.unwrap()
            },
            |mut window| {
                for place in window.chunks_exact_mut(RECORD.len()) {
                    place.copy_from_slice(&RECORD);
                }
                window
            },
            BatchSize::PerIteration,
        );
    });
    bench.finish();
}

fn long_run(criterion: &mut Criterion) {
    const RUN_BYTES: usize = 64 << 20;
    let mut bench = criterion.benchmark_group("limits/file of 64 MiB");
    bench.sample_size(10).throughput(Throughput::Bytes(RUN_BYTES as u64));
    let chunk = vec![7; 1 << 20];
    bench.bench_function("written and synced", |bencher| {
        bencher.iter_batched(
            || tempfile::tempfile().unwrap(),
            |mut file| {
                for _ in 0..RUN_BYTES / chunk.len() {
                    file.write_all(&chunk).unwrap();
                }
                file.sync_data().unwrap();
                file
            },
            BatchSize::PerIteration,
        );
    });
    bench.finish();
}

/// What opening a table asks of the system: name, length, map, and three parts read.
fn whole(criterion: &mut Criterion) {
    let mut bench = criterion.benchmark_group("limits/file");
    let folder = tempfile::tempdir().unwrap();
    let (path, mut part) = (folder.path().join("table"), [0; 512]);
    File::create_new(&path).unwrap().write_all(&[7; 8192]).unwrap();
    bench.bench_function("open, length, map, three reads, close", |bencher| {
        bencher.iter(|| {
            let file = File::open(&path).unwrap();
            assert_eq!(file.metadata().unwrap().len(), 8192);
            #[expect(unsafe_code, reason = "a map of a file")]
            // SAFETY: the folder is this benchmark's own, and it does not write the file any more.
            let map = unsafe { Mmap::map(&file) }.unwrap();
            (0..3).for_each(|turn| file.read_exact_at(&mut part, 512 * turn).unwrap());
            map
        });
    });
    bench.sample_size(20);
    let (path, directory) = (folder.path().join("new"), File::open(&folder).unwrap());
    bench.bench_function("made, synced with its name, removed", |bencher| {
        bencher.iter(|| {
            let mut file = File::create_new(&path).unwrap();
            file.write_all(&part).unwrap();
            file.sync_all().unwrap();
            directory.sync_all().unwrap();
            remove_file(&path).unwrap();
        });
    });
    bench.finish();
}

criterion_group!(benches, record, map, long_run, whole);
