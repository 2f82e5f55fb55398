//! `verify`: every checksum, every order, every file.

use crate::args::Look;
use crate::exit::Failure;
use crate::{database, progress};
use anyhow::Result;
use serde_json::json;
use siltstone::{Db, Error};
use std::io::Write;

/// Shows each finding; fails if there is one.
pub(super) fn run(args: &Look, out: &mut dyn Write) -> Result<()> {
    let opened = database::open_to_read(&args.place);
    // What keeps a database from being opened is what this command is asked to find.
    let (findings, totals) = match opened {
        Ok(db) => {
            database::keyspace(&db, &args.place)?;
            verify(&db)?
        }
        Err(error) => match error.downcast::<Error>() {
            Ok(error) if error.is_corruption() => (vec![error.to_string()], json!({})),
            Ok(error) => return Err(error.into()),
            Err(error) => return Err(error),
        },
    };
    if args.json {
        let report = json!({ "findings": findings, "checked": totals });
        writeln!(out, "{report}")?;
    } else {
        for finding in &findings {
            writeln!(out, "{}", finding.replace('\n', " "))?;
        }
        if findings.is_empty() {
            writeln!(
                out,
                "sound: {} files, {} bytes, {} entries, {} log records",
                totals["files"], totals["bytes"], totals["entries"], totals["log_records"]
            )?;
            for path in totals["unnamed"].as_array().into_iter().flatten() {
                let path = path.as_str().unwrap_or_default();
                writeln!(out, "unnamed: {path}; the next open for writing removes it")?;
            }
        }
    }
    match findings.len() {
        0 => Ok(()),
        count => {
            let why = format!("{count} findings; restore the files from a checkpoint");
            Err(Failure::Absent(why).into())
        }
    }
}

/// The findings, and how much was checked.
fn verify(db: &Db) -> Result<(Vec<String>, serde_json::Value)> {
    let bar = progress::of_bytes("verifying", Some(0));
    let report = db.verify_with(&mut |progress| {
        bar.set_length(progress.total_bytes);
        bar.set_position(progress.done_bytes);
    })?;
    bar.finish_and_clear();
    db.close()?;
    let findings = report.findings.iter().map(|finding| {
        // A message may name its file itself.
        let path = finding.path.display().to_string();
        if finding.message.starts_with(&path) {
            finding.message.clone()
        } else {
            format!("{path}: {}", finding.message)
        }
    });
    let totals = json!({
        "files": report.files,
        "bytes": report.bytes,
        "entries": report.entries,
        "log_records": report.log_records,
        "unnamed": report.unnamed.iter().map(|path| path.display().to_string()).collect::<Vec<_>>(),
    });
    Ok((findings.collect(), totals))
}
