//! Merging runs: the walk alone by fan-in, and whole compactions in bytes a second and core.
#![expect(missing_docs, reason = "criterion's macros make public functions")]
#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use siltstone_base::Cursor;
use siltstone_benches::{ENTRY_BYTES, Tables};
use siltstone_compaction::{
    Cutter, MergeCursor, Merged, OlderTables, Outputs, Retention, RunInput, merge_tables,
};
use siltstone_sstable::{BlockCache, Compression, Table, TableSummary, TableWriter};
use std::cell::RefCell;
use std::ops::ControlFlow;
use std::sync::Arc;

const ENTRIES: u64 = 500_000;
/// What all keys begin with, which a compaction knows of its inputs.
const PREFIX: &[u8] = b"0000000000";
const READ_AHEAD_BYTES: usize = 256 << 10;
const TABLE_BYTES: u64 = 16 << 20;

/// `fan_in` tables whose keys alternate: the hardest case for a merge.
fn inputs(tables: &mut Tables, fan_in: u64, compression: Compression) -> Vec<Arc<Table>> {
    let cache = Arc::new(BlockCache::new(8 << 20));
    let table = |run| {
        let numbers = (0..ENTRIES).filter(|number| number % fan_in == run);
        let summary = tables.write(numbers, fan_in - run, compression);
        tables.open(&summary, &cache)
    };
    (0..fan_in).map(table).collect()
}

fn cursor(tables: &[Arc<Table>]) -> MergeCursor<RunInput> {
    let run = |table: &Arc<Table>| RunInput::new(vec![Arc::clone(table)], READ_AHEAD_BYTES);
    MergeCursor::new(tables.iter().map(run).collect()).expecting_prefix(PREFIX)
}

fn walk(criterion: &mut Criterion) {
    let mut bench = criterion.benchmark_group("compaction/walk");
    bench.sample_size(10).throughput(Throughput::Elements(ENTRIES));
    for fan_in in [1, 2, 4, 8, 16] {
        let mut tables = Tables::new();
        let inputs = inputs(&mut tables, fan_in, Compression::None);
        bench.bench_function(BenchmarkId::new("runs", fan_in), |bencher| {
            bencher.iter_batched(
                || cursor(&inputs),
                |mut cursor| {
                    let mut more = cursor.seek_to_first().unwrap();
                    let mut entries = 0;
                    while more {
                        entries += 1;
                        more = cursor.next().unwrap();
                    }
                    assert_eq!(entries, ENTRIES);
                },
                BatchSize::PerIteration,
            );
        });
    }
    bench.finish();
}

/// Takes finished tables and remembers them, to be removed.
struct Sink<'a> {
    tables: &'a RefCell<Tables>,
    compression: Compression,
    done: Vec<TableSummary>,
}

impl Outputs for Sink<'_> {
    type Error = siltstone_sstable::Error;

    fn create(&mut self) -> Result<TableWriter, Self::Error> {
        Ok(self.tables.borrow_mut().create(self.compression))
    }

    fn finished(&mut self, summary: TableSummary) {
        self.done.push(summary);
    }
}

fn compact(criterion: &mut Criterion) {
    let mut bench = criterion.benchmark_group("compaction/merge");
    bench.sample_size(10).throughput(Throughput::Bytes(ENTRIES * ENTRY_BYTES as u64));
    for (codec, compression) in [("plain", Compression::None), ("snap", Compression::Snap)] {
        for fan_in in [2, 4, 8] {
            let tables = RefCell::new(Tables::new());
            let inputs = inputs(&mut tables.borrow_mut(), fan_in, compression);
            bench.bench_function(BenchmarkId::new(codec, fan_in), |bencher| {
                bencher.iter(|| {
                    let mut sink = Sink { tables: &tables, compression, done: Vec::new() };
                    let mut retention = Retention::new(vec![fan_in], OlderTables::default());
                    let mut cutter = Cutter::new(TABLE_BYTES, 2 * TABLE_BYTES, Vec::new());
                    let merged = merge_tables(
                        cursor(&inputs),
                        &mut retention,
                        &mut cutter,
                        &mut sink,
                        &mut |_| ControlFlow::Continue(()),
                    );
                    assert!(matches!(merged, Ok(Merged::Finished(_))));
                    sink.done.iter().for_each(|table| tables.borrow().remove(table.id));
                });
            });
        }
    }
    bench.finish();
}

criterion_group!(benches, walk, compact);
criterion_main!(benches);
