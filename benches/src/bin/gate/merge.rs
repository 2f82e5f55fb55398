//! Merging runs: the walk, and a whole compaction.

use crate::meter::count;
use siltstone_base::Cursor;
use siltstone_benches::Tables;
use siltstone_compaction::{
    Cutter, MergeCursor, Merged, OlderTables, Outputs, Retention, RunInput, merge_tables,
};
use siltstone_sstable::{BlockCache, Compression, Table, TableSummary, TableWriter};
use std::ops::ControlFlow;
use std::sync::Arc;

const ENTRIES: u64 = 20_000;
/// What all keys begin with, which a compaction knows of its inputs.
const PREFIX: &[u8] = b"00000000000";
const READ_AHEAD_BYTES: usize = 256 << 10;
const TABLE_BYTES: u64 = 1 << 20;

pub(crate) fn run() {
    for fan_in in [2, 8] {
        let mut tables = Tables::in_memory();
        let inputs = inputs(&mut tables, fan_in);
        count(&format!("compaction: step of a merge of {fan_in} runs"), ENTRIES, || {
            let mut cursor = cursor(&inputs);
            let (mut more, mut entries) = (cursor.seek_to_first().unwrap(), 0);
            while more {
                entries += u64::from(!cursor.entry().value.is_empty());
                more = cursor.next().unwrap();
            }
            assert_eq!(entries, ENTRIES);
        });
        count(&format!("compaction: entry of a compaction of {fan_in} runs"), ENTRIES, || {
            compact(&inputs, fan_in, &mut tables);
        });
    }
}

/// `fan_in` tables whose keys alternate, the newest first: the hardest case for a merge.
fn inputs(tables: &mut Tables, fan_in: u64) -> Vec<Arc<Table>> {
    let cache = Arc::new(BlockCache::new(8 << 20));
    let table = |run| {
        let numbers = (0..ENTRIES).filter(|number| number % fan_in == run);
        let summary = tables.write(numbers, fan_in - run, Compression::None);
        tables.open(&summary, &cache)
    };
    (0..fan_in).map(table).collect()
}

fn cursor(tables: &[Arc<Table>]) -> MergeCursor<RunInput> {
    let run = |table: &Arc<Table>| RunInput::new(vec![Arc::clone(table)], READ_AHEAD_BYTES);
    MergeCursor::new(tables.iter().map(run).collect()).expecting_prefix(PREFIX)
}

/// Makes tables and remembers how many entries came out.
struct Sink<'a> {
    tables: &'a mut Tables,
    entries: u64,
}

impl Outputs for Sink<'_> {
    type Error = siltstone_sstable::Error;

    fn create(&mut self) -> Result<TableWriter, Self::Error> {
        Ok(self.tables.create(Compression::None))
    }

    fn finished(&mut self, summary: TableSummary) {
        self.entries += summary.properties.entries;
    }
}

fn compact(inputs: &[Arc<Table>], fan_in: u64, tables: &mut Tables) {
    let mut sink = Sink { tables, entries: 0 };
    let mut retention = Retention::new(vec![fan_in], OlderTables::default());
    let mut cutter = Cutter::new(TABLE_BYTES, 2 * TABLE_BYTES, Vec::new());
    let inputs = cursor(inputs);
    let go_on = &mut |_| ControlFlow::Continue(());
    let merged = merge_tables(inputs, &mut retention, &mut cutter, &mut sink, go_on);
    assert!(matches!(merged, Ok(Merged::Finished(_))));
    assert_eq!(sink.entries, ENTRIES);
}
