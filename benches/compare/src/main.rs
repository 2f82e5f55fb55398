//! One engine in one process, told workload by workload what to run.
//!
//! ```text
//! siltstone-compare engines                    what is compiled in, a JSON line each
//! siltstone-compare run --engine NAME ..       workloads from stdin, a JSON report each
//! siltstone-compare kill-check --engine NAME   what a killed process leaves behind
//! siltstone-compare page                       a comparison on stdin as HTML on stdout
//! ```
//!
//! `cargo xtask compare` is the parent that keeps one child for each engine and tells them in
//! turn. Engines are compiled in by features; Siltstone always is.
//!
//! Always: stdout carries JSON, one object a line, flushed at once; a failure is
//! `{"error": ".."}` and exit 1.

mod contender;
mod kill_check;
mod page;
mod peers;
mod protocol;
mod setup;

use clap::{Args, Parser};
use contender::Contender;
use serde_json::json;
use setup::{Setup, bytes};
use siltstone_bench::{Durability, KeyStyle, Settings};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Runs workloads on one engine.
#[derive(Debug, Parser)]
#[command(name = "siltstone-compare")]
enum Command {
    /// Every engine compiled in: name, version, settings, what its buffered writes survive
    Engines(Setup),
    /// Runs the workloads that come on stdin, a name a line, seconds behind it if others than
    /// --seconds; a report each
    Run(Run),
    /// Kills a process that writes, opens what it left, and counts
    KillCheck(Kill),
    /// Makes a page with plots of the comparison that stdin has, as `compare.json`
    Page,
    /// Puts keys and says so until it is killed
    #[command(hide = true)]
    WriteUntilKilled(Kill),
}

#[derive(Debug, Args)]
struct Run {
    /// Which engine
    #[arg(long)]
    engine: String,
    /// Where its stores go; made if missing
    #[arg(long)]
    dir: PathBuf,
    /// How many keys
    #[arg(long, default_value_t = 1_000_000)]
    num: u64,
    /// How many threads work at once
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// How long each workload runs; a fill ends with its last key at the latest
    #[arg(long)]
    seconds: Option<f64>,
    /// From which everything random comes
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What keys look like
    #[arg(long, default_value = "digits")]
    keys: KeyStyle,
    /// How long a value is
    #[arg(long, default_value_t = 100)]
    value_bytes: usize,
    /// What each write survives
    #[arg(long, value_enum, default_value = "buffered")]
    durability: WriteDurability,
    #[command(flatten)]
    setup: Setup,
}

#[derive(Debug, Args)]
struct Kill {
    /// Which engine
    #[arg(long)]
    engine: String,
    /// Where its store goes; made if missing
    #[arg(long)]
    dir: PathBuf,
    /// Little, so that memory is written to tables on the way
    #[arg(long, default_value = "16MiB", value_parser = bytes)]
    memory: u64,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum WriteDurability {
    /// The death of the process
    Buffered,
    /// Loss of power
    Sync,
}

fn main() -> ExitCode {
    let done = match Command::parse() {
        Command::Engines(setup) => engines(setup),
        Command::Run(args) => run(&args),
        Command::KillCheck(args) => named(&args.engine, Setup::with_memory(args.memory))
            .and_then(|engine| kill_check::run(&*engine, &args.dir, args.memory)),
        Command::Page => page::run(),
        Command::WriteUntilKilled(args) => named(&args.engine, Setup::with_memory(args.memory))
            .and_then(|engine| kill_check::write_until_killed(&*engine, &args.dir)),
    };
    if let Err(error) = done {
        // Nobody may be left to read it; the exit code says it too.
        drop(protocol::say(&json!({ "error": format!("{error:#}") })));
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn engines(setup: Setup) -> anyhow::Result<()> {
    for engine in peers::all(setup) {
        protocol::say(&json!({
            "name": engine.name(),
            "version": engine.version(),
            "buffered_survives_kill": engine.buffered_survives_kill(),
            "settings": engine.settings(),
        }))?;
    }
    Ok(())
}

fn run(args: &Run) -> anyhow::Result<()> {
    let settings = Settings {
        num: args.num,
        threads: args.threads,
        duration: args.seconds.map(Duration::try_from_secs_f64).transpose()?,
        seed: args.seed,
        keys: args.keys,
        value_bytes: args.value_bytes,
        durability: match args.durability {
            WriteDurability::Buffered => Durability::Buffered,
            WriteDurability::Sync => Durability::Sync,
        },
        ..Settings::default()
    };
    let entry_bytes = (args.keys.default_bytes() + args.value_bytes) as u64;
    let setup = Setup { data: args.num.saturating_mul(entry_bytes), ..args.setup };
    let engine = named(&args.engine, setup)?;
    protocol::run(&*engine, &settings, &args.dir)
}

/// The engine called `name`.
fn named(name: &str, setup: Setup) -> anyhow::Result<Box<dyn Contender>> {
    let mut engines = peers::all(setup);
    let found = engines.iter().position(|engine| engine.name() == name);
    found.map(|index| engines.swap_remove(index)).ok_or_else(|| {
        let names: Vec<_> = engines.iter().map(|engine| engine.name()).collect();
        anyhow::anyhow!("no engine {name:?} is compiled in; there are {}", names.join(", "))
    })
}
