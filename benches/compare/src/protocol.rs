//! The conversation with the parent.
//!
//! 1. A line of stdin names a workload. A number behind it is its seconds, `-` means its number of
//!    operations, `<` with a number its number of operations in so many seconds at most.
//! 2. It runs. If it wrote, the store settles and syncs, so that an idle engine does not disturb
//!    others.
//! 3. Its report is a line of stdout. At the end of stdin the store is closed.

use anyhow::{Context, Result};
use serde::Serialize;
use siltstone_bench::{Engine, Length, Run, Settings, Unobserved, Workload};
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
        let report = run.workload_of(order.workload, order.length, &Unobserved)?;
        anyhow::ensure!(report.settled, "{}: its store did not settle in time", order.workload);
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
    length: Length,
}

fn order(line: &str, default: Option<Duration>) -> Result<Option<Order>> {
    let mut words = line.split_whitespace();
    let Some(name) = words.next() else { return Ok(None) };
    let workload = name.parse().map_err(anyhow::Error::msg)?;
    let length = match words.next() {
        None => default.into(),
        Some("-") => Length::Counted,
        Some(word) => match word.strip_prefix('<') {
            Some(cap) => Length::Capped(seconds(cap)?),
            None => Length::Timed(seconds(word)?),
        },
    };
    anyhow::ensure!(words.next().is_none(), "{line:?}: a workload and its seconds, no more");
    Ok(Some(Order { workload, length }))
}

fn seconds(word: &str) -> Result<Duration> {
    let seconds = word.parse().with_context(|| format!("seconds {word:?}"))?;
    Ok(Duration::try_from_secs_f64(seconds)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_a_workload_and_perhaps_its_seconds() {
        let five = Duration::from_secs(5);
        let asked = |line| order(line, Some(five)).map(|o| o.map(|o| (o.workload, o.length)));
        assert_eq!(asked("readseq").unwrap(), Some((Workload::ReadSeq, Length::Timed(five))));
        let half = Length::Timed(Duration::from_millis(500));
        assert_eq!(asked("ycsb-a 0.5 ").unwrap(), Some((Workload::YcsbA, half)));
        assert_eq!(asked("fillseq -").unwrap(), Some((Workload::FillSeq, Length::Counted)));
        assert_eq!(asked("fillseq <5").unwrap(), Some((Workload::FillSeq, Length::Capped(five))));
        assert_eq!(asked("  ").unwrap(), None);
        for wrong in ["fill", "readseq five", "readseq -1", "readseq <", "readseq 1 2"] {
            assert!(asked(wrong).is_err(), "{wrong}");
        }
    }
}
