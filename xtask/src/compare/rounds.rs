//! The rounds of a part: every lane open at once, taking turns workload by workload.
//!
//! 1. Each workload runs on one lane after the other; another lane begins in each round.
//! 2. What is in the journal is not run again; a lane that starts behind others first does, not
//!    noted, what its store needs.
//! 3. A lane that fails leaves the round until the next fill; the others go on.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::cgroup::Groups;
use super::journal::{CLOSE, Journal, Line};
use super::measured::Measured;
use super::others;
use super::plan::{Lane, Part};
use super::programs::Programs;
use super::runner::Runner;
use super::workload::{self, Kind, Workload};

/// What running needs.
#[derive(Debug)]
pub(crate) struct Rounds<'a> {
    pub(crate) programs: &'a Programs,
    pub(crate) groups: Option<&'a Groups>,
    /// Where the stores go.
    pub(crate) folder: &'a Path,
}

/// A lane in a round.
#[derive(Debug)]
struct Running<'a> {
    lane: &'a Lane,
    runner: Option<Runner>,
    /// Whether it failed since the last fill.
    failed: bool,
}

impl Rounds<'_> {
    /// Runs what `part` still lacks in `journal`.
    ///
    /// # Errors
    ///
    /// When the journal cannot be written. The failure of a lane, be it that it verified too
    /// little, is a line in the journal instead.
    pub(crate) fn run(&self, part: &Part, journal: &mut Journal) -> Result<()> {
        for round in 1..=journal.header.settings.rounds {
            let lanes = part.order(round).into_iter();
            let mut lanes: Vec<_> =
                lanes.map(|lane| Running { lane, runner: None, failed: false }).collect();
            for (index, workload) in part.workloads.iter().enumerate() {
                for running in &mut lanes {
                    if journal.has(&part.name, round, &running.lane.name, workload.name) {
                        continue;
                    }
                    self.one(part, round, index, running, journal)?;
                }
            }
            for running in lanes {
                self.close(part, round, running, journal)?;
            }
        }
        Ok(())
    }

    /// Ends a lane's round. A close that failed in an earlier run is tried again, on a store as
    /// the round left it.
    fn close(
        &self,
        part: &Part,
        round: u64,
        running: Running<'_>,
        journal: &mut Journal,
    ) -> Result<()> {
        let lane = running.lane;
        let unclosed = journal.unclosed(&part.name, round, &lane.name);
        let ended = match running.runner {
            Some(runner) => runner.end(),
            None if unclosed && !running.failed => {
                let again = workload::written(&part.workloads);
                self.start(part, round, lane, &again, journal).and_then(Runner::end)
            }
            None => return Ok(()),
        };
        let closed = Line::new(part, round, &lane.name, CLOSE);
        match ended {
            Ok(()) if unclosed => journal.add(closed),
            Ok(()) => Ok(()),
            Err(error) => {
                println!("{}, round {round}, {} FAILED to close: {error:#}", part.name, lane.name);
                journal.add(Line { error: Some(format!("{error:#}")), ..closed })
            }
        }
    }

    /// One workload on one lane, noted however it ends.
    fn one(
        &self,
        part: &Part,
        round: u64,
        index: usize,
        running: &mut Running<'_>,
        journal: &mut Journal,
    ) -> Result<()> {
        let workload = part.workloads[index];
        let name =
            format!("{}, round {round}, {workload:<16} {:<14}", part.name, running.lane.name);
        let mut line = Line::new(part, round, &running.lane.name, workload.name);
        if running.failed && workload.kind != Kind::Fill {
            println!("{name} left out: its store is gone");
            line.error = Some("left out: its store is gone".to_owned());
            return journal.add(line);
        }
        running.failed = false;
        let report = self.report(part, round, index, running, journal);
        let report = report.and_then(|report| Ok((verified(&report)?, report)));
        match report {
            Ok((measured, report)) => {
                line.capped = workload.ops(part.num).is_some_and(|ops| measured.ops < ops);
                line.report = Some(report);
                line.peak_bytes = running.runner.as_ref().and_then(Runner::peak_bytes);
                line.others_share = running.runner.as_ref().and_then(Runner::others_share);
                let doubt = others::doubt(line.others_share);
                let doubt = doubt.map_or_else(String::new, |doubt| format!(", {doubt}"));
                println!("{name} {}{doubt}", measured.in_short(line.capped));
            }
            Err(error) => {
                println!("{name} FAILED: {error:#}");
                running.failed = true;
                running.runner = None;
                line.error = Some(format!("{error:#}"));
            }
        }
        journal.add(line)
    }

    /// What the lane's runner measured; it is started if it is not there.
    fn report(
        &self,
        part: &Part,
        round: u64,
        index: usize,
        running: &mut Running<'_>,
        journal: &Journal,
    ) -> Result<Value> {
        let settings = &journal.header.settings;
        let order = |workload: &Workload| workload.order(settings.seconds, settings.cap_seconds);
        let runner = if let Some(runner) = &mut running.runner {
            runner
        } else {
            let again = workload::before(&part.workloads, index);
            running.runner.insert(self.start(part, round, running.lane, &again, journal)?)
        };
        let report = runner.run(&order(&part.workloads[index]))?;
        match report.get("workload").and_then(Value::as_str) {
            Some(name) if name == part.workloads[index].name => Ok(report),
            other => bail!("a report of {other:?} instead"),
        }
    }

    /// A runner for `lane` that has run `again`, not noted.
    fn start(
        &self,
        part: &Part,
        round: u64,
        lane: &Lane,
        again: &[Workload],
        journal: &Journal,
    ) -> Result<Runner> {
        let settings = &journal.header.settings;
        let mut runner = Runner::start(
            self.programs.of(&lane.engine)?,
            lane,
            part.num,
            settings.seed.wrapping_add(round),
            settings,
            &self.store(lane),
            self.groups,
        )?;
        for again in again {
            let order = again.order(settings.seconds, settings.cap_seconds);
            runner.run(&order).with_context(|| format!("{again}, once more"))?;
        }
        Ok(runner)
    }

    fn store(&self, lane: &Lane) -> PathBuf {
        self.folder.join(&lane.name)
    }
}

/// What `report` says, if enough answers were compared with what was written.
fn verified(report: &Value) -> Result<Measured> {
    let measured = Measured::of(report)?;
    ensure!(measured.is_verified(), "verified {} of its answers only", measured.verified);
    Ok(measured)
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
