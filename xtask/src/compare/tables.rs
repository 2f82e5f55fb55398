//! The comparison for people: Markdown that reads well on a terminal too.

use std::fmt::Write as _;

use super::runs::{Cell, Ratio};
use super::summary::{PartSummary, Summary};
use super::table::{Table, escaped, grouped, number};
use super::workload::{self, Workload};

/// The ratios of every part, as they close a run.
pub(crate) fn ratios(summary: &Summary) -> String {
    let parts = summary.parts.iter().filter(|part| part.lanes.len() > 1);
    parts.map(ratios_of).collect::<Vec<_>>().join("\n")
}

/// The whole comparison, `compare.md`.
pub(crate) fn whole(summary: &Summary) -> String {
    let mut text = String::from("# Siltstone beside other engines\n\n");
    text += &description(summary);
    text += &engines(summary);
    for part in &summary.parts {
        let _ = writeln!(text, "\n## {}\n", part.name);
        if part.lanes.len() > 1 {
            text += &ratios_of(part);
        }
        text += &absolute(part);
        if !part.of_shapes {
            text += &writes(part);
            text += &costs(part);
        }
    }
    let failures = summary.failures();
    if !failures.is_empty() {
        text += "\n## What failed\n\n";
        for failure in failures {
            let _ = writeln!(text, "- {}", escaped(&failure));
        }
    }
    text
}

/// Machine and settings in a few paragraphs, an empty line between them.
pub(crate) fn description(summary: &Summary) -> String {
    let (header, settings) = (&summary.header, &summary.header.settings);
    let machine = &header.machine;
    let memory = number(machine.memory_bytes.map(|bytes| precise(bytes >> 20)), 0);
    let mut text = format!(
        "{}, {}, {} cores, {memory} MiB, {}, stores on {}. {}.\n\n",
        machine.date,
        machine.cpu,
        machine.cores,
        machine.system,
        machine.file_system,
        capital(&header.limit),
    );
    let _ = writeln!(
        text,
        "Threads: {}, rounds: {}; {} s for what time ends, {} s at most for what a count ends; \
         keys: {}, values of {} bytes, compression: {}, {} MiB for buffers and caches, durability: \
         {} (fillsync: sync), seed {}.\n",
        settings.threads,
        settings.rounds,
        settings.seconds,
        settings.cap_seconds,
        settings.keys,
        settings.value_bytes,
        settings.compression,
        settings.memory_bytes >> 20,
        settings.durability,
        settings.seed,
    );
    for doubt in &header.doubts {
        let _ = writeln!(text, "Doubtful: {doubt}.\n");
    }
    text
}

/// The engines and what failed, for a page without wide tables.
pub(crate) fn engines_in_words(summary: &Summary) -> String {
    let mut text = String::new();
    for engine in &summary.header.engines {
        let _ = writeln!(
            text,
            "{} {}: {}. Acknowledged writes after SIGKILL: {}.\n",
            engine.name,
            engine.version,
            engine.settings,
            engine.kill_said()
        );
    }
    for failure in summary.failures() {
        let _ = writeln!(text, "Failed: {failure}.\n");
    }
    text
}

/// The builds and the engines.
fn engines(summary: &Summary) -> String {
    let header = &summary.header;
    let mut text = format!("- Siltstone at revision {}\n", header.revision);
    for (what, seconds) in &header.builds {
        let _ = writeln!(text, "- built the {what} in {seconds:.0} s");
    }
    text +=
        "\n| engine | version | acknowledged writes after SIGKILL | set-up |\n|---|---|---|---|\n";
    for engine in &header.engines {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            engine.name,
            engine.version,
            escaped(&engine.kill_said()),
            escaped(&engine.settings)
        );
    }
    text
}

