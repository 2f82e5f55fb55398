//! File systems that fill up, and later get room.
//!
//! Writers go on until nothing goes on any more. What was acknowledged can still be read then; room
//! is made, and writing goes on. No signal may end the process: a log written through a map would.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::Plan;
use super::ledger::Ledger;
use super::mount::Mounted;
use super::said::Said;
use super::seed::Seed;
use super::session::{Ended, Session};
use super::writers::HUNG;
use crate::report::Outcome;

const THREADS: usize = 4;
const BALLAST_BYTES: u64 = 6 << 20;
const ROUNDS: u64 = 3;
/// Nothing is ever deleted, so that it becomes full.
const SETTINGS: &str = "threads=4 sync-every=8 window=0 value-bytes=2000";

pub(super) fn run(plan: &Plan) -> Result<Outcome> {
    let folder = tempfile::tempdir().context("make a folder for file systems")?;
    if let Err(error) = Mounted::memory(&folder.path().join("probe"), 1 << 20) {
        return Ok(Outcome::Skipped(format!("no file system can be mounted: {error:#}")));
    }
    let mut seed = plan.seed("full");
    let mut figures = Figures::default();
    for round in 0..if plan.full { ROUNDS * 4 } else { ROUNDS } {
        if plan.is_late() {
            break;
        }
        let bytes = (14 << 20) + seed.below(8 << 20) / 4096 * 4096;
        let at = |name: &str| folder.path().join(format!("{name}-{round}"));
        let memory = Mounted::memory(&at("memory"), bytes)?;
        let disk = Mounted::ext4(&at("image"), &at("disk"), bytes)?;
        for (mounted, name) in [(memory, "memory"), (disk, "disk")] {
            let fills = Fills::draw(&mut seed);
            let memtable_bytes = 65536 << seed.below(5);
            let settings = format!("{SETTINGS} memtable-bytes={memtable_bytes}");
            one(plan, &at(name), &settings, fills, &mut figures)
                .with_context(|| format!("{name} of {bytes} bytes, {fills:?}, {settings}"))?;
            drop(mounted);
        }
    }
    ensure!(figures.filled > 0, "no time for one file system");
    Ok(Outcome::Counted(format!(
        "{} file systems filled ({}); {} batches acknowledged, {} of them after there was room \
         again, 0 missing",
        figures.filled,
        figures.states(),
        figures.acknowledged,
        figures.again,
    )))
}

#[derive(Debug, Default)]
struct Figures {
    filled: u64,
    /// The health in which each stood when it was full.
    health: Vec<String>,
    acknowledged: u64,
    again: u64,
}

impl Figures {
    fn states(&self) -> String {
        let mut names = self.health.clone();
        names.sort();
        names.dedup();
        let count = |name: &String| self.health.iter().filter(|health| *health == name).count();
        names.iter().map(|name| format!("{} {name}", count(name))).collect::<Vec<_>>().join(", ")
    }
}

/// Who fills the file system.
#[derive(Clone, Copy, Debug)]
enum Fills {
    /// The writers, little by little.
    Writers,
    /// Somebody else, all of it, after so many acknowledgements.
    Another(u64),
}

impl Fills {
    fn draw(seed: &mut Seed) -> Self {
        if seed.below(2) == 0 { Self::Writers } else { Self::Another(seed.below(3000)) }
    }
}

/// Takes up to `bytes` of the room at `path`, as much as there is.
fn take_room(path: &Path, bytes: u64) -> Result<()> {
    let mut file = File::create_new(path).context("make the ballast")?;
    let chunk = [1; 4096];
    for _ in 0..bytes / 4096 {
        match file.write_all(&chunk).and_then(|()| file.sync_data()) {
            Err(error) if error.kind() == io::ErrorKind::StorageFull => break,
            other => other.context("write the ballast")?,
        }
    }
    Ok(())
}

/// Fills the file system at `at`, makes room, goes on, and looks.
fn one(plan: &Plan, at: &Path, settings: &str, fills: Fills, figures: &mut Figures) -> Result<()> {
    let ballast = at.join("ballast");
    let mut after = match fills {
        Fills::Writers => {
            take_room(&ballast, BALLAST_BYTES)?;
            u64::MAX
        }
        Fills::Another(after) => after,
    };
    let dir = at.join("db");
    let mut ledger = Ledger::new(THREADS);
    let mut command = plan.writers.command("write", &dir, &format!("{settings} wait=1"));
    let mut session = Session::start(&mut command)?;
    let mut full = None;
    while full.is_none() {
        let said = session.next(HUNG)?;
        let Some(said) = said else { return Err(ended_early(session)) };
        ledger.hear(&said)?;
        if ledger.acknowledged() >= after {
            take_room(&ballast, u64::MAX)?;
            after = u64::MAX;
        }
        if let Said::Full { health } = said {
            full = Some(health);
        }
    }
    let full = full.unwrap_or_default();
    ensure!(full == "read-only" || full == "stalled", "a full disk made it {full}");
    figures.filled += 1;
    figures.health.push(full);
    let before = ledger.acknowledged();
    // Without room it may be tried, as often as one likes.
    session.answer("probe")?;
    let said = session.next(HUNG)?;
    ensure!(matches!(said, Some(Said::Full { .. })), "a resume without room: {said:?}");
    fs::remove_file(&ballast).context("make room")?;
    session.answer("go")?;
    let mut health = None;
    session.listen(HUNG, &mut |said| {
        if let Said::End { health: name } = said {
            health = Some(name.clone());
        }
        ledger.hear(said)
    })?;
    let ended = session.end()?;
    ensure!(ended.status.success(), "the writers: {ended}");
    ensure!(health.as_deref() == Some("healthy"), "with room again it is {health:?}");
    let again = ledger.acknowledged() - before;
    ensure!(again >= THREADS as u64 * 10, "with room again only {again} batches went on");
    figures.again += again;
    figures.acknowledged += ledger.acknowledged();
    plan.writers.check(&dir, settings, &mut ledger)
}

fn ended_early(session: Session) -> anyhow::Error {
    match session.end() {
        Ok(Ended { status, stderr }) => anyhow::anyhow!("not filled: {status}; {}", stderr.trim()),
        Err(error) => error,
    }
}
