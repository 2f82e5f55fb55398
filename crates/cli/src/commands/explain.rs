//! `explain`: the course of one lookup, probe by probe.

use super::{input, text};
use crate::args::OneKey;
use crate::database;
use crate::exit::Failure;
use crate::format::jsonl;
use anyhow::Result;
use serde_json::{Map, Value, json};
use siltstone::{
    BlockSource, EntryKind, ExplainStep, Explanation, FilterVerdict, Place, TableProbe,
};
use std::io::{self, Write};
use std::time::Duration;

/// Shows how the key is looked up; fails if it is absent.
pub(super) fn run(args: &OneKey, out: &mut dyn Write) -> Result<()> {
    let key = input::key(&args.key, args.hex)?;
    let db = database::open_to_read(&args.place)?;
    let explanation = database::keyspace(&db, &args.place)?.explain_get(&key)?;
    if args.json {
        writeln!(out, "{}", to_json(&explanation))?;
    } else {
        write_explanation(out, &explanation)?;
    }
    db.close()?;
    match explanation.decided_by {
        Some(decision) if decision.kind == EntryKind::Put => Ok(()),
        _ => Err(Failure::Absent(format!("no key {}", text::key(&key))).into()),
    }
}

/// Writes the course of a lookup, one line for each probe.
pub(crate) fn write_explanation(out: &mut dyn Write, explained: &Explanation) -> io::Result<()> {
    writeln!(out, "key {} at seqno {}", text::key(&explained.key), explained.read_seqno)?;
    for (index, step) in explained.steps.iter().enumerate() {
        let found = if step.found { "found" } else { "not here" };
        writeln!(out, "{:>3}. {}: {found}, {} ns", index + 1, place(step), ns(step.took))?;
        for &probe in &step.probes {
            writeln!(out, "       {}", describe(probe))?;
        }
    }
    let outcome = match explained.decided_by {
        None => "absent: no version anywhere".to_owned(),
        Some(decision) if decision.kind == EntryKind::Put => {
            format!(
                "decided by seqno {}: a value of {} bytes",
                decision.seqno, decision.value_bytes
            )
        }
        Some(decision) => format!("decided by seqno {}: a tombstone, so absent", decision.seqno),
    };
    writeln!(out, "{outcome}, {} ns altogether", ns(explained.took))
}

fn ns(took: Duration) -> u64 {
    u64::try_from(took.as_nanos()).unwrap_or(u64::MAX)
}

fn place(step: &ExplainStep) -> String {
    match step.place {
        Place::ActiveMemtable => "memtable".to_owned(),
        Place::ImmutableMemtable { index } => format!("immutable memtable {index}"),
        Place::Table { level, table } => format!("level {level} table {table}"),
        Place::NoTable { level } => format!("level {level} run without a table for the key"),
        _ => "another place".to_owned(),
    }
}

fn verdict_of(verdict: FilterVerdict) -> &'static str {
    match verdict {
        FilterVerdict::Absent => "absent",
        FilterVerdict::Maybe => "maybe",
        FilterVerdict::NoFilter => "no filter",
    }
}

const fn from_memory(cached: bool) -> &'static str {
    if cached { "cached" } else { "read" }
}

const fn source_of(source: BlockSource) -> &'static str {
    match source {
        BlockSource::Cache => "cached",
        BlockSource::Mapped => "mapped",
        BlockSource::Read => "read",
    }
}

fn describe(probe: TableProbe) -> String {
    match probe {
        TableProbe::Filter { verdict, cached, bytes } => {
            format!("filter: {}, {}, {bytes} bytes", verdict_of(verdict), from_memory(cached))
        }
        TableProbe::Index { cached, bytes } => {
            format!("index block: {}, {bytes} bytes", from_memory(cached))
        }
        TableProbe::Block { offset, bytes, source } => {
            format!("data block at {offset}: {}, {bytes} bytes", source_of(source))
        }
        _ => "another probe".to_owned(),
    }
}

fn to_json(explained: &Explanation) -> Value {
    let steps: Vec<_> = explained.steps.iter().map(step_to_json).collect();
    let mut object = Map::new();
    jsonl::insert(&mut object, "key", &explained.key);
    object.insert("read_seqno".to_owned(), explained.read_seqno.into());
    object.insert("steps".to_owned(), steps.into());
    let decision = explained.decided_by.map(|decision| {
        json!({
            "seqno": decision.seqno,
            "kind": if decision.kind == EntryKind::Put { "put" } else { "delete" },
            "value_bytes": decision.value_bytes,
        })
    });
    object.insert("decided_by".to_owned(), decision.into());
    object.insert("ns".to_owned(), ns(explained.took).into());
    Value::Object(object)
}

fn step_to_json(step: &ExplainStep) -> Value {
    let probes: Vec<_> = step
        .probes
        .iter()
        .map(|&probe| match probe {
            TableProbe::Filter { verdict, cached, bytes } => {
                json!({ "filter": verdict_of(verdict), "source": from_memory(cached), "bytes": bytes })
            }
            TableProbe::Index { cached, bytes } => {
                json!({ "index": true, "source": from_memory(cached), "bytes": bytes })
            }
            TableProbe::Block { offset, bytes, source } => {
                json!({ "block": offset, "source": source_of(source), "bytes": bytes })
            }
            _ => Value::Null,
        })
        .collect();
    json!({ "place": place(step), "found": step.found, "probes": probes, "ns": ns(step.took) })
}
