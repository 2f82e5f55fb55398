//! `cargo xtask race`: threads in orders that a machine seldom takes, and memory under guard.
//!
//! - `loom`: every order of what has no lock by our own hand, in the memory model of Rust;
//! - `shuttle`: the engine's protocols, 100,000 orders drawn from a seed;
//! - `tsan`: the stress program under the thread sanitizer, after it told of a planted race;
//! - `asan`: tests of the layers under the address sanitizer.
//!
//! Each has flags of its own for the compiler and so a target folder of its own, below `race` in
//! the usual one. The sanitizers are unstable: `RUSTC_BOOTSTRAP` lets a stable compiler take them.

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

use crate::cargo::{Cargo, run as run_command};
use crate::report::{Outcome, Report};
use crate::workspace::Workspace;

/// The kind of machine for which the compiler brings the sanitizers' runtimes.
const SANITIZED: &str = "x86_64-unknown-linux-gnu";
/// Orders that each of the engine's protocol tests tries: 9 tests take all, one a quarter.
const SCHEDULES: u64 = 11_000;
const SCHEDULES_QUICK: u64 = 500;
/// Seconds of the stress program.
const SECONDS: u64 = 60;
const SECONDS_QUICK: u64 = 6;

/// What to run, and how much of it.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// A twentieth of the orders, a tenth of the time
    #[arg(long)]
    quick: bool,
    /// Run these only
    #[arg(long, value_name = "CHECK", value_delimiter = ',')]
    only: Vec<Check>,
    /// Where the orders begin
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// One way of looking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Check {
    Loom,
    Shuttle,
    Tsan,
    Asan,
}

impl Check {
    fn name(self) -> &'static str {
        match self {
            Self::Loom => "loom",
            Self::Shuttle => "shuttle",
            Self::Tsan => "tsan",
            Self::Asan => "asan",
        }
    }

    fn flags(self) -> &'static str {
        match self {
            Self::Loom => "--cfg loom",
            Self::Shuttle => "--cfg shuttle",
            Self::Tsan => "-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer",
            Self::Asan => "-Zsanitizer=address",
        }
    }

    fn is_sanitizer(self) -> bool {
        matches!(self, Self::Tsan | Self::Asan)
    }
}

/// Runs the checks and prints the table; returns whether none failed.
pub(crate) fn run(args: &Args, workspace: &Workspace, cargo: &Cargo) -> bool {
    let mut report = Report::default();
    for &check in Check::value_variants() {
        let started = Instant::now();
        let outcome = why_not(args, check).map_or_else(
            || run_check(&Race { check, args, workspace, cargo }),
            |why| Outcome::Skipped(why.to_owned()),
        );
        report.add(check.name(), outcome, started.elapsed());
    }
    println!("\n{report}");
    report.passed()
}

fn run_check(race: &Race<'_>) -> Outcome {
    println!("\n== {}", race.check.name());
    race.run().map_or_else(|error| Outcome::Failed(format!("{error:#}")), |()| Outcome::Passed)
}

fn why_not(args: &Args, check: Check) -> Option<&'static str> {
    if !args.only.is_empty() && !args.only.contains(&check) {
        return Some("not named by --only");
    }
    let sanitized = cfg!(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu"));
    (check.is_sanitizer() && !sanitized).then_some("the sanitizers are for x86_64 Linux with glibc")
}

/// One check with all it needs.
struct Race<'a> {
    check: Check,
    args: &'a Args,
    workspace: &'a Workspace,
    cargo: &'a Cargo,
}

