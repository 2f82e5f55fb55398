use super::*;
use proptest::prelude::*;
use siltstone_base::{EntryKind, MAX_SEQNO};
use std::cell::Cell;
use std::rc::Rc;

/// Key, seqno, and a mark that tells where the entry came from.
type Item = (Vec<u8>, Seqno, Vec<u8>);

/// A sorted run in memory that can be told to fail.
#[derive(Debug)]
struct VecCursor {
    items: Vec<Item>,
    at: Option<usize>,
    faults: Faults,
}

/// How many moves succeed before one fails; shared by all runs of a merge.
#[derive(Clone, Debug)]
struct Faults(Rc<Cell<usize>>);

impl Faults {
    fn after(moves: usize) -> Self {
        Self(Rc::new(Cell::new(moves)))
    }

    fn none() -> Self {
        Self::after(usize::MAX)
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Injected;

impl VecCursor {
    fn new(mut items: Vec<Item>, faults: &Faults) -> Self {
        items.sort_by(|a, b| internal_cmp((&a.0, a.1), (&b.0, b.1)));
        Self { items, at: None, faults: faults.clone() }
    }

    fn go_to(&mut self, at: Option<usize>) -> Result<bool, Injected> {
        self.at = None;
        let left = self.faults.0.get();
        self.faults.0.set(left.wrapping_sub(1));
        if left == 0 {
            return Err(Injected);
        }
        self.at = at.filter(|&at| at < self.items.len());
        Ok(self.at.is_some())
    }
}

impl Cursor for VecCursor {
    type Error = Injected;

    fn valid(&self) -> bool {
        self.at.is_some()
    }

    fn seek_to_first(&mut self) -> Result<bool, Injected> {
        self.go_to(Some(0))
    }

    fn seek_to_last(&mut self) -> Result<bool, Injected> {
        self.go_to(self.items.len().checked_sub(1))
    }

    fn seek(&mut self, key: &[u8], seqno: Seqno) -> Result<bool, Injected> {
        let before = |item: &Item| internal_cmp((&item.0, item.1), (key, seqno)).is_lt();
        self.go_to(Some(self.items.partition_point(before)))
    }

    fn seek_for_prev(&mut self, key: &[u8], seqno: Seqno) -> Result<bool, Injected> {
        let up_to = |item: &Item| internal_cmp((&item.0, item.1), (key, seqno)).is_le();
        self.go_to(self.items.partition_point(up_to).checked_sub(1))
    }

    fn next(&mut self) -> Result<bool, Injected> {
        match self.at {
            Some(at) => self.go_to(Some(at + 1)),
            None => Ok(false),
        }
    }

    fn prev(&mut self) -> Result<bool, Injected> {
        match self.at {
            Some(at) => self.go_to(at.checked_sub(1)),
            None => Ok(false),
        }
    }

    fn entry(&self) -> Entry<'_> {
        let (key, seqno, value) = &self.items[self.at.expect("the cursor stands on an entry")];
        Entry { key, seqno: *seqno, kind: EntryKind::Put, value }
    }
}

#[derive(Clone, Debug)]
enum Move {
    First,
    Last,
    Seek(Vec<u8>, Seqno),
    SeekForPrev(Vec<u8>, Seqno),
    Next,
    Prev,
}

fn make<C: Cursor>(cursor: &mut C, step: &Move) -> Result<bool, C::Error> {
    match step {
        Move::First => cursor.seek_to_first(),
        Move::Last => cursor.seek_to_last(),
        Move::Seek(key, seqno) => cursor.seek(key, *seqno),
        Move::SeekForPrev(key, seqno) => cursor.seek_for_prev(key, *seqno),
        Move::Next => cursor.next(),
        Move::Prev => cursor.prev(),
    }
}

fn under<C: Cursor>(cursor: &C) -> Option<Item> {
    cursor.valid().then(|| {
        let entry = cursor.entry();
        assert_eq!(&*cursor.pin_value(), entry.value);
        (entry.key.to_vec(), entry.seqno, entry.value.to_vec())
    })
}

/// Keys whose first eight bytes often agree, and those that heads mistake for the end of a run.
fn keys() -> impl Strategy<Value = Vec<u8>> {
    let byte = || prop_oneof![Just(0u8), Just(b'k'), Just(0xff)];
    prop_oneof![
        prop::collection::vec(byte(), 0..3),
        prop::collection::vec(byte(), 0..2).prop_map(|rest| [&b"01234567"[..], &rest].concat()),
        prop::collection::vec(byte(), 0..2).prop_map(|rest| [&[0xff; 8][..], &rest].concat()),
    ]
}

fn seqnos() -> impl Strategy<Value = Seqno> {
    prop_oneof![4 => 1..6u64, 1 => Just(MAX_SEQNO), 1 => Just(0)]
}

fn moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        1 => Just(Move::First),
        1 => Just(Move::Last),
        2 => (keys(), seqnos()).prop_map(|(key, seqno)| Move::Seek(key, seqno)),
        2 => (keys(), seqnos()).prop_map(|(key, seqno)| Move::SeekForPrev(key, seqno)),
        8 => Just(Move::Next),
        8 => Just(Move::Prev),
    ]
}