/// The first lane beside each other one; engines that lose acknowledged writes in a table apart.
fn ratios_of(part: &PartSummary) -> String {
    let mut text = String::new();
    let base = &part.lanes[0];
    for apart in [false, true] {
        let lanes: Vec<_> = part.lanes[1..].iter().filter(|lane| lane.apart == apart).collect();
        if lanes.is_empty() {
            continue;
        }
        let title = match (part.of_shapes, apart) {
            (true, _) => format!("{}: ops/s divided by those with {}", part.name, base.name),
            (false, false) => {
                format!("{}: {}'s ops/s divided by the engine's", part.name, base.name)
            }
            (false, true) => format!(
                "{}: the same beside engines whose buffered writes do not survive SIGKILL",
                part.name
            ),
        };
        let _ = writeln!(text, "{title}; median of the rounds (smallest..largest)\n");
        let mut table = Table::new("workload");
        table.column(&format!("{} ops/s", base.name));
        for lane in &lanes {
            table.column(&lane.name);
        }
        for workload in &part.workloads {
            let ours = part.cell(workload, &base.name);
            let mut row = vec![ours.map_or_else(String::new, ops)];
            for lane in &lanes {
                let ratio = part.ratio(workload, &lane.name);
                row.push(ratio.map_or_else(|| "-".to_owned(), ratio_text));
            }
            table.row(workload, row);
        }
        text += &table.text();
        text.push('\n');
    }
    if part.ratios.iter().any(|ratio| ratio.capped) {
        text += "`*` time ended one of the two before its last operation.\n\n";
    }
    if part.ratios.iter().any(|ratio| ratio.beyond) {
        text += "`!` beyond 1.3.\n\n";
    }
    text
}

fn ratio_text(ratio: &Ratio) -> String {
    let spread = ratio.spread;
    let marks = [(ratio.capped, "*"), (ratio.beyond, "!")];
    let marks: String = marks.iter().filter(|(is, _)| *is).map(|(_, mark)| *mark).collect();
    format!("{:.2}{marks} ({:.2}..{:.2})", spread.median, spread.min, spread.max)
}

/// Operations per second of every lane.
fn absolute(part: &PartSummary) -> String {
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
fn writes(part: &PartSummary) -> String {
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
fn costs(part: &PartSummary) -> String {
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
fn ops(cell: &Cell) -> String {
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

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
const fn precise(number: u64) -> f64 {
    number as f64
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(characters).collect()
}

#[cfg(test)]
mod tests {
    use super::super::journal::tests::line;
    use super::super::summary::tests::{COMMAND, summary};
    use super::*;

    fn example() -> Summary {
        let at = |round, lane, workload, ops| line("1000 keys", round, lane, workload, ops);
        let mut failed = at(1, "sled", "readseq", 0.0);
        (failed.report, failed.error) = (None, Some("a|b\nc".to_owned()));
        let mut capped = at(1, "sled", "fillrandom", 1000.0);
        capped.capped = true;
        summary(
            COMMAND,
            vec![
                at(1, "siltstone", "fillrandom", 3_000_000.0),
                at(1, "rocksdb", "fillrandom", 1_500_000.0),
                at(2, "siltstone", "fillrandom", 3_100_000.0),
                at(2, "rocksdb", "fillrandom", 1_240_000.0),
                at(1, "siltstone", "readseq", 50.0),
                capped,
                failed,
            ],
        )
    }

    #[test]
    fn ratios_are_a_table_with_medians_and_spreads() {
        let expected = "\
1000 keys: siltstone's ops/s divided by the engine's; median of the rounds (smallest..largest)

| workload   | siltstone ops/s |           rocksdb |                        sled |
|------------|----------------:|------------------:|----------------------------:|
| fillrandom |       3,050,000 | 2.25 (2.00..2.50) | 3000.00* (3000.00..3000.00) |
| readseq    |              50 |                 - |                           - |

`*` time ended one of the two before its last operation.
";
        let text = ratios(&example());
        assert!(text.starts_with(expected), "{text}");
    }

    #[test]
    fn the_page_has_circumstances_fills_costs_and_failures() {
        let mut summary = example();
        summary.header.doubts.push("the machine is busy: load 9".to_owned());
        let text = whole(&summary);
        for part in [
            "## 1000 keys",
            "## shapes of 1000 keys",
            "debt MiB at the last write",
            "p99.9 us",
            "| sled      | 1.2 |".replace("      ", " ").as_str(),
            "9 of 9 found",
            "Doubtful: the machine is busy: load 9.",
            "- 1000 keys, readseq, sled: a\\|b c",
            "failed",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
