//! `cargo xtask bench-gate`: instructions of fixed operations, against those that were recorded.
//!
//! 1. The program `gate` of siltstone-benches is built as a release is, for the baseline of its
//!    processor family.
//! 2. It runs under callgrind, which counts the instructions of each operation apart.
//! 3. Counts for one operation are compared with `benches/gate.json`: more by the tolerance fail,
//!    less by the tolerance asks for a new recording.
//!
//! Time says nothing on a machine that others use; instructions do, and they are the same on every
//! machine, as long as compiler and C library are those of the recording. Where they are not, only
//! a quarter more fails.

mod baseline;
mod callgrind;
mod comparison;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::built;
use crate::cargo::Cargo;
use crate::report::Outcome;
use crate::workspace::Workspace;
use baseline::{Baseline, Made};
use callgrind::Counted;
use comparison::Comparison;

/// Whether to compare or to record.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub(crate) struct Args {
    /// Makes what is counted now the baseline
    #[arg(long)]
    record: bool,
}

const NOT_INSTALLED: &str = "valgrind is not installed";

/// Counts, then compares or records; returns whether nothing became more expensive.
///
/// # Errors
///
/// When the program cannot be built or counted, or the baseline not be read or written.
pub(crate) fn run(args: Args, workspace: &Workspace, cargo: &Cargo) -> Result<bool> {
    if args.record {
        let Some(made) = Made::here()? else { anyhow::bail!(NOT_INSTALLED) };
        let counted = count(workspace, cargo)?;
        let baseline = Baseline::new(made, &counted);
        baseline.save(&workspace.root)?;
        println!("recorded {} operations", counted.len());
        return Ok(true);
    }
    let outcome = check(workspace, cargo)?;
    println!("bench-gate: {outcome}");
    Ok(!matches!(outcome, Outcome::Failed(_)))
}

/// Counts and compares.
///
/// # Errors
///
/// When the program cannot be built or counted, or the baseline not be read.
pub(crate) fn check(workspace: &Workspace, cargo: &Cargo) -> Result<Outcome> {
    let Some(made) = Made::here()? else {
        return Ok(Outcome::Skipped(NOT_INSTALLED.to_owned()));
    };
    let baseline = Baseline::load(&workspace.root)?;
    let counted = count(workspace, cargo)?;
    let comparison = Comparison::new(&baseline, &made, &counted);
    println!("{comparison}");
    Ok(comparison.outcome())
}

/// Instructions of each operation, in the order in which they ran.
fn count(workspace: &Workspace, cargo: &Cargo) -> Result<Vec<Counted>> {
    let program = build(cargo)?;
    callgrind::count(&mut Command::new(program), &workspace.root.join("target/gate"))
}

/// Builds the program for every processor of its family, whatever the environment asks for.
fn build(cargo: &Cargo) -> Result<PathBuf> {
    let build = ["build", "--release", "--package", "siltstone-benches", "--bin", "gate"];
    let messages = ["--message-format=json-render-diagnostics"];
    let mut command = cargo.command(build.iter().chain(&messages));
    // What is set here, be it nothing, replaces all other places where flags may stand.
    command.env("CARGO_ENCODED_RUSTFLAGS", "");
    let messages = crate::cargo::read(&mut command)?;
    let gate = built::targets(&messages)
        .find(|built| built.target.kind == ["bin"] && built.target.name == "gate");
    gate.and_then(|built| built.executable).context("the build made no program `gate`")
}
