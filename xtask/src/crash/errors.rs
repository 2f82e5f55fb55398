//! System calls that fail, are interrupted, or lie; files that may not grow.
//!
//! ```text
//! EIO ENOSPC EMFILE ..   the call returns the error and did nothing: it is told to whoever wrote,
//!                        or tried again, and nothing acknowledged is missing
//! EINTR                  the same
//! a lie                  a write returns 1 and wrote nothing: the right data, or an error
//! a size limit           real short writes, then EFBIG
//! ```
//! In none of these may the child crash, hang, or acknowledge after it refused.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::Plan;
use super::ledger::Ledger;
use super::said::Said;
use super::seed::Seed;
use super::session::Session;
use super::strace::{self, Call};
use super::syscalls::{KILL, SETTINGS, absent};
use super::writers::HUNG;
use crate::report::Outcome;

/// What may happen to which calls.
const FAULTS: [(&[&str], &[Fault]); 6] = [
    (&["pwrite64", "write"], &[fails("EIO"), fails("ENOSPC"), fails("EINTR"), Fault::Lie]),
    (&["fdatasync", "fsync"], &[fails("EIO"), fails("ENOSPC"), fails("EINTR")]),
    (&["open", "openat"], &[fails("EIO"), fails("EMFILE"), fails("EINTR"), fails("ENOSPC")]),
    (&["fallocate"], &[fails("EIO"), fails("ENOSPC"), fails("EINTR"), fails("EOPNOTSUPP")]),
    (&["rename", "unlink", "mkdir", "ftruncate"], &[fails("EIO"), fails("ENOSPC")]),
    (&["pread64", "read", "getdents64", "statx", "newfstatat", "flock", "statfs"], &[fails("EIO")]),
];
const POINTS: usize = 200;
/// Size limits, in the blocks of the shell, for larger files than those of `SETTINGS`.
const LIMITS: [u32; 8] = [1, 20, 100, 130, 150, 200, 300, 500];
const LARGE_SETTINGS: &str =
    "threads=1 batches=300 workers=0 memtable-bytes=131072 value-bytes=1000";

/// One thing that happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Error(&'static str),
    /// A write that says it wrote one byte, and wrote none.
    Lie,
}

const fn fails(errno: &'static str) -> Fault {
    Fault::Error(errno)
}

impl Fault {
    /// As strace takes it.
    fn injection(self) -> String {
        match self {
            Self::Error(errno) => format!("error={errno}"),
            Self::Lie => "retval=1".to_owned(),
        }
    }
}

pub(super) fn run(plan: &Plan) -> Result<Outcome> {
    if let Some(why) = strace::why_not() {
        return Ok(Outcome::Skipped(why));
    }
    let folder = tempfile::tempdir().context("make a folder for databases")?;
    let words = plan.writers.words("write", &folder.path().join("traced"), SETTINGS);
    let calls = strace::calls(&words, folder.path())?;
    let all: Vec<(usize, Fault)> = (0..calls.len())
        .flat_map(|index| faults(&calls[index]).map(move |fault| (index, fault)))
        .collect();
    let mut seed = plan.seed("errors");
    let points = if plan.full { all.clone() } else { seed.spread(&all, POINTS) };
    let mut figures = Figures::default();
    for (index, fault) in &points {
        if plan.is_late() {
            break;
        }
        let call = &calls[*index];
        let dir = folder.path().join(format!("db-{}", figures.done));
        let words = plan.writers.words("write", &dir, SETTINGS);
        let what = fault.injection();
        let kill = killed_after(&calls, *index, *fault, &mut seed);
        let mut met = vec![(call, what.as_str())];
        met.extend(kill.map(|kill| (kill, KILL)));
        one(plan, &dir, strace::inject(&words, &met), SETTINGS, *fault, &mut figures)
            .with_context(|| format!("{fault:?} at {} {}{}", call.name, call.ordinal, call.args))?;
    }
    let done = figures.done;
    for limit in LIMITS {
        let dir = folder.path().join(format!("db-limit-{limit}"));
        let command = limited(&plan.writers.words("write", &dir, LARGE_SETTINGS), limit);
        one(plan, &dir, command, LARGE_SETTINGS, Fault::Error("EFBIG"), &mut figures)
            .with_context(|| format!("no file beyond {limit} blocks"))?;
    }
    ensure!(figures.refused > 0 && figures.went_on > 0, "faults without effect: {figures:?}");
    Ok(Outcome::Counted(format!(
        "{} faults of {} and {} size limits: {} went on, {} refused in order, {} of all \
         killed soon after, {} lies found out \
         later; 0 crashed, hung or lost{}",
        done,
        all.len(),
        LIMITS.len(),
        figures.went_on,
        figures.refused,
        figures.killed,
        figures.found_out,
        Plan::cut_short(done, points.len() as u64),
    )))
}

