//! `bench`: workloads that users know, measured and verified.

mod bar;
mod output;

use crate::args::{self, WriteDurability};
use crate::exit::Failure;
use crate::{database, options};
use anyhow::Result;
use bar::Bar;
use output::Output;
use siltstone::{Durability, Options};
use siltstone_bench::{Error, Run, Settings, Siltstone};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

/// Runs the workloads in the order they were named; each is shown when it is done.
pub(super) fn run(args: &args::Bench, out: &mut dyn Write) -> Result<()> {
    let settings = settings(args);
    let engine = Siltstone::new(options::apply(&args.settings, Options::new()));
    // Wrong settings are found before anything is made.
    Run::new(&engine, &settings, Path::new("")).map_err(explain)?;
    if let Some(dir) = &args.dir {
        database::refuse_used(dir)?;
        fs::create_dir_all(dir)?;
        return run_in(dir, &engine, &settings, Output::begin(args, &settings, out)?);
    }
    let temporary = tempfile::Builder::new().prefix("siltstone-bench-").tempdir()?;
    run_in(temporary.path(), &engine, &settings, Output::begin(args, &settings, out)?)?;
    Ok(temporary.close()?)
}

fn run_in(
    dir: &Path,
    engine: &Siltstone,
    settings: &Settings,
    mut output: Output<'_>,
) -> Result<()> {
    let mut run = Run::new(engine, settings, dir).map_err(explain)?;
    let bar = Bar::default();
    for workload in &settings.workloads {
        let report = run.workload(*workload, &bar);
        bar.clear();
        output.show(report.map_err(explain)?)?;
    }
    Ok(run.close()?)
}

fn settings(args: &args::Bench) -> Settings {
    Settings {
        workloads: args.workloads.clone(),
        num: args.num,
        key_bytes: args.key_bytes,
        keys: args.keys,
        value_bytes: args.value_bytes,
        compression_ratio: args.compression_ratio,
        threads: args.threads,
        duration: args.seconds.map(Duration::from_secs),
        rate: args.rate,
        durability: match args.durability {
            WriteDurability::Buffered => Durability::Buffered,
            WriteDurability::Sync => Durability::Sync,
        },
        seed: args.seed,
    }
}

/// Settings that cannot be run are wrong use.
fn explain(error: Error) -> anyhow::Error {
    match error {
        Error::Invalid { .. } => Failure::WrongUse(error.to_string()).into(),
        error => error.into(),
    }
}
