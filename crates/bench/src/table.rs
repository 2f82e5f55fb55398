//! Reports as text: one line each.

use crate::Report;

/// The line above the lines of [`table_line`].
pub fn table_head() -> String {
    format!(
        "{:<17} {:>12} {:>10} {:>10} {:>10} {:>10} {:>8} {:>7} {:>7} {:>9} {:>9} {:>9} {:>8} {:>10}",
        "workload",
        "ops/s",
        "p50 us",
        "p99 us",
        "p99.9 us",
        "max us",
        "cpu s",
        "w-amp",
        "s-amp",
        "stall ms",
        "debt MiB",
        "settled s",
        "peak MiB",
        "verified"
    )
}

/// One report in one line; what is unknown or does not apply is a hyphen.
#[expect(clippy::cast_precision_loss, reason = "for people to read")]
pub fn table_line(report: &Report) -> String {
    let latency = report.main_latency();
    let us = |of: fn(crate::Latency) -> f64| number(latency.map(of), 1);
    let mib = |bytes: Option<u64>| number(bytes.map(|bytes| bytes as f64 / 1_048_576.0), 1);
    format!(
        "{:<17} {:>12.0} {:>10} {:>10} {:>10} {:>10} {:>8.2} {:>7} {:>7} {:>9} {:>9} {:>9} {:>8} {:>10}",
        report.workload,
        report.ops_per_second,
        us(|latency| latency.p50_us),
        us(|latency| latency.p99_us),
        us(|latency| latency.p999_us),
        us(|latency| latency.max_us),
        report.cpu_seconds,
        number(report.write_amplification, 2),
        number(report.space_amplification, 2),
        number(report.longest_stall_ms, 1),
        mib(report.debt_bytes),
        number(report.settled_seconds, 2),
        mib(report.peak_memory_bytes),
        report.verified,
    )
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
}
