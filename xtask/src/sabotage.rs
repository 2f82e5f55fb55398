//! `cargo xtask sabotage`: makes twenty deliberate bugs, one after the other, and expects the tests
//! to find each.
//!
//! 1. The tests of the layers are built once, with every bug in them and none of them chosen.
//! 2. They run once as they are. They must pass, or a failure below would mean nothing.
//! 3. For each bug they run again with it, those first that know of no bug in particular: crashes,
//!    models, faults. The first failed test is what kills it, and ends its run.
//!
//! A bug that no test notices is a finding about the tests, and fails the command.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use siltstone_base::Sabotage;

use crate::built::{self, Built};
use crate::cargo::Cargo;

/// The crates whose tests run.
const PACKAGES: [&str; 6] = [
    "siltstone",
    "siltstone-compaction",
    "siltstone-sstable",
    "siltstone-wal",
    "siltstone-memtable",
    "siltstone-base",
];

/// Tests that know of no bug in particular, the quickest first.
const GENERAL: [&str; 5] = ["model", "crash", "metamorphic", "rot", "enumerate"];

/// How many of the bugs these must find.
const GENERAL_KILLS: usize = 15;

/// Which bugs.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Make these bugs only, by name
    #[arg(long, value_name = "BUG", value_delimiter = ',')]
    only: Vec<String>,
    /// Do not run the tests without a bug first
    #[arg(long)]
    trust: bool,
    /// A test program that has not ended after so many seconds is taken to hang
    #[arg(long, default_value_t = 900)]
    seconds: u64,
}

/// Makes the bugs and prints what killed each; returns whether every one was found.
///
/// # Errors
///
/// When the tests cannot be built or run, or fail without a bug.
pub(crate) fn run(args: &Args, cargo: &Cargo) -> Result<bool> {
    let bugs = chosen(&args.only)?;
    let programs = build(cargo)?;
    let limit = Duration::from_secs(args.seconds);
    if !args.trust {
        for program in &programs {
            println!("-- {program} without a bug");
            let ended = program.run(None, limit)?;
            ensure!(ended == Ended::Passed, "{program} without a bug: {ended}");
        }
    }
    let mut kills = Vec::new();
    for bug in bugs {
        let kill = kill(bug, &programs, limit)?;
        println!("-- {kill}");
        kills.push(kill);
    }
    Ok(verdict(&kills, args.only.is_empty()))
}

fn chosen(only: &[String]) -> Result<Vec<Sabotage>> {
    let unknown = only.iter().find(|name| !Sabotage::ALL.iter().any(|bug| bug.name() == **name));
    ensure!(unknown.is_none(), "there is no bug `{}`", unknown.map_or("", String::as_str));
    let is_chosen = |bug: &Sabotage| only.is_empty() || only.iter().any(|name| name == bug.name());
    Ok(Sabotage::ALL.into_iter().filter(is_chosen).collect())
}

/// A built test program.
#[derive(Debug)]
struct Program {
    package: String,
    name: String,
    path: PathBuf,
    folder: PathBuf,
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.package, self.name)
    }
}

/// Builds the tests with all bugs in them; in a folder of their own, so that no other build has
/// them.
fn build(cargo: &Cargo) -> Result<Vec<Program>> {
    let mut args = vec!["test", "--no-run", "--message-format=json-render-diagnostics"];
    args.extend(["--features", "siltstone-base/sabotage", "--target-dir", "target/sabotage"]);
    args.extend(PACKAGES.iter().flat_map(|package| ["--package", package]));
    let programs = programs(&cargo.read(args)?);
    for name in GENERAL {
        ensure!(programs.iter().any(|program| program.name == name), "there is no test `{name}`");
    }
    Ok(programs)
}

