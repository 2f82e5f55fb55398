//! A failure of log or manifest ends writes until the database is reopened, a failed sync is never
//! repeated, and whatever the disk then holds, everything synced is there.

use crate::full::check_nothing_follows;
use crate::life::{Life, Seen, options};
use siltstone::vfs::{CrashPolicy, Fault, FaultError, FaultKind, Op, Ops, Pages};
use siltstone::{Error, Health};

/// The failures of the files that writes stand on.
fn faults(at: u64) -> Vec<Fault> {
    let eio = FaultKind::Error(FaultError::Eio);
    let writes = Ops::of(&[Op::Write, Op::Allocate, Op::Create]);
    let mut faults = vec![
        Fault::new(at, eio).on(writes).in_path(".log"),
        Fault::new(at, eio).on(writes).in_path(".manifest"),
        Fault::new(at, FaultKind::Short).on(Op::Write),
        Fault::new(at, eio).on(Op::SyncDir),
    ];
    for pages in [Pages::Dropped, Pages::Half, Pages::Kept] {
        faults.push(Fault::new(at, FaultKind::FailedSync(pages)).on(Op::Sync).in_path(".log"));
        faults.push(Fault::new(at, FaultKind::FailedSync(pages)).on(Op::Sync).in_path(".manifest"));
        faults.push(Fault::new(at, FaultKind::FailedSync(pages)).on(Op::SyncDir));
    }
    faults
}

fn run(fault: &Fault) -> Option<Life> {
    let mut life = Life::begin(|vfs| options(vfs, 0));
    life.vfs.arm(fault.clone());
    life.write_all();
    let met = life.vfs.trace().iter().any(|line| line.fault.is_some());
    met.then_some(life)
}

#[test]
fn after_a_failure_of_log_or_manifest_nothing_is_acknowledged_and_nothing_synced_is_lost() {
    let mut seen = Seen::default();
    for kind in 0..faults(0).len() {
        for at in 0.. {
            let fault = faults(at).swap_remove(kind);
            let Some(life) = run(&fault) else { break };
            let health = life.db.health();
            assert!(matches!(health, Health::Poisoned(_)), "{fault:?}: {health:?}");
            life.check_reads();
            check_stays_poisoned(&life, &fault);
            let trace = life.vfs.trace();
            assert!(trace.len() < 1_000, "the trace holds all of it");
            check_nothing_follows(&trace);
            seen.counters.add("errors injected", 1);
            // Neighbouring calls take different policies.
            let policies = CrashPolicy::ALL.iter().cycle().skip(usize::try_from(at).unwrap() % 9);
            for &policy in policies.take(5) {
                life.check_crash(&life.vfs.crash(policy, at), false, &mut seen);
            }
            life.check_left(&life.vfs.process_death(), true);
            let closed = life.db.close();
            assert!(matches!(closed, Err(Error::Stopped { .. })), "{fault:?}: {closed:?}");
            check_nothing_follows(&life.vfs.trace());
            life.check_left(&life.vfs, true);
        }
    }
    assert!(seen.counters.of("errors injected") > 500, "{}", seen.counters);
    seen.counters.report("health_poison");
}

fn check_stays_poisoned(life: &Life, fault: &Fault) {
    life.vfs.disarm();
    let refused = [
        life.db.put("k", "v").map(drop),
        life.db.sync(),
        life.db.flush(),
        life.db.compact_range(..),
        life.db.keyspace("new").map(drop),
        life.db.drop_keyspace("often"),
        life.db.checkpoint("/copy"),
        life.db.resume(),
    ];
    for outcome in refused {
        assert!(matches!(outcome, Err(Error::Stopped { .. })), "{fault:?}: {outcome:?}");
    }
}
