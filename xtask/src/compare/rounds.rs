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
                println!("{name} {}", measured.in_short(line.capped));
                line.report = Some(report);
                line.peak_bytes = running.runner.as_ref().and_then(Runner::peak_bytes);
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
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::super::journal::tests::header;
    use super::super::summary::Summary;
    use super::*;

    /// Says what it is asked, and notes it where all can be seen in their order. An engine fails
    /// where a file `fail-WORKLOAD-ENGINE` lies.
    const RUNNER: &str = r#"#!/bin/sh
here=$(dirname "$0"); engine=$3; keys=$5
while read name length; do
    echo "$name $engine $keys $length" >> "$here/asked"
    if [ -e "$here/fail-$name-$engine" ]; then exit 9; fi
    verified=$(cat "$here/verified" 2>/dev/null || echo 10)
    echo "{\"workload\":\"$name\",\"ops\":1000,\"ops_per_second\":7,\"seconds\":1,
\"entries_read\":1000,\"verified\":$verified}" | tr -d '\n'
    echo
done
if [ -e "$here/fail-close-$engine" ]; then exit 9; fi
"#;

    struct Stage {
        folder: tempfile::TempDir,
        programs: Programs,
        journal: Journal,
    }

    impl Stage {
        fn new(command: &str) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let program = folder.path().join("runner");
            fs::write(&program, RUNNER).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
            let programs = Programs::both(program);
            let journal = Journal::create(&folder.path().join("r"), header(command)).unwrap();
            Self { folder, programs, journal }
        }

        /// Runs the first part and returns what was asked of whom, since the last time.
        fn run(&mut self) -> Result<Vec<String>> {
            let part = self.journal.header.settings.parts().remove(0);
            let stores = self.folder.path().join("stores");
            let rounds = Rounds { programs: &self.programs, groups: None, folder: &stores };
            rounds.run(&part, &mut self.journal)?;
            let asked = self.folder.path().join("asked");
            let text = fs::read_to_string(&asked).unwrap_or_default();
            drop(fs::remove_file(asked));
            Ok(text.lines().map(str::to_owned).collect())
        }
    }

    const COMMAND: &str = "--engines fjall --num 1000 --seconds 2 --cap 9 --rounds 2 \
        --workloads fillseq,overwrite,readseq";

    #[test]
    fn lanes_take_turns_and_rounds_begin_with_another() {
        let mut stage = Stage::new(COMMAND);
        let asked = stage.run().unwrap();
        let expected = [
            "fillseq siltstone digits <9",
            "fillseq fjall digits <9",
            "overwrite siltstone digits <9",
            "overwrite fjall digits <9",
            "readseq siltstone digits 2",
            "readseq fjall digits 2",
            "fillseq fjall digits <9",
            "fillseq siltstone digits <9",
        ];
        assert_eq!(asked[..8], expected);
        assert_eq!(asked.len(), 12);
        assert_eq!(stage.journal.lines().count(), 12);
        assert!(stage.journal.lines().all(|line| line.report.is_some() && !line.capped));
        // All is there: nothing is started.
        assert_eq!(stage.run().unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_lane_that_fails_is_noted_and_goes_on_where_it_was_when_resumed() {
        let mut stage = Stage::new(&COMMAND.replace("--rounds 2", "--rounds 1"));
        let broken = stage.folder.path().join("fail-overwrite-fjall");
        fs::write(&broken, "").unwrap();
        let asked = stage.run().unwrap();
        assert!(asked.contains(&"readseq siltstone digits 2".to_owned()));
        assert!(!asked.contains(&"readseq fjall digits 2".to_owned()), "{asked:?}");
        let failed: Vec<_> =
            stage.journal.lines().filter_map(|line| line.error.as_deref()).collect();
        assert_eq!(failed, ["ended with exit status: 9", "left out: its store is gone"]);

        fs::remove_file(broken).unwrap();
        let asked = stage.run().unwrap();
        let expected =
            ["fillseq fjall digits <9", "overwrite fjall digits <9", "readseq fjall digits 2"];
        assert_eq!(asked, expected);
        assert!(stage.journal.lines().all(|line| line.error.is_none()));
    }

    #[test]
    fn a_lane_that_verified_too_little_has_failed() {
        let mut stage = Stage::new(COMMAND);
        fs::write(stage.folder.path().join("verified"), "9").unwrap();
        stage.run().unwrap();
        let failures = Summary::of(&stage.journal).failures();
        assert!(
            failures
                .contains(&"1000 keys, fillseq, fjall: verified 9 of its answers only".to_owned()),
            "{failures:?}"
        );
        assert!(stage.journal.lines().all(|line| line.report.is_none()));
    }

    #[test]
    fn a_store_that_cannot_be_closed_is_a_failure_and_the_others_go_on() {
        let mut stage = Stage::new("--engines fjall --num 9 --rounds 2 --workloads fillseq");
        fs::write(stage.folder.path().join("fail-close-fjall"), "").unwrap();
        assert_eq!(stage.run().unwrap().len(), 4);
        let failures = Summary::of(&stage.journal).failures();
        let expected =
            |round| format!("9 keys, close of round {round}, fjall: ended with exit status: 9");
        assert_eq!(failures, [expected(1), expected(2)]);

        // Run again it closes: the failure is gone, and then there is nothing left to run.
        fs::remove_file(stage.folder.path().join("fail-close-fjall")).unwrap();
        let again = stage.run().unwrap();
        assert_eq!(again, ["fillseq fjall digits <120", "fillseq fjall digits <120"]);
        assert_eq!(Summary::of(&stage.journal).failures(), Vec::<String>::new());
        assert_eq!(stage.run().unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_count_that_time_ended_is_marked() {
        let mut stage = Stage::new("--engines fjall --num 1001 --rounds 1 --workloads fillseq");
        stage.run().unwrap();
        assert!(stage.journal.lines().all(|line| line.capped));
    }
}