/// Up to nine runs, some of them empty; with `repeats` two runs may hold the same key and seqno.
fn many_runs(repeats: bool) -> impl Strategy<Value = Vec<Vec<Item>>> {
    let entries = prop::collection::btree_map((keys(), 1..6u64), 0usize..9, 0..40);
    (entries, prop::collection::vec((0usize..40, 0usize..9), 0..8), 0usize..9).prop_map(
        move |(entries, again, runs)| {
            let mut all: Vec<((Vec<u8>, Seqno), usize)> = entries.into_iter().collect();
            for (entry, run) in again.into_iter().filter(|_| repeats) {
                let copy = all.get(entry).map(|(at, _)| (at.clone(), run));
                all.extend(copy.filter(|copy| {
                    all.iter().all(|(at, other)| {
                        *at != copy.0 || other % runs.max(1) != run % runs.max(1)
                    })
                }));
            }
            let mut split = vec![Vec::new(); runs];
            for ((key, seqno), run) in all {
                if let Some(run) = run.checked_rem(runs) {
                    split[run].push((key, seqno, vec![u8::try_from(run).unwrap()]));
                }
            }
            split
        },
    )
}

/// What a merge of `runs` shows: one sorted run, with equal entries in the order of their runs.
fn model(runs: &[Vec<Item>]) -> VecCursor {
    let mut all = runs.concat();
    all.sort_by(|a, b| a.2.cmp(&b.2));
    VecCursor::new(all, &Faults::none())
}

fn merge_of(runs: &[Vec<Item>], faults: &Faults) -> MergeCursor<VecCursor> {
    MergeCursor::new(runs.iter().map(|run| VecCursor::new(run.clone(), faults)).collect())
}

fn walk_agrees(runs: &[Vec<Item>], prefix: &[u8], walk: &[Move]) -> Result<(), TestCaseError> {
    let mut expected = model(runs);
    let mut cursor = merge_of(runs, &Faults::none()).expecting_prefix(prefix);
    prop_assert!(!cursor.valid());
    for (number, step) in walk.iter().enumerate() {
        let valid = make(&mut expected, step);
        prop_assert_eq!(make(&mut cursor, step), valid, "step {} {:?}", number, step);
        let item = under(&cursor);
        prop_assert_eq!(&item, &under(&expected), "step {} {:?}", number, step);
        if let Some((_, _, mark)) = item {
            prop_assert_eq!(cursor.current_run(), usize::from(mark[0]));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_merge_walks_as_one_sorted_run(
        runs in many_runs(false),
        prefix in keys(),
        walk in prop::collection::vec(moves(), 1..60),
    ) {
        walk_agrees(&runs, &prefix, &walk)?;
    }

    #[test]
    fn equal_entries_come_newest_run_first(
        runs in many_runs(true),
        prefix in keys(),
        walk in prop::collection::vec(moves(), 1..60),
    ) {
        walk_agrees(&runs, &prefix, &walk)?;
    }

    #[test]
    fn a_failed_move_leaves_no_entry_and_a_seek_heals_it(
        runs in many_runs(false),
        walk in prop::collection::vec(moves(), 1..30),
        healthy_moves in 0usize..60,
    ) {
        let faults = Faults::after(healthy_moves);
        let mut cursor = merge_of(&runs, &faults);
        let Some(failed) = walk.iter().position(|step| make(&mut cursor, step).is_err()) else {
            return Ok(());
        };
        prop_assert!(!cursor.valid(), "after {:?}", walk[failed]);
        prop_assert_eq!(cursor.next(), Ok(false));
        prop_assert_eq!(cursor.prev(), Ok(false));
        let mut expected = model(&runs);
        let mut valid = expected.seek_to_first();
        prop_assert_eq!(&cursor.seek_to_first(), &valid);
        while valid == Ok(true) {
            prop_assert_eq!(under(&cursor), under(&expected));
            valid = expected.next();
            prop_assert_eq!(&cursor.next(), &valid);
        }
    }
}

#[test]
fn nothing_merged_is_empty() {
    let mut cursor = merge_of(&[], &Faults::none());
    for step in [Move::First, Move::Last, Move::Seek(vec![], 0), Move::SeekForPrev(vec![], 0)] {
        assert_eq!(make(&mut cursor, &step), Ok(false));
        assert_eq!((cursor.next(), cursor.prev()), (Ok(false), Ok(false)));
    }
}

#[test]
fn a_single_run_is_moved_and_nothing_else() {
    let items: Vec<Item> = (0..10u8).map(|n| (vec![n], 1, vec![0])).collect();
    let faults = Faults::after(100);
    let mut cursor = merge_of(&[items], &faults);
    cursor.seek_to_first().unwrap();
    for _ in 0..5 {
        cursor.next().unwrap();
    }
    cursor.prev().unwrap();
    assert_eq!(faults.0.get(), 100 - 7, "one move each, also when it turns");
}

#[test]
fn entries_that_arrive_behind_the_current_one_do_not_come_out_of_order() {
    let item = |key: &str| (key.as_bytes().to_vec(), 1, vec![0]);
    let mut cursor =
        merge_of(&[vec![item("a"), item("d")], vec![item("b"), item("f")]], &Faults::none());
    cursor.seek(b"d", MAX_SEQNO).unwrap();
    // The second run stands on "f", and now "e" arrives, as it can in a memtable.
    cursor.runs[1].items.insert(1, item("e"));
    cursor.runs[1].at = Some(2);
    assert_eq!(cursor.prev(), Ok(true));
    assert_eq!(cursor.entry().key, b"b");
}

#[test]
#[should_panic(expected = "stands on no entry")]
fn the_entry_of_a_merge_that_ended_is_a_mistake() {
    let mut cursor = merge_of(&[vec![(vec![1], 1, vec![0])]], &Faults::none());
    cursor.seek_to_first().unwrap();
    cursor.next().unwrap();
    let _ = cursor.entry();
}
