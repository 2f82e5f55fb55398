//! Scripted workloads, crashed at every operation in every way.

use crate::case::{Case, Wanted};
use crate::common::counters::Counters;
use crate::images::Crash;
use crate::oracle::{Depth, Oracle};
use crate::run::{Ends, Jobs, Run};
use crate::script::{Call, parse};
use crate::workloads::Workload;
use siltstone::vfs::SimVfs;

/// Of the cuts at each byte of a write, one in so many is used again afterwards.
const CUTS_USED: usize = 16;

/// Crashes `workload` everywhere.
pub(crate) fn enumerate(workload: &Workload, jobs: Jobs) {
    let wanted = Wanted::from_env();
    if !wanted.has(&[&workload.name]) {
        return;
    }
    let script = parse(workload.script);
    let operations = whole_run(workload, &script, jobs);
    let mut oracle = Oracle::default();
    let mut counters = Counters::default();
    for operation in 0..=operations {
        if wanted.has(&[&workload.name, &operation]) {
            let disk = crash_at(workload.name, (&script, jobs), operation, &mut oracle, &wanted);
            counters.add_faults(&disk.counts());
        }
    }
    counters.add("workloads", 1);
    oracle.report(&mut counters);
    if wanted.is_all() {
        assert!(counters.of("crash points") > 20 * operations, "{counters}");
        counters.report(&format!("enumerate {}", workload.name));
    }
}

/// Runs a workload to its end and gives the number of its operations on files.
fn whole_run(workload: &Workload, script: &[Call], jobs: Jobs) -> u64 {
    let disk = SimVfs::new(0);
    let _case = Case::new(&disk, &[&workload.name]);
    let mut run = Run::new(workload.name, &disk, jobs);
    run.go_and_look(script);
    run.events.assert_crossed(workload.crosses);
    let (calls, operations) = (script.len(), disk.operations());
    eprintln!(
        "{}: {calls} calls, {operations} operations, {:?}",
        workload.name,
        run.events.counts()
    );
    operations
}

/// Lets the first operations of a workload happen, then crashes it in every way.
fn crash_at(
    name: &str,
    (script, jobs): (&[Call], Jobs),
    operation: u64,
    oracle: &mut Oracle,
    wanted: &Wanted,
) -> SimVfs {
    let disk = SimVfs::new(0);
    let _run_case = Case::new(&disk, &[&name, &operation]);
    disk.cut_after(operation);
    let mut run = Run::new(name, &disk, jobs);
    run.go(script, Ends::AtFailure);
    run.check_reads();
    let mut look = |crash: Crash, image: SimVfs, depth| {
        if wanted.has(&[&name, &operation, &crash]) {
            let _case = Case::new(&image, &[&name, &operation, &crash]);
            oracle.check(image, crash, &run.history, depth);
        }
    };
    for crash in Crash::every(operation) {
        look(crash, crash.of(&disk), Depth::Use);
    }
    for (number, (crash, image)) in Crash::cuts(&disk).enumerate() {
        let depth = if number % CUTS_USED == 0 { Depth::Use } else { Depth::Open };
        look(crash, image, depth);
    }
    drop(run);
    disk
}
