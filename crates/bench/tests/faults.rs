//! An engine that answers wrongly is found, by each workload that can meet it.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod broken;

use broken::{Broken, Fault};
use siltstone_bench::{Error, KeyStyle, Length, Run, Settings, Unobserved, Workload};
use std::time::Duration;

fn settings(num: u64) -> Settings {
    Settings { num, threads: 1, ..Settings::default() }
}

/// Runs `workloads` over a map with `fault` from its session `from` on, and returns the last error
/// if there was one. A workload that writes has two sessions: the second reads back.
fn run_broken(
    fault: Fault,
    from: u64,
    settings: &Settings,
    workloads: &[Workload],
) -> Result<(), Error> {
    let temp = tempfile::tempdir().unwrap();
    let engine = Broken { fault, from };
    let mut run = Run::new(&engine, settings, temp.path()).unwrap();
    workloads.iter().try_for_each(|workload| run.workload(*workload, &Unobserved).map(drop))
}

/// That `workloads` end with a wrong answer in the last of them, whose reason has `why` in it.
fn finds(fault: Fault, from: u64, settings: &Settings, workloads: &[Workload], why: &str) {
    let found = run_broken(fault, from, settings, workloads).unwrap_err();
    let case = format!("{fault:?} {:?} {workloads:?}: {found}", settings.keys);
    let Error::Mismatch { workload, .. } = found else { panic!("{case}") };
    assert_eq!(Some(workload), workloads.last().map(|last| last.name()), "{case}");
    assert!(found.to_string().contains(why), "{case}");
}

#[test]
fn a_right_engine_passes() {
    for keys in [KeyStyle::Digits, KeyStyle::Prefixed, KeyStyle::Random] {
        let settings = Settings { keys, ..settings(300) };
        run_broken(Fault::None, 1, &settings, &Workload::ALL).unwrap();
        // Scans over what deletes left, of which many end with the last key.
        let again = [Workload::SeekRandom10, Workload::SeekRandom100, Workload::YcsbE];
        let all = [&Workload::ALL[..], &again].concat();
        run_broken(Fault::None, 1, &settings, &all).unwrap();
    }
}

#[test]
fn every_wrong_answer_ends_the_run() {
    use Workload::{
        FillRandom, ReadMissing, ReadRandom, ReadReverse, ReadSeq, SeekRandom10, YcsbE,
    };
    for (fault, workloads, why) in [
        (Fault::FindsLess, [FillRandom, ReadRandom], "lost"),
        (Fault::ReturnsOtherValues, [FillRandom, ReadRandom], "key number"),
        (Fault::FlipsBits, [FillRandom, ReadRandom], "body"),
        (Fault::FindsAbsentKeys, [FillRandom, ReadMissing], "never written"),
        (Fault::SkipsInScans, [FillRandom, SeekRandom10], "past it"),
        (Fault::SkipsInScans, [FillRandom, ReadSeq], "299 entries instead of 300"),
        (Fault::SkipsInScans, [FillRandom, ReadReverse], "299 entries"),
        (Fault::ScansOutOfOrder, [FillRandom, ReadSeq], "order"),
        (Fault::ScansOutOfOrder, [FillRandom, ReadReverse], "order"),
        (Fault::ScansOutOfOrder, [FillRandom, YcsbE], ""),
    ] {
        // The fill and its reading back have the first two sessions and see nothing wrong.
        finds(fault, 3, &settings(300), &workloads, why);
    }
}

