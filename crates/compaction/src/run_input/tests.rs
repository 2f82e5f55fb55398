use super::*;
use crate::test_tables::{Shelf, Version, entry};
use proptest::prelude::*;
use siltstone_base::{MAX_SEQNO, internal_cmp};

/// Reading so little at once that tables of a few blocks take several reads.
const READ_AHEAD_BYTES: usize = 256;

/// Sorted versions of few keys, cut into tables between keys.
fn tables_of(keys: &[(u8, u8)], table_ends: &[u8]) -> Vec<Vec<Version>> {
    let mut tables: Vec<Vec<Version>> = vec![Vec::new()];
    for &(key, versions) in keys {
        if table_ends.contains(&key) {
            tables.push(Vec::new());
        }
        let table = tables.last_mut().unwrap();
        for seqno in (1..=u64::from(versions)).rev() {
            table.push((vec![b'k', key], seqno, Some(vec![key; usize::from(key)])));
        }
    }
    tables.retain(|table| !table.is_empty());
    tables
}

#[derive(Clone, Debug)]
enum Move {
    First,
    Last,
    Seek(u8, Seqno),
    SeekForPrev(u8, Seqno),
    Next,
    Prev,
}

fn moves() -> impl Strategy<Value = Move> {
    let seqno = || prop_oneof![0..5u64, Just(MAX_SEQNO)];
    prop_oneof![
        1 => Just(Move::First),
        1 => Just(Move::Last),
        2 => (0u8..34, seqno()).prop_map(|(key, seqno)| Move::Seek(key, seqno)),
        2 => (0u8..34, seqno()).prop_map(|(key, seqno)| Move::SeekForPrev(key, seqno)),
        8 => Just(Move::Next),
        8 => Just(Move::Prev),
    ]
}

/// Where a cursor over `all` stands after a move from `at`.
fn expected(all: &[Version], at: Option<usize>, step: &Move) -> Option<usize> {
    let place = |key: u8, seqno| {
        move |version: &Version| internal_cmp((&version.0, version.1), (&[b'k', key], seqno))
    };
    let to = match *step {
        Move::First => Some(0),
        Move::Last => all.len().checked_sub(1),
        Move::Seek(key, seqno) => Some(all.partition_point(|v| place(key, seqno)(v).is_lt())),
        Move::SeekForPrev(key, seqno) => {
            all.partition_point(|v| place(key, seqno)(v).is_le()).checked_sub(1)
        }
        Move::Next => at.map(|at| at + 1),
        Move::Prev => at.and_then(|at| at.checked_sub(1)),
    };
    to.filter(|&to| to < all.len())
}

fn make(run: &mut RunInput, step: &Move) -> Result<bool, Error> {
    match *step {
        Move::First => run.seek_to_first(),
        Move::Last => run.seek_to_last(),
        Move::Seek(key, seqno) => run.seek(&[b'k', key], seqno),
        Move::SeekForPrev(key, seqno) => run.seek_for_prev(&[b'k', key], seqno),
        Move::Next => run.next(),
        Move::Prev => run.prev(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_tables_of_a_run_walk_as_one(
        keys in prop::collection::btree_map(0u8..32, 1u8..4, 0..24),
        table_ends in prop::collection::vec(0u8..32, 0..5),
        walk in prop::collection::vec(moves(), 1..60),
    ) {
        let keys: Vec<(u8, u8)> = keys.into_iter().collect();
        let tables = tables_of(&keys, &table_ends);
        let mut shelf = Shelf::new();
        let opened = tables.iter().map(|table| shelf.table(table)).collect();
        let mut run = RunInput::new(opened, READ_AHEAD_BYTES);
        let all = tables.concat();
        let mut at = None;
        for (number, step) in walk.iter().enumerate() {
            at = expected(&all, at, step);
            let valid = make(&mut run, step).unwrap();
            prop_assert_eq!(valid, at.is_some(), "step {} {:?}", number, step);
            prop_assert_eq!(run.valid(), valid);
            if let Some(at) = at {
                prop_assert_eq!(run.entry(), entry(&all[at]), "step {} {:?}", number, step);
            }
        }
    }
}

#[test]
fn tables_that_are_no_run_are_found_and_leave_no_entry() {
    let mut shelf = Shelf::new();
    let table = |shelf: &mut Shelf, key: u8| shelf.table(&[(vec![key], 1, None)]);
    let falling = vec![table(&mut shelf, 2), table(&mut shelf, 3), table(&mut shelf, 1)];
    let culprit = falling[2].id();
    let mut run = RunInput::new(falling, READ_AHEAD_BYTES);
    assert!(run.seek_to_first().unwrap());
    assert!(run.next().unwrap());
    let found = run.next().unwrap_err();
    assert!(matches!(found, Error::Corrupt { table, .. } if table == culprit), "{found}");
    assert!(!run.valid() && !run.next().unwrap() && !run.prev().unwrap());
}

#[test]
fn a_table_that_holds_less_than_it_says_is_found_at_its_end() {
    let version = |key: u8| (vec![key], 1, Some(vec![key]));
    let mut shelf = Shelf::new();
    for lies in 0..3 {
        let tables: Vec<Arc<Table>> = (0..3u8)
            .map(|table| {
                let versions = [version(2 * table), version(2 * table + 1)];
                if table == lies { shelf.lying_table(&versions) } else { shelf.table(&versions) }
            })
            .collect();
        let culprit = tables[usize::from(lies)].id();
        let mut run = RunInput::new(tables, READ_AHEAD_BYTES);
        let mut entries = u8::from(run.seek_to_first().unwrap());
        let found = loop {
            match run.next() {
                Ok(true) => entries += 1,
                Ok(false) => panic!("{entries} entries passed as more"),
                Err(found) => break found,
            }
        };
        assert_eq!(entries, 2 * lies + 2);
        assert!(matches!(found, Error::Corrupt { table, .. } if table == culprit), "{found}");
        assert!(!run.valid());
    }
}

#[test]
fn rot_is_found_whatever_was_read_before() {
    let mut shelf = Shelf::new();
    let table = shelf.table(&[(vec![1], 1, Some(vec![1]))]);
    let mut reader = table.cursor();
    assert!(reader.seek_to_first().unwrap());
    shelf.rot(table.id());
    let mut run = RunInput::new(vec![Arc::clone(&table)], READ_AHEAD_BYTES);
    let found = run.seek_to_first().unwrap_err();
    assert!(matches!(found, Error::Corrupt { .. }), "{found}");
    assert!(!run.valid());
}
