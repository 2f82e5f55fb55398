//! What the rounds came to: medians with their spreads, and ratios.
//!
//! Always: a ratio is of two lanes in the same round, workload and part. What was measured in
//! different rounds is never divided.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::journal::{CLOSE, Header, Journal, Line};
use super::measured::Measured;
use super::plan::{Lane, Part};

/// How far figures of another shape of keys may be from those of digits.
const SHAPES_WITHIN: f64 = 1.3;

/// The whole comparison; `compare.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Summary {
    pub(crate) header: Header,
    pub(crate) parts: Vec<PartSummary>,
    /// Stores that could not be closed, a sentence each.
    pub(crate) unclosed: Vec<String>,
}

/// One part.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PartSummary {
    pub(crate) name: String,
    pub(crate) num: u64,
    /// Whether lanes are shapes of keys: then ratios are of a lane to the first one.
    pub(crate) of_shapes: bool,
    /// The lanes; others are compared with the first.
    pub(crate) lanes: Vec<LaneSummary>,
    pub(crate) workloads: Vec<String>,
    pub(crate) cells: Vec<Cell>,
    pub(crate) ratios: Vec<Ratio>,
}

/// A column.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LaneSummary {
    pub(crate) name: String,
    pub(crate) engine: String,
    pub(crate) keys: String,
    /// Whether its buffered writes did not survive SIGKILL, so that it is no equal.
    pub(crate) apart: bool,
}

/// A workload on a lane, over the rounds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Cell {
    pub(crate) workload: String,
    pub(crate) lane: String,
    pub(crate) rounds: u64,
    /// How many rounds were ended by time before the last operation.
    pub(crate) capped: u64,
    /// Why rounds are missing.
    pub(crate) errors: Vec<String>,
    pub(crate) ops_per_second: Option<Spread>,
    pub(crate) p50_us: Option<f64>,
    pub(crate) p99_us: Option<f64>,
    pub(crate) p999_us: Option<f64>,
    pub(crate) max_us: Option<f64>,
    pub(crate) cpu_us: Option<f64>,
    pub(crate) write_amplification: Option<f64>,
    pub(crate) read_amplification: Option<f64>,
    pub(crate) space_amplification: Option<f64>,
    pub(crate) longest_stall_ms: Option<f64>,
    pub(crate) peak_memory_bytes: Option<f64>,
    /// The page cache included, over the round so far.
    pub(crate) limited_peak_bytes: Option<f64>,
    pub(crate) debt_bytes: Option<f64>,
    pub(crate) settled_seconds: Option<f64>,
    pub(crate) verified: u64,
    /// Operations in each 100 ms of the last round.
    pub(crate) ops_per_100_ms: Vec<u64>,
}

/// Several figures for the same thing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

/// A lane beside the first one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ratio {
    pub(crate) workload: String,
    pub(crate) lane: String,
    /// The first lane's operations per second divided by this one's; with shapes of keys this
    /// one's divided by the first one's.
    pub(crate) spread: Spread,
    /// How many rounds have both.
    pub(crate) rounds: u64,
    /// Whether time ended one of the two before its last operation.
    pub(crate) capped: bool,
    /// Whether a shape of keys is farther from digits than it may be.
    pub(crate) beyond: bool,
}

impl Summary {
    /// Of all that is in the journal.
    pub(crate) fn of(journal: &Journal) -> Self {
        let header = journal.header.clone();
        let parts = header.settings.parts();
        let parts = parts.iter().map(|part| {
            let lines = journal.lines().filter(|line| line.part == part.name);
            PartSummary::of(part, &header, &lines.collect::<Vec<_>>())
        });
        let closes = journal.lines().filter(|line| line.workload == CLOSE);
        let unclosed = closes.map(|line| {
            let Line { part, round, lane, .. } = line;
            let error = line.error.as_deref().unwrap_or_default();
            format!("{part}, close of round {round}, {lane}: {error}")
        });
        Self { parts: parts.collect(), unclosed: unclosed.collect(), header }
    }

    /// What was not measured, a sentence each.
    pub(crate) fn failures(&self) -> Vec<String> {
        let mut failures = self.unclosed.clone();
        for part in &self.parts {
            for cell in &part.cells {
                for error in &cell.errors {
                    failures
                        .push(format!("{}, {}, {}: {error}", part.name, cell.workload, cell.lane));
                }
            }
        }
        failures
    }
}

impl PartSummary {
    fn of(part: &Part, header: &Header, journal: &[&Line]) -> Self {
        let apart = |name: &str| {
            let engine = header.engines.iter().find(|engine| engine.name == name);
            engine.is_some_and(|engine| !engine.survives())
        };
        let lanes = part.lanes.iter().map(|lane| LaneSummary {
            name: lane.name.clone(),
            engine: lane.engine.clone(),
            keys: lane.keys.clone(),
            apart: apart(&lane.engine),
        });
        let mut cells = Vec::new();
        let mut ratios = Vec::new();
        for workload in &part.workloads {
            for (index, lane) in part.lanes.iter().enumerate() {
                let of_lane = |lane| Runs::of(journal, workload.name, lane);
                let runs = of_lane(lane);
                if index > 0 {
                    let base = of_lane(&part.lanes[0]);
                    ratios.extend(runs.beside(&base, part.of_shapes));
                }
                cells.push(runs.cell());
            }
        }
        Self {
            name: part.name.clone(),
            num: part.num,
            of_shapes: part.of_shapes,
            lanes: lanes.collect(),
            workloads: part.workloads.iter().map(|workload| workload.name.to_owned()).collect(),
            cells,
            ratios,
        }
    }

