use super::*;
use crate::older_tables::OlderTables;
use crate::run_input::RunInput;
use crate::test_tables::{Shelf, Version};
use proptest::prelude::*;
use siltstone_base::{EntryKind, KeySpan, Seqno, internal_cmp};
use siltstone_sstable::{Error, Table};
use std::sync::Arc;

/// Runs of tables, newest first.
type Tree = Vec<Vec<Arc<Table>>>;

const READ_AHEAD_BYTES: usize = 512;

/// Collects the tables of a merge.
struct Collected<'a> {
    shelf: &'a mut Shelf,
    summaries: Vec<TableSummary>,
    tables_max: usize,
}

impl<'a> Collected<'a> {
    fn on(shelf: &'a mut Shelf) -> Self {
        Self { shelf, summaries: Vec::new(), tables_max: usize::MAX }
    }
}

#[derive(Debug)]
enum Failure {
    Table(Error),
    NoMoreTables,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Table(error)
    }
}

impl Outputs for Collected<'_> {
    type Error = Failure;

    fn create(&mut self) -> Result<TableWriter, Failure> {
        if self.summaries.len() >= self.tables_max {
            return Err(Failure::NoMoreTables);
        }
        Ok(self.shelf.writer()?)
    }

    fn finished(&mut self, summary: TableSummary) {
        self.summaries.push(summary);
    }
}

fn merge_of(tree: &[Vec<Arc<Table>>]) -> MergeCursor<RunInput> {
    let inputs = tree.iter().map(|run| RunInput::new(run.clone(), READ_AHEAD_BYTES));
    MergeCursor::new(inputs.collect())
}

/// Every version in `tables`, in order.
fn versions_of(tables: &[Arc<Table>]) -> Vec<Version> {
    let mut versions = Vec::new();
    for table in tables {
        let mut cursor = table.cursor();
        let mut valid = cursor.seek_to_first().unwrap();
        while valid {
            let entry = cursor.entry();
            let value = (entry.kind == EntryKind::Put).then(|| entry.value.to_vec());
            versions.push((entry.key.to_vec(), entry.seqno, value));
            valid = cursor.next().unwrap();
        }
    }
    versions.sort_by(|a, b| internal_cmp((&a.0, a.1), (&b.0, b.1)));
    versions
}

/// What a reader at `view` finds: the newest version of each key that is a put.
fn read(versions: &[Version], view: Seqno) -> Vec<&Version> {
    let mut visible: Vec<&Version> = versions.iter().filter(|version| version.1 <= view).collect();
    visible.dedup_by(|later, first| later.0 == first.0);
    visible.retain(|version| version.2.is_some());
    visible
}

/// A write of the model: which key, and its value's length, or a delete.
type Write = (u8, Option<u8>);

fn writes() -> impl Strategy<Value = Vec<Write>> {
    let value = prop_oneof![2 => (0u8..40).prop_map(Some), 1 => Just(None)];
    prop::collection::vec((0u8..24, value), 1..160)
}

/// Cuts a history of writes, whose seqnos are 1, 2, .., into runs of tables: the newest writes
/// are the newest run.
fn tree_of(writes: &[Write], run_ends: &[usize], shelf: &mut Shelf) -> Tree {
    let mut ends: Vec<usize> = run_ends.iter().map(|end| end % writes.len()).collect();
    ends.extend([0, writes.len()]);
    ends.sort_unstable();
    ends.dedup();
    let runs = ends.windows(2).rev().map(|ends| run_of(writes, ends[0]..ends[1], shelf));
    runs.collect()
}

/// One run, in tables of at most three keys.
fn run_of(writes: &[Write], range: std::ops::Range<usize>, shelf: &mut Shelf) -> Vec<Arc<Table>> {
    let version = |at: usize| {
        let (key, value) = writes[at];
        (vec![b'k', key], at as u64 + 1, value.map(|bytes| vec![key; usize::from(bytes)]))
    };
    let mut versions: Vec<Version> = range.map(version).collect();
    versions.sort_by(|a, b| internal_cmp((&a.0, a.1), (&b.0, b.1)));
    let keys: Vec<&[Version]> = versions.chunk_by(|a, b| a.0 == b.0).collect();
    keys.chunks(3).map(|keys| shelf.table(&keys.concat())).collect()
}

fn spans_of(run: &[Arc<Table>]) -> Vec<KeySpan> {
    let span = |table: &Arc<Table>| {
        let properties = table.properties();
        KeySpan::new(properties.first_key.clone(), properties.last_key.clone())
    };
    run.iter().map(span).collect()
}

