//! `cargo xtask crash`: real processes and real file systems, killed, refused, filled, cut off.
//!
//! A child, the engine's example `writers`, writes with several threads and tells of each
//! acknowledgement. This program remembers them, does something bad to the child or to the disk
//! below it, and lets a second child look at what is left:
//!
//! ```text
//! kill       SIGKILL after a random time; one database lives through all cycles
//! syscalls   SIGKILL at the n-th call of each kind, the recovery too (strace)
//! errors     each call fails once, is interrupted, or lies; files hit a size limit (strace, sh)
//! full       a small file system fills up, and later gets room (mount)
//! power      images of a disk whose power went at any write (qemu-storage-daemon, loop, ext4)
//! ```
//! What a machine lacks is skipped with the reason, in the table that closes the run.

mod errors;
mod full;
mod kill;
mod ledger;
mod mount;
mod power;
mod said;
mod seed;
mod session;
mod strace;
mod syscalls;
mod write_log;
mod writers;

use std::env;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::cargo::Cargo;
use crate::report::{Outcome, Report};
use seed::Seed;
use writers::Writers;

/// Set for the run inside a mount namespace of its own.
const APART: &str = "SILTSTONE_CRASH_APART";

/// What to do, and how much of it.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// How often the part `kill` kills
    #[arg(long, default_value_t = 30)]
    cycles: u64,
    /// Where the random choices begin; a failure prints what it needs
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Run these parts only
    #[arg(long, value_name = "PART", value_delimiter = ',')]
    only: Vec<CrashPart>,
    /// Each part starts nothing new after this many seconds
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// Every one of the first 1,000 calls, every error, 200 images
    #[arg(long)]
    full: bool,
}

/// One part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum CrashPart {
    Kill,
    Syscalls,
    Errors,
    Full,
    Power,
}

impl CrashPart {
    const ALL: [Self; 5] = [Self::Kill, Self::Syscalls, Self::Errors, Self::Full, Self::Power];

    fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Syscalls => "syscalls",
            Self::Errors => "errors",
            Self::Full => "full",
            Self::Power => "power",
        }
    }

    fn run(self, plan: &Plan) -> Result<Outcome> {
        match self {
            Self::Kill => kill::run(plan),
            Self::Syscalls => syscalls::run(plan),
            Self::Errors => errors::run(plan),
            Self::Full => full::run(plan),
            Self::Power => power::run(plan),
        }
    }
}

/// What each part is given.
#[derive(Debug)]
struct Plan {
    writers: Writers,
    cycles: u64,
    /// Whether to leave nothing out.
    full: bool,
    seed: u64,
    /// For the whole part.
    time: Duration,
    started: Instant,
}

impl Plan {
    /// Random choices of the part `name`, the same for the same `--seed`.
    fn seed(&self, name: &str) -> Seed {
        Seed::new(self.seed, name)
    }

    /// Whether the time for this part is over.
    fn is_late(&self) -> bool {
        self.started.elapsed() >= self.time
    }

    /// What the table adds if time cut the part short at `done` of `wanted`.
    fn cut_short(done: u64, wanted: u64) -> String {
        if done < wanted {
            format!("; --seconds ended it at {done} of {wanted}")
        } else {
            String::new()
        }
    }
}

/// Runs the parts and prints the table; returns whether none failed.
///
/// # Errors
///
/// When the child program cannot be built.
pub(crate) fn run(args: &Args, cargo: &Cargo) -> Result<bool> {
    if let Some(passed) = run_apart()? {
        return Ok(passed);
    }
    let mut plan = Plan {
        writers: Writers::build(cargo)?,
        cycles: args.cycles,
        full: args.full,
        seed: args.seed,
        time: Duration::from_secs(args.seconds),
        started: Instant::now(),
    };
    let mut report = Report::default();
    for part in CrashPart::ALL {
        if !args.only.is_empty() && !args.only.contains(&part) {
            let why = "not named by --only".to_owned();
            report.add(part.name(), Outcome::Skipped(why), Duration::ZERO);
            continue;
        }
        println!("== {} (seed {})", part.name(), args.seed);
        plan.started = Instant::now();
        let outcome = part.run(&plan).unwrap_or_else(|error| {
            Outcome::Failed(format!(
                "{error:#}; again: --only {} --seed {}",
                part.name(),
                args.seed
            ))
        });
        println!("== {}: {outcome}", part.name());
        report.add(part.name(), outcome, plan.started.elapsed());
    }
    println!("\n{report}");
    Ok(report.passed())
}

/// Runs this whole program once more in a mount namespace of its own, where that may be: what it
/// mounts is gone when it ends, however it ends.
fn run_apart() -> Result<Option<bool>> {
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private"]);
        command
    };
    let may = || unshare().arg("true").output().is_ok_and(|output| output.status.success());
    if env::var_os(APART).is_some() || !may() {
        return Ok(None);
    }
    let program = env::current_exe().context("find this program")?;
    let mut command = unshare();
    command.arg(program).args(env::args_os().skip(1)).env(APART, "1");
    let status = command.status().context("start this program apart")?;
    Ok(Some(status.success()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_on_the_command_line_are_the_names_in_the_table() {
        for part in CrashPart::ALL {
            assert_eq!(part.to_possible_value().unwrap().get_name(), part.name());
        }
        assert_eq!(CrashPart::ALL.as_slice(), CrashPart::value_variants());
    }
}
