//! What goes into tables is tried again: the database is stalled meanwhile, nothing is lost, and
//! writers wait no longer than the disk is at fault.

use crate::life::{DIR, Life, options};
use crate::listener::Heard;
use crate::stage_vfs::StageVfs;
use crate::{LONG, MOMENT, aside};
use siltstone::vfs::{Fault, FaultError, FaultKind, Op, Pages, SimVfs};
use siltstone::{Error, Health};
use std::sync::Arc;

fn faults() -> Vec<Fault> {
    let mut faults = Vec::new();
    for error in [FaultError::Eio, FaultError::Enospc] {
        let kind = match error {
            FaultError::Enospc => FaultKind::NoSpace(error),
            _ => FaultKind::Error(error),
        };
        for op in [Op::Create, Op::Append, Op::Sync] {
            faults.push(Fault::new(1, kind).on(op));
        }
    }
    faults.push(Fault::new(1, FaultKind::FailedSync(Pages::Dropped)));
    faults.push(Fault::new(1, FaultKind::Short).on(Op::Append));
    faults.into_iter().map(|fault| fault.times(3).in_path(".sst")).collect()
}

#[test]
fn a_failed_flush_or_compaction_is_tried_again_and_health_comes_back() {
    for fault in faults() {
        let heard = Heard::default();
        let mut life = Life::begin(|vfs| heard.listen(options(vfs, 0)));
        life.vfs.arm(fault.clone());
        life.write_all();
        let letters = heard.letters();
        assert!(letters.starts_with("SH"), "{fault:?}: {letters}");
        assert!(!letters.contains(['R', 'P']), "{fault:?}: {letters}");
        assert!(matches!(life.db.health(), Health::Healthy), "{fault:?}: {letters}");
        assert_eq!(life.db.metrics().failed_jobs, 3, "{fault:?}");
        assert_eq!(life.count(), Life::ALL, "{fault:?}: every batch was taken");
        life.check_reads();
        life.db.close().unwrap();
        life.check_left(&life.vfs.process_death(), true);
    }
}

#[test]
fn so_it_is_with_workers() {
    for fault in faults().into_iter().step_by(3) {
        let heard = Heard::default();
        let mut life = Life::begin(|vfs| heard.listen(options(vfs, 2)));
        life.vfs.arm(fault.clone());
        life.write_all();
        assert_eq!(life.count(), Life::ALL, "{fault:?}: every batch was taken");
        // Each call helps along, or meets the fault itself.
        while life.db.flush().is_err() || life.db.compact_range(..).is_err() {}
        life.check_reads();
        life.db.close().unwrap();
        let letters = heard.letters();
        assert!(letters.starts_with('S') && !letters.contains(['R', 'P']), "{fault:?}: {letters}");
        assert!(!letters.contains("SS") && !letters.contains("HH"), "{fault:?}: {letters}");
        life.check_left(&life.vfs.process_death(), true);
    }
}

/// A job of one kind that succeeds says nothing of the other kind.
#[test]
fn what_fails_stays_told_while_other_work_succeeds() {
    let heard = Heard::default();
    let mut life = Life::begin(|vfs| heard.listen(options(vfs, 0)));
    life.write_all();
    // Merges read; flushes do not.
    life.vfs.arm(Fault::new(0, FaultKind::Error(FaultError::Eio)).forever().on(Op::Read));
    while matches!(life.db.health(), Health::Healthy) {
        life.write();
    }
    let flushes = life.db.metrics().flushes;
    for _ in 0..12 {
        life.write();
        assert!(matches!(life.db.health(), Health::Stalled(_)));
    }
    assert!(life.db.metrics().flushes > flushes, "flushes went on");
    assert_eq!(heard.letters(), "S");
    life.vfs.disarm();
    life.write();
    assert_eq!(heard.letters(), "SH");
    life.check_reads();
}

fn full_for_tables(vfs: &SimVfs) {
    let full = FaultKind::NoSpace(FaultError::Enospc);
    vfs.arm(Fault::new(0, full).forever().on(Op::Append).in_path(".sst"));
}