fn go_on(_: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn every_view_reads_the_same_before_and_after_a_merge(
        writes in writes(),
        run_ends in prop::collection::vec(0usize..160, 0..7),
        snapshots in prop::collection::vec(0u64..160, 0..4),
        floor in 0u64..170,
        (newer, older) in (0usize..3, 0usize..3),
        target_bytes in 1u64..1500,
    ) {
        let mut shelf = Shelf::new();
        let tree = tree_of(&writes, &run_ends, &mut shelf);
        let newest = writes.len() as u64;
        let floor = floor.min(newest);
        let mut views: Vec<Seqno> = snapshots.into_iter().filter(|&s| s < floor).collect();
        views.push(floor);
        views.sort_unstable();

        // The merge takes a stretch of runs; newer and older ones stay as they are.
        let newer = newer.min(tree.len() - 1);
        let inputs_end = (tree.len() - older.min(tree.len())).max(newer + 1);
        let (inputs, below) = (&tree[newer..inputs_end], &tree[inputs_end..]);
        let mut retention = Retention::new(
            views.clone(),
            OlderTables::new(below.iter().map(|run| spans_of(run)).collect()),
        );
        let ends: Vec<Vec<u8>> = below.first().map_or(Vec::new(), |run| {
            run.iter().map(|table| table.properties().last_key.clone()).collect()
        });
        let mut cutter = Cutter::new(target_bytes, 2 * target_bytes, ends);
        let mut outputs = Collected::on(&mut shelf);
        let merged =
            merge_tables(merge_of(inputs), &mut retention, &mut cutter, &mut outputs, &mut go_on)
                .unwrap();
        let summaries = outputs.summaries;
        let outputs: Vec<Arc<Table>> = summaries.iter().map(|s| shelf.open(s)).collect();

        let before = versions_of(&tree.concat());
        let kept = versions_of(&outputs);
        let after = versions_of(&[tree[..newer].concat(), outputs.clone(), below.concat()].concat());
        for view in views.iter().copied().chain(floor..=newest) {
            prop_assert_eq!(read(&before, view), read(&after, view), "view {}", view);
        }
        let spans = spans_of(&outputs);
        prop_assert!(spans.is_sorted_by(|a, b| a.last < b.first), "outputs are disjoint");

        let Merged::Finished(stats) = merged else { panic!("nobody cancelled") };
        let read_in = versions_of(&inputs.concat());
        let bytes = |versions: &[Version]| -> u64 {
            let bytes = |v: &Version| v.0.len() + v.2.as_ref().map_or(0, Vec::len);
            versions.iter().map(bytes).sum::<usize>() as u64
        };
        prop_assert_eq!(stats.entries_in, read_in.len() as u64);
        prop_assert_eq!(stats.entries_out, kept.len() as u64);
        prop_assert_eq!((stats.bytes_in, stats.bytes_out), (bytes(&read_in), bytes(&kept)));
        let written: u64 = summaries.iter().map(|summary| summary.properties.entries).sum();
        prop_assert_eq!(written, stats.entries_out);
        if below.is_empty() && views.len() == 1 && floor == newest {
            // Nothing below and nobody looking back: what is left is what can be read.
            prop_assert!(kept.iter().all(|version| version.2.is_some()), "{:?}", kept);
            prop_assert!(kept.is_sorted_by(|a, b| a.0 < b.0), "{:?}", kept);
        }
    }
}

/// Two runs of `keys` keys each, the older one with the larger values.
fn two_runs(keys: u16, shelf: &mut Shelf) -> Tree {
    let versions = |seqno: Seqno, value_bytes: usize| -> Vec<Version> {
        let version = |key: u16| {
            let key = format!("{key:05}").into_bytes();
            (key, seqno, Some(vec![b'v'; value_bytes]))
        };
        (0..keys).map(version).collect()
    };
    vec![vec![shelf.table(&versions(2, 0))], vec![shelf.table(&versions(1, 100))]]
}

fn never(_: &[u8]) -> bool {
    false
}

