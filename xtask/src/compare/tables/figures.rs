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

/// What stands above a column, and what stands in it.
type Column = (&'static str, fn(&Cell) -> String);

/// What writes left to do, and what that took. Those of few writes among reads are left out.
pub(super) fn writes(part: &PartSummary) -> String {
    let columns: [Column; 11] = [
        ("engine", |cell| cell.lane.clone()),
        ("ops/s", ops),
        ("debt MiB at the last write", |cell| number(cell.debt_bytes.map(mebibytes), 1)),
        ("settled s", |cell| number(cell.settled_seconds, 2)),
        ("MiB written meanwhile", |cell| number(cell.settling_written_bytes.map(mebibytes), 1)),
        ("cpu s meanwhile", |cell| number(cell.settling_cpu_seconds, 2)),
        ("MiB written in all", |cell| number(cell.written_bytes.map(mebibytes), 0)),
        ("w-amp", |cell| number(cell.write_amplification, 2)),
        ("s-amp", |cell| number(cell.space_amplification, 2)),
        ("idle s", |cell| number(cell.idle_seconds, 0)),
        ("throttled s", |cell| number(cell.throttled_seconds, 1)),
    ];
    let only_writes = |name: &&String| workload::named(name).is_ok_and(Workload::is_counted);
    table(part, "writes", part.workloads.iter().filter(only_writes), &columns)
}

/// Latency, processor, amplification, stalls and memory of everything.
pub(super) fn costs(part: &PartSummary) -> String {
    let columns: [Column; 14] = [
        ("engine", |cell| cell.lane.clone()),
        ("writes/s", |cell| cell.writes_per_second.map_or_else(|| "-".to_owned(), grouped)),
        ("p50 us", |cell| number(cell.p50_us, 2)),
        ("p99 us", |cell| number(cell.p99_us, 2)),
        ("p99.9 us", |cell| number(cell.p999_us, 1)),
        ("max us", |cell| number(cell.max_us, 0)),
        ("cpu us/op", |cell| number(cell.cpu_us, 2)),
        ("w-amp", |cell| number(cell.write_amplification, 2)),
        ("r-amp", |cell| number(cell.read_amplification, 2)),
        ("s-amp", |cell| number(cell.space_amplification, 2)),
        ("stall ms", |cell| number(cell.longest_stall_ms, 1)),
        ("peak MiB", |cell| number(cell.peak_memory_bytes.map(mebibytes), 0)),
        ("with page cache", |cell| number(cell.limited_peak_bytes.map(mebibytes), 0)),
        ("verified", |cell| cell.verified.to_string()),
    ];
    table(part, "workload", part.workloads.iter(), &columns)
}

/// A line for each cell of `workloads` that has figures.
fn table<'a>(
    part: &PartSummary,
    title: &str,
    workloads: impl Iterator<Item = &'a String>,
    columns: &[Column],
) -> String {
    let mut table = Table::new(title);
    for (name, _) in columns {
        table.column(name);
    }
    for workload in workloads {
        for cell in measured(part, workload) {
            table.row(workload, columns.iter().map(|(_, text)| text(cell)).collect());
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
