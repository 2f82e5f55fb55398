//! Reports as one page: the table, and throughput and latency of each workload over time.

use crate::plot::{self, Axis, Line, Lines, Part, Section, Table, Unit};
use crate::{Error, LatencyOverTime, Report, table};

/// More points than a picture has pixels are put together.
const POINTS_MAX: usize = 400;
/// Seconds of one slot of [`Report::ops_per_100_ms`].
const SLOT_SECONDS: f64 = 0.1;

/// A page of HTML with everything in it. Paragraphs of `intro` are divided by empty lines.
///
/// # Errors
///
/// [`Error::System`] if a plot cannot be drawn.
pub fn html_page(title: &str, intro: &str, reports: &[Report]) -> Result<String, Error> {
    let rows = reports.iter().map(table::cells).map(Vec::from).collect();
    let head = table::COLUMNS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let all = vec![Part::Table(Table { head, rows })];
    let mut sections = vec![Section { title: "Results".to_owned(), parts: all }];
    sections.extend(reports.iter().map(section));
    plot::page(title, intro, &sections)
}

fn section(report: &Report) -> Section {
    let mut parts = vec![Part::Lines(throughput(report))];
    for (title, over_time) in [
        ("Latency of reads", &report.read_latency_over_time),
        ("Latency of writes", &report.write_latency_over_time),
    ] {
        parts.extend(over_time.as_ref().map(|over_time| Part::Lines(latency(title, over_time))));
    }
    parts.extend(report.rate.as_ref().map(|rate| Part::Text(rate.to_string())));
    Section { title: report.workload.to_owned(), parts }
}

/// What [`Report::ops_per_100_ms`] counts for the workload of this name, as an axis names it: not
/// always what its table counts.
pub fn plotted(workload: &str) -> &'static str {
    match workload {
        "fillbatch" => "batches per second",
        "readwhilewriting" => "reads and writes per second",
        _ => "operations per second",
    }
}

fn throughput(report: &Report) -> Lines {
    let axis = Axis { label: plotted(report.workload).to_owned(), unit: Unit::Count, log: false };
    let points = per_second(&report.ops_per_100_ms, report.seconds);
    let lines = vec![Line { name: report.workload.to_owned(), points }];
    Lines { title: "Throughput".to_owned(), axis, lines }
}

/// Operations per second in slots of 100 ms or more. The last slot is left out, as it is cut
/// short by the end; if it is the only one, it counts for as long as it was.
#[expect(clippy::cast_precision_loss, reason = "for people to look at")]
fn per_second(series: &[u64], seconds: f64) -> Vec<(f64, f64)> {
    if let [ops] = series {
        let rate = *ops as f64 / seconds.max(1e-9);
        return vec![(0.0, rate), (seconds, rate)];
    }
    let whole = &series[..series.len().saturating_sub(1)];
    let wide = whole.len().div_ceil(POINTS_MAX).max(1);
    let slots = whole.chunks(wide).enumerate();
    let point = |(at, slots): (usize, &[u64])| {
        let length = slots.len() as f64 * SLOT_SECONDS;
        let begin = (at * wide) as f64 * SLOT_SECONDS;
        (begin + length / 2.0, slots.iter().sum::<u64>() as f64 / length)
    };
    slots.map(point).collect()
}

#[expect(clippy::cast_precision_loss, reason = "for people to look at")]
fn latency(title: &str, over_time: &LatencyOverTime) -> Lines {
    let line = |name: &str, values: &[Option<f64>]| {
        let second = |at: usize| (at as f64 + 0.5) * over_time.slot_seconds;
        let points = values.iter().enumerate();
        let points = points.map(|(at, value)| (second(at), value.unwrap_or(f64::NAN))).collect();
        Line { name: name.to_owned(), points }
    };
    let lines = vec![
        line("p50", &over_time.p50_us),
        line("p99", &over_time.p99_us),
        line("longest", &over_time.longest_us),
    ];
    let label = format!("in slots of {} s", over_time.slot_seconds);
    let axis = Axis { label, unit: Unit::Micros, log: true };
    Lines { title: title.to_owned(), axis, lines }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throughput_is_that_of_whole_slots() {
        let near = |points: &[(f64, f64)], expected: &[(f64, f64)]| {
            assert_eq!(points.len(), expected.len(), "{points:?}");
            for (point, wanted) in points.iter().zip(expected) {
                let off = (point.0 - wanted.0).abs().max((point.1 - wanted.1).abs());
                assert!(off < 1e-6, "{points:?}");
            }
        };
        near(&per_second(&[10, 20, 1], 0.21), &[(0.05, 100.0), (0.15, 200.0)]);
        near(&per_second(&[10], 0.05), &[(0.0, 200.0), (0.05, 200.0)]);
        near(&per_second(&[], 0.0), &[]);
        let long = per_second(&[7; 1001], 100.1);
        assert_eq!(long.len(), 334);
        near(&long[..1], &[(0.15, 70.0)]);
    }
}
