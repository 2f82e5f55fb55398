//! Every single error: each call on the disk fails once, or from then on, in every way that calls
//! fail. The calls of the database return, with `Ok` or an error; once it takes no writes nothing
//! is acknowledged; what is read is right; and a crash afterwards leaves what the oracle allows.

use crate::case::{Case, Wanted};
use crate::common::counters::Counters;
use crate::images::Crash;
use crate::oracle::{Depth, Oracle};
use crate::run::{Ends, Jobs, Run};
use crate::script::{Call, parse};
use crate::workloads::Workload;
use siltstone::vfs::{
    CrashPolicy, Fault, FaultClass, FaultError, FaultKind, ManualClock, Op, Ops, Pages, SimVfs,
};
use std::sync::Arc;
use std::time::Duration;

/// One way in which calls fail, and which.
#[derive(Clone, Copy, Debug)]
struct Way {
    name: &'static str,
    kind: FaultKind,
    on: Ops,
}

const SYNCS: Ops = Ops::of(&[Op::Sync, Op::SyncDir]);
const CAN_BE_SHORT: Ops = Ops::of(&[Op::Read, Op::Append, Op::Write, Op::Allocate]);

const WAYS: [Way; 9] = [
    Way { name: "Eio", kind: FaultKind::Error(FaultError::Eio), on: Ops::ALL },
    Way { name: "Eintr", kind: FaultKind::Error(FaultError::Eintr), on: Ops::ALL },
    Way { name: "Eagain", kind: FaultKind::Error(FaultError::Eagain), on: Ops::ALL },
    Way { name: "Enospc", kind: FaultKind::NoSpace(FaultError::Enospc), on: Ops::CHANGES },
    Way { name: "Short", kind: FaultKind::Short, on: CAN_BE_SHORT },
    Way { name: "SyncDropped", kind: FaultKind::FailedSync(Pages::Dropped), on: SYNCS },
    Way { name: "SyncKept", kind: FaultKind::FailedSync(Pages::Kept), on: SYNCS },
    Way { name: "SyncHalf", kind: FaultKind::FailedSync(Pages::Half), on: SYNCS },
    Way { name: "Slow", kind: FaultKind::Latency(Duration::from_secs(7)), on: Ops::ALL },
];

/// One crash in so many is followed by further use.
const USED: u64 = 8;

/// Lets everything fail in `workload`.
pub(crate) fn enumerate(workload: &Workload, jobs: Jobs) {
    let wanted = Wanted::from_env();
    let name = format!("errors-{}", workload.name);
    if !wanted.has(&[&name]) {
        return;
    }
    let script = parse(workload.script);
    let whole = SimVfs::new(0);
    Run::new(&name, &whole, jobs).go(&script, Ends::AtFailure);
    let (mut oracle, mut counters) = (Oracle::default(), Counters::default());
    for way in &WAYS {
        for at in 0..whole.performed(way.on) {
            for is_forever in [false, true] {
                let fault = Fault::new(at, way.kind).on(way.on);
                let (what, fault) = if is_forever {
                    (format!("{}-forever", way.name), fault.forever())
                } else {
                    (way.name.to_owned(), fault)
                };
                if wanted.has(&[&name, &what, &at]) {
                    let case = Injected { name: &name, what, at, fault };
                    inject(&case, (&script, jobs), &mut oracle, &mut counters);
                }
            }
        }
    }
    oracle.report(&mut counters);
    if wanted.is_all() {
        // Ways that meet syncs alone do not grow with the writes that log and manifest tell each
        // other of.
        assert!(counters.of("errors injected") > 11 * whole.operations(), "{counters}");
        counters.report(&format!("enumerate {name}"));
    }
}

/// One fault on its way.
struct Injected<'a> {
    name: &'a str,
    what: String,
    at: u64,
    fault: Fault,
}

fn inject(
    case: &Injected<'_>,
    (script, jobs): (&[Call], Jobs),
    oracle: &mut Oracle,
    counters: &mut Counters,
) {
    let clock = Arc::new(ManualClock::new());
    let disk = SimVfs::with_clock(case.at, Arc::clone(&clock));
    let _case = Case::new(&disk, &[&case.name, &case.what, &case.at]);
    disk.arm(case.fault.clone());
    let mut run = Run::new(case.name, &disk, jobs).with_clock(clock);
    run.go(script, Ends::WithScript);
    disk.disarm();
    run.check_reads();
    let is_latency = matches!(case.fault.kind, FaultKind::Latency(_));
    assert!(!is_latency || run.failures.is_empty(), "time alone broke it: {:?}", run.failures);
    let policy = CrashPolicy::ALL[usize::try_from(case.at).unwrap() % CrashPolicy::ALL.len()];
    let crash = match case.at % 4 {
        0 => Crash::ProcessDeath,
        1 => Crash::PowerCut { policy: CrashPolicy::LoseUnsynced, seed: 0 },
        _ => Crash::PowerCut { policy, seed: case.at },
    };
    let image = crash.of(&disk);
    let depth = if case.at.is_multiple_of(USED) { Depth::Use } else { Depth::Open };
    oracle.check(image, crash, &run.history, depth);
    let counts = disk.counts();
    let classes = [FaultClass::FailedSync, FaultClass::NoSpace, FaultClass::Error];
    let injected: u64 = classes.iter().map(|class| counts.of(*class)).sum();
    counters.add("errors injected", u64::from(injected > 0));
    counters.add_faults(&counts);
}
