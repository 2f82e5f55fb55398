//! `scan`: a range of keys, forwards or backwards.

use super::{input, range};
use crate::args::Scan;
use crate::database;
use crate::format::{jsonl, tsv};
use anyhow::Result;
use siltstone::Error;
use std::ffi::OsString;
use std::io::{self, Write};

/// Shows what lies in the range.
pub(super) fn run(args: &Scan, out: &mut dyn Write) -> Result<()> {
    let key =
        |text: &Option<OsString>| text.as_ref().map(|text| input::key(text, args.hex)).transpose();
    let prefix = key(&args.prefix)?;
    let range = range::of(key(&args.from)?, key(&args.to)?, prefix.as_deref());
    let db = database::open_to_read(&args.place)?;
    let keyspace = database::keyspace(&db, &args.place)?;
    if args.keys {
        let write = if args.json { jsonl::write_key } else { write_key };
        show(keyspace.keys(range)?, args, |key| write(out, &key))?;
    } else {
        let write = if args.json { jsonl::write_pair } else { tsv::write_pair };
        show(keyspace.scan(range)?, args, |(key, value)| write(out, &key, &value))?;
    }
    Ok(db.close()?)
}

fn write_key(out: &mut dyn Write, key: &[u8]) -> io::Result<()> {
    tsv::write_escaped(out, key)?;
    out.write_all(b"\n")
}

/// Passes items to `show`, from the end that was asked for and as many as were.
fn show<T>(
    items: impl DoubleEndedIterator<Item = Result<T, Error>>,
    args: &Scan,
    mut show: impl FnMut(T) -> io::Result<()>,
) -> Result<()> {
    let limit = args.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let items: Box<dyn Iterator<Item = _>> =
        if args.reverse { Box::new(items.rev()) } else { Box::new(items) };
    for item in items.take(limit) {
        show(item?)?;
    }
    Ok(())
}
