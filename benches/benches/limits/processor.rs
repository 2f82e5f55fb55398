//! What single steps cost: a system call, memory, a copy, a sum, an allocation, the codec.

use crate::RECORD_BYTES;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group};
use siltstone_base::checksum;
use siltstone_benches::{ENTRY_BYTES, mixed, shuffled, value};
use std::hint::black_box;

const BLOCK_BYTES: usize = 4 << 10;

fn system(criterion: &mut Criterion) {
    let mut bench = criterion.benchmark_group("limits/system");
    bench.bench_function("call", |bencher| bencher.iter(std::process::id));
    bench.bench_function("allocation of an entry and its release", |bencher| {
        bencher.iter(|| black_box(Vec::<u8>::with_capacity(black_box(ENTRY_BYTES))));
    });
    bench.finish();
}

/// Reads of which each says where the next one is.
fn memory(criterion: &mut Criterion) {
    let mut bench = criterion.benchmark_group("limits/memory, a read after the other");
    for mib in [1, 16, 230] {
        let lines = shuffled((mib << 20) / 64);
        let mut chain = vec![[0_u64; 8]; lines.len()];
        for (at, line) in lines.iter().enumerate() {
            let next = lines[(at + 1) % lines.len()];
            chain[usize::try_from(*line).unwrap()][0] = next;
        }
        let mut at = 0;
        bench.bench_function(BenchmarkId::new("MiB", mib), |bencher| {
            bencher.iter(|| {
                at = chain[usize::try_from(at).unwrap()][0];
                at
            });
        });
    }
    bench.finish();
}

fn copy(criterion: &mut Criterion) {
    let mut bench = criterion.benchmark_group("limits/copy of an entry");
    bench.throughput(Throughput::Bytes(ENTRY_BYTES as u64));
    for mib in [1, 230] {
        let entries = vec![[1_u8; ENTRY_BYTES]; (mib << 20) / ENTRY_BYTES];
        let (mut entry, mut next) = ([0; ENTRY_BYTES], entries.iter().cycle());
        bench.bench_function(BenchmarkId::new("in order, MiB", mib), |bencher| {
            bencher.iter(|| {
                entry.copy_from_slice(next.next().unwrap());
                black_box(&mut entry);
            });
        });
    }
    bench.finish();
}

fn sum(criterion: &mut Criterion) {
    let mut bench = criterion.benchmark_group("limits/checksum");
    for bytes in [16, RECORD_BYTES, BLOCK_BYTES] {
        let data = vec![7; bytes];
        bench.bench_function(BenchmarkId::new("bytes", bytes), |bencher| {
            bencher.iter(|| checksum::of(black_box(&data)));
        });
    }
    bench.finish();
}

fn codec(criterion: &mut Criterion) {
    let mut bench = criterion.benchmark_group("limits/snap");
    let block: Vec<u8> = (0..).flat_map(|number| value(mixed(number))).take(BLOCK_BYTES).collect();
    let (mut encoder, mut decoder) = (snap::raw::Encoder::new(), snap::raw::Decoder::new());
    let mut packed = vec![0; snap::raw::max_compress_len(BLOCK_BYTES)];
    bench.throughput(Throughput::Bytes(BLOCK_BYTES as u64));
    bench.bench_function("compress", |bencher| {
        bencher.iter(|| encoder.compress(black_box(&block), &mut packed).unwrap());
    });
    let packed = encoder.compress_vec(&block).unwrap();
    let mut unpacked = vec![0; BLOCK_BYTES];
    bench.bench_function("decompress", |bencher| {
        bencher.iter(|| decoder.decompress(black_box(&packed), &mut unpacked).unwrap());
    });
    bench.finish();
}

criterion_group!(benches, system, memory, copy, sum, codec);