#[test]
fn writers_wait_while_tables_find_no_room_and_go_on_when_there_is_some() {
    let (heard, vfs) = (Heard::default(), SimVfs::new(1));
    let db = heard.listen(options(&vfs, 2)).open(DIR).unwrap();
    full_for_tables(&vfs);
    let written = {
        let db = db.clone();
        aside(move || (0..1_000).try_for_each(|n| db.put(format!("{n:04}"), [7; 1_000]).map(drop)))
    };
    // More than all memtables hold cannot be taken now.
    let early = written.recv_timeout(3 * MOMENT);
    assert!(early.is_err(), "writers went on without room: {early:?}");
    assert!(matches!(db.health(), Health::Stalled(_)), "{:?}", db.health());
    assert!(db.get("0000").unwrap().is_some(), "reads go on");
    vfs.disarm();
    written.recv_timeout(LONG).expect("writers go on once there is room").unwrap();
    assert_eq!(db.keys(..).unwrap().count(), 1_000);
    db.close().unwrap();
}

#[test]
fn without_workers_a_write_that_finds_no_room_in_memory_is_refused() {
    let vfs = SimVfs::new(1);
    let db = options(&vfs, 0).open(DIR).unwrap();
    full_for_tables(&vfs);
    let refused =
        (0..1_000).find_map(|n| db.put(format!("{n:04}"), [7; 1_000]).err().map(|e| (n, e)));
    let (taken, error) = refused.expect("memory is not endless");
    assert!(matches!(error, Error::Io { .. }) && error.is_out_of_space(), "{error}");
    assert!(matches!(db.health(), Health::Stalled(_)), "writes are still taken, in principle");
    vfs.disarm();
    db.put("after", "v").unwrap();
    assert!(matches!(db.health(), Health::Healthy));
    assert_eq!(db.keys(..).unwrap().count(), taken + 1);
    db.close().unwrap();
}

/// A flush that was under way when writes stopped must not install what `resume` has installed.
#[test]
fn resume_waits_for_jobs_that_run() {
    let vfs = StageVfs::new(1);
    let db = options(&vfs.files, 2).vfs(Arc::new(vfs.clone())).open(DIR).unwrap();
    db.put("flushed", "1").unwrap();
    vfs.hold_next("sst");
    let flushed = {
        let db = db.clone();
        aside(move || db.flush())
    };
    vfs.wait_for_someone();
    let full = FaultKind::NoSpace(FaultError::Enospc);
    vfs.files.arm(Fault::new(0, full).on(Op::Write).in_path(".log"));
    assert!(db.put("refused", "2").unwrap_err().is_out_of_space());
    let resumed = {
        let db = db.clone();
        aside(move || db.resume())
    };
    assert!(resumed.recv_timeout(MOMENT).is_err(), "a job was under way");
    assert!(db.get("flushed").unwrap().is_some(), "reads go on");
    let refused = db.put("refused", "3");
    assert!(matches!(refused, Err(Error::Stopped { .. })), "at once: {refused:?}");
    vfs.release();
    resumed.recv_timeout(LONG).expect("resume hangs").unwrap();
    let flushed = flushed.recv_timeout(LONG).expect("flush hangs");
    assert!(matches!(flushed, Ok(()) | Err(Error::Stopped { .. })), "{flushed:?}");
    assert!(matches!(db.health(), Health::Healthy), "{:?}", db.health());
    db.put("after", "4").unwrap();
    assert_eq!(db.keys(..).unwrap().count(), 2);
    db.close().unwrap();
}

/// Many at once: writers that are refused, calls of `resume`, and a close in the end.
#[test]
fn any_number_of_threads_may_resume() {
    for round in 0..8_u64 {
        let heard = Heard::default();
        let mut life = Life::begin(|vfs| heard.listen(options(vfs, 2)));
        for _ in 0..5 {
            life.write();
        }
        let fault = Fault::new(round, FaultKind::NoSpace(FaultError::Enospc));
        life.vfs.arm(fault.forever().on(Op::Write).in_path(".log"));
        while life.db.health().takes_writes() {
            life.write();
        }
        life.vfs.disarm();
        let callers: Vec<_> = (0..4)
            .map(|caller: u32| {
                let db = life.db.clone();
                aside(move || {
                    db.resume().unwrap();
                    for number in 0..20 {
                        db.put(format!("caller {caller} {number}"), "v").unwrap();
                    }
                })
            })
            .collect();
        for caller in callers {
            caller.recv_timeout(LONG).expect("nobody hangs");
        }
        assert_eq!(life.db.scan_prefix("caller").unwrap().count(), 80);
        assert_eq!(heard.letters().matches("RH").count(), 1, "{}", heard.letters());
        let (db, again) = (life.db.clone(), life.db.clone());
        let both = [aside(move || db.close()), aside(move || again.resume())];
        for ended in both {
            let ended = ended.recv_timeout(LONG).expect("nobody hangs");
            assert!(matches!(ended, Ok(()) | Err(Error::Closed)), "{ended:?}");
        }
    }
}
