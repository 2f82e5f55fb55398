//! The runner as a child process: one engine, told workload by workload what to do.
//!
//! It reads a workload a line and answers with a report a line, so that the engines of a part stay
//! open side by side and take turns. A child that ends, fails or says nothing for too long has
//! failed; others go on.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

use super::cgroup::{Group, Groups};
use super::others::Reading;
use super::plan::{Lane, Settings};

/// How long a child may be at work beyond what its workload may take: it settles, completes a fill
/// and closes a store in that time.
const PATIENCE: Duration = Duration::from_secs(3600);
/// How long a child that was told to end may take.
const FAREWELL: Duration = Duration::from_secs(300);

/// A runner at work.
#[derive(Debug)]
pub(crate) struct Runner {
    child: Child,
    /// `None` once it was told that nothing more comes.
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    folder: PathBuf,
    group: Option<Group>,
    patience: Duration,
    others_share: Option<f64>,
}

impl Runner {
    /// Starts `program` for `lane`, its stores in `folder`, its memory limited if there are groups.
    ///
    /// # Errors
    ///
    /// When it cannot be started or limited.
    pub(crate) fn start(
        program: &Path,
        lane: &Lane,
        num: u64,
        seed: u64,
        settings: &Settings,
        folder: &Path,
        groups: Option<&Groups>,
    ) -> Result<Self> {
        let group = groups.map(|groups| groups.make(&lane.name)).transpose()?;
        if folder.exists() {
            fs::remove_dir_all(folder).context("remove the stores of another run")?;
        }
        let mut command = Command::new(program);
        command.args(["run", "--engine", &lane.engine, "--keys", &lane.keys]);
        command.arg("--dir").arg(folder);
        for (name, value) in [
            ("--num", num),
            ("--seed", seed),
            ("--threads", settings.threads),
            ("--value-bytes", settings.value_bytes),
            ("--memory", settings.memory_bytes),
        ] {
            command.args([name, &value.to_string()]);
        }
        command.args(["--limit", &settings.limit_bytes.to_string()]);
        command.args(["--durability", &settings.durability]);
        command.args(["--compression", &settings.compression]);
        let mut runner = Self::spawn(&mut command, folder.to_path_buf(), group)?;
        let longest = settings.seconds.max(settings.cap_seconds);
        let longest = Duration::try_from_secs_f64(longest).context("how long a workload runs")?;
        runner.patience = runner.patience.saturating_add(longest);
        Ok(runner)
    }

    fn spawn(command: &mut Command, folder: PathBuf, group: Option<Group>) -> Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("start a runner")?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().context("a runner has no stdout")?;
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            let mut said = BufReader::new(stdout).lines().map_while(Result::ok);
            // It fails when nobody listens any more.
            said.try_for_each(|line| sender.send(line))
        });
        let patience = PATIENCE;
        let runner = Self { child, stdin, lines, folder, group, patience, others_share: None };
        if let Some(group) = &runner.group {
            // It waits for its first line and has made nothing yet.
            group.take(runner.child.id())?;
        }
        Ok(runner)
    }

    /// Has it run what `order` names, and returns its report.
    ///
    /// # Errors
    ///
    /// What it said, or how it ended; it is good for nothing then.
    pub(crate) fn run(&mut self, order: &str) -> Result<Value> {
        let begin = Reading::now(self.child.id());
        let sent = self.stdin.as_mut().is_some_and(|stdin| writeln!(stdin, "{order}").is_ok());
        let line = match self.lines.recv_timeout(self.patience) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => bail!("nothing for {} s", self.patience.as_secs()),
            Err(RecvTimeoutError::Disconnected) => return Err(self.death()),
        };
        let end = Reading::now(self.child.id());
        self.others_share = begin.zip(end).and_then(|(begin, end)| begin.share_until(end));
        let report: Value = serde_json::from_str(&line).context("a report that is no JSON")?;
        match report.get("error").and_then(Value::as_str) {
            Some(error) => Err(anyhow!("{error}")),
            None if sent => Ok(report),
            None => bail!("a report that nobody asked for"),
        }
    }

    /// Tells it that nothing more comes, waits, and removes what it left.
    ///
    /// # Errors
    ///
    /// When it does not end well: a store that cannot be closed is a failure too.
    pub(crate) fn end(mut self) -> Result<()> {
        drop(self.stdin.take());
        match self.lines.recv_timeout(FAREWELL) {
            Ok(line) => bail!("at its end it said {line}"),
            Err(RecvTimeoutError::Timeout) => bail!("it does not end"),
            Err(RecvTimeoutError::Disconnected) => {}
        }
        let status = self.child.wait().context("wait for a runner")?;
        if status.success() { Ok(()) } else { Err(self.why(status)) }
    }

    /// The most memory it used at once so far, the page cache included, if it is limited.
    pub(crate) fn peak_bytes(&self) -> Option<u64> {
        self.group.as_ref().and_then(Group::peak_bytes)
    }

    /// The share of the processors that others took from its last order to the report, settling and
    /// checks included.
    pub(crate) fn others_share(&self) -> Option<f64> {
        self.others_share
    }

    /// Why it is gone.
    fn death(&mut self) -> anyhow::Error {
        let begin = Instant::now();
        while begin.elapsed() < FAREWELL {
            match self.child.try_wait() {
                Ok(Some(status)) => return self.why(status),
                // It closed its end a moment ago.
                Ok(None) => thread::yield_now(),
                Err(error) => return error.into(),
            }
        }
        anyhow!("it closed its stdout and goes on")
    }

    fn why(&self, status: ExitStatus) -> anyhow::Error {
        if self.group.as_ref().is_some_and(Group::killed) {
            return anyhow!("killed by the system: it needed more than its memory limit");
        }
        anyhow!("ended with {status}")
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        // All three fail harmlessly if `end` did them already.
        drop(self.child.kill());
        drop(self.child.wait());
        drop(fs::remove_dir_all(&self.folder));
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn scripted(script: &str) -> Runner {
        let folder = tempfile::tempdir().unwrap().keep();
        Runner::spawn(Command::new("/bin/sh").args(["-c", script]), folder, None).unwrap()
    }

    #[test]
    fn a_runner_answers_each_order_and_leaves_nothing() {
        let mut runner =
            scripted("while read name cap; do echo \"{\\\"asked\\\":\\\"$name\\\"}\"; done");
        for name in ["fillseq", "readseq"] {
            assert_eq!(runner.run(&format!("{name} <9")).unwrap()["asked"], name);
        }
        let folder = runner.folder.clone();
        runner.end().unwrap();
        assert!(!folder.exists());
    }

    #[test]
    fn every_way_to_fail_is_told() {
        let fails = |script| scripted(script).run("fillseq").unwrap_err().to_string();
        assert_eq!(fails("read it; echo '{\"error\":\"no room\"}'; exit 1"), "no room");
        assert_eq!(fails("read it; exit 3"), "ended with exit status: 3");
        assert!(fails("read it; kill -9 $$").contains("signal: 9"));
        assert!(fails("read it; echo hello").contains("no JSON"));
        let mut silent = scripted("exec sleep 600");
        silent.patience = Duration::from_millis(20);
        assert!(silent.run("fillseq").unwrap_err().to_string().contains("nothing for"));
        assert!(scripted("read it; exit 4").end().unwrap_err().to_string().contains("status: 4"));
    }
}