/// The test programs in the messages of a build, in the order in which they are to run.
fn programs(messages: &str) -> Vec<Program> {
    let tests = built::targets(messages).filter(|built| {
        built.target.kind.iter().any(|kind| matches!(kind.as_str(), "test" | "lib"))
    });
    let mut programs: Vec<Program> = tests
        .filter_map(|Built { target, manifest_path, executable, .. }| {
            let folder = manifest_path.parent()?.to_path_buf();
            let package = folder.file_name()?.to_string_lossy().into_owned();
            let name = if target.kind == ["lib"] { "unit".to_owned() } else { target.name };
            Some(Program { package, name, path: executable?, folder })
        })
        .collect();
    programs.sort_by_cached_key(|program| (rank(program), program.to_string()));
    programs
}

fn rank(program: &Program) -> usize {
    let general = GENERAL.iter().position(|name| *name == program.name);
    general.filter(|_| program.package == "engine").unwrap_or(GENERAL.len())
}

/// How a test program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Ended {
    Passed,
    /// The first test that failed.
    Failed(String),
    /// It did not end with a failed test, but not well either.
    Died(String),
    Hung,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed => f.write_str("passed"),
            Self::Failed(test) => f.write_str(test),
            Self::Died(status) => write!(f, "({status})"),
            Self::Hung => f.write_str("(it hung)"),
        }
    }
}

impl Program {
    /// Runs it with `bug`, until its end or until a test fails.
    fn run(&self, bug: Option<Sabotage>, limit: Duration) -> Result<Ended> {
        let mut command = Command::new(&self.path);
        command.current_dir(&self.folder).stdout(Stdio::piped()).stderr(Stdio::null());
        command.env_remove("SILTSTONE_SABOTAGE").env_remove("SILTSTONE_COUNTERS");
        // proptest would keep the inputs that a bug fails with.
        command.env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "true");
        if let Some(bug) = bug {
            command.env("SILTSTONE_SABOTAGE", bug.name());
        }
        let mut child = Running(command.spawn().with_context(|| format!("start {self}"))?);
        let lines = child.lines()?;
        let deadline = Instant::now() + limit;
        loop {
            match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    if let Some(test) = failed_test(&line) {
                        return Ok(Ended::Failed(test.to_owned()));
                    }
                }
                Err(mpsc::RecvTimeoutError::Timeout) => return Ok(Ended::Hung),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
            }
        }
        let status = child.0.wait().with_context(|| format!("wait for {self}"))?;
        Ok(if status.success() { Ended::Passed } else { Ended::Died(status.to_string()) })
    }
}

/// A child that does not outlive this.
struct Running(Child);

impl Running {
    /// What it prints, line by line, as it prints it.
    fn lines(&mut self) -> Result<mpsc::Receiver<String>> {
        let stdout = self.0.stdout.take().context("a test has no stdout")?;
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            let read = BufReader::new(stdout).split(b'\n').map_while(std::io::Result::ok);
            for line in read {
                if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    return;
                }
            }
        });
        Ok(lines)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to do.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The name in a line `test NAME ... FAILED`.
fn failed_test(line: &str) -> Option<&str> {
    line.strip_prefix("test ")?
        .strip_suffix(" ... FAILED")
        .map(|name| name.trim_end_matches(" - should panic"))
}

/// What found a bug.
#[derive(Debug)]
struct Kill {
    bug: Sabotage,
    /// The program and how it ended; `None` if the bug survived.
    by: Option<(String, Ended)>,
    is_general: bool,
    time: Duration,
}

impl fmt::Display for Kill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (layer, name, seconds) = (self.bug.layer(), self.bug.name(), self.time.as_secs_f64());
        write!(f, "{layer:<11} {name:<28} {seconds:>7.1}  ")?;
        match &self.by {
            Some((program, ended)) => write!(f, "{program}: {ended}"),
            None => f.write_str("SURVIVED"),
        }
    }
}

fn kill(bug: Sabotage, programs: &[Program], limit: Duration) -> Result<Kill> {
    let started = Instant::now();
    for program in programs {
        let ended = program.run(Some(bug), limit)?;
        if ended != Ended::Passed {
            let is_general = rank(program) < GENERAL.len();
            let by = Some((program.to_string(), ended));
            return Ok(Kill { bug, by, is_general, time: started.elapsed() });
        }
    }
    Ok(Kill { bug, by: None, is_general: false, time: started.elapsed() })
}

