//! What the demonstration shows and counts.

use crate::commands::{text, write_amplifications};
use crate::exit::Failure;
use crate::size;
use anyhow::Result;
use serde_json::json;
use siltstone::Metrics;
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// What a run must reach, else it proves too little.
const FLUSHES_MIN: u64 = 20;
const COMPACTIONS_MIN: u64 = 5;
const LEVELS_MIN: u64 = 3;

/// Tells each step as it ends, and everything in numbers at the end.
pub(super) struct Report<'a> {
    out: &'a mut dyn Write,
    json: bool,
    steps: Vec<(String, Duration)>,
    began: Instant,
    step_began: Instant,
    pub(super) acknowledged: u64,
    pub(super) found: u64,
    /// Counters of all opens of this process; those of the killed child are lost with it.
    sum: Metrics,
    levels: u64,
}

impl<'a> Report<'a> {
    pub(super) fn new(out: &'a mut dyn Write, json: bool) -> Self {
        let now = Instant::now();
        Self {
            out,
            json,
            steps: Vec::new(),
            began: now,
            step_began: now,
            acknowledged: 0,
            found: 0,
            sum: Metrics::default(),
            levels: 0,
        }
    }

    /// Says something beside the steps.
    pub(super) fn note(&mut self, note: &str) -> Result<()> {
        self.show(|out| writeln!(out, "          {note}"))
    }

    /// Ends a step and says what it did.
    pub(super) fn step(&mut self, what: &str) -> Result<()> {
        let took = self.step_began.elapsed();
        self.step_began = Instant::now();
        self.steps.push((what.to_owned(), took));
        self.show(|out| writeln!(out, "{:>7.2} s {what}", took.as_secs_f64()))
    }

    /// Shows something at once, unless only JSON is wanted.
    pub(super) fn show(
        &mut self,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<()> {
        if !self.json {
            write(self.out)?;
            self.out.flush()?;
        }
        Ok(())
    }

    /// Adds the counters of an open that is about to end.
    pub(super) fn add_counters(&mut self, metrics: &Metrics) {
        self.note_levels(metrics);
        let sum = &mut self.sum;
        sum.user_bytes += metrics.user_bytes;
        sum.log_bytes += metrics.log_bytes;
        sum.flushes += metrics.flushes;
        sum.flush_bytes += metrics.flush_bytes;
        sum.compactions += metrics.compactions;
        sum.moves += metrics.moves;
        sum.compaction_read_bytes += metrics.compaction_read_bytes;
        sum.compaction_written_bytes += metrics.compaction_written_bytes;
        sum.stalled += metrics.stalled;
        sum.keyspaces.clone_from(&metrics.keyspaces);
    }

    /// Notes how many levels hold tables at this moment.
    pub(super) fn note_levels(&mut self, metrics: &Metrics) {
        let levels = metrics.keyspaces.iter().map(|keyspace| keyspace.levels.len() as u64);
        self.levels = self.levels.max(levels.max().unwrap_or(0));
    }

    /// Shows the numbers and judges them.
    pub(super) fn finish(&mut self) -> Result<()> {
        let took = self.began.elapsed();
        if self.json {
            let report = self.to_json(took);
            writeln!(self.out, "{report}")?;
        } else {
            self.write_numbers(took)?;
        }
        self.out.flush()?;
        self.judge()
    }

    fn write_numbers(&mut self, took: Duration) -> Result<()> {
        let Self { out, sum, levels, .. } = self;
        writeln!(
            out,
            "{} flushes ({}), {} compactions (read {}, wrote {}), {} moves, {levels} levels",
            text::count(sum.flushes),
            size::human(sum.flush_bytes),
            text::count(sum.compactions),
            size::human(sum.compaction_read_bytes),
            size::human(sum.compaction_written_bytes),
            text::count(sum.moves),
        )?;
        writeln!(
            out,
            "since the restart: {} written by the user, {} by the log; writers waited {:.2} s",
            size::human(sum.user_bytes),
            size::human(sum.log_bytes),
            sum.stalled.as_secs_f64()
        )?;
        write_amplifications(out, sum)?;
        writeln!(out, "all values agree; {:.2} s altogether", took.as_secs_f64())?;
        Ok(())
    }

    fn to_json(&self, took: Duration) -> serde_json::Value {
        let step = |(what, took): &(String, Duration)| json!({ "step": what, "seconds": took.as_secs_f64() });
        json!({
            "steps": self.steps.iter().map(step).collect::<Vec<_>>(),
            "acknowledged": self.acknowledged,
            "found": self.found,
            "flushes": self.sum.flushes,
            "compactions": self.sum.compactions,
            "moves": self.sum.moves,
            "levels": self.levels,
            "write_amplification": self.sum.write_amplification(),
            "read_amplification": self.sum.read_amplification(),
            "space_amplification": self.sum.space_amplification(),
            "seconds": took.as_secs_f64(),
        })
    }

    fn judge(&self) -> Result<()> {
        for (what, reached, least) in [
            ("flushes", self.sum.flushes, FLUSHES_MIN),
            ("compactions that are not moves", self.sum.compactions, COMPACTIONS_MIN),
            ("levels", self.levels, LEVELS_MIN),
        ] {
            if reached < least {
                let why = format!("only {reached} {what}, not {least}: too few to prove anything");
                return Err(Failure::Absent(why).into());
            }
        }
        Ok(())
    }
}
