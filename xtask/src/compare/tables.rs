//! The comparison for people: Markdown that reads well on a terminal too.

mod circumstances;
mod figures;

use std::fmt::Write as _;

use super::runs::Ratio;
use super::summary::{PartSummary, Summary};
use super::table::{Table, escaped};
pub(crate) use circumstances::{description, engines_in_words};
use figures::{absolute, costs, ops, writes};

/// The ratios of every part, as they close a run.
pub(crate) fn ratios(summary: &Summary) -> String {
    let parts = summary.parts.iter().filter(|part| part.lanes.len() > 1);
    parts.map(ratios_of).collect::<Vec<_>>().join("\n")
}

/// The whole comparison, `compare.md`.
pub(crate) fn whole(summary: &Summary) -> String {
    let mut text = String::from("# Siltstone beside other engines\n\n");
    text += &description(summary);
    text += &circumstances::engines(summary);
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
    if part.ratios.iter().any(|ratio| ratio.of_two_runs) {
        text += "`~` in a round that one run began and another ended: the two were not measured one \
                 right after the other.\n\n";
    }
    if part.ratios.iter().any(|ratio| ratio.beyond) {
        text += "`!` beyond 1.3.\n\n";
    }
    text
}

fn ratio_text(ratio: &Ratio) -> String {
    let spread = ratio.spread;
    let marks = [(ratio.capped, "*"), (ratio.of_two_runs, "~"), (ratio.beyond, "!")];
    let marks: String = marks.iter().filter(|(is, _)| *is).map(|(_, mark)| *mark).collect();
    format!("{:.2}{marks} ({:.2}..{:.2})", spread.median, spread.min, spread.max)
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
        for cell in &mut summary.parts[0].cells {
            cell.others_share = Some(0.25);
        }
        let cells = summary.parts[0].cells.len();
        assert!(cells < 10);
        summary.parts[1].cells.iter_mut().for_each(|cell| cell.others_share = Some(0.5));
        let more = cells + summary.parts[1].cells.len() - 10;
        let text = whole(&summary);
        for part in [
            "Doubtful, in one round at least: 1000 keys, fillrandom, siltstone: others took 25 %",
            &format!("; and {more} more."),
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