impl Race<'_> {
    fn run(&self) -> Result<()> {
        match self.check {
            Check::Loom => self.loom(),
            Check::Shuttle => self.shuttle(),
            Check::Tsan => self.tsan(),
            Check::Asan => self.asan(),
        }
    }

    fn loom(&self) -> Result<()> {
        let layers = ["-p", "siltstone-memtable", "-p", "siltstone"];
        let test = ["test", "--release", "--lib"].iter().chain(&layers).chain(&["--", "loom"]);
        run_command(&mut self.command(test.copied()))
    }

    fn shuttle(&self) -> Result<()> {
        let test = ["test", "--release", "-p", "siltstone", "--test", "protocols"];
        let schedules = if self.args.quick { SCHEDULES_QUICK } else { SCHEDULES };
        let mut command = self.command(test.iter().chain(&["--", "--nocapture"]).copied());
        command.env("SILTSTONE_SCHEDULES", schedules.to_string());
        command.env("SILTSTONE_SEED", self.args.seed.to_string());
        run_command(&mut command)
    }

    /// Zero reports of the stress program, and one of the race that it plants on request.
    fn tsan(&self) -> Result<()> {
        let build = ["build", "--release", "-p", "siltstone", "--example", "stress"];
        run_command(&mut self.command(build))?;
        let program = self.target_dir().join(SANITIZED).join("release/examples/stress");
        let suppressions = self.workspace.root.join("xtask/tsan.supp");
        let options = format!("suppressions={} exitcode=66", suppressions.display());
        let mut planted = Command::new(&program);
        let planted = planted.arg("1").env("SILTSTONE_PLANT_RACE", "1");
        let planted = planted.env("TSAN_OPTIONS", &options);
        let told = planted.output().with_context(|| format!("start {}", program.display()))?;
        let told = String::from_utf8_lossy(&told.stderr);
        ensure!(told.contains("planted::raise"), "a planted race was not found: {told}");
        println!("-- the planted race was found");
        let seconds = if self.args.quick { SECONDS_QUICK } else { SECONDS };
        let mut command = Command::new(&program);
        run_command(command.arg(seconds.to_string()).env("TSAN_OPTIONS", &options))
    }

    /// The layers that decode, map or share bytes. Doc tests are built without the flags.
    fn asan(&self) -> Result<()> {
        let layers = ["siltstone-vfs", "siltstone-wal", "siltstone-memtable", "siltstone-sstable"];
        let mut test = vec!["test", "--lib", "--tests"];
        test.extend(layers.iter().flat_map(|layer| ["-p", layer]));
        run_command(&mut self.command(test))?;
        let engine = ["test", "--lib", "--test", "protocols", "--test", "lifetime"];
        run_command(&mut self.command(engine.iter().chain(&["-p", "siltstone"]).copied()))
    }

    /// Cargo with the flags and the folder of this check.
    fn command<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = self.cargo.command(args.into_iter().enumerate().flat_map(|(at, arg)| {
            let target = (at == 1 && self.check.is_sanitizer()).then_some(["--target", SANITIZED]);
            target.into_iter().flatten().chain([arg])
        }));
        command.env("RUSTFLAGS", self.check.flags()).env("CARGO_TARGET_DIR", self.target_dir());
        if self.check.is_sanitizer() {
            command.env("RUSTC_BOOTSTRAP", "1");
        }
        if self.check == Check::Asan {
            // A request for more than there can be is refused, as it is without the sanitizer.
            command.env("ASAN_OPTIONS", "allocator_may_return_null=1");
        }
        command
    }

    fn target_dir(&self) -> PathBuf {
        let usual = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
        let usual = usual.unwrap_or_else(|| self.workspace.root.join("target"));
        usual.join("race").join(self.check.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_says_so() {
        let args = Args { quick: true, only: vec![Check::Loom], seed: 1 };
        assert_eq!(why_not(&args, Check::Loom), None);
        assert_eq!(why_not(&args, Check::Shuttle), Some("not named by --only"));
    }

    #[test]
    fn a_sanitizer_names_its_target_behind_the_subcommand() {
        let workspace = Workspace { root: PathBuf::from("/w"), packages: Vec::new() };
        let (cargo, args) =
            (Cargo::new(&workspace.root), Args { quick: true, only: Vec::new(), seed: 1 });
        let race = |check| Race { check, args: &args, workspace: &workspace, cargo: &cargo };
        let words = |check| {
            let command = race(check).command(["test", "--lib"]);
            command.get_args().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>()
        };
        assert_eq!(words(Check::Asan), ["test", "--target", SANITIZED, "--lib"]);
        assert_eq!(words(Check::Loom), ["test", "--lib"]);
    }
}