/// What may happen to `call`.
fn faults(call: &Call) -> impl Iterator<Item = Fault> {
    let kinds = FAULTS.iter().filter(|(names, _)| names.contains(&call.name.as_str()));
    let faults = kinds.flat_map(|(_, faults)| faults.iter().copied());
    // Lines to the watcher are not the engine's.
    let tells = call.tells;
    faults.filter(move |_| !tells)
}

/// Where the run that met `fault` at `index` is killed, if it is: a few acknowledgements later, so
/// that no flush and no close covers up what was not written. Of a lie nobody could know then.
fn killed_after<'a>(
    calls: &'a [Call],
    index: usize,
    fault: Fault,
    seed: &mut Seed,
) -> Option<&'a Call> {
    let after = usize::try_from(seed.below(8)).unwrap_or(0);
    let apart = fault != Fault::Lie && calls[index].name != "write";
    calls[index..].iter().filter(|call| call.tells && apart).nth(after)
}

/// `words` with a limit on the size of files, which is an error and not a signal.
fn limited(words: &[PathBuf], blocks: u32) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\""), "sh"]);
    command.args(words);
    command
}

#[derive(Debug, Default)]
struct Figures {
    done: u64,
    /// No batch was refused.
    went_on: u64,
    refused: u64,
    /// It was killed soon after the fault.
    killed: u64,
    /// Lies that a later open refused.
    found_out: u64,
}

/// Writers under a fault, and somebody who looks without one.
fn one(
    plan: &Plan,
    dir: &Path,
    mut command: Command,
    settings: &str,
    fault: Fault,
    figures: &mut Figures,
) -> Result<()> {
    let lie = fault == Fault::Lie;
    let mut ledger = Ledger::new(1);
    let mut refusals = 0;
    let mut session = Session::start(&mut command)?;
    session.listen(HUNG, &mut |said| {
        refusals += u64::from(matches!(said, Said::Refused { .. }));
        if let Said::Unreadable { why } = said {
            ensure!(lie, "reads do not go on: {why}");
        }
        ledger.hear(said)
    })?;
    let ended = session.end()?;
    ensure!(ended.is_orderly() || ended.was_killed(), "the writers: {ended}");
    ensure!(!ended.is_refused() || !ended.stderr.trim().is_empty(), "a refusal without a reason");
    figures.killed += u64::from(ended.was_killed());
    if ended.is_refused() || refusals > 0 {
        figures.refused += 1;
    } else {
        figures.went_on += 1;
    }
    figures.done += 1;
    if lie {
        figures.found_out += u64::from(look_after_lie(plan, dir, settings, &mut ledger)?);
    } else {
        plan.writers.check(dir, settings, &mut ledger).context(ended.to_string())?;
    }
    std::fs::remove_dir_all(dir).or_else(absent).context("remove a database")
}

/// The right data, or a refusal that names a file; returns whether it was refused.
fn look_after_lie(plan: &Plan, dir: &Path, settings: &str, ledger: &mut Ledger) -> Result<bool> {
    let mut session = Session::start(&mut plan.writers.command("check", dir, settings))?;
    let mut heard = Ok(());
    session.listen(HUNG, &mut |said| {
        if heard.is_ok() {
            heard = ledger.hear(said);
        }
        Ok(())
    })?;
    let ended = session.end()?;
    let verified = ended.status.code() == Some(4) && ended.stderr.contains("verify: ");
    if ended.is_refused() || verified {
        let names = ended.stderr.contains(&dir.display().to_string());
        ensure!(names, "a refusal that names no file: {ended}");
        return Ok(true);
    }
    ensure!(ended.status.success(), "the check: {ended}");
    heard.map(|()| false)
}
