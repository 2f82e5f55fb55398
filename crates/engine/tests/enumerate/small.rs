//! Every workload of at most three calls out of nine on two keys, crashed at every operation in
//! every way (after "Finding crash-consistency bugs with bounded black-box crash testing", OSDI
//! 2018: nearly all such bugs show in three calls).
//!
//! A workload is crashed during its last call only: for what comes before, its beginning is a
//! workload of its own.

use crate::case::{Case, Wanted};
use crate::common::counters::Counters;
use crate::images::Crash;
use crate::oracle::{Depth, Oracle};
use crate::run::{Ends, Jobs, Run};
use crate::script::{Call, parse};
use siltstone::vfs::SimVfs;

const CALLS: [&str; 9] = [
    "put a 30",
    "delete a",
    "batch a=20 b=40",
    "flush",
    "compact default",
    "snapshot",
    "release",
    "sync",
    "close; open",
];
/// Of the cuts at each byte of a write, one in so many is looked at.
const CUTS_STRIDE: usize = 8;

/// Crashes all of them.
pub(crate) fn enumerate() {
    let wanted = Wanted::from_env();
    let (mut oracle, mut counters) = (Oracle::default(), Counters::default());
    let mut longest: Vec<Vec<usize>> = vec![Vec::new()];
    crash_during_last(&[], (&mut oracle, &mut counters), &wanted);
    for _ in 0..3 {
        let longer = |calls: &Vec<usize>| {
            let calls = calls.clone();
            (0..CALLS.len()).map(move |next| [calls.as_slice(), &[next]].concat())
        };
        longest = longest.iter().flat_map(longer).collect();
        for calls in &longest {
            crash_during_last(calls, (&mut oracle, &mut counters), &wanted);
        }
    }
    oracle.report(&mut counters);
    if wanted.is_all() {
        assert_eq!(counters.of("workloads"), 9 + 81 + 729 + 1);
        counters.report("enumerate small");
    }
}

/// With no call: during the first open.
fn crash_during_last(
    calls: &[usize],
    (oracle, counters): (&mut Oracle, &mut Counters),
    wanted: &Wanted,
) {
    let digits: String = calls.iter().map(ToString::to_string).collect();
    let name = format!("small-{digits}");
    if !wanted.has(&[&name]) {
        return;
    }
    counters.add("workloads", 1);
    let mut script = parse("open");
    let mut last_from = 0;
    for &call in calls {
        last_from = operations_of(&script);
        script.extend(parse(CALLS[call]));
    }
    for operation in last_from..=operations_of(&script) {
        if wanted.has(&[&name, &operation]) {
            let disk = crash_at(&name, &script, operation, oracle, wanted);
            counters.add_faults(&disk.counts());
        }
    }
}

fn operations_of(script: &[Call]) -> u64 {
    let disk = SimVfs::new(0);
    let mut run = Run::new("small", &disk, Jobs::Writer);
    run.go(script, Ends::AtFailure);
    run.check_reads();
    assert!(run.failures.is_empty(), "{:?}", run.failures);
    disk.operations()
}

fn crash_at(
    name: &str,
    script: &[Call],
    operation: u64,
    oracle: &mut Oracle,
    wanted: &Wanted,
) -> SimVfs {
    let disk = SimVfs::new(0);
    disk.cut_after(operation);
    let mut run = Run::new("small", &disk, Jobs::Writer);
    run.go(script, Ends::AtFailure);
    run.check_reads();
    let every = Crash::every(operation).map(|crash| (crash, crash.of(&disk)));
    for (crash, image) in every.chain(Crash::cuts(&disk).step_by(CUTS_STRIDE)) {
        if wanted.has(&[&name, &operation, &crash]) {
            let _case = Case::new(&image, &[&name, &operation, &crash]);
            oracle.check(image, crash, &run.history, Depth::Use);
        }
    }
    drop(run);
    disk
}
