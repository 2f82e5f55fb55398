//! `bench`: workloads that users know, measured and verified.

use crate::args::{self, WriteDurability};
use crate::exit::Failure;
use crate::{database, options, progress};
use anyhow::Result;
use indicatif::ProgressBar;
use siltstone::{Durability, Options};
use siltstone_bench::{
    Error, Observer, Run, Settings, Siltstone, Workload, table_head, table_line,
};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Runs the workloads in the order they were named; each is shown when it is done.
pub(super) fn run(args: &args::Bench, out: &mut dyn Write) -> Result<()> {
    let settings = settings(args);
    let engine = Siltstone::new(options::apply(&args.settings, Options::new()));
    if let Some(dir) = &args.dir {
        database::refuse_used(dir)?;
        // Wrong settings are found before anything is made.
        Run::new(&engine, &settings, dir).map_err(explain)?;
        fs::create_dir_all(dir)?;
        return run_in(dir, &engine, &settings, args.json, out);
    }
    let temporary = tempfile::Builder::new().prefix("siltstone-bench-").tempdir()?;
    run_in(temporary.path(), &engine, &settings, args.json, out)?;
    Ok(temporary.close()?)
}

fn run_in(
    dir: &Path,
    engine: &Siltstone,
    settings: &Settings,
    json: bool,
    out: &mut dyn Write,
) -> Result<()> {
    let mut run = Run::new(engine, settings, dir).map_err(explain)?;
    if !json {
        writeln!(out, "{}", table_head())?;
    }
    let bar = Bar::default();
    for workload in &settings.workloads {
        let report = run.workload(*workload, &bar);
        bar.clear();
        let report = report.map_err(explain)?;
        if json {
            writeln!(out, "{}", serde_json::to_string(&report)?)?;
        } else {
            writeln!(out, "{}", table_line(&report))?;
        }
        // A run takes long: what is known shall be seen.
        out.flush()?;
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

/// A bar for each workload.
#[derive(Debug, Default)]
struct Bar(Mutex<Option<ProgressBar>>);

impl Bar {
    fn with(&self, show: impl FnOnce(&mut Option<ProgressBar>)) {
        show(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn clear(&self) {
        self.with(|bar| {
            if let Some(bar) = bar.take() {
                bar.finish_and_clear();
            }
        });
    }
}

impl Observer for Bar {
    fn began(&self, workload: Workload, ops: Option<u64>) {
        self.with(|bar| {
            *bar = Some(match ops {
                Some(ops) => progress::of_count(workload.name(), ops),
                None => progress::of_work(workload.name()),
            });
        });
    }

    fn advanced(&self, ops: u64) {
        self.with(|bar| {
            if let Some(bar) = bar {
                bar.inc(ops);
            }
        });
    }

    fn ended(&self) {
        self.clear();
    }
}
