//! `dump`: everything in key order, in a form that `load` reads back.

use crate::args::{self, Format};
use crate::database;
use crate::exit::{self, Failure};
use crate::format::files::{FilesWriter, Written};
use crate::format::{jsonl, tsv};
use crate::progress;
use anyhow::{Context as _, Result};
use siltstone::Keyspace;
use std::io::Write;
use std::path::Path;

/// Writes every pair to `out`, or below a directory.
pub(super) fn run(args: &args::Dump, out: &mut dyn Write) -> Result<()> {
    match (args.format, &args.to) {
        (Format::Files, None) => return wrong_use("files need a directory: add --to DIR"),
        (Format::Tsv | Format::Jsonl, Some(_)) => {
            return wrong_use("--to is for --format files; redirect stdout for the others");
        }
        _ => {}
    }
    let db = database::open_to_read(&args.place)?;
    let keyspace = database::keyspace(&db, &args.place)?;
    match &args.to {
        Some(dir) => {
            if database::lies_in(dir, &args.place.dir) {
                let why = format!("{}: it lies in the database; name another", dir.display());
                return wrong_use(&why);
            }
            dump_files(&keyspace, dir)?;
        }
        None if args.format == Format::Jsonl => dump_lines(&keyspace, out, jsonl::write_pair)?,
        None => dump_lines(&keyspace, out, tsv::write_pair)?,
    }
    Ok(db.close()?)
}

fn wrong_use(why: &str) -> Result<()> {
    Err(Failure::WrongUse(why.to_owned()).into())
}

type WritePair = fn(&mut dyn Write, &[u8], &[u8]) -> std::io::Result<()>;

fn dump_lines(keyspace: &Keyspace, out: &mut dyn Write, write: WritePair) -> Result<()> {
    let bar = progress::of_bytes("dumping", None);
    for item in keyspace.scan(..)? {
        let (key, value) = item?;
        write(out, &key, &value)?;
        bar.inc((key.len() + value.len()) as u64);
    }
    bar.finish_and_clear();
    Ok(())
}

fn dump_files(keyspace: &Keyspace, dir: &Path) -> Result<()> {
    let mut writer = FilesWriter::new(dir).map_err(|error| {
        Failure::WrongUse(format!("{}: {error}; name a missing or empty directory", dir.display()))
    })?;
    let bar = progress::of_bytes("dumping", None);
    let mut left_out = 0_u64;
    for item in keyspace.scan(..)? {
        let (key, value) = item?;
        let folder = is_folder(keyspace, &key)?;
        let written = writer.write(&key, &value, folder);
        match written.with_context(|| format!("writing \"{}\"", tsv::escaped(&key)))? {
            Written::Yes => bar.inc((key.len() + value.len()) as u64),
            Written::No(why) => {
                left_out += 1;
                bar.suspend(|| {
                    exit::say(&format!("not written: \"{}\": {why}", tsv::escaped(&key)));
                });
            }
        }
    }
    bar.finish_and_clear();
    if left_out > 0 {
        let why = format!("{left_out} keys cannot be files; dump them as tsv or jsonl");
        return Err(Failure::Absent(why).into());
    }
    Ok(())
}

/// Whether other keys lie below `key`, as files in a folder.
fn is_folder(keyspace: &Keyspace, key: &[u8]) -> Result<bool> {
    let below = [key, b"/"].concat();
    let first = keyspace
        .keys((std::ops::Bound::Included(below.clone()), std::ops::Bound::Unbounded))?
        .next();
    Ok(first.transpose()?.is_some_and(|first| first.starts_with(&below)))
}
