//! How each command gets its database: to read, to write, or to create.

use crate::args::Place;
use crate::exit::Failure;
use crate::options;
use anyhow::Result;
use siltstone::{Db, Keyspace, Options};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

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

/// Refuses a directory that is not missing and not empty.
pub(crate) fn refuse_used(dir: &Path) -> Result<()> {
    match fs::read_dir(dir).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(refused(dir, "not empty; choose a missing or an empty directory")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(refused(dir, &error.to_string())),
    }
}

/// Whether `path` is `dir` or lies below it, or would if it were made. Links on the way count.
pub(crate) fn lies_in(path: &Path, dir: &Path) -> bool {
    match (canonical_place(path), fs::canonicalize(dir)) {
        (Ok(path), Ok(dir)) => path.starts_with(dir),
        _ => false,
    }
}

/// Where a directory is or, if it is not made yet, would be.
fn canonical_place(dir: &Path) -> io::Result<PathBuf> {
    fs::canonicalize(dir).or_else(|error| {
        let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
        let name = dir.file_name().ok_or(error)?;
        Ok(canonical_place(parent.unwrap_or(Path::new(".")))?.join(name))
    })
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
