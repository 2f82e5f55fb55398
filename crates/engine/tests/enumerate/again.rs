//! Crashes during recovery: what a crash left is opened, crashed again at every operation of that
//! opening, and must still show what it shows to an opening that is let be.

use crate::case::{Case, Wanted};
use crate::common::counters::Counters;
use crate::common::state_of;
use crate::images::Crash;
use crate::oracle::{Oracle, assert_same, look_at_files, open, options_for_look};
use crate::run::{DIR, Ends, Jobs, Run};
use crate::script::{Call, parse};
use crate::workloads::Workload;
use siltstone::vfs::{CrashPolicy, SimVfs};

/// Crashes `workload` at every `stride`-th operation, and each recovery from that at all of its
/// own.
pub(crate) fn enumerate(workload: &Workload, jobs: Jobs, stride: usize) {
    let wanted = Wanted::from_env();
    let name = format!("again-{}", workload.name);
    if !wanted.has(&[&name]) {
        return;
    }
    let script = parse(workload.script);
    let disk = SimVfs::new(0);
    Run::new(&name, &disk, jobs).go(&script, Ends::AtFailure);
    let (mut oracle, mut counters) = (Oracle::default(), Counters::default());
    for operation in (0..=disk.operations()).step_by(stride) {
        if wanted.has(&[&name, &operation]) {
            let disk = crash_at(&name, (&script, jobs), operation, &mut oracle);
            counters.add_faults(&disk.counts());
        }
    }
    oracle.report(&mut counters);
    if wanted.is_all() {
        assert!(counters.of("K13") > 0, "{counters}");
        counters.report(&format!("enumerate {name}"));
    }
}

/// All is lost that may be, the process dies, and one way that differs from moment to moment.
fn crash_at(
    name: &str,
    (script, jobs): (&[Call], Jobs),
    operation: u64,
    oracle: &mut Oracle,
) -> SimVfs {
    let disk = SimVfs::new(0);
    let _run_case = Case::new(&disk, &[&name, &operation]);
    disk.cut_after(operation);
    let mut run = Run::new(name, &disk, jobs);
    run.go(script, Ends::AtFailure);
    for crash in [Crash::PowerCut { policy: CrashPolicy::LoseUnsynced, seed: 0 }, drawn(operation)]
    {
        let image = crash.of(&disk);
        let _case = Case::new(&image, &[&name, &operation, &crash]);
        if oracle.count(&image) {
            crash_recovery(&image, oracle);
        }
    }
    drop(run);
    disk
}

fn drawn(moment: u64) -> Crash {
    let others = &CrashPolicy::ALL[1..];
    let policy = others[usize::try_from(moment % others.len() as u64).unwrap()];
    Crash::PowerCut { policy, seed: moment }
}

/// Opens `image` again and again, each time letting one operation more happen.
fn crash_recovery(image: &SimVfs, oracle: &mut Oracle) {
    let whole = image.process_death();
    let db = open(&whole, 201);
    let wanted = state_of(&db).unwrap();
    drop(db);
    let operations = whole.operations() - image.operations();
    for operation in 0..=operations {
        let broken = image.process_death();
        broken.cut_after(broken.operations() + operation);
        let opened = options_for_look(&broken, 202).open(DIR);
        if let Ok(db) = &opened {
            assert_same(db, &wanted, "an opening that was cut short");
        }
        let lost = CrashPolicy::LoseUnsynced;
        let left =
            [Crash::PowerCut { policy: lost, seed: 0 }, drawn(operation), Crash::ProcessDeath]
                .map(|crash| crash.of(&broken));
        drop(opened);
        for disk in left {
            if oracle.count(&disk) {
                let _case = Case::new(&disk, &[&"operation", &operation, &"of the recovery"]);
                let db = open(&disk, 203);
                assert_same(&db, &wanted, "the opening after a crash during recovery");
                look_at_files(&db, &disk);
            }
        }
    }
}
