//! `cargo xtask integration`: the long model runs of the engine.
//!
//! The same tests as in `cargo test`, with more seeds: `model` compares the database with a
//! `BTreeMap` over random histories, `metamorphic` runs the same calls under fifty sets of options.
//! A failure prints its seed; `--seed` runs that one again.

use anyhow::Result;

use crate::cargo::{Cargo, run as run_command};

/// Which histories, and for how long.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Args {
    /// Which test
    #[arg(long, value_enum, default_value_t = Test::Model)]
    test: Test,
    /// How many seeds to run
    #[arg(long, default_value_t = 500, conflicts_with = "seed")]
    seeds: u64,
    /// Start no further seed after this many seconds
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// Run this one seed only, as a failed run printed it
    #[arg(long)]
    seed: Option<u64>,
}

/// A test of the engine that reads these variables.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Test {
    Model,
    Metamorphic,
}

impl Test {
    const fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Metamorphic => "metamorphic",
        }
    }
}

/// Runs the engine's test over the seeds of `args`; returns whether all passed.
///
/// # Errors
///
/// When the test cannot be built or fails; its own output says how.
pub(crate) fn run(args: &Args, cargo: &Cargo) -> Result<bool> {
    let test = args.test.name();
    let mut command =
        cargo.command(["test", "-p", "siltstone", "--test", test, "--", "--nocapture"]);
    command.env("SILTSTONE_SECONDS", args.seconds.to_string());
    match args.seed {
        Some(seed) => command.env("SILTSTONE_SEED", seed.to_string()),
        None => command.env("SILTSTONE_SEEDS", args.seeds.to_string()),
    };
    run_command(&mut command)?;
    Ok(true)
}
