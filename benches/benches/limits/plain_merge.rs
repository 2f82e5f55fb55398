//! A merge of arrays: heads alone decide, the smallest of all is looked for at each step.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group};
use siltstone_benches::{KEY_BYTES, VALUE_BYTES};
use std::hint::black_box;

const ENTRIES: u32 = 500_000;
const ENTRY: usize = KEY_BYTES + VALUE_BYTES;

fn merge(criterion: &mut Criterion) {
    let mut bench = criterion.benchmark_group("limits/merge");
    bench.sample_size(10).throughput(Throughput::Elements(ENTRIES.into()));
    for fan_in in [1, 2, 4, 8, 16] {
        let run = |run| (0..ENTRIES).filter(|number| number % fan_in == run).collect::<Vec<_>>();
        let runs: Vec<Vec<u32>> = (0..fan_in).map(run).collect();
        let entries = vec![[7_u8; ENTRY]; ENTRIES as usize];
        bench.bench_function(BenchmarkId::new("runs", fan_in), |bencher| {
            bencher.iter(|| walk(&runs, &entries));
        });
    }
    bench.finish();
}

/// Gives out every entry in order, a copy of each.
fn walk(runs: &[Vec<u32>], entries: &[[u8; ENTRY]]) {
    let mut places = vec![0; runs.len()];
    let mut heads: Vec<u32> = runs.iter().map(|run| run[0]).collect();
    for _ in entries {
        let mut least = 0;
        for run in 1..heads.len() {
            least = if heads[run] < heads[least] { run } else { least };
        }
        black_box(entries[heads[least] as usize]);
        places[least] += 1;
        heads[least] = runs[least].get(places[least]).copied().unwrap_or(u32::MAX);
    }
}

criterion_group!(benches, merge);
