//! The faults that are armed, and what was done so far.

use super::counts::{Counters, FaultClass};
use super::fault::{Fault, FaultKind};
use super::op::{Op, Ops};
use super::trace::TraceLine;
use crate::{ManualClock, SeededRandom};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Lines kept of the trace.
const TRACE_LINES_MAX: usize = 1024;

/// All that a simulated disk knows beyond its files.
pub(super) struct Plan {
    pub(super) armed: Vec<Armed>,
    pub(super) random: SeededRandom,
    pub(super) performed: [u64; Op::COUNT],
    pub(super) trace: VecDeque<TraceLine>,
    pub(super) last: Last,
    pub(super) clock: Option<Arc<ManualClock>>,
    pub(super) counters: Arc<Counters>,
}

/// A fault, and how far it is.
pub(super) struct Armed {
    pub(super) fault: Fault,
    /// Calls that it could have met.
    seen: u64,
    happened: u64,
}

/// The last operation that changed something.
#[derive(Default)]
pub(super) enum Last {
    #[default]
    Nothing,
    /// It wrote to the file with this number.
    Wrote(u64),
    /// It changed a name in each of these directories.
    Named(Vec<PathBuf>),
}

impl Last {
    pub(super) fn wrote(&self, number: u64) -> bool {
        matches!(self, Self::Wrote(wrote) if *wrote == number)
    }

    pub(super) fn named(&self, dir: &Path) -> bool {
        matches!(self, Self::Named(dirs) if dirs.iter().any(|named| named == dir))
    }

    /// A change of these names.
    pub(super) fn names(paths: &[&Path]) -> Self {
        let dir = |path: &&Path| {
            let from_root =
                path.components().filter(|part| matches!(part, std::path::Component::Normal(_)));
            let path: PathBuf = from_root.collect();
            path.parent().map(Path::to_owned).unwrap_or_default()
        };
        Self::Named(paths.iter().map(dir).collect())
    }
}

impl Armed {
    pub(super) fn new(fault: Fault) -> Self {
        Self { fault, seen: 0, happened: 0 }
    }

    /// Whether it may still happen.
    pub(super) fn is_live(&self) -> bool {
        self.happened < self.fault.until.count()
    }

    /// Counts a call that it may meet; whether it meets it.
    fn meets(&mut self, op: Op, path: &Path) -> bool {
        let part = self.fault.path_part.as_deref();
        let named = part.is_none_or(|part| path.to_string_lossy().contains(part));
        if !named || !self.fault.on.contains(op) || !self.fault.kind.can_meet(op) {
            return false;
        }
        self.seen += 1;
        self.seen > self.fault.at && self.is_live()
    }
}

impl Plan {
    /// Counts a call and gives the fault that it meets; time passes here.
    ///
    /// Of several faults the one that was armed first happens; the others wait for the next call.
    pub(super) fn begin(&mut self, line: TraceLine) -> Option<FaultKind> {
        self.performed[line.op as usize] += 1;
        let mut met = None;
        for armed in &mut self.armed {
            if !armed.meets(line.op, &line.path) {
                continue;
            }
            match armed.fault.kind {
                FaultKind::Latency(duration) => {
                    armed.happened += 1;
                    if let Some(clock) = &self.clock {
                        clock.advance(duration);
                        self.counters.add(FaultClass::Latency);
                    }
                }
                kind if met.is_none() => {
                    armed.happened += 1;
                    met = Some(kind);
                }
                _ => {}
            }
        }
        if met.is_some() || Ops::CHANGES.contains(line.op) || line.op == Op::Lock {
            if self.trace.len() == TRACE_LINES_MAX {
                self.trace.pop_front();
            }
            self.trace.push_back(TraceLine { fault: met, ..line });
        }
        met
    }

    /// Counts a fault that changed the outcome of a call.
    pub(super) fn count(&self, kind: FaultKind) {
        self.counters.add(FaultClass::of_fault(kind));
    }

    /// Whether a live fault may still meet a read.
    pub(super) fn reads_fail(&self) -> bool {
        let meets_reads = |armed: &Armed| {
            let fault = &armed.fault;
            let wrong = !matches!(fault.kind, FaultKind::Latency(_));
            armed.is_live() && wrong && fault.on.contains(Op::Read) && fault.kind.can_meet(Op::Read)
        };
        self.armed.iter().any(meets_reads)
    }

    /// Whether there is no room now.
    pub(super) fn is_full(&self) -> bool {
        let full = |armed: &Armed| {
            let is_space = matches!(armed.fault.kind, FaultKind::NoSpace(_));
            is_space && armed.is_live() && armed.seen >= armed.fault.at
        };
        self.armed.iter().any(full)
    }
}
