//! A merge of arrays: heads alone decide, the smallest of all is looked for at each step.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group};
use siltstone_benches::{ENTRY_BYTES, KEY_BYTES};

const ENTRIES: u32 = 500_000;

/// A number, and the bytes of its entry.
type Numbered = (u32, [u8; ENTRY_BYTES]);

fn merge(criterion: &mut Criterion) {
    let mut bench = criterion.benchmark_group("limits/merge");
    bench.sample_size(10).throughput(Throughput::Elements(ENTRIES.into()));
    for fan_in in [1, 2, 4, 8, 16] {
        let run = |run| {
            let numbers = (0..ENTRIES).filter(move |number| number % fan_in == run);
            numbers.map(|number| (number, [7; ENTRY_BYTES])).collect()
        };
        let runs: Vec<Vec<Numbered>> = (0..fan_in).map(run).collect();
        bench.bench_function(BenchmarkId::new("runs", fan_in), |bencher| {
            bencher.iter(|| walk(&runs));
        });
    }
    bench.finish();
}

/// Looks at the value of every entry, in order.
fn walk(runs: &[Vec<Numbered>]) -> u64 {
    // The run is in the low half, so that the smallest says where it is from.
    let head = |run: usize, place: usize| {
        let number = runs[run].get(place).map_or(u32::MAX, |(number, _)| *number);
        u64::from(number) << 32 | run as u64
    };
    let mut heads: Vec<u64> = (0..runs.len()).map(|run| head(run, 0)).collect();
    let mut places = vec![0; runs.len()];
    let mut sum = 0;
    for _ in 0..ENTRIES {
        let least = heads.iter().copied().fold(u64::MAX, u64::min);
        let run = (least & 0xffff_ffff) as usize;
        sum += u64::from(runs[run][places[run]].1[KEY_BYTES]);
        places[run] += 1;
        heads[run] = head(run, places[run]);
    }
    sum
}

criterion_group!(benches, merge);
