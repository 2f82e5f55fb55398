//! Reports as text: one line each.

use crate::Report;

/// The columns: what stands above, and how wide they are. The first one is to the left.
pub(crate) const COLUMNS: [(&str, usize); 18] = [
    ("workload", 17),
    ("ops/s", 12),
    ("p50 us", 10),
    ("p99 us", 10),
    ("p99.9 us", 10),
    ("max us", 10),
    ("cpu s", 8),
    ("read MiB", 9),
    ("write MiB", 9),
    ("r-amp", 7),
    ("w-amp", 7),
    ("s-amp", 7),
    ("stall ms", 9),
    ("idle s", 6),
    ("debt MiB", 9),
    ("settled s", 9),
    ("peak MiB", 8),
    ("verified", 10),
];

/// The line above the lines of [`table_line`].
pub fn table_head() -> String {
    line(&COLUMNS.map(|(name, _)| name.to_owned()))
}

/// One report in one line; what is unknown or does not apply is a hyphen.
pub fn table_line(report: &Report) -> String {
    line(&cells(report))
}

fn line(cells: &[String; COLUMNS.len()]) -> String {
    let padded = cells.iter().zip(COLUMNS).enumerate().map(|(at, (cell, (_, width)))| {
        if at == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
    });
    padded.collect::<Vec<_>>().join(" ")
}

/// What stands below each of the columns.
#[expect(clippy::cast_precision_loss, reason = "for people to read")]
pub(crate) fn cells(report: &Report) -> [String; COLUMNS.len()] {
    let latency = report.main_latency();
    let us = |of: fn(crate::Latency) -> f64| number(latency.map(of), 1);
    let mib = |bytes: Option<u64>| number(bytes.map(|bytes| bytes as f64 / 1_048_576.0), 1);
    [
        report.workload.to_owned(),
        number(Some(report.ops_per_second), 0),
        us(|latency| latency.p50_us),
        us(|latency| latency.p99_us),
        us(|latency| latency.p999_us),
        us(|latency| latency.max_us),
        number(Some(report.cpu_seconds), 2),
        mib(report.read_bytes),
        mib(report.written_bytes),
        number(report.read_amplification, 2),
        number(report.write_amplification, 2),
        number(report.space_amplification, 2),
        number(report.longest_stall_ms, 1),
        report.idle_seconds.map_or_else(|| "-".to_owned(), |seconds| seconds.to_string()),
        mib(report.debt_bytes),
        if report.settled { number(report.settled_seconds, 2) } else { "given up".to_owned() },
        mib(report.peak_memory_bytes),
        report.verified.to_string(),
    ]
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
}