#[test]
fn what_is_written_is_read_back_though_no_workload_reads() {
    use Workload::{DeleteRandom, FillBatch, FillRandom, FillSeq, FillSync, Overwrite};
    // Of the larger store 1 of 20 keys is read back.
    for num in [300, 20_000] {
        for fill in [FillSeq, FillBatch, FillRandom, FillSync] {
            finds(Fault::DropsPuts, 1, &settings(num), &[fill], "lost");
        }
        let deletes = [FillRandom, DeleteRandom];
        finds(Fault::DropsDeletes, 1, &settings(num), &deletes, "should not be there");
        finds(Fault::LosesPuts, 1, &settings(num), &[FillSeq], "lost");
        finds(Fault::ForgetsDeletes, 1, &settings(num), &deletes, "should not be there");
        // Each begins well and goes wrong when the overwrite is read back.
        for (fault, why) in [
            (Fault::FindsLess, "lost"),
            (Fault::ReturnsOtherValues, "key number"),
            (Fault::FlipsBits, "body"),
        ] {
            finds(fault, 4, &settings(num), &[FillRandom, Overwrite], why);
        }
    }
}

#[test]
fn scans_that_leave_entries_out_are_found() {
    use Workload::{DeleteRandom, FillRandom, SeekRandom10, SeekRandom100, YcsbE};
    for scan in [SeekRandom10, SeekRandom100, YcsbE] {
        for keys in [KeyStyle::Digits, KeyStyle::Prefixed] {
            let settings = Settings { keys, ..settings(2000) };
            for fault in [Fault::EndsScansEarly, Fault::SkipsInTheMiddle] {
                finds(fault, 3, &settings, &[FillRandom, scan], "entries from here");
                // Deletes leave gaps between numbers.
                let deleted = [FillRandom, DeleteRandom, scan];
                finds(fault, 5, &settings, &deleted, "entries from here");
            }
        }
        let settings = Settings { keys: KeyStyle::Random, ..settings(2000) };
        finds(Fault::EndsScansEarly, 3, &settings, &[FillRandom, scan], "entries from here");
    }
}

#[test]
fn a_fill_that_keeps_what_was_there_before_loses_keys() {
    // The second fill begins with a new store, so that nothing old can stand in for it.
    let workloads = [Workload::FillSeq, Workload::FillSeq];
    finds(Fault::ReturnsOldValues, 1, &settings(300), &workloads, "lost");
}

#[test]
fn a_store_that_does_not_settle_is_not_passed_over() {
    let temp = tempfile::tempdir().unwrap();
    let (settings, engine) = (settings(300), Broken { fault: Fault::NeverSettles, from: 1 });
    let mut run = Run::new(&engine, &settings, temp.path()).unwrap();
    let fill = run.workload(Workload::FillSeq, &Unobserved).unwrap();
    assert_eq!((fill.settled, fill.settled_seconds), (false, None));
    assert!(siltstone_bench::table_line(&fill).contains("given up"));
    assert!(!run.workload(Workload::Overwrite, &Unobserved).unwrap().settled);
    assert!(run.workload(Workload::ReadRandom, &Unobserved).unwrap().settled);
    // What is not reported cannot say it.
    let short = Length::Capped(Duration::from_nanos(1));
    assert!(!run.workload_of(Workload::FillSeq, short, &Unobserved).unwrap().settled);
    let found = run.workload(Workload::ReadRandom, &Unobserved).unwrap_err();
    assert!(matches!(found, Error::Unsettled(_)), "{found}");
    let temp = tempfile::tempdir().unwrap();
    let mut run = Run::new(&engine, &settings, temp.path()).unwrap();
    let found = run.workload(Workload::ReadRandom, &Unobserved).unwrap_err();
    assert!(matches!(found, Error::Unsettled(_)), "{found}");
}

#[test]
fn a_panic_of_the_engine_ends_the_run_though_somebody_writes_behind() {
    let workloads = [Workload::FillRandom, Workload::ReadWhileWriting];
    let run = || run_broken(Fault::PanicsInGets, 3, &settings(300), &workloads);
    std::panic::catch_unwind(run).unwrap_err();
}

#[test]
fn inserts_that_find_no_number_end_the_run() {
    let settings = Settings { duration: Some(Duration::from_secs(600)), ..settings(1) };
    let found = run_broken(Fault::None, 1, &settings, &[Workload::YcsbD]).unwrap_err();
    assert!(matches!(found, Error::Invalid { option: "num", .. }), "{found}");
}