    /// The workload `workload` on `lane`.
    pub(crate) fn cell(&self, workload: &str, lane: &str) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.workload == workload && cell.lane == lane)
    }

    /// The ratio to `lane` in `workload`.
    pub(crate) fn ratio(&self, workload: &str, lane: &str) -> Option<&Ratio> {
        self.ratios.iter().find(|ratio| ratio.workload == workload && ratio.lane == lane)
    }
}

/// What one lane measured of one workload.
struct Runs<'a> {
    workload: &'a str,
    lane: &'a str,
    /// A round, whether it was capped, and what was measured.
    rounds: Vec<(u64, bool, Measured)>,
    peaks: Vec<f64>,
    errors: Vec<String>,
    last: Option<&'a Value>,
}

impl<'a> Runs<'a> {
    fn of(lines: &[&'a Line], workload: &'a str, lane: &'a Lane) -> Self {
        let lane = lane.name.as_str();
        let mut runs = Self {
            workload,
            lane,
            rounds: Vec::new(),
            peaks: Vec::new(),
            errors: Vec::new(),
            last: None,
        };
        for line in lines.iter().filter(|line| line.workload == workload && line.lane == lane) {
            match line.report.as_ref().map(|report| (report, Measured::of(report))) {
                Some((report, Ok(measured))) => {
                    runs.rounds.push((line.round, line.capped, measured));
                    runs.peaks.extend(line.peak_bytes.map(precise));
                    runs.last = Some(report);
                }
                Some((_, Err(error))) => runs.errors.push(format!("{error:#}")),
                None => runs.errors.extend(line.error.clone()),
            }
        }
        runs
    }

    fn cell(&self) -> Cell {
        let median = |of: &dyn Fn(&Measured) -> Option<f64>| {
            let values = self.rounds.iter().filter_map(|(_, _, measured)| of(measured));
            Spread::of(values.collect()).map(|spread| spread.median)
        };
        let latency = |of: fn(super::measured::Latency) -> f64| {
            median(&move |measured| measured.latency().map(of))
        };
        let bytes = |of: fn(&Measured) -> Option<u64>| median(&move |one| of(one).map(precise));
        let ops = self.rounds.iter().map(|(_, _, measured)| measured.ops_per_second);
        let series = self.last.and_then(|report| report.get("ops_per_100_ms"));
        let series = series.and_then(Value::as_array).into_iter().flatten();
        Cell {
            workload: self.workload.to_owned(),
            lane: self.lane.to_owned(),
            rounds: self.rounds.len() as u64,
            capped: self.rounds.iter().filter(|(_, capped, _)| *capped).count() as u64,
            errors: self.errors.clone(),
            ops_per_second: Spread::of(ops.collect()),
            p50_us: latency(|latency| latency.p50_us),
            p99_us: latency(|latency| latency.p99_us),
            p999_us: latency(|latency| latency.p999_us),
            max_us: latency(|latency| latency.max_us),
            cpu_us: median(&Measured::cpu_us),
            write_amplification: median(&|measured| measured.write_amplification),
            read_amplification: median(&|measured| measured.read_amplification),
            space_amplification: median(&|measured| measured.space_amplification),
            longest_stall_ms: median(&|measured| measured.longest_stall_ms),
            peak_memory_bytes: bytes(|measured| measured.peak_memory_bytes),
            limited_peak_bytes: Spread::of(self.peaks.clone()).map(|spread| spread.median),
            debt_bytes: bytes(|measured| measured.debt_bytes),
            settled_seconds: median(&|measured| measured.settled_seconds),
            verified: self.rounds.iter().map(|(_, _, measured)| measured.verified).sum(),
            ops_per_100_ms: series.filter_map(Value::as_u64).collect(),
        }
    }

    /// This lane beside the first one, over the rounds that have both.
    fn beside(&self, base: &Self, of_shapes: bool) -> Option<Ratio> {
        let mut ratios = Vec::new();
        let mut capped = false;
        for (round, this_capped, this) in &self.rounds {
            let Some((_, base_capped, base)) =
                base.rounds.iter().find(|(other, _, _)| other == round)
            else {
                continue;
            };
            let (above, below) = if of_shapes { (this, base) } else { (base, this) };
            if below.ops_per_second > 0.0 {
                ratios.push(above.ops_per_second / below.ops_per_second);
                capped |= *this_capped || *base_capped;
            }
        }
        let rounds = ratios.len() as u64;
        let spread = Spread::of(ratios)?;
        let within = 1.0 / SHAPES_WITHIN..=SHAPES_WITHIN;
        Some(Ratio {
            workload: self.workload.to_owned(),
            lane: self.lane.to_owned(),
            spread,
            rounds,
            capped,
            beyond: of_shapes && !within.contains(&spread.median),
        })
    }
}

impl Spread {
    /// Of at least one number. The median of an even count is the mean of the two in the middle.
    pub(crate) fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = if values.len().is_multiple_of(2) {
            f64::midpoint(values[middle - 1], values[middle])
        } else {
            values[middle]
        };
        Some(Self { median, min, max })
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
const fn precise(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::journal::tests::{header, line};
    use super::*;

    /// The summary of `lines` under the settings of `command`.
    pub(crate) fn summary(command: &str, lines: Vec<Line>) -> Summary {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::create(&folder.path().join("r"), header(command)).unwrap();
        for line in lines {
            journal.add(line).unwrap();
        }
        Summary::of(&journal)
    }

    pub(crate) const COMMAND: &str =
        "--engines rocksdb,sled --num 1000 --rounds 3 --workloads fillrandom,readseq";

    #[test]
    fn a_spread_is_median_smallest_and_largest() {
        let spread = |values: &[f64]| Spread::of(values.to_vec()).map(|s| (s.median, s.min, s.max));
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[2.0]), Some((2.0, 2.0, 2.0)));
        assert_eq!(spread(&[4.0, 1.0]), Some((2.5, 1.0, 4.0)));
        assert_eq!(spread(&[9.0, 1.0, 2.0]), Some((2.0, 1.0, 9.0)));
    }

