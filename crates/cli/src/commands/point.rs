//! `put`, `get`, `delete`: one key.

use super::input;
use crate::args::{OneKey, Put};
use crate::database;
use crate::exit::Failure;
use crate::format::{jsonl, tsv};
use anyhow::Result;
use std::io::Write;

/// Stores one value.
pub(super) fn put(args: &Put) -> Result<()> {
    let key = input::key(&args.key, args.hex)?;
    let value = input::value(&args.value)?;
    let db = database::open_or_create(&args.place)?;
    db.keyspace(&args.place.keyspace)?.put(key, value)?;
    Ok(db.close()?)
}

/// Writes one value to `out`, nothing added.
pub(super) fn get(args: &OneKey, out: &mut dyn Write) -> Result<()> {
    let key = input::key(&args.key, args.hex)?;
    let db = database::open_to_read(&args.place)?;
    let Some(value) = database::keyspace(&db, &args.place)?.get(&key)? else {
        return Err(Failure::Absent(format!("no key \"{}\"", tsv::escaped(&key))).into());
    };
    if args.json {
        jsonl::write_pair(out, &key, &value)?;
    } else {
        out.write_all(&value)?;
    }
    Ok(db.close()?)
}

/// Removes one key.
pub(super) fn delete(args: &OneKey) -> Result<()> {
    let key = input::key(&args.key, args.hex)?;
    let db = database::open_to_write(&args.place)?;
    database::keyspace(&db, &args.place)?.delete(key)?;
    Ok(db.close()?)
}
