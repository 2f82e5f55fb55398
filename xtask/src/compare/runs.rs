//! One workload on one lane over the rounds, and beside another lane.
//!
//! Always: a ratio is of two lanes in the same round. What was measured in different rounds is
//! never divided.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::journal::Line;
use super::measured::{Latency, Measured};
use super::plan::Lane;
use super::table::precise;

/// How far figures of another shape of keys may be from those of digits.
const SHAPES_WITHIN: f64 = 1.3;

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
    /// Where there are reads beside them.
    pub(crate) writes_per_second: Option<f64>,
    pub(crate) p50_us: Option<f64>,
    pub(crate) p99_us: Option<f64>,
    pub(crate) p999_us: Option<f64>,
    pub(crate) max_us: Option<f64>,
    pub(crate) cpu_us: Option<f64>,
    pub(crate) read_bytes: Option<f64>,
    pub(crate) written_bytes: Option<f64>,
    /// Those written, and processor time, from the last write until the store had settled.
    pub(crate) settling_written_bytes: Option<f64>,
    pub(crate) settling_cpu_seconds: Option<f64>,
    /// Whole seconds without a write, and how long the engine says that it held writers back.
    pub(crate) idle_seconds: Option<f64>,
    pub(crate) throttled_seconds: Option<f64>,
    pub(crate) write_amplification: Option<f64>,
    pub(crate) read_amplification: Option<f64>,
    pub(crate) space_amplification: Option<f64>,
    pub(crate) longest_stall_ms: Option<f64>,
    pub(crate) peak_memory_bytes: Option<f64>,
    /// The page cache included, over the round so far.
    pub(crate) limited_peak_bytes: Option<f64>,
    /// The share of the processors that others took, in the round where it was largest.
    #[serde(default)]
    pub(crate) others_share: Option<f64>,
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
    /// Whether the two were measured by different runs, in a round that a later one ended.
    #[serde(default)]
    pub(crate) of_two_runs: bool,
    /// Whether a shape of keys is farther from digits than it may be.
    pub(crate) beyond: bool,
}

/// What one lane measured of one workload.
#[derive(Debug)]
pub(super) struct Runs<'a> {
    workload: &'a str,
    lane: &'a str,
    rounds: Vec<Round>,
    peaks: Vec<f64>,
    others: Vec<f64>,
    errors: Vec<String>,
    last: Option<&'a Value>,
}

/// What was measured in a round.
#[derive(Debug)]
struct Round {
    number: u64,
    /// The run of the comparison that measured it.
    run: u64,
    capped: bool,
    measured: Measured,
}

impl<'a> Runs<'a> {
    pub(super) fn of(lines: &[&'a Line], workload: &'a str, lane: &'a Lane) -> Self {
        let lane = lane.name.as_str();
        let mut runs = Self {
            workload,
            lane,
            rounds: Vec::new(),
            peaks: Vec::new(),
            others: Vec::new(),
            errors: Vec::new(),
            last: None,
        };
        for line in lines.iter().filter(|line| line.workload == workload && line.lane == lane) {
            match line.report.as_ref().map(|report| (report, Measured::of(report))) {
                Some((report, Ok(measured))) => {
                    let Line { round: number, run, capped, .. } = **line;
                    runs.rounds.push(Round { number, run, capped, measured });
                    runs.peaks.extend(line.peak_bytes.map(precise));
                    runs.others.extend(line.others_share);
                    runs.last = Some(report);
                }
                Some((_, Err(error))) => runs.errors.push(format!("{error:#}")),
                None => runs.errors.extend(line.error.clone()),
            }
        }
        runs
    }

    pub(super) fn cell(&self) -> Cell {
        let median = |of: &dyn Fn(&Measured) -> Option<f64>| {
            let values = self.rounds.iter().filter_map(|round| of(&round.measured));
            Spread::of(values.collect()).map(|spread| spread.median)
        };
        let latency = |of: fn(Latency) -> f64| median(&move |measured| measured.latency().map(of));
        let bytes = |of: fn(&Measured) -> Option<u64>| median(&move |one| of(one).map(precise));
        let ops = self.rounds.iter().map(|round| round.measured.ops_per_second);
        let series = self.last.and_then(|report| report.get("ops_per_100_ms"));
        let series = series.and_then(Value::as_array).into_iter().flatten();
        Cell {
            workload: self.workload.to_owned(),
            lane: self.lane.to_owned(),
            rounds: self.rounds.len() as u64,
            capped: self.rounds.iter().filter(|round| round.capped).count() as u64,
            errors: self.errors.clone(),
            ops_per_second: Spread::of(ops.collect()),
            writes_per_second: median(&Measured::writes_per_second),
            p50_us: latency(|latency| latency.p50_us),
            p99_us: latency(|latency| latency.p99_us),
            p999_us: latency(|latency| latency.p999_us),
            max_us: latency(|latency| latency.max_us),
            cpu_us: median(&Measured::cpu_us),
            read_bytes: bytes(|measured| measured.read_bytes),
            written_bytes: bytes(|measured| measured.written_bytes),
            settling_written_bytes: bytes(|measured| measured.settling_written_bytes),
            settling_cpu_seconds: median(&|measured| measured.settling_cpu_seconds),
            idle_seconds: bytes(|measured| measured.idle_seconds),
            throttled_seconds: median(&|measured| measured.throttled_seconds),
            write_amplification: median(&|measured| measured.write_amplification),
            read_amplification: median(&|measured| measured.read_amplification),
            space_amplification: median(&|measured| measured.space_amplification),
            longest_stall_ms: median(&|measured| measured.longest_stall_ms),
            peak_memory_bytes: bytes(|measured| measured.peak_memory_bytes),
            limited_peak_bytes: Spread::of(self.peaks.clone()).map(|spread| spread.median),
            others_share: Spread::of(self.others.clone()).map(|spread| spread.max),
            debt_bytes: bytes(|measured| measured.debt_bytes),
            settled_seconds: median(&|measured| measured.settled_seconds),
            verified: self.rounds.iter().map(|round| round.measured.verified).sum(),
            ops_per_100_ms: series.filter_map(Value::as_u64).collect(),
        }
    }

    /// This lane beside the first one, over the rounds that have both.
    pub(super) fn beside(&self, base: &Self, of_shapes: bool) -> Option<Ratio> {
        let mut ratios = Vec::new();
        let (mut capped, mut of_two_runs) = (false, false);
        for this in &self.rounds {
            let Some(base) = base.rounds.iter().find(|base| base.number == this.number) else {
                continue;
            };
            let (above, below) = if of_shapes { (this, base) } else { (base, this) };
            if below.measured.ops_per_second > 0.0 {
                ratios.push(above.measured.ops_per_second / below.measured.ops_per_second);
                capped |= this.capped || base.capped;
                of_two_runs |= this.run != base.run;
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
            of_two_runs,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_median_smallest_and_largest() {
        let spread = |values: &[f64]| Spread::of(values.to_vec()).map(|s| (s.median, s.min, s.max));
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[2.0]), Some((2.0, 2.0, 2.0)));
        assert_eq!(spread(&[4.0, 1.0]), Some((2.5, 1.0, 4.0)));
        assert_eq!(spread(&[9.0, 1.0, 2.0]), Some((2.0, 1.0, 9.0)));
    }
}
