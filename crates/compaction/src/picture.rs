//! Trees as text, for tests.
//! ```text
//! picture = level*
//! level   = [number ":"] table*       numbers count up from 0 if not given
//! table   = number "[" first "-" last "]" ["*" size] ["!"]
//! ```
//! On level 0 each table is a run of its own, newest first; else a line is one run, and of two
//! lines for one level the first is the newer one. A size counts units of [`UNIT_BYTES`]; `!`
//! marks the input of a job that runs (all of them are one job into the next deeper run).

use crate::{Action, Cut, Dest, JobMeta, Placed, RunId, TableMeta, Version, VersionEdit};
use siltstone_base::KeySpan;
use siltstone_sstable::TableId;

/// Size of a table without one, in bytes.
pub(crate) const UNIT_BYTES: u64 = 1000;
/// Runs made by pictures count down from here.
const RUNS_FROM: u64 = 1000;

pub(crate) fn id(number: u64) -> TableId {
    TableId { epoch: 0, number }
}

pub(crate) fn table(number: u64, first: &[u8], last: &[u8], file_bytes: u64) -> TableMeta {
    TableMeta {
        id: id(number),
        span: KeySpan::new(first, last),
        file_bytes,
        digest: 0,
        entries: 10,
        point_tombstones: 0,
        raw_bytes: file_bytes,
        seqnos: (1, 1),
        born: 0,
        data_age: (0, 0),
        oldest_tombstone: None,
    }
}

/// The tree of a picture.
pub(crate) fn version(lines: &[&str]) -> Version {
    parse(lines).0
}

/// The tree of a picture and the tables that are marked busy.
pub(crate) fn parse(lines: &[&str]) -> (Version, Vec<TableId>) {
    let mut edit = VersionEdit::default();
    let mut busy = Vec::new();
    let mut next_run = RUNS_FROM;
    for (at, line) in lines.iter().enumerate() {
        let (level, tables) = line.split_once(':').unwrap_or(("", line));
        let level = level.parse().unwrap_or_else(|_| u8::try_from(at).unwrap());
        next_run -= 1;
        for text in tables.split_whitespace() {
            let (table, is_busy) = parse_table(text);
            busy.extend(is_busy.then_some(table.id));
            next_run -= u64::from(level == 0);
            edit.added.push(Placed { level, run: RunId(next_run), table });
        }
    }
    (Version::empty().apply(&edit).unwrap(), busy)
}

fn parse_table(text: &str) -> (TableMeta, bool) {
    let (text, is_busy) = text.strip_suffix('!').map_or((text, false), |text| (text, true));
    let (text, size) = text.split_once('*').unwrap_or((text, "1"));
    let (number, keys) = text.trim_end_matches(']').split_once('[').unwrap();
    let (first, last) = keys.split_once('-').unwrap();
    let bytes = size.parse::<u64>().unwrap() * UNIT_BYTES;
    (table(number.parse().unwrap(), first.as_bytes(), last.as_bytes(), bytes), is_busy)
}

/// The job that the busy tables of a picture are the inputs of, into `level` and `run`.
pub(crate) fn job(inputs: Vec<TableId>, level: u8, run: u64) -> JobMeta {
    JobMeta { inputs, level, run: RunId(run) }
}

/// An action as text: `merge 9 8 + 5 6 -> 1`, the inputs of each run after a plus, the level they
/// go to, `=` before the ones of a move; `new 1` for a new run, ` cut 6` for outputs aligned to
/// the run on level 6.
pub(crate) fn show(version: &Version, action: &Action) -> String {
    let runs = version.runs().iter().map(|run| {
        let inputs = run.tables().iter().filter(|table| action.inputs().contains(&table.id));
        (run.level(), inputs.map(|table| table.id.number.to_string()).collect::<Vec<_>>())
    });
    let mut inputs = String::new();
    let mut last_level = 0;
    for (level, tables) in runs.filter(|(_, tables)| !tables.is_empty()) {
        if !inputs.is_empty() {
            inputs.push_str(if level == 0 && last_level == 0 { " " } else { " + " });
        }
        inputs.push_str(&tables.join(" "));
        last_level = level;
    }
    let level_of = |run| version.runs().iter().find(|other| other.id() == run).unwrap().level();
    let dest = match action.dest() {
        Dest::NewRun { level } => format!("new {level}"),
        Dest::Into(run) => level_of(run).to_string(),
    };
    match action {
        Action::Merge { cut: Cut::AlignTo { run, .. }, .. } => {
            format!("{inputs} -> {dest} cut {}", level_of(*run))
        }
        Action::Merge { .. } => format!("{inputs} -> {dest}"),
        Action::Move { .. } => format!("= {inputs} -> {dest}"),
    }
}