    #[test]
    fn ratios_are_of_one_round_only() {
        let at = |round, lane, ops| line("1000 keys", round, lane, "fillrandom", ops);
        let summary = summary(
            COMMAND,
            vec![
                at(1, "siltstone", 100.0),
                at(1, "rocksdb", 50.0),
                // The machine was slow in this round: both were, and the ratio stays.
                at(2, "siltstone", 20.0),
                at(2, "rocksdb", 10.0),
                // One of the two is missing: no ratio comes of the other.
                at(3, "rocksdb", 1.0),
                at(3, "sled", 4.0),
                // Another part, another workload.
                line("9 keys", 3, "siltstone", "fillrandom", 1e9),
                line("1000 keys", 3, "siltstone", "readseq", 1e9),
            ],
        );
        let part = &summary.parts[0];
        let ratio = part.ratio("fillrandom", "rocksdb").unwrap();
        assert_eq!(ratio.spread, Spread { median: 2.0, min: 2.0, max: 2.0 });
        assert_eq!(ratio.rounds, 2);
        assert_eq!(part.ratio("fillrandom", "sled"), None);
        let cell = part.cell("fillrandom", "rocksdb").unwrap();
        assert_eq!(cell.ops_per_second, Some(Spread { median: 10.0, min: 1.0, max: 50.0 }));
        assert_eq!(cell.rounds, 3);
    }

    #[test]
    fn what_was_capped_or_failed_shows() {
        let mut capped = line("1000 keys", 1, "sled", "fillrandom", 5.0);
        capped.capped = true;
        let mut failed = line("1000 keys", 1, "rocksdb", "fillrandom", 5.0);
        (failed.report, failed.error) = (None, Some("no room".to_owned()));
        let ours = line("1000 keys", 1, "siltstone", "fillrandom", 5.0);
        let summary = summary(COMMAND, vec![ours, capped, failed]);
        let part = &summary.parts[0];
        assert!(part.ratio("fillrandom", "sled").unwrap().capped);
        assert_eq!(part.cell("fillrandom", "sled").unwrap().capped, 1);
        assert_eq!(summary.failures(), ["1000 keys, fillrandom, rocksdb: no room"]);
    }

    #[test]
    fn a_shape_of_keys_that_is_far_from_digits_is_marked() {
        for (ops, beyond) in
            [(100.0, false), (78.0, false), (76.0, true), (129.0, false), (131.0, true)]
        {
            let name = "shapes of 1000 keys";
            let lines = vec![
                line(name, 1, "digits", "readrandom", 100.0),
                line(name, 1, "random", "readrandom", ops),
            ];
            let summary = summary("--num 1000 --engines fjall", lines);
            let shapes = summary.parts.last().unwrap();
            let ratio = shapes.ratio("readrandom", "random").unwrap();
            assert_eq!((ratio.spread.median, ratio.beyond), (ops / 100.0, beyond));
        }
    }

    #[test]
    fn an_engine_that_loses_acknowledged_writes_is_shown_apart() {
        let folder = tempfile::tempdir().unwrap();
        let mut header = header(COMMAND);
        header.engines[2] = super::super::engine::tests::engine("sled", 8);
        let journal = Journal::create(&folder.path().join("r"), header).unwrap();
        let apart: Vec<_> = Summary::of(&journal).parts[0].lanes.iter().map(|l| l.apart).collect();
        assert_eq!(apart, [false, false, true]);
    }
}
