//! What each engine measured, beside no other.

use super::super::runs::Cell;
use super::super::summary::PartSummary;
use super::super::table::{Table, grouped, number};
use super::super::workload::{self, Workload};

/// Operations per second of every lane.
pub(super) fn absolute(part: &PartSummary) -> String {
    let mut table = Table::new("ops/s");
    for lane in &part.lanes {
        table.column(&lane.name);
    }
    for workload in &part.workloads {
        let cells = part.lanes.iter().map(|lane| part.cell(workload, &lane.name));
        table.row(workload, cells.map(|cell| cell.map_or_else(String::new, ops)).collect());
    }
    format!("{}\n", table.text())
}

/// What writes left to do, and what that took. Those of few writes among reads are left out.
pub(super) fn writes(part: &PartSummary) -> String {
    let mut table = Table::new("writes");
    for name in [
        "engine",
        "ops/s",
        "debt MiB at the last write",
        "settled s",
        "MiB written meanwhile",
        "cpu s meanwhile",
        "MiB written in all",
        "w-amp",
        "s-amp",
        "idle s",
        "throttled s",
    ] {
        table.column(name);
    }
    let only_writes = |name: &&String| workload::named(name).is_ok_and(Workload::is_counted);
    for workload in part.workloads.iter().filter(only_writes) {
        for cell in measured(part, workload) {
            let row = vec![
                cell.lane.clone(),
                ops(cell),
                number(cell.debt_bytes.map(mebibytes), 1),
                number(cell.settled_seconds, 2),
                number(cell.settling_written_bytes.map(mebibytes), 1),
                number(cell.settling_cpu_seconds, 2),
                number(cell.written_bytes.map(mebibytes), 0),
                number(cell.write_amplification, 2),
                number(cell.space_amplification, 2),
                number(cell.idle_seconds, 0),
                number(cell.throttled_seconds, 1),
            ];
            table.row(workload, row);
        }
    }
    table.unless_empty()
}

/// Latency, processor, amplification, stalls and memory of everything.
pub(super) fn costs(part: &PartSummary) -> String {
    let mut table = Table::new("workload");
    for name in [
        "engine",
        "writes/s",
        "p50 us",
        "p99 us",
        "p99.9 us",
        "max us",
        "cpu us/op",
        "w-amp",
        "r-amp",
        "s-amp",
        "stall ms",
        "peak MiB",
        "with page cache",
        "verified",
    ] {
        table.column(name);
    }
    for workload in &part.workloads {
        for cell in measured(part, workload) {
            let row = vec![
                cell.lane.clone(),
                cell.writes_per_second.map_or_else(|| "-".to_owned(), grouped),
                number(cell.p50_us, 2),
                number(cell.p99_us, 2),
                number(cell.p999_us, 1),
                number(cell.max_us, 0),
                number(cell.cpu_us, 2),
                number(cell.write_amplification, 2),
                number(cell.read_amplification, 2),
                number(cell.space_amplification, 2),
                number(cell.longest_stall_ms, 1),
                number(cell.peak_memory_bytes.map(mebibytes), 0),
                number(cell.limited_peak_bytes.map(mebibytes), 0),
                cell.verified.to_string(),
            ];
            table.row(workload, row);
        }
    }
    table.unless_empty()
}

/// The cells of a workload that have figures.
fn measured<'a>(part: &'a PartSummary, workload: &'a str) -> impl Iterator<Item = &'a Cell> {
    part.cells.iter().filter(move |cell| cell.workload == workload && cell.rounds > 0)
}

/// Operations per second of a cell: the median, or what happened instead.
pub(super) fn ops(cell: &Cell) -> String {
    let capped = if cell.capped > 0 { "*" } else { "" };
    match (cell.ops_per_second, cell.errors.is_empty()) {
        (Some(spread), _) => format!("{}{capped}", grouped(spread.median)),
        (None, false) => "failed".to_owned(),
        (None, true) => "-".to_owned(),
    }
}

fn mebibytes(bytes: f64) -> f64 {
    bytes / 1_048_576.0
}
