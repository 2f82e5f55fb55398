//! Edits that fit, and each kind that does not.

use super::*;
use crate::picture::{id, table, version};
use crate::{JobMeta, Placed};

fn add(level: u8, run: u64, number: u64, first: &str, last: &str) -> VersionEdit {
    let table = table(number, first.as_bytes(), last.as_bytes(), 7);
    VersionEdit { removed: vec![], added: vec![Placed { level, run: RunId(run), table }] }
}

fn remove(numbers: &[u64]) -> VersionEdit {
    VersionEdit { removed: numbers.iter().copied().map(id).collect(), added: vec![] }
}

#[test]
fn runs_stand_by_level_and_the_newest_first() {
    let mut tree = Version::empty();
    for (level, run) in [(5, 3), (0, 1), (0, 9), (2, 7), (5, 4), (0, 2)] {
        tree = tree.apply(&add(level, run, run, "a", "z")).unwrap();
    }
    let order: Vec<_> = tree.runs().iter().map(|run| (run.level(), run.id().0)).collect();
    assert_eq!(order, [(0, 9), (0, 2), (0, 1), (2, 7), (5, 4), (5, 3)]);
    assert_eq!((tree.level_bytes(0), tree.level_bytes(1), tree.bytes()), (21, 0, 42));
    assert_eq!(tree.find(id(7)).map(|(run, _)| run.level()), Some(2));
    assert_eq!(tree.find(id(8)), None);
}

#[test]
fn edits_that_do_not_fit_are_refused_by_table() {
    let tree = version(&["9[a-f]", "5[b-c] 6[j-p]"]);
    let run = tree.runs()[1].id().0;
    let check = |edit: VersionEdit, number: u64, expected: &str| {
        let before = tree.clone();
        match tree.apply(&edit) {
            Err(Error::Misfit { table, why }) => {
                assert_eq!((table, why), (id(number), expected));
            }
            other => panic!("{expected}: {other:?}"),
        }
        assert_eq!(tree, before);
    };
    check(remove(&[8]), 8, "it is removed but not there");
    check(remove(&[9, 9]), 9, "it is removed twice");
    check(add(3, 1, 6, "a", "b"), 6, "it is added but already there");
    check(add(1, run, 1, "p", "q"), 1, "it shares keys with a table of its run");
    check(add(2, run, 1, "x", "z"), 1, "its run lies on another level");
    let placed = add(3, 1, 1, "a", "b").added.remove(0);
    let twice = VersionEdit { removed: vec![], added: vec![placed.clone(), placed] };
    check(twice, 1, "it is added twice");
    let divided = [add(3, 1, 1, "a", "b").added, add(4, 1, 2, "a", "b").added].concat();
    check(VersionEdit { removed: vec![], added: divided }, 2, "its run lies on another level");
}

#[test]
fn a_run_ends_with_its_last_table_and_others_are_shared() {
    let tree = version(&["9[a-f]", "5[b-c] 6[j-p]"]);
    let next = tree.apply(&remove(&[5, 6])).unwrap();
    assert_eq!(next.runs().len(), 1);
    assert!(Arc::ptr_eq(&next.runs()[0], &tree.runs()[0]));
}

#[test]
fn a_moved_table_stays_the_same_object_and_is_not_dropped() {
    let tree = version(&["9[a-f]", "", "5[g-h]"]);
    let run = tree.runs()[1].id();
    let job = JobMeta { inputs: vec![id(9)], level: 2, run };
    let edit = VersionEdit::of_move(&job, &tree);
    let next = tree.apply(&edit).unwrap();
    assert_eq!(next.runs().len(), 1);
    assert!(Arc::ptr_eq(&next.runs()[0].tables()[0], &tree.runs()[0].tables()[0]));
    assert_eq!(edit.dropped().count(), 0);
    assert_eq!(remove(&[5]).dropped().collect::<Vec<_>>(), [id(5)]);
}

#[test]
fn a_version_is_made_again_from_one_edit() {
    let tree = version(&["9[a-f] 8[c-d]", "5[b-c] 6[j-p]", "2[a-b]"]);
    assert_eq!(Version::empty().apply(&VersionEdit::of_version(&tree)).as_ref(), Ok(&tree));
}

#[test]
fn people_see_runs_tables_and_readable_keys() {
    let long = "k".repeat(40);
    let tree = Version::empty().apply(&add(0, 4, 1, "a\n", &long)).unwrap();
    let tree = tree.apply(&add(3, 2, 2, "", "b")).unwrap();
    let begin = "k".repeat(24);
    let expected =
        format!("L0 #4 1 tables 7 bytes: 1[a\\n-{begin}..]\nL3 #2 1 tables 7 bytes: 2[-b]\n");
    assert_eq!(tree.describe(), expected);
}
