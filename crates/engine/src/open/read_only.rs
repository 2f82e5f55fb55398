//! Opening without writing anything, beside a writer perhaps.
//!
//! Every table that the manifest names is opened before the open returns, so that a writer may
//! remove the files afterwards. If a file vanished meanwhile, or a record was bad, the writer may
//! have been at work: then all of it is tried again from CURRENT.

use super::listing::Listing;
use super::start::{build, trees_of};
use super::{Replay, recover};
use crate::current::Current;
use crate::files::FileName;
use crate::open::locate::check_dir;
use crate::store::Store;
use crate::{Error, Options};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// How often it is tried beside a writer.
const ROUNDS_MAX: u32 = 10;

/// Opens the state of this moment for reading.
pub(crate) fn read_only(options: &Options, dir: &Path) -> Result<Arc<Store>, Error> {
    if !check_dir(&*options.vfs, dir)? {
        let why = "; check the path";
        return Err(Error::NotFound { path: dir.to_path_buf(), why });
    }
    let lock = FileName::Lock.path(dir);
    // Where nobody can tell, a writer may be at work.
    let has_writer = || options.vfs.is_locked(&lock).unwrap_or(true);
    for _ in 0..ROUNDS_MAX {
        let writer_before = has_writer();
        let current_before = Current::load(&*options.vfs, dir)?;
        match try_open(options, dir) {
            Ok(store) => return Ok(store),
            Err(error) if !may_be_the_writers(&error) => return Err(error),
            // Without a writer, a file that is missing or bad is what it seems; one that came
            // and went left another CURRENT.
            Err(error)
                if !writer_before
                    && !has_writer()
                    && Current::load(&*options.vfs, dir)? == current_before =>
            {
                return Err(error);
            }
            Err(_) => {}
        }
    }
    Err(Error::Busy { path: dir.to_path_buf() })
}

/// Whether a writer at work beside could have caused this.
fn may_be_the_writers(error: &Error) -> bool {
    match error {
        Error::Corrupt { .. } => true,
        Error::Io { source, .. } => source.kind() == io::ErrorKind::NotFound,
        _ => false,
    }
}

fn try_open(options: &Options, dir: &Path) -> Result<Arc<Store>, Error> {
    let current = Current::load(&*options.vfs, dir)?;
    let Some(current) = current else { return Err(no_current(options, dir)) };
    let listing = Listing::of(&*options.vfs, dir)?;
    let recovered = recover(options, dir, current, &listing)?;
    let replay = Replay::check(options, dir, &recovered)?;
    let store = build(options.clone(), dir, current.database, None, &replay);
    store.segments.fill(replay.segments.clone());
    for keyspace in recovered.state.keyspaces.values() {
        for table in keyspace.version.tables() {
            store.tables.get(table).map_err(missing_is_corrupt)?;
        }
    }
    let trees = trees_of(&store.options, &recovered.state);
    let none = |_: &[_], _| Ok(());
    replay.apply(dir, &recovered.state, &trees, none)?;
    store.snapshots.publish(replay.last_seqno);
    *store.trees.write() = trees;
    Ok(store)
}

/// A table that the manifest names is gone.
fn missing_is_corrupt(error: Error) -> Error {
    match error {
        Error::Io { path, source, .. } if source.kind() == io::ErrorKind::NotFound => {
            Error::corrupt(&path, "table", 0, "it is missing, though the manifest names it")
        }
        error => error,
    }
}

/// CURRENT is missing: there never was a database, or it is damaged.
fn no_current(options: &Options, dir: &Path) -> Error {
    let ours = |entries: &[siltstone_vfs::DirEntry]| {
        entries.iter().any(|entry| {
            matches!(
                FileName::parse(&entry.name),
                Some(FileName::Table(_) | FileName::Log(_) | FileName::Manifest(2..))
            )
        })
    };
    match options.vfs.list(dir) {
        Ok(entries) if ours(&entries) => Error::corrupt(
            &FileName::Current.path(dir),
            "CURRENT",
            0,
            "it is missing, though files of a database are here",
        ),
        Ok(_) => Error::NotFound { path: dir.to_path_buf(), why: "; check the path" },
        Err(error) => Error::io(dir, "listing", error),
    }
}
