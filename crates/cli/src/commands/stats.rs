//! `stats`: counters, levels, amplifications.

use super::text;
use crate::args::Look;
use crate::{database, size};
use anyhow::Result;
use serde_json::{Value, json};
use siltstone::{Health, KeyspaceMetrics, Metrics};
use std::io::{self, Write};

/// Shows the state of the database and the shape of one keyspace.
pub(super) fn run(args: &Look, out: &mut dyn Write) -> Result<()> {
    let db = database::open_to_read(&args.place)?;
    database::keyspace(&db, &args.place)?;
    let (metrics, health) = (db.metrics(), db.health());
    let keyspace = metrics.keyspaces.iter().find(|keyspace| keyspace.name == args.place.keyspace);
    if args.json {
        writeln!(out, "{}", to_json(&metrics, keyspace, &health))?;
    } else {
        writeln!(out, "health: {}", describe(&health))?;
        for (name, value) in lines(&metrics) {
            writeln!(out, "{name}: {value}")?;
        }
        if let Some(keyspace) = keyspace {
            write_keyspace(out, keyspace)?;
        }
        write_amplifications(out, &metrics)?;
    }
    Ok(db.close()?)
}

/// Writes the three amplifications, one line each.
pub(crate) fn write_amplifications(out: &mut dyn Write, metrics: &Metrics) -> io::Result<()> {
    if metrics.user_bytes > 0 {
        writeln!(out, "write amplification: {:.2}", metrics.write_amplification())?;
    }
    writeln!(out, "read amplification: {} runs", metrics.read_amplification())?;
    writeln!(out, "space amplification: {:.2}", metrics.space_amplification())
}

fn describe(health: &Health) -> String {
    match health {
        Health::Healthy => "healthy".to_owned(),
        Health::Stalled(error) => format!("stalled: {error}"),
        Health::ReadOnly(error) => format!("read-only: {error}"),
        Health::Poisoned(error) => format!("poisoned: {error}"),
        _ => "unknown".to_owned(),
    }
}

/// What a database that was opened to read can tell; counters of writes are all 0 there.
fn lines(metrics: &Metrics) -> Vec<(&'static str, String)> {
    let recovery = &metrics.recovery;
    vec![
        ("last seqno", text::count(metrics.visible_seqno)),
        ("memtables", size::human(metrics.memtable_bytes)),
        ("log segments", size::human(metrics.log_segment_bytes)),
        ("table metadata in memory", size::human(metrics.table_metadata_bytes)),
        ("block cache", size::human(metrics.cache_bytes)),
        ("compaction debt", size::human(metrics.debt_bytes)),
        ("replayed log records", text::count(recovery.replayed_records)),
        ("torn log bytes", text::count(recovery.torn_bytes)),
    ]
}

fn write_keyspace(out: &mut dyn Write, keyspace: &KeyspaceMetrics) -> io::Result<()> {
    writeln!(out, "keyspace {} ({}):", keyspace.name, keyspace.policy)?;
    writeln!(
        out,
        "  {:>5} {:>6} {:>7} {:>12} {:>14} {:>12}",
        "level", "runs", "tables", "bytes", "entries", "tombstones"
    )?;
    for level in &keyspace.levels {
        writeln!(
            out,
            "  {:>5} {:>6} {:>7} {:>12} {:>14} {:>12}",
            level.level,
            level.runs,
            level.tables,
            size::human(level.bytes),
            text::count(level.entries),
            text::count(level.tombstones)
        )?;
    }
    Ok(())
}

fn to_json(metrics: &Metrics, keyspace: Option<&KeyspaceMetrics>, health: &Health) -> Value {
    let levels: Vec<_> = keyspace
        .iter()
        .flat_map(|keyspace| &keyspace.levels)
        .map(|level| {
            json!({
                "level": level.level,
                "runs": level.runs,
                "tables": level.tables,
                "bytes": level.bytes,
                "entries": level.entries,
                "tombstones": level.tombstones,
            })
        })
        .collect();
    json!({
        "health": describe(health),
        "visible_seqno": metrics.visible_seqno,
        "memtable_bytes": metrics.memtable_bytes,
        "log_segment_bytes": metrics.log_segment_bytes,
        "table_metadata_bytes": metrics.table_metadata_bytes,
        "cache_bytes": metrics.cache_bytes,
        "debt_bytes": metrics.debt_bytes,
        "recovery": {
            "replayed_records": metrics.recovery.replayed_records,
            "torn_bytes": metrics.recovery.torn_bytes,
            "dropped_segments": metrics.recovery.dropped_segments,
        },
        "read_amplification": metrics.read_amplification(),
        "space_amplification": metrics.space_amplification(),
        "keyspace": keyspace.map(|keyspace| json!({
            "name": keyspace.name,
            "policy": keyspace.policy,
            "table_bytes": keyspace.table_bytes(),
            "levels": levels,
        })),
    })
}
