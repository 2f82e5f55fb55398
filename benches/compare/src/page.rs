//! The comparison as one page: ratios as bars with their spread, throughput over time as lines.
//!
//! `cargo xtask compare` gives `compare.json` on stdin. The plots are those of `siltstone bench`.

use anyhow::{Context, Result};
use serde::Deserialize;
use siltstone_bench::plot::{Axis, Bars, Group, Line, Lines, Part, Section, Spread, Table, Unit};
use std::io::{Read, Write};
use std::{io, iter};

/// `compare.json`, so far as it is drawn.
#[derive(Debug, Deserialize)]
struct Comparison {
    description: String,
    parts: Vec<Compared>,
}

#[derive(Debug, Deserialize)]
struct Compared {
    name: String,
    /// Whether lanes are shapes of keys, compared the other way round.
    of_shapes: bool,
    lanes: Vec<Lane>,
    workloads: Vec<String>,
    cells: Vec<Cell>,
    ratios: Vec<Ratio>,
}

#[derive(Debug, Deserialize)]
struct Lane {
    name: String,
    /// Whether its buffered writes did not survive SIGKILL.
    apart: bool,
}

#[derive(Debug, Deserialize)]
struct Cell {
    workload: String,
    lane: String,
    ops_per_second: Option<Figures>,
    p50_us: Option<f64>,
    p99_us: Option<f64>,
    debt_bytes: Option<f64>,
    settled_seconds: Option<f64>,
    write_amplification: Option<f64>,
    space_amplification: Option<f64>,
    #[serde(default)]
    ops_per_100_ms: Vec<u32>,
}

#[derive(Debug, Deserialize)]
struct Ratio {
    workload: String,
    lane: String,
    spread: Figures,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct Figures {
    median: f64,
    min: f64,
    max: f64,
}

/// Reads the comparison from stdin and writes the page to stdout.
pub(crate) fn run() -> Result<()> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).context("read stdin")?;
    let mut stdout = io::stdout().lock();
    stdout.write_all(page(&text)?.as_bytes())?;
    Ok(stdout.flush()?)
}

fn page(text: &str) -> Result<String> {
    let comparison: Comparison = serde_json::from_str(text).context("read the comparison")?;
    let sections: Vec<_> = comparison.parts.iter().map(Compared::section).collect();
    let title = "Siltstone beside other engines";
    Ok(siltstone_bench::plot::page(title, &comparison.description, &sections)?)
}

impl Compared {
    fn section(&self) -> Section {
        let mut parts = Vec::new();
        for apart in [false, true] {
            let lanes: Vec<_> = self.others().filter(|lane| lane.apart == apart).collect();
            if !lanes.is_empty() {
                parts.push(Part::Bars(self.ratios(apart, &lanes)));
            }
        }
        parts.push(Part::Table(self.table()));
        let workloads = self.workloads.iter();
        parts.extend(workloads.map(|workload| Part::Lines(self.over_time(workload))));
        Section { title: self.name.clone(), parts }
    }

    /// All lanes but the one they are compared with.
    fn others(&self) -> impl Iterator<Item = &Lane> {
        self.lanes.iter().skip(1)
    }

    fn ratios(&self, apart: bool, lanes: &[&Lane]) -> Bars {
        let base = self.lanes.first().map_or("", |lane| &*lane.name);
        let title = match (self.of_shapes, apart) {
            (true, _) => format!("Operations per second, divided by those with {base}"),
            (false, false) => format!("Operations per second of {base}, divided by the engine's"),
            (false, true) => {
                "The same beside engines whose buffered writes do not survive SIGKILL".to_owned()
            }
        };
        let spread = |workload: &String, lane: &Lane| {
            let found = |ratio: &&Ratio| ratio.workload == *workload && ratio.lane == lane.name;
            let Figures { median, min, max } = self.ratios.iter().find(found)?.spread;
            Some(Spread { least: min, median, most: max })
        };
        let group = |workload: &String| Group {
            label: workload.clone(),
            bars: lanes.iter().map(|lane| spread(workload, lane)).collect(),
        };
        Bars {
            title,
            axis: Axis { label: "ratio".to_owned(), unit: Unit::Ratio, log: true },
            reference: Some(1.0),
            names: lanes.iter().map(|lane| lane.name.clone()).collect(),
            groups: self.workloads.iter().map(group).collect(),
        }
    }

