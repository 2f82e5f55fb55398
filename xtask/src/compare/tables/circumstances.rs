//! Under which circumstances a comparison was made, in words.

use std::fmt::Write as _;

use super::super::summary::Summary;
use super::super::table::{escaped, number, precise};

/// How many runs are named that others disturbed; `compare.json` has the share of each.
const DISTURBED_NAMED: usize = 10;

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
    for run in &summary.went_on {
        let doubts = run.doubts.join("; ");
        let doubts = if doubts.is_empty() { doubts } else { format!("; doubtful: {doubts}") };
        let _ = writeln!(text, "Another run went on with it on {}{doubts}.\n", run.date);
    }
    let disturbed = summary.disturbed();
    let (named, left) = disturbed.split_at(disturbed.len().min(DISTURBED_NAMED));
    if !named.is_empty() {
        let more =
            if left.is_empty() { String::new() } else { format!("; and {} more", left.len()) };
        let _ = writeln!(text, "Doubtful, in one round at least: {}{more}.\n", named.join("; "));
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
pub(super) fn engines(summary: &Summary) -> String {
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

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(characters).collect()
}
