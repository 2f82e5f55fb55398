//! Every workload runs and counts what it did.

use siltstone_bench::{Error, KeyStyle, Length, Run, Settings, Siltstone, Unobserved, Workload};
use std::path::Path;
use std::time::Duration;

fn settings(num: u64, threads: usize) -> Settings {
    Settings { num, threads, ..Settings::default() }
}

#[test]
fn siltstone_passes_all_workloads_with_every_style_of_keys() {
    for (keys, threads) in [(KeyStyle::Digits, 1), (KeyStyle::Random, 2), (KeyStyle::Prefixed, 3)] {
        let temp = tempfile::tempdir().unwrap();
        let settings = Settings { keys, ..settings(2000, threads) };
        let engine = Siltstone::new(siltstone::Options::new().memory_budget(1 << 20));
        let mut run = Run::new(&engine, &settings, temp.path()).unwrap();
        for workload in Workload::ALL {
            let report = run.workload(workload, &Unobserved).unwrap();
            let (reads, writes) =
                (report.reads.map_or(0, |l| l.count), report.writes.map_or(0, |l| l.count));
            assert!(report.ops > 0, "{workload}");
            assert!(!workload.only_reads() || writes == 0, "{workload}");
            assert!(
                !workload.is_fill() || reads == 0 && report.settled_seconds.is_some(),
                "{workload}"
            );
            assert!(100 * report.verified >= reads, "{workload}: {} of {reads}", report.verified);
            if report.entries_read > 0 {
                assert!(100 * report.verified >= report.entries_read, "{workload}");
            }
            for (count, over_time) in
                [(reads, &report.read_latency_over_time), (writes, &report.write_latency_over_time)]
            {
                assert_eq!(count > 0, over_time.is_some(), "{workload}");
                assert!(over_time.iter().all(|all| all.p50_us.iter().any(Option::is_some)));
            }
            assert_eq!(report.found == 0, reads == 0 || workload == Workload::ReadMissing);
        }
        run.close().unwrap();
    }
}

#[test]
fn a_workload_without_a_fill_gets_a_filled_store() {
    let temp = tempfile::tempdir().unwrap();
    let settings = settings(500, 1);
    let engine = Siltstone::default();
    let mut run = Run::new(&engine, &settings, temp.path()).unwrap();
    let report = run.workload(Workload::ReadRandom, &Unobserved).unwrap();
    assert_eq!((report.ops, report.found), (500, 500));
    let report = run.workload(Workload::ReadSeq, &Unobserved).unwrap();
    assert_eq!((report.ops, report.entries_read), (500, 500));
}

#[test]
fn time_ends_a_workload() {
    let temp = tempfile::tempdir().unwrap();
    let duration = Some(Duration::from_millis(50));
    let settings = Settings { duration, ..settings(100, 2) };
    let engine = Siltstone::default();
    let mut run = Run::new(&engine, &settings, temp.path()).unwrap();
    for workload in [Workload::ReadRandom, Workload::ReadReverse, Workload::ReadWhileWriting] {
        let report = run.workload(workload, &Unobserved).unwrap();
        assert!(report.seconds >= 0.05 && report.ops > 0, "{report:?}");
    }
}

#[test]
fn a_capped_workload_ends_with_its_count_or_its_cap() {
    let temp = tempfile::tempdir().unwrap();
    let settings = settings(1000, 1);
    let engine = Siltstone::default();
    let mut run = Run::new(&engine, &settings, temp.path()).unwrap();
    let long = Length::Capped(Duration::from_secs(600));
    for workload in [Workload::Overwrite, Workload::YcsbA, Workload::ReadSeq] {
        assert_eq!(run.workload_of(workload, long, &Unobserved).unwrap().ops, 1000, "{workload}");
    }
    let short = Length::Capped(Duration::from_nanos(1));
    let report = run.workload_of(Workload::Overwrite, short, &Unobserved).unwrap();
    assert_eq!(report.ops, 1);
}

#[test]
fn a_store_whose_fill_ended_early_is_completed() {
    for fill in [Workload::FillSeq, Workload::FillRandom, Workload::FillBatch, Workload::FillSync] {
        let temp = tempfile::tempdir().unwrap();
        let settings = settings(2050, 3);
        let engine = Siltstone::default();
        let mut run = Run::new(&engine, &settings, temp.path()).unwrap();
        let short = Length::Capped(Duration::from_nanos(1));
        let report = run.workload_of(fill, short, &Unobserved).unwrap();
        assert!(report.ops < 2050, "{fill}");
        let report = run.workload(Workload::ReadSeq, &Unobserved).unwrap();
        assert_eq!(report.ops, 3 * 2050, "{fill}");
        // Each key is found where its number says, not only as many of them.
        let report = run.workload(Workload::ReadRandom, &Unobserved).unwrap();
        assert_eq!(report.found, 2050, "{fill}");
    }
}

#[test]
fn one_of_a_hundred_writes_is_synced_and_the_rest_filled_in_before_reads() {
    let temp = tempfile::tempdir().unwrap();
    let settings = settings(2000, 1);
    let engine = Siltstone::default();
    let mut run = Run::new(&engine, &settings, temp.path()).unwrap();
    let report = run.workload(Workload::FillSync, &Unobserved).unwrap();
    // Half of the numbers are read back, and for each that is absent a key that is there.
    assert!(report.ops == 20 && report.verified > 1900, "{report:?}");
    let report = run.workload(Workload::ReadRandom, &Unobserved).unwrap();
    assert_eq!((report.ops, report.found), (2000, 2000));
    // The cap holds.
    let short = Length::Capped(Duration::from_nanos(1));
    assert_eq!(run.workload_of(Workload::FillSync, short, &Unobserved).unwrap().ops, 1);
}

#[test]
fn what_was_written_is_read_back_and_not_counted_as_read() {
    let temp = tempfile::tempdir().unwrap();
    let settings = settings(3000, 1);
    let engine = Siltstone::default();
    let mut run = Run::new(&engine, &settings, temp.path()).unwrap();
    for workload in [Workload::FillSeq, Workload::Overwrite, Workload::DeleteRandom] {
        let report = run.workload(workload, &Unobserved).unwrap();
        assert!(report.verified >= 1000 && report.settled, "{workload}");
        assert_eq!((report.ops, report.entries_read, report.found), (3000, 0, 0), "{workload}");
        assert!(report.reads.is_none(), "{workload}");
    }
}

#[test]
fn settings_that_cannot_be_run_are_refused() {
    let engine = Siltstone::default();
    for wrong in [
        settings(0, 1),
        settings((1 << 32) + 1, 1),
        settings(u64::MAX, 1),
        settings(1, 0),
        Settings { key_bytes: Some(3), ..settings(1, 1) },
        Settings { value_bytes: 23, ..settings(1, 1) },
        Settings { compression_ratio: f64::NAN, ..settings(1, 1) },
        Settings { duration: Some(Duration::ZERO), ..settings(1, 1) },
        Settings { rate: Some(0), ..settings(1, 1) },
        Settings { rate: Some(1), workloads: vec![Workload::ReadSeq], ..settings(1, 1) },
        Settings { workloads: Vec::new(), ..settings(1, 1) },
    ] {
        let refused = Run::new(&engine, &wrong, Path::new("unused"));
        assert!(matches!(refused, Err(Error::Invalid { .. })), "{wrong:?}");
    }
}