    fn table(&self) -> Table {
        let head = [
            "workload",
            "engine",
            "ops/s",
            "p50",
            "p99",
            "debt MiB",
            "settled s",
            "w-amp",
            "s-amp",
        ];
        let number = |value: Option<f64>, digits: usize| {
            value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
        };
        let text = |unit: Unit, value: Option<f64>| {
            value.map_or_else(|| "-".to_owned(), |value| unit.text(value))
        };
        let row = |cell: &Cell| {
            vec![
                cell.workload.clone(),
                cell.lane.clone(),
                text(Unit::Count, cell.ops_per_second.map(|figures| figures.median)),
                text(Unit::Micros, cell.p50_us),
                text(Unit::Micros, cell.p99_us),
                number(cell.debt_bytes.map(|bytes| bytes / 1_048_576.0), 1),
                number(cell.settled_seconds, 2),
                number(cell.write_amplification, 2),
                number(cell.space_amplification, 2),
            ]
        };
        Table { head: head.map(str::to_owned).into(), rows: self.cells.iter().map(row).collect() }
    }

    /// The last round of every lane, over its time.
    fn over_time(&self, workload: &str) -> Lines {
        let line = |lane: &Lane| {
            let found = |cell: &&Cell| cell.workload == workload && cell.lane == lane.name;
            let slots = self.cells.iter().find(found).map_or(&[][..], |cell| &cell.ops_per_100_ms);
            // The last slot is not full.
            let full = &slots[..slots.len().saturating_sub(1)];
            let seconds = iter::successors(Some(0.05), |second| Some(second + 0.1));
            let rates = full.iter().map(|ops| f64::from(*ops) * 10.0);
            Line { name: lane.name.clone(), points: seconds.zip(rates).collect() }
        };
        Lines {
            title: workload.to_owned(),
            axis: Axis {
                label: format!("{}, last round", siltstone_bench::plotted(workload)),
                unit: Unit::Count,
                log: true,
            },
            lines: self.lanes.iter().map(line).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPARISON: &str = r#"{
        "description": "A <machine>.\n\nDoubtful: busy.", "header": {},
        "parts": [{
            "name": "1000 keys", "num": 1000, "of_shapes": false, "workloads": ["readseq"],
            "lanes": [{"name": "siltstone", "apart": false}, {"name": "sled", "apart": true},
                {"name": "lmdb", "apart": false}],
            "cells": [
                {"workload": "readseq", "lane": "siltstone", "p50_us": 1.5, "p99_us": null,
                 "ops_per_second": {"median": 2000.0, "min": 1.0, "max": 3000.0},
                 "debt_bytes": null, "settled_seconds": null, "write_amplification": null,
                 "space_amplification": 1.25, "ops_per_100_ms": [200, 220, 3]},
                {"workload": "readseq", "lane": "lmdb", "ops_per_second": null, "p50_us": null,
                 "p99_us": null, "debt_bytes": null, "settled_seconds": null,
                 "write_amplification": null, "space_amplification": null, "ops_per_100_ms": []}
            ],
            "ratios": [{"workload": "readseq", "lane": "lmdb", "rounds": 2,
                "spread": {"median": 0.5, "min": 0.4, "max": 0.6}}]
        }]
    }"#;

    #[test]
    fn a_page_has_bars_apart_a_table_and_lines() {
        let html = page(COMPARISON).unwrap();
        for part in [
            "A &lt;machine&gt;.",
            "1000 keys",
            "Operations per second of siltstone, divided by the engine",
            "do not survive SIGKILL",
            "operations per second, last round",
            "1.25",
        ] {
            assert!(html.contains(part), "{part}");
        }
        assert!(html.matches("<svg").count() >= 3);
        assert!(!html.contains("<script") && !html.contains("href="));
    }

    #[test]
    fn plots_name_what_their_slots_count() {
        for (workload, counted) in [
            ("fillbatch", "batches per second, last round"),
            ("readwhilewriting", "reads and writes per second, last round"),
        ] {
            let html = page(&COMPARISON.replace("readseq", workload)).unwrap();
            assert!(html.contains(counted), "{workload}");
            assert!(!html.contains("operations per second, last round"));
        }
    }

    #[test]
    fn the_last_slot_of_time_is_left_out() {
        let comparison: Comparison = serde_json::from_str(COMPARISON).unwrap();
        let lines = comparison.parts[0].over_time("readseq");
        assert_eq!(lines.lines[0].points.len(), 2);
        assert!((lines.lines[0].points[1].0 - 0.15).abs() < 1e-9);
        assert!((lines.lines[0].points[1].1 - 2200.0).abs() < 1e-9);
        assert!(lines.lines[1].points.is_empty());
    }

    #[test]
    fn what_is_no_comparison_is_refused() {
        assert!(page("{}").is_err() && page("").is_err());
    }
}