/// Prints the table; whether all bugs were found and, of all of them, enough by general tests.
fn verdict(kills: &[Kill], is_all: bool) -> bool {
    println!("\n{:<11} {:<28} {:>7}  killed by", "layer", "bug", "seconds");
    for kill in kills {
        println!("{kill}");
    }
    let killed = kills.iter().filter(|kill| kill.by.is_some()).count();
    let general = kills.iter().filter(|kill| kill.is_general).count();
    let layers: BTreeSet<_> = kills.iter().map(|kill| kill.bug.layer()).collect();
    println!(
        "{killed} of {} killed in {} layers, {general} of them by tests that know of no bug in particular",
        kills.len(),
        layers.len()
    );
    killed == kills.len() && (!is_all || general >= GENERAL_KILLS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn general_tests_run_first() {
        let message = |package: &str, kind: &str, name: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","manifest_path":"/w/crates/{package}/Cargo.toml","target":{{"kind":["{kind}"],"name":"{name}"}},"executable":"/t/{name}"}}"#
            )
        };
        let messages = [
            message("wal", "lib", "siltstone_wal"),
            message("sstable", "test", "model"),
            message("engine", "test", "crash"),
            message("engine", "example", "engine"),
            message("engine", "test", "model"),
        ];
        let found: Vec<_> = programs(&messages.join("\n")).iter().map(Program::to_string).collect();
        assert_eq!(found, ["engine model", "engine crash", "sstable model", "wal unit"]);
    }

    #[test]
    fn a_failed_test_is_read_from_its_line() {
        assert_eq!(failed_test("test a::b ... FAILED"), Some("a::b"));
        assert_eq!(failed_test("test a::b ... ok"), None);
        assert_eq!(failed_test("test result: FAILED. 1 passed"), None);
    }

    #[test]
    fn a_bug_that_survives_fails_the_run() {
        let kill = |by: Option<Ended>, is_general| Kill {
            bug: Sabotage::LogFreedEarly,
            by: by.map(|ended| ("engine crash".to_owned(), ended)),
            is_general,
            time: Duration::ZERO,
        };
        let killed = || kill(Some(Ended::Failed("a_test".into())), true);
        assert!(verdict(&[killed()], false));
        assert!(!verdict(&[killed(), kill(None, false)], false));
        let general = |count: usize| -> Vec<_> {
            (0..20).map(|number| kill(Some(Ended::Hung), number < count)).collect()
        };
        assert!(verdict(&general(15), true));
        assert!(!verdict(&general(14), true));
    }

    #[test]
    fn a_name_that_is_no_bug_is_refused() {
        assert!(chosen(&["no-such-bug".to_owned()]).is_err());
        assert_eq!(chosen(&["log-freed-early".to_owned()]).unwrap(), [Sabotage::LogFreedEarly]);
        assert_eq!(chosen(&[]).unwrap().len(), 20);
    }

    #[cfg(unix)]
    #[test]
    fn how_a_program_ends_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let ended = |script: &str| {
            let path = folder.path().join("test");
            std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            std::fs::set_permissions(&path, mode).unwrap();
            let (package, name) = ("engine".to_owned(), "test".to_owned());
            let program = Program { package, name, path, folder: folder.path().to_path_buf() };
            program.run(Some(Sabotage::LogFreedEarly), Duration::from_secs(20)).unwrap()
        };
        assert_eq!(ended("test $SILTSTONE_SABOTAGE = log-freed-early"), Ended::Passed);
        assert_eq!(ended("echo 'test x ... FAILED'; exec sleep 1000"), Ended::Failed("x".into()));
        assert_eq!(ended("exit 3"), Ended::Died("exit status: 3".into()));
    }
}
