//! The project's own commands.
//!
//! ```text
//! cargo xtask ci             everything a change must pass, with a table at the end
//! cargo xtask layers         the chain of crates and the rules of their folders
//! cargo xtask integration    the long model runs of the engine
//! cargo xtask sabotage       twenty deliberate bugs, and which test finds each
//! cargo xtask crash          processes killed, calls that fail, disks that fill up or lose power
//! cargo xtask race           model checkers and sanitizers over all that threads share
//! cargo xtask fuzz           the fuzz targets, each for some seconds
//! cargo xtask bench-gate     instructions of fixed operations, against those recorded
//! cargo xtask compare        Siltstone beside other engines: speed, latency, space
//! ```
//!
//! Plain programs in the project's own language instead of shell: they run where cargo runs, and
//! their decisions have tests. What they start is cargo and what cargo built; `crash` and
//! `bench-gate` also start tools of the machine, and say which they miss.

#![expect(clippy::print_stdout, reason = "these commands talk to the person who started them")]

mod bench_gate;
mod built;
mod cargo;
mod chain;
mod ci;
mod compare;
mod counters;
mod crash;
mod dependencies;
mod fuzz;
mod integration;
mod layers;
mod layout;
mod part;
mod race;
mod report;
mod sabotage;
mod workspace;

use std::process::ExitCode;

use clap::Parser;

use crate::cargo::Cargo;
use crate::workspace::Workspace;

/// The project's own commands.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Command {
    /// Everything a change must pass; a table of results and seconds closes it
    Ci(ci::Args),
    /// The chain of crates, dev- and build-dependencies too, and the rules of their folders
    Layers,
    /// The long model runs of the engine
    Integration(integration::Args),
    /// Makes twenty deliberate bugs, one after the other, and expects the tests to find each
    Sabotage(sabotage::Args),
    /// Processes killed, calls that fail, disks that fill up or lose power
    Crash(crash::Args),
    /// Model checkers and sanitizers over all that threads share
    Race(race::Args),
    /// The fuzz targets, each for some seconds
    Fuzz(fuzz::Args),
    /// Instructions of fixed operations of each layer, against those that were recorded
    BenchGate(bench_gate::Args),
    /// Siltstone beside other engines, on this machine at the same time
    Compare(compare::Args),
}

fn main() -> anyhow::Result<ExitCode> {
    let command = Command::parse();
    let workspace = Workspace::load()?;
    let cargo = Cargo::new(&workspace.root);
    let passed = match command {
        Command::Ci(args) => ci::run(&args, &workspace, &cargo),
        Command::Layers => layers::run(&workspace)?,
        Command::Integration(args) => integration::run(&args, &cargo)?,
        Command::Sabotage(args) => sabotage::run(&args, &cargo)?,
        Command::Crash(args) => crash::run(&args, &cargo)?,
        Command::Race(args) => race::run(&args, &workspace, &cargo),
        Command::Fuzz(args) => fuzz::run(&args, &workspace, &cargo)?,
        Command::BenchGate(args) => bench_gate::run(args, &workspace, &cargo)?,
        Command::Compare(args) => compare::run(&args, &workspace, &cargo)?,
    };
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
