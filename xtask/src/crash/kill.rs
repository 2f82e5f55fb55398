//! SIGKILL at random moments: one database lives through all of them.
//!
//! Every other cycle writes synced batches, the others buffered ones: the death of a process
//! takes neither. Some kills hit the opening, the recovery from the kill before.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::Plan;
use super::ledger::Ledger;
use super::said::Said;
use super::seed::Seed;
use super::session::Session;
use super::writers::HUNG;
use crate::report::Outcome;

const THREADS: usize = 8;
/// The latest moment of a kill, in milliseconds after writing began ..
const LATEST_MS: u64 = 300;
/// .. or, each so many-th time, after the process began: that hits the recovery.
const FROM_START_EVERY: u64 = 5;

pub(super) fn run(plan: &Plan) -> Result<Outcome> {
    let mut seed = plan.seed("kill");
    let folder = tempfile::tempdir().context("make a folder for the database")?;
    let dir = folder.path().join("db");
    let mut ledger = Ledger::new(THREADS);
    let mut figures = Figures::default();
    let mut cycle = 0;
    while cycle < plan.cycles && !plan.is_late() {
        one(plan, &dir, cycle, &mut seed, &mut ledger, &mut figures)
            .with_context(|| format!("cycle {cycle}"))?;
        cycle += 1;
    }
    plan.writers.check(&dir, &format!("threads={THREADS}"), &mut ledger).context("at the end")?;
    Ok(Outcome::Counted(format!(
        "{cycle} kills, {} while opening; {} batches acknowledged synced and {} buffered, 0 \
         missing; {} found whole that were on their way{}",
        figures.opening,
        figures.synced,
        ledger.acknowledged() - figures.synced,
        ledger.survived(),
        Plan::cut_short(cycle, plan.cycles),
    )))
}

#[derive(Debug, Default)]
struct Figures {
    synced: u64,
    opening: u64,
}

/// Writers until the kill, then somebody who looks.
fn one(
    plan: &Plan,
    dir: &std::path::Path,
    cycle: u64,
    seed: &mut Seed,
    ledger: &mut Ledger,
    figures: &mut Figures,
) -> Result<()> {
    let synced = cycle.is_multiple_of(2);
    let settings = format!(
        "threads={THREADS} sync-every={} memtable-bytes={}",
        u64::from(synced),
        4096 << seed.below(6),
    );
    let before = ledger.acknowledged();
    let mut session = Session::start(&mut plan.writers.command("write", dir, &settings))?;
    if !cycle.is_multiple_of(FROM_START_EVERY) {
        await_ready(&mut session, ledger)?;
    }
    let moment = Instant::now() + Duration::from_micros(seed.below(LATEST_MS * 1000));
    let ended = session.until(moment, &mut |said| ledger.hear(said))?;
    ensure!(!ended, "the writers ended by themselves: {}", session.end()?);
    session.kill()?;
    // What was told before the kill is still in the pipe.
    session.listen(HUNG, &mut |said| ledger.hear(said))?;
    let ended = session.end()?;
    ensure!(ended.was_killed(), "the writers: {ended}");
    let acknowledged = ledger.acknowledged() - before;
    figures.synced += if synced { acknowledged } else { 0 };
    figures.opening += u64::from(acknowledged == 0);
    // Mostly it changes nothing, so that the next writers recover from the kill themselves.
    let look = if cycle % 4 == 3 { "read-only=0" } else { "read-only=1" };
    plan.writers.check(dir, &format!("{settings} {look}"), ledger)
}

/// Hears what is said until writing begins, however busy the machine is.
fn await_ready(session: &mut Session, ledger: &mut Ledger) -> Result<()> {
    loop {
        let Some(said) = session.next(HUNG)? else { bail!("the writers ended before they wrote") };
        ledger.hear(&said)?;
        if said == Said::Ready {
            return Ok(());
        }
    }
}
