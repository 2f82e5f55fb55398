//! The conversation with the parent.
//!
//! 1. A line of stdin names a workload; a number behind it is its seconds, `-` means no limit.
//! 2. It runs. If it wrote, the store settles, so that an idle engine does not disturb others.
//! 3. Its report is a line of stdout. At the end of stdin the store is closed.

use anyhow::{Context, Result};
use serde::Serialize;
use siltstone_bench::{Engine, Run, Settings, Unobserved, Workload};
use std::io::Write;
use std::path::Path;
use std::time::Duration;
use std::{fs, io};

/// Runs what stdin names.
pub(crate) fn run(engine: &dyn Engine, settings: &Settings, dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("make {}", dir.display()))?;
    let mut run = Run::new(engine, settings, dir)?;
    for line in io::stdin().lines() {
        let line = line.context("read stdin")?;
        let Some(order) = order(&line, settings.duration)? else { continue };
        run.set_duration(order.duration);
        let report = run.workload(order.workload, &Unobserved)?;
        if !order.workload.only_reads() && !order.workload.is_fill() {
            // A fill has settled by itself, measured.
            run.settle()?;
        }
        say(&report)?;
    }
    Ok(run.close()?)
}

/// Writes `value` as one line of JSON.
pub(crate) fn say(value: &impl Serialize) -> Result<()> {
    let mut line = serde_json::to_string(value)?;
    line.push('\n');
    let mut stdout = io::stdout().lock();
    stdout.write_all(line.as_bytes())?;
    Ok(stdout.flush()?)
}

/// What a line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Order {
    workload: Workload,
    duration: Option<Duration>,
}

fn order(line: &str, default: Option<Duration>) -> Result<Option<Order>> {
    let mut words = line.split_whitespace();
    let Some(name) = words.next() else { return Ok(None) };
    let workload = name.parse().map_err(anyhow::Error::msg)?;
    let duration = match words.next() {
        None => default,
        Some("-") => None,
        Some(seconds) => {
            let seconds = seconds.parse().with_context(|| format!("seconds {seconds:?}"))?;
            Some(Duration::try_from_secs_f64(seconds)?)
        }
    };
    anyhow::ensure!(words.next().is_none(), "{line:?}: a workload and its seconds, no more");
    Ok(Some(Order { workload, duration }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_a_workload_and_perhaps_its_seconds() {
        let five = Some(Duration::from_secs(5));
        let asked = |line| order(line, five).map(|order| order.map(|o| (o.workload, o.duration)));
        assert_eq!(asked("readseq").unwrap(), Some((Workload::ReadSeq, five)));
        assert_eq!(asked("ycsb-a 0.5 ").unwrap().unwrap().1, Some(Duration::from_millis(500)));
        assert_eq!(asked("fillrandom -").unwrap(), Some((Workload::FillRandom, None)));
        assert_eq!(asked("  ").unwrap(), None);
        for wrong in ["fill", "readseq five", "readseq -1", "readseq 1 2"] {
            assert!(asked(wrong).is_err(), "{wrong}");
        }
    }
}
