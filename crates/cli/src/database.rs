//! How each command gets its database: to read, to write, or to create.

use crate::args::Place;
use crate::exit::Failure;
use crate::options;
use anyhow::Result;
use siltstone::{Db, Keyspace, Options};
use std::fs;
use std::io;
use std::path::Path;

/// Opens an existing database for reading; changes nothing and runs beside a writer.
pub(crate) fn open_to_read(place: &Place) -> Result<Db> {
    Ok(options::apply(&place.settings, Options::new()).open_read_only(&place.dir)?)
}

/// Opens an existing database for writing.
pub(crate) fn open_to_write(place: &Place) -> Result<Db> {
    let options = options::apply(&place.settings, Options::new());
    Ok(options.create_if_missing(false).open(&place.dir)?)
}

/// Opens a database for writing; creates it if the directory is missing or empty.
pub(crate) fn open_or_create(place: &Place) -> Result<Db> {
    refuse_foreign(&place.dir)?;
    Ok(options::apply(&place.settings, Options::new()).open(&place.dir)?)
}

/// The keyspace that was named, which must exist.
pub(crate) fn keyspace(db: &Db, place: &Place) -> Result<Keyspace> {
    let found = db.find_keyspace(&place.keyspace)?;
    Ok(found.ok_or_else(|| {
        let names = db.list_keyspaces().unwrap_or_default().join(", ");
        Failure::Absent(format!("no keyspace {:?}; there are: {names}", place.keyspace))
    })?)
}

/// Refuses a directory that holds other things than a database.
///
/// What a killed creation leaves (a lock, an unfinished first manifest) and what a damaged
/// database has is for the database to judge.
pub(crate) fn refuse_foreign(dir: &Path) -> Result<()> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(refused(dir, &error.to_string())),
    };
    let mut foreign = None;
    for entry in entries {
        let name = entry.map_err(|error| refused(dir, &error.to_string()))?.file_name();
        let name = name.to_string_lossy().into_owned();
        match name.as_str() {
            "CURRENT" => return Ok(()),
            "LOCK" | "CURRENT.new" => {}
            _ if [".manifest", ".log", ".sst"].iter().any(|end| name.ends_with(end)) => {}
            _ => foreign = Some(name),
        }
    }
    match foreign {
        None => Ok(()),
        Some(name) => Err(refused(
            dir,
            &format!("not a database, and not empty ({name} lies there); choose another directory"),
        )),
    }
}

fn refused(dir: &Path, why: &str) -> anyhow::Error {
    Failure::Refused(format!("{}: {why}", dir.display())).into()
}
