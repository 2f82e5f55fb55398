use super::*;

/// A version of the one key of these tests: its seqno, and whether it is a put.
type Version = (Seqno, bool);

/// Newest seqno of a history.
const NEWEST: Seqno = 5;

/// What a view reads: the seqno of the put it finds, or nothing.
fn read(history: &[Version], view: Seqno) -> Option<Seqno> {
    let newest = history.iter().filter(|(seqno, _)| *seqno <= view).max()?;
    newest.1.then_some(newest.0)
}

fn entry(&(seqno, put): &Version) -> Entry<'static> {
    let kind = if put { EntryKind::Put } else { EntryKind::Delete };
    Entry { key: b"k", seqno, kind, value: b"" }
}

/// The part of a history that a job with these views keeps.
fn kept(job: &[Version], views: &[Seqno], bottom: bool) -> Vec<Version> {
    let mut retention = Retention::new(views.to_vec(), |_: &[u8]| bottom);
    let newest_first = job.iter().rev().copied();
    newest_first.filter(|version| retention.keep(&entry(version))).collect()
}

/// Every subset of 0..=`NEWEST` that is not empty, ascending.
fn view_sets() -> impl Iterator<Item = Vec<Seqno>> {
    let set = |bits: u32| (0..=NEWEST).filter(|bit| bits >> bit & 1 == 1).collect();
    (1..1 << (NEWEST + 1)).map(set)
}

/// All histories of at most five versions: each seqno is a put, a tombstone, or another key's.
fn histories() -> impl Iterator<Item = Vec<Version>> {
    (0..3u32.pow(5)).map(|code| {
        let digit = |seqno: Seqno| code / 3u32.pow(u32::try_from(seqno).unwrap() - 1) % 3;
        (1..=NEWEST).filter(|&s| digit(s) != 2).map(|seqno| (seqno, digit(seqno) == 1)).collect()
    })
}

/// Calls `check(below, job, above, views)` for all histories, all sets of views, and all ways in
/// which a history lies below the job, in it and above it.
fn for_all(mut check: impl FnMut(&[Version], &[Version], &[Version], &[Seqno])) {
    let view_sets: Vec<_> = view_sets().collect();
    for history in histories() {
        for end in 0..=history.len() {
            for start in 0..=end {
                for views in &view_sets {
                    check(&history[..start], &history[start..end], &history[end..], views);
                }
            }
        }
    }
}

/// The views that the job knows and those that may still appear.
fn readers(views: &[Seqno]) -> impl Iterator<Item = Seqno> {
    views.iter().copied().chain(views[views.len() - 1]..=NEWEST)
}

#[test]
fn every_view_reads_the_same_before_and_after() {
    for_all(|below, job, above, views| {
        // A job may treat any key as not bottom, but only one with nothing below as bottom.
        for bottom in [false, true] {
            if bottom && !below.is_empty() {
                continue;
            }
            let before = [below, job, above].concat();
            let after = [below, &kept(job, views, bottom), above].concat();
            for view in readers(views) {
                assert_eq!(
                    read(&after, view),
                    read(&before, view),
                    "view {view} of {before:?} after {after:?}, views {views:?}, bottom {bottom}"
                );
            }
        }
    });
}

#[test]
fn nothing_is_kept_that_no_view_needs() {
    for_all(|_, job, _, views| {
        let (oldest, newest) = (views[0], views[views.len() - 1]);
        for bottom in [false, true] {
            let kept = kept(job, views, bottom);
            for version in &kept {
                let is_read = views.iter().any(|&view| {
                    job.iter().filter(|(seqno, _)| *seqno <= view).max() == Some(version)
                });
                assert!(version.0 > newest || is_read, "{version:?} of {job:?}, views {views:?}");
                let spent = bottom && !version.1 && version.0 <= oldest;
                assert!(!spent, "{version:?} hides nothing in {job:?}, views {views:?}");
            }
        }
    });
}

#[test]
fn without_any_put_that_is_kept_some_view_reads_something_else() {
    for_all(|below, job, above, views| {
        let kept = kept(job, views, false);
        for dropped in kept.iter().filter(|(seqno, put)| *put && *seqno <= views[views.len() - 1]) {
            let rest: Vec<Version> = kept.iter().copied().filter(|v| v != dropped).collect();
            let (with, without) = ([below, &kept].concat(), [below, &rest].concat());
            let differs = |&view: &Seqno| read(&with, view) != read(&without, view);
            assert!(views.iter().any(differs), "{dropped:?} of {job:?} above {above:?}, {views:?}");
        }
    });
}

#[test]
fn without_views_everything_is_kept() {
    for history in histories() {
        assert_eq!(kept(&history, &[], true).len(), history.len());
    }
}

#[test]
fn the_reason_tells_versions_from_tombstones() {
    let check = |job: &[Version], views: &[Seqno], expected: &str| {
        let mut retention = Retention::new(views.to_vec(), |_: &[u8]| true);
        let verdicts: Vec<&str> = job
            .iter()
            .map(|version| match retention.judge(&entry(version)) {
                Verdict::Keep => "keep",
                Verdict::Shadowed => "shadowed",
                Verdict::SpentTombstone => "spent",
            })
            .collect();
        assert_eq!(verdicts.join(" "), expected, "{job:?} {views:?}");
    };
    check(&[(3, true), (2, true), (1, false)], &[9], "keep shadowed shadowed");
    check(&[(3, false), (2, true)], &[9], "spent shadowed");
    check(&[(3, false), (2, true)], &[2, 9], "keep keep");
    check(&[(3, false), (2, true)], &[2], "keep keep");
    check(&[(3, true), (3, true)], &[1], "keep shadowed");
}

#[test]
fn keys_do_not_shadow_each_other() {
    let mut retention = Retention::new(vec![9], |key: &[u8]| key == b"b");
    let mut keep =
        |key: &'static [u8], seqno, kind| retention.keep(&Entry { key, seqno, kind, value: b"" });
    assert!(keep(b"", 7, EntryKind::Put));
    assert!(!keep(b"", 6, EntryKind::Put));
    assert!(keep(b"\0", 6, EntryKind::Put));
    assert!(keep(b"a", 8, EntryKind::Delete));
    assert!(!keep(b"b", 3, EntryKind::Delete));
    assert!(!keep(b"b", 2, EntryKind::Put));
    assert!(keep(b"c", 2, EntryKind::Delete));
}