#[test]
fn a_merge_that_drops_everything_writes_no_table() {
    let mut shelf = Shelf::new();
    let tree = vec![
        vec![shelf.table(&[(b"a".to_vec(), 3, None), (b"b".to_vec(), 4, None)])],
        vec![shelf.table(&[(b"b".to_vec(), 2, Some(vec![1]))])],
    ];
    let mut outputs = Collected::on(&mut shelf);
    let merged = merge_tables(
        merge_of(&tree),
        &mut Retention::new(vec![4], |_: &[u8]| true),
        &mut Cutter::new(100, 100, vec![]),
        &mut outputs,
        &mut go_on,
    );
    let expected = MergeStats {
        entries_in: 3,
        dropped_shadowed: 1,
        dropped_tombstones: 2,
        bytes_in: 4,
        ..MergeStats::default()
    };
    assert_eq!(merged.unwrap(), Merged::Finished(expected));
    assert!(outputs.summaries.is_empty());
}

#[test]
fn versions_of_one_key_stay_together_in_a_table_of_any_size() {
    let mut shelf = Shelf::new();
    let versions: Vec<Version> =
        (1..100).rev().map(|seqno| (b"k".to_vec(), seqno, Some(vec![0; 100]))).collect();
    let tree = vec![vec![shelf.table(&versions)]];
    let mut outputs = Collected::on(&mut shelf);
    let merged = merge_tables(
        merge_of(&tree),
        &mut Retention::new((0..100).collect(), never),
        &mut Cutter::new(1, 1, vec![]),
        &mut outputs,
        &mut go_on,
    );
    assert!(matches!(merged, Ok(Merged::Finished(_))), "{merged:?}");
    let [summary] = &outputs.summaries[..] else { panic!("one table") };
    assert_eq!(summary.properties.entries, 99);
}

#[test]
fn progress_adds_up_to_the_bytes_read() {
    let mut shelf = Shelf::new();
    let tree = two_runs(6000, &mut shelf);
    let (mut told, mut calls) = (0, 0);
    let mut progress = |bytes| {
        told += bytes;
        calls += 1;
        ControlFlow::Continue(())
    };
    let merged = merge_tables(
        merge_of(&tree),
        &mut Retention::new(vec![2], never),
        &mut Cutter::new(1 << 20, 1 << 20, vec![]),
        &mut Collected::on(&mut shelf),
        &mut progress,
    );
    let Ok(Merged::Finished(stats)) = merged else { panic!("{merged:?}") };
    assert_eq!((told, stats.bytes_in), (stats.bytes_in, 6000 * (5 + 5 + 100)));
    assert!(calls >= 3, "{calls} calls");
}

#[test]
fn a_cancelled_merge_says_so_whenever_it_is_cancelled() {
    let mut shelf = Shelf::new();
    let tree = two_runs(6000, &mut shelf);
    let run = |healthy_calls: usize, shelf: &mut Shelf| {
        let mut calls = 0;
        let mut progress = |_| {
            calls += 1;
            if calls == healthy_calls + 1 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let merged = merge_tables(
            merge_of(&tree),
            &mut Retention::new(vec![2], never),
            &mut Cutter::new(1000, 1000, vec![]),
            &mut Collected::on(shelf),
            &mut progress,
        );
        (merged.unwrap(), calls)
    };
    let (finished, calls) = run(usize::MAX - 1, &mut shelf);
    assert!(matches!(finished, Merged::Finished(_)));
    for healthy_calls in 0..calls {
        assert_eq!(run(healthy_calls, &mut shelf).0, Merged::Cancelled, "{healthy_calls}");
    }
}

#[test]
fn the_error_of_the_outputs_ends_the_merge() {
    let mut shelf = Shelf::new();
    let tree = two_runs(100, &mut shelf);
    let mut outputs = Collected { tables_max: 3, ..Collected::on(&mut shelf) };
    let merged = merge_tables(
        merge_of(&tree),
        &mut Retention::new(vec![0, 1, 2], never),
        &mut Cutter::new(500, 500, vec![]),
        &mut outputs,
        &mut go_on,
    );
    assert!(matches!(merged, Err(Failure::NoMoreTables)), "{merged:?}");
    assert_eq!(outputs.summaries.len(), 3);
}

#[test]
fn corruption_of_an_input_ends_the_merge_and_names_the_table() {
    let mut shelf = Shelf::new();
    let run: Vec<Arc<Table>> =
        [2u8, 1].map(|key| shelf.table(&[(vec![key], 1, Some(vec![]))])).into();
    let culprit = run[1].id();
    let merged = merge_tables(
        merge_of(&[run]),
        &mut Retention::new(vec![2], never),
        &mut Cutter::new(500, 500, vec![]),
        &mut Collected::on(&mut shelf),
        &mut go_on,
    );
    let Err(Failure::Table(Error::Corrupt { table, .. })) = merged else { panic!("{merged:?}") };
    assert_eq!(table, culprit);
}
