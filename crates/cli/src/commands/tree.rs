//! `tree`: the runs of each level.

use super::text;
use crate::args::Look;
use crate::format::jsonl;
use crate::{database, size};
use anyhow::Result;
use serde_json::{Map, Value, json};
use siltstone::{KeyspaceTree, TreeRun, TreeTable};
use std::io::{self, Write};

/// Shows the tree of one keyspace.
pub(super) fn run(args: &Look, out: &mut dyn Write) -> Result<()> {
    let db = database::open_to_read(&args.place)?;
    database::keyspace(&db, &args.place)?;
    let trees = db.tree()?;
    for tree in trees.iter().filter(|tree| tree.name == args.place.keyspace) {
        if args.json {
            writeln!(out, "{}", to_json(tree))?;
        } else {
            write_tree(out, tree)?;
        }
    }
    Ok(db.close()?)
}

/// Writes a tree for people, one line a run.
pub(crate) fn write_tree(out: &mut dyn Write, tree: &KeyspaceTree) -> io::Result<()> {
    writeln!(out, "keyspace {}", tree.name)?;
    let mut level = None;
    for run in &tree.runs {
        if level != Some(run.level) {
            level = Some(run.level);
            let of_level = || tree.runs.iter().filter(|other| other.level == run.level);
            let bytes = of_level().flat_map(|run| &run.tables).map(|table| table.bytes).sum();
            writeln!(out, "  level {}: {}", run.level, size::human(bytes))?;
        }
        write_run(out, run)?;
    }
    if tree.runs.is_empty() {
        writeln!(out, "  no tables")?;
    }
    let next = tree.next_compaction.as_deref().unwrap_or("none is due");
    writeln!(out, "  next compaction: {next}")
}

fn write_run(out: &mut dyn Write, run: &TreeRun) -> io::Result<()> {
    let sum = |of: fn(&TreeTable) -> u64| run.tables.iter().map(of).sum::<u64>();
    let range = match (run.tables.first(), run.tables.last()) {
        (Some(first), Some(last)) => {
            format!("{} .. {}", text::key(&first.first), text::key(&last.last))
        }
        _ => String::new(),
    };
    writeln!(
        out,
        "    run {:<5} {:>5} tables {:>10} {:>12} entries {:>9} tombstones  {range}",
        run.run,
        run.tables.len(),
        size::human(sum(|table| table.bytes)),
        text::count(sum(|table| table.entries)),
        text::count(sum(|table| table.tombstones)),
    )
}

fn to_json(tree: &KeyspaceTree) -> Value {
    let table = |table: &TreeTable| {
        let mut object = Map::new();
        object.insert("id".to_owned(), table.id.clone().into());
        jsonl::insert(&mut object, "first", &table.first);
        jsonl::insert(&mut object, "last", &table.last);
        for (name, number) in [
            ("bytes", table.bytes),
            ("entries", table.entries),
            ("tombstones", table.tombstones),
            ("smallest_seqno", table.smallest_seqno),
            ("largest_seqno", table.largest_seqno),
        ] {
            object.insert(name.to_owned(), number.into());
        }
        Value::Object(object)
    };
    let run = |run: &TreeRun| {
        let tables: Vec<_> = run.tables.iter().map(table).collect();
        json!({ "level": run.level, "run": run.run, "tables": tables })
    };
    let runs: Vec<_> = tree.runs.iter().map(run).collect();
    json!({ "keyspace": tree.name, "runs": runs, "next_compaction": tree.next_compaction })
}
