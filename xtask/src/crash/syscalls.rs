//! SIGKILL at the n-th system call of each kind, and again during the recovery.
//!
//! Killed on entry to a call, a process leaves the files as the calls before made them: each
//! prefix of the calls of a run is what somebody once found. The run is small and has all that an
//! engine does: creation, rotation, flush, compaction, removal of files, close.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::Plan;
use super::ledger::Ledger;
use super::session::Session;
use super::strace::{self, Call};
use super::writers::HUNG;
use crate::report::Outcome;

/// One thread that does everything itself, with memtables of a few batches.
pub(super) const SETTINGS: &str = "threads=1 batches=70 workers=0 memtable-bytes=4096 sync-every=2";
/// How strace kills at a call.
pub(super) const KILL: &str = "signal=SIGKILL";
const POINTS: usize = 150;
const POINTS_FULL: usize = 1000;
/// Each so many-th point is killed a second time, while it recovers.
const TWICE_EVERY: usize = 3;

pub(super) fn run(plan: &Plan) -> Result<Outcome> {
    if let Some(why) = strace::why_not() {
        return Ok(Outcome::Skipped(why));
    }
    let mut seed = plan.seed("syscalls");
    let folder = tempfile::tempdir().context("make a folder for databases")?;
    let words = plan.writers.words("write", &folder.path().join("traced"), SETTINGS);
    let calls = strace::calls(&words, folder.path())?;
    let points = seed.spread(&calls, if plan.full { POINTS_FULL } else { POINTS });
    let mut figures = Figures::default();
    for (index, call) in points.iter().enumerate() {
        if plan.is_late() {
            break;
        }
        let again = index.is_multiple_of(TWICE_EVERY).then(|| {
            // The first third of a run opens, and then writes for a while.
            let early = usize::try_from(seed.below(calls.len() as u64 / 3)).unwrap_or(0);
            &calls[early]
        });
        let dir = folder.path().join(format!("db-{index}"));
        figures.done += 1;
        one(plan, &dir, call, again, &mut figures)
            .with_context(|| format!("killed at {} {}{}", call.name, call.ordinal, call.args))?;
        std::fs::remove_dir_all(&dir).or_else(absent).context("remove a database")?;
    }
    figures.outcome(&calls, points.len())
}

/// Writers until they are killed, once or twice, and somebody who looks.
fn one(
    plan: &Plan,
    dir: &Path,
    call: &Call,
    again: Option<&Call>,
    figures: &mut Figures,
) -> Result<()> {
    let words = plan.writers.words("write", dir, SETTINGS);
    let mut ledger = Ledger::new(1);
    for call in [Some(call), again].into_iter().flatten() {
        let mut command = strace::inject(&words, &[(call, KILL)]);
        let mut session = Session::start(&mut command)?;
        session.listen(HUNG, &mut |said| ledger.hear(said))?;
        let ended = session.end()?;
        ensure!(ended.was_killed() || ended.status.success(), "the writers: {ended}");
        if ended.was_killed() {
            *figures.kinds.entry(call.name.clone()).or_default() += 1;
        } else {
            figures.missed += 1;
        }
    }
    plan.writers.check(dir, SETTINGS, &mut ledger)?;
    figures.acknowledged += ledger.acknowledged();
    Ok(())
}

/// A database whose writers were killed before they made its directory is no failure.
pub(super) fn absent(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

#[derive(Debug, Default)]
struct Figures {
    done: u64,
    /// Kills by the kind of call.
    kinds: BTreeMap<String, u64>,
    /// Runs that made fewer calls of a kind than the traced one.
    missed: u64,
    acknowledged: u64,
}

impl Figures {
    fn outcome(&self, calls: &[Call], wanted: usize) -> Result<Outcome> {
        let kills: u64 = self.kinds.values().sum();
        ensure!(kills > self.missed * 4, "{kills} kills, {} runs met none", self.missed);
        let kinds: Vec<String> =
            self.kinds.iter().map(|(name, count)| format!("{name} {count}")).collect();
        println!("   {}", kinds.join(", "));
        Ok(Outcome::Counted(format!(
            "{kills} kills at {} of {} system calls, {} while recovering; {} kinds; {} \
             batches acknowledged, 0 missing{}",
            self.done,
            calls.len(),
            kills.saturating_sub(self.done),
            self.kinds.len(),
            self.acknowledged,
            Plan::cut_short(self.done, wanted as u64),
        )))
    }
}
