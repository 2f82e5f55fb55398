//! Ranges end at the bottom, and only they.

use super::*;
use crate::legality::tests::any_tree;
use crate::model::Model;
use crate::picture::{job, parse, show};
use crate::{Env, Version, VersionEdit, VersionView};
use proptest::prelude::*;
use std::ops::Bound;

fn bounds(first: &str, last: &str) -> Bounds {
    Bounds::new(Bound::Included(first.into()), Bound::Included(last.into()))
}

fn check_next(lines: &[&str], range: &Bounds, job_dest: Option<(u8, u64)>, expected: &str) {
    let (version, busy) = parse(lines);
    let jobs: Vec<_> = job_dest.map(|(level, run)| job(busy, level, run)).into_iter().collect();
    let env = Env { table_bytes: 1000, ..Env::default() };
    let next = RangeCompaction::new(range.clone(), 9).next(&VersionView::new(&version, &jobs, env));
    let text = match next {
        RangeStep::Act(action) => show(&version, &action),
        RangeStep::Wait => "wait".into(),
        RangeStep::Done => "done".into(),
    };
    assert_eq!(text, expected, "{lines:?}");
}

#[test]
fn a_range_goes_down_run_by_run() {
    let range = bounds("c", "e");
    check_next(&["9[a-f] 8[k-m]", "4: 1[b-d]", "6: 2[a-z]"], &range, None, "9 + 1 -> 4 cut 6");
    check_next(&["8[k-m]", "4: 1[b-d] 7[g-h]", "6: 2[a-z]"], &range, None, "1 + 2 -> 6");
    check_next(&["8[k-m]", "4: 7[g-h]", "6: 2[a-z]"], &range, None, "done");
    check_next(&[], &range, None, "done");
}

#[test]
fn what_overlaps_nothing_moves_and_the_last_run_sinks() {
    check_next(&["9[a-f] 8[f-m]"], &Bounds::ALL, None, "9 8 -> new 6");
    check_next(&["", "4: 1[b-d] 7[g-h]"], &Bounds::ALL, None, "= 1 7 -> new 6");
    check_next(&["", "4: 1[b-d] 7[g-h]", "6: 2[x-z]"], &Bounds::ALL, None, "= 1 7 -> 6");
    check_next(&["", "6: 1[b-d]", "6: 2[x-z]"], &Bounds::ALL, None, "= 1 -> 6");
}

#[test]
fn a_step_takes_a_few_tables_at_a_time() {
    let tree = ["", "5: 1[a-b]*5 2[c-d]*3 3[e-f]*1", "6: 9[a-z]"];
    check_next(&tree, &Bounds::ALL, None, "1 2 + 9 -> 6");
    let tree = ["", "5: 1[a-b]*50 2[c-d]*3", "6: 9[a-z]"];
    check_next(&tree, &Bounds::ALL, None, "1 + 9 -> 6");
}

#[test]
fn it_waits_for_jobs_that_have_its_tables() {
    let tree = ["", "5: 1[a-b]! 2[y-z]", "6: 9[a-z]!"];
    check_next(&tree, &Bounds::ALL, Some((6, 997)), "wait");
    let tree = ["", "5: 1[a-b]! 2[y-z]", "6: 9[a-k]!"];
    check_next(&tree, &Bounds::ALL, Some((6, 997)), "= 2 -> 6");
}

#[test]
fn later_writes_are_left_alone() {
    let (version, _) = parse(&["9[a-f] 8[k-m]", "6: 2[a-z]"]);
    let next = |until| {
        let view = VersionView::new(&version, &[], Env::default());
        RangeCompaction::new(Bounds::ALL, until).next(&view)
    };
    assert_eq!(next(0), RangeStep::Done);
    assert!(matches!(next(1), RangeStep::Act(_)));
}

#[test]
fn tombstones_are_rewritten_where_others_move() {
    let (plain, _) = parse(&["", "5: 1[a-b] 2[c-d]", "6: 9[x-z]"]);
    let next = |version: &Version| {
        let view = VersionView::new(version, &[], Env::default());
        RangeCompaction::new(Bounds::ALL, 9).next(&view)
    };
    let act = |step| {
        if let RangeStep::Act(action) = step { show(&plain, &action) } else { String::new() }
    };
    assert_eq!(act(next(&plain)), "= 1 2 -> 6");
    let mut edit = VersionEdit::of_version(&plain);
    edit.added[1].table.point_tombstones = 1;
    let version = Version::empty().apply(&edit).unwrap();
    assert_eq!(act(next(&version)), "1 2 -> 6");
}

#[test]
fn tombstones_at_the_bottom_are_rewritten_once() {
    let (plain, _) = parse(&["", "6: 1[a-b] 2[c-d] 3[e-f]"]);
    let mut edit = VersionEdit::of_version(&plain);
    for index in [0, 2] {
        edit.added[index].table.point_tombstones = 1;
    }
    let version = Version::empty().apply(&edit).unwrap();
    let view = VersionView::new(&version, &[], Env::default());
    let mut compaction = RangeCompaction::new(Bounds::ALL, 9);
    for expected in [1, 3] {
        let next = compaction.next(&view);
        let RangeStep::Act(action) = next else { panic!("{next:?}") };
        assert_eq!(action.inputs(), [version.runs()[0].tables()[expected - 1].id]);
        assert_eq!(check(&view, &action), Ok(()));
    }
    // They are still there, as for a reader that needs them; that is no reason to try again.
    assert_eq!(compaction.next(&view), RangeStep::Done);
    assert_eq!(RangeCompaction::new(bounds("c", "d"), 9).next(&view), RangeStep::Done);
}

#[test]
fn what_cannot_be_done_is_said_instead_of_waited_for() {
    let (version, _) = parse(&["", "5: 1[a-b]", "6: 9[a-z]"]);
    let env = Env { free_bytes: 0, ..Env::default() };
    let view = VersionView::new(&version, &[], env);
    let next = RangeCompaction::new(Bounds::ALL, 9).next(&view);
    let RangeStep::Act(action) = next else { panic!("{next:?}") };
    assert_eq!(check(&view, &action).map_err(|illegal| illegal.rule), Err('h'));
}

fn finish_all(model: &mut Model) {
    while !model.jobs.is_empty() {
        model.finish(0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn any_legal_tree_ends_as_one_run_where_it_was_asked_for(
        seed in any::<u64>(), first in 0u64..300, keys in 0u64..300,
    ) {
        let mut model = any_tree(seed, 300);
        finish_all(&mut model);
        let range = bounds(&format!("{first:08}"), &format!("{:08}", first + keys));
        let mut compaction = RangeCompaction::new(range.clone(), u64::MAX);
        let mut steps = 0;
        while let RangeStep::Act(action) = compaction.next(&model.view()) {
            model.start(&action).unwrap();
            finish_all(&mut model);
            model.assert_recency();
            steps += 1;
            prop_assert!(steps < 2000);
        }
        prop_assert_eq!(compaction.next(&model.view()), RangeStep::Done);
        let runs = model.version.runs().iter();
        let meeting: Vec<_> = runs.filter(|run| !run.meeting(&range).is_empty()).collect();
        prop_assert!(meeting.len() <= 1, "{}", model.version.describe());
        prop_assert!(meeting.iter().all(|run| run.level() >= LAST_LEVEL));
    }
}
