//! Runs a list of ops under some options, beside the oracle.

use crate::config::Config;
use crate::model::Model;
use crate::op::Op;
use crate::oracle::Wrong;
use crate::outcome::{Outcome, state_difference};
use crate::subject::Subject;
use crate::tally::Tally;
use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

/// A list of ops, and the options under which it shall give one history.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) configs: Vec<Config>,
    pub(crate) ops: Vec<Op>,
}

/// Where a case failed, and how.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// Index of the op; their number if it was the end.
    pub(crate) at: usize,
    /// The options that matter: one for a wrong answer, two if they disagree.
    pub(crate) configs: Vec<Config>,
    pub(crate) why: String,
}

impl Failure {
    /// The op that failed, and why, in words.
    pub(crate) fn text(&self, ops: &[Op]) -> String {
        let names: Vec<_> = self.configs.iter().map(|config| config.name).collect();
        let op = ops.get(self.at).map_or_else(|| "the end".into(), |op| format!("{op:?}"));
        format!("op {} ({op}) under {names:?}: {}", self.at, self.why)
    }
}

/// What each op answered, as digests, and what was done on the way.
#[derive(Debug, Default)]
pub(crate) struct History {
    digests: Vec<u64>,
    pub(crate) tally: Tally,
}

/// Runs the case: under each of its options it must agree with the oracle, and if nothing may be
/// lost on the way, all histories must be the same, to the last seqno.
///
/// # Errors
///
/// The first failure.
pub(crate) fn run_case(case: &Case, wrong: Option<Wrong>) -> Result<Tally, Failure> {
    let mut tally = Tally::default();
    let mut first: Option<(&Config, History)> = None;
    let comparable = !case.ops.iter().any(Op::may_lose);
    for config in &case.configs {
        let history = run(config, &case.ops, wrong)?;
        tally.add(&history.tally);
        let Some((other, other_history)) = &first else {
            first = Some((config, history));
            continue;
        };
        let pairs = history.digests.iter().zip(&other_history.digests);
        let at = pairs.take_while(|(one, other)| one == other).count();
        if comparable && at < history.digests.len() {
            let why = "the answers differ, though the oracle would take either".to_owned();
            return Err(Failure { at, configs: vec![**other, *config], why });
        }
    }
    Ok(tally)
}

/// Runs `ops` under `config`; a panic is a failure like any other.
pub(crate) fn run(config: &Config, ops: &[Op], wrong: Option<Wrong>) -> Result<History, Failure> {
    let at = Cell::new(0);
    let run = AssertUnwindSafe(|| run_ops(config, ops, wrong, &at));
    let outcome = catch_unwind(run).unwrap_or_else(|panic| Err(panic_text(&*panic)));
    outcome.map_err(|why| Failure { at: at.get(), configs: vec![*config], why })
}

fn run_ops(
    config: &Config,
    ops: &[Op],
    wrong: Option<Wrong>,
    at: &Cell<usize>,
) -> Result<History, String> {
    let mut subject = Subject::new(config).map_err(|error| error.to_string())?;
    let mut model = Model::new(config, wrong);
    let mut digests = Vec::with_capacity(ops.len());
    for (index, op) in ops.iter().enumerate() {
        at.set(index);
        let found = subject.apply(op);
        model.judge(op, &found).map_err(|why| match &subject.tally.last_error {
            Some(error) if matches!(found, Outcome::Failed(_)) => format!("{why} ({error})"),
            _ => why,
        })?;
        if found != Outcome::Skipped {
            *subject.tally.kinds.entry(op.kind()).or_default() += 1;
        }
        digests.push(found.digest());
    }
    at.set(ops.len());
    let (found, wanted) = (subject.end()?, model.state());
    if found != wanted {
        return Err(state_difference(&found, &wanted));
    }
    let mut tally = subject.tally;
    tally.histories = 1;
    tally.ops = ops.len() as u64;
    tally.lost_writes = model.lost_writes;
    tally.kept_writes = model.kept_writes;
    tally.faults = subject.vfs.counts();
    Ok(History { digests, tally })
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("panic: {}", text.unwrap_or("without words"))
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Does `work` without a word about the panics of this thread: a shrinker meets hundreds.
pub(crate) fn quietly<T>(work: impl FnOnce() -> T) -> T {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                before(info);
            }
        }));
    });
    QUIET.set(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    QUIET.set(false);
    done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Runs a case that once failed: the body of the tests that a failed run prints.
///
/// # Panics
///
/// If it still fails.
pub(crate) fn replay(configs: &[Config], ops: &[Op]) {
    let case = Case { configs: configs.to_vec(), ops: ops.to_vec() };
    // With workers, not every run is the same.
    let threads = configs.iter().any(|config| config.threads > 0);
    for _ in 0..if threads { 10 } else { 1 } {
        if let Err(failure) = run_case(&case, None) {
            panic!("{}", failure.text(ops));
        }
    }
}
