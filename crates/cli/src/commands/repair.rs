//! `repair`: what can be saved, in a new directory.

use crate::args::Repair;
use crate::exit::Failure;
use crate::{database, options, progress};
use anyhow::Result;
use serde_json::json;
use siltstone::{Loss, Options, RepairReport};
use std::fmt::Write as _;
use std::io::Write;

/// Saves, and shows each loss; fails if there is one.
pub(super) fn run(args: &Repair, out: &mut dyn Write) -> Result<()> {
    if database::lies_in(&args.to, &args.dir) {
        let why = format!("{}: it lies in the database that is repaired", args.to.display());
        return Err(Failure::WrongUse(why).into());
    }
    let bar = progress::of_bytes("repairing", Some(0));
    let options = options::apply(&args.settings, Options::new());
    let report = options.repair(&args.dir, &args.to, &mut |progress| {
        bar.set_length(progress.total_bytes);
        bar.set_position(progress.done_bytes);
    });
    bar.finish_and_clear();
    let report = report?;
    if args.json {
        writeln!(out, "{}", as_json(&report))?;
    } else {
        show(&report, out)?;
    }
    match report.losses.len() {
        0 => Ok(()),
        count => {
            let why = format!("{count} losses; what could be saved is in {}", args.to.display());
            Err(Failure::Absent(why).into())
        }
    }
}

fn show(report: &RepairReport, out: &mut dyn Write) -> Result<()> {
    for finding in &report.findings {
        writeln!(out, "found {}", finding.message.replace('\n', " "))?;
    }
    for loss in &report.losses {
        writeln!(out, "lost {}", in_words(loss).replace('\n', " "))?;
    }
    writeln!(
        out,
        "saved: {} keys in {}, from {} entries in {} files, {} bytes",
        report.keys,
        report.keyspaces.join(", "),
        report.saved_entries,
        report.files,
        report.bytes
    )?;
    Ok(())
}

/// File, place, what was there, why.
fn in_words(loss: &Loss) -> String {
    let mut text = loss.path.display().to_string();
    if loss.bytes > 0 {
        // Writing to a string cannot fail.
        let _ = write!(text, ": {} bytes from byte {}", loss.bytes, loss.offset);
    }
    if let Some(entries) = loss.entries {
        let _ = write!(text, ", {entries} entries");
    }
    if let Some((first, last)) = &loss.keys {
        let _ = write!(text, ", keys \"{}\" to \"{}\"", first.escape_ascii(), last.escape_ascii());
    }
    if let Some(keyspace) = &loss.keyspace {
        let _ = write!(text, ", keyspace {keyspace}");
    }
    let _ = write!(text, ": {}", loss.why);
    text
}

fn as_json(report: &RepairReport) -> serde_json::Value {
    let losses = report.losses.iter().map(|loss| {
        let key = |key: &[u8]| key.escape_ascii().to_string();
        let keys = loss.keys.as_ref().map(|(first, last)| [key(first), key(last)]);
        json!({
            "path": loss.path.display().to_string(),
            "offset": loss.offset,
            "bytes": loss.bytes,
            "entries": loss.entries,
            "keys": keys,
            "keyspace": loss.keyspace,
            "why": loss.why,
        })
    });
    json!({
        "losses": losses.collect::<Vec<_>>(),
        "findings": report.findings.iter().map(|found| &found.message).collect::<Vec<_>>(),
        "keyspaces": report.keyspaces,
        "keys": report.keys,
        "saved_entries": report.saved_entries,
        "files": report.files,
        "bytes": report.bytes,
    })
}
