//! Every workload runs, counts what it did, and finds an engine that answers wrongly.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use siltstone_bench::{
    Direction, Durability, Engine, Error, KeyStyle, Length, Op, Run, Session, Settings, Siltstone,
    Stats, Store, Unobserved, Workload,
};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
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
        run.complete().unwrap();
        let report = run.workload(Workload::ReadSeq, &Unobserved).unwrap();
        assert_eq!(report.ops, 3 * 2050, "{fill}");
        // Each key is found where its number says, not only as many of them.
        let report = run.workload(Workload::ReadRandom, &Unobserved).unwrap();
        assert_eq!(report.found, 2050, "{fill}");
    }
}

#[test]
fn settings_that_cannot_be_run_are_refused() {
    let engine = Siltstone::default();
    for wrong in [
        settings(0, 1),
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

/// How a sorted map misbehaves.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    LosesPuts,
    ForgetsDeletes,
    ReturnsOldValues,
    ReturnsOtherValues,
    FlipsBits,
    FindsAbsentKeys,
    SkipsInScans,
    ScansOutOfOrder,
}

#[derive(Debug)]
struct Broken(Fault);

#[derive(Debug)]
struct BrokenStore {
    fault: Fault,
    entries: Mutex<BTreeMap<Vec<u8>, Vec<u8>>>,
}

struct BrokenSession<'a> {
    store: &'a BrokenStore,
    calls: u64,
}

impl Engine for Broken {
    fn name(&self) -> &'static str {
        "broken"
    }

    #[expect(clippy::disallowed_methods, reason = "the runner looks at the folder's size")]
    fn create(&self, dir: &Path) -> Result<Box<dyn Store>, Error> {
        std::fs::create_dir_all(dir).map_err(Error::engine("create"))?;
        Ok(Box::new(BrokenStore { fault: self.0, entries: Mutex::default() }))
    }
}

impl Store for BrokenStore {
    fn session(&self, _: Durability) -> Result<Box<dyn Session + '_>, Error> {
        Ok(Box::new(BrokenSession { store: self, calls: 0 }))
    }

    fn sync(&self) -> Result<(), Error> {
        Ok(())
    }

    fn settle(&self, _: Duration) -> Result<bool, Error> {
        Ok(true)
    }

    fn stats(&self) -> Stats {
        Stats::default()
    }

    fn close(self: Box<Self>) -> Result<(), Error> {
        Ok(())
    }
}

impl BrokenSession<'_> {
    fn entries(&self) -> MutexGuard<'_, BTreeMap<Vec<u8>, Vec<u8>>> {
        self.store.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this call is one that goes wrong because of `fault`.
    fn fails(&mut self, fault: Fault) -> bool {
        self.calls += 1;
        self.store.fault == fault && self.calls.is_multiple_of(50)
    }
}

impl Session for BrokenSession<'_> {
    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), Error> {
        let keeps_old = self.store.fault == Fault::ReturnsOldValues && value[16] > 1;
        if !self.fails(Fault::LosesPuts) && !keeps_old {
            self.entries().insert(key.to_vec(), value.to_vec());
        }
        Ok(())
    }

    fn delete(&mut self, key: &[u8]) -> Result<(), Error> {
        if !self.fails(Fault::ForgetsDeletes) {
            self.entries().remove(key);
        }
        Ok(())
    }

    fn write(&mut self, ops: &[Op<'_>]) -> Result<(), Error> {
        ops.iter().try_for_each(|op| match op {
            Op::Put(key, value) => self.put(key, value),
            Op::Delete(key) => self.delete(key),
        })
    }

    fn get(&mut self, key: &[u8], see: &mut dyn FnMut(&[u8])) -> Result<bool, Error> {
        let value = if self.store.fault == Fault::ReturnsOtherValues {
            self.entries().values().next().cloned()
        } else {
            self.entries().get(key).cloned()
        };
        if let Some(mut value) = value {
            if self.store.fault == Fault::FlipsBits {
                value[90] ^= 1;
            }
            see(&value);
            return Ok(true);
        }
        Ok(self.fails(Fault::FindsAbsentKeys))
    }

    fn scan(
        &mut self,
        from: Option<&[u8]>,
        direction: Direction,
        see: &mut siltstone_bench::See<'_>,
    ) -> Result<(), Error> {
        let entries = self.entries().clone();
        let from = from.unwrap_or_default();
        let mut range: Vec<_> = match direction {
            Direction::Forward => {
                entries.range::<[u8], _>((Bound::Included(from), Bound::Unbounded)).collect()
            }
            Direction::Reverse => entries.iter().rev().collect(),
        };
        if self.store.fault == Fault::SkipsInScans {
            range.remove(0);
        }
        if self.store.fault == Fault::ScansOutOfOrder && range.len() > 1 {
            range.swap(0, 1);
        }
        for (key, value) in range {
            if see(key, value).is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// Runs `workloads` over a map with `fault`, and returns the last error if there was one.
fn run_broken(fault: Fault, workloads: &[Workload]) -> Result<(), Error> {
    let temp = tempfile::tempdir().unwrap();
    let settings = settings(300, 1);
    let engine = Broken(fault);
    let mut run = Run::new(&engine, &settings, temp.path()).unwrap();
    workloads.iter().try_for_each(|workload| run.workload(*workload, &Unobserved).map(drop))
}

#[test]
fn every_wrong_answer_ends_the_run() {
    use Workload::{
        DeleteRandom, FillRandom, FillSeq, ReadMissing, ReadRandom, ReadReverse, ReadSeq,
        SeekRandom10, YcsbE,
    };
    run_broken(Fault::None, &Workload::ALL).unwrap();
    for (fault, workloads, why) in [
        (Fault::LosesPuts, &[FillSeq, ReadRandom][..], "lost"),
        (Fault::LosesPuts, &[FillSeq, ReadSeq], "entries instead of 300"),
        (Fault::ForgetsDeletes, &[FillRandom, DeleteRandom, ReadRandom, ReadSeq], ""),
        (Fault::ReturnsOtherValues, &[FillRandom, ReadRandom], "key number"),
        (Fault::FlipsBits, &[FillRandom, ReadRandom], "body"),
        (Fault::FindsAbsentKeys, &[FillRandom, ReadMissing], "never written"),
        (Fault::SkipsInScans, &[FillRandom, SeekRandom10], "past it"),
        (Fault::SkipsInScans, &[FillRandom, ReadReverse], "299 entries"),
        (Fault::ScansOutOfOrder, &[FillRandom, ReadSeq], "order"),
        (Fault::ScansOutOfOrder, &[FillRandom, ReadReverse], "order"),
        (Fault::ScansOutOfOrder, &[FillRandom, YcsbE], ""),
    ] {
        let found = run_broken(fault, workloads).unwrap_err();
        assert!(matches!(found, Error::Mismatch { .. }), "{fault:?}: {found}");
        assert!(found.to_string().contains(why), "{fault:?}: {found}");
    }
}

#[test]
fn a_fill_that_keeps_what_was_there_before_loses_keys() {
    // The second fill begins with a new store, so that nothing old can stand in for it.
    let workloads = [Workload::FillSeq, Workload::FillSeq, Workload::ReadRandom];
    let found = run_broken(Fault::ReturnsOldValues, &workloads).unwrap_err();
    assert!(found.to_string().contains("lost"), "{found}");
}
