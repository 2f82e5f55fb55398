//! Finds the database in a directory, or makes sure that one may be created there.

use crate::current::Current;
use crate::files::FileName;
use crate::manifest::{Field, Manifest, ManifestState};
use crate::trees::{DEFAULT_ID, DEFAULT_NAME};
use crate::{Error, Options};
use siltstone_vfs::{FileKind, LockError, LockGuard, Vfs};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// A database that is ours to open.
#[derive(Debug)]
pub(super) struct Located {
    pub(super) lock: Box<dyn LockGuard>,
    pub(super) current: Current,
}

/// Takes the lock and reads CURRENT, creating both if that is allowed.
pub(super) fn locate(options: &Options, dir: &Path) -> Result<Located, Error> {
    let vfs = &*options.vfs;
    let exists = check_dir(vfs, dir)?;
    if !exists || !has_files_of_ours(vfs, dir)? {
        check_may_create(options, dir, exists)?;
        vfs.create_dir_all(dir).map_err(|error| Error::io(dir, "creating", error))?;
    }
    let lock = take_lock(vfs, dir)?;
    let current = match Current::load(vfs, dir)? {
        Some(current) => current,
        None => create(options, dir)?,
    };
    Ok(Located { lock, current })
}

/// Whether `dir` exists; refuses what is not a directory.
pub(crate) fn check_dir(vfs: &dyn Vfs, dir: &Path) -> Result<bool, Error> {
    match vfs.metadata(dir) {
        Ok(metadata) if metadata.kind == FileKind::Dir => Ok(true),
        // A link to a directory is followed by everything that lists it.
        Ok(_) if vfs.list(dir).is_ok() => Ok(true),
        Ok(_) => Err(Error::NotFound { path: dir.to_path_buf(), why: ": it is not a directory" }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::io(dir, "looking at", error)),
    }
}

pub(crate) fn has_files_of_ours(vfs: &dyn Vfs, dir: &Path) -> Result<bool, Error> {
    let entries = vfs.list(dir).map_err(|error| Error::io(dir, "listing", error))?;
    Ok(entries.iter().any(|entry| FileName::parse(&entry.name).is_some()))
}

/// A database is created only in a missing or an empty directory.
fn check_may_create(options: &Options, dir: &Path, exists: bool) -> Result<(), Error> {
    let refuse = |why| Err(Error::NotFound { path: dir.to_path_buf(), why });
    if exists {
        let entries = options.vfs.list(dir).map_err(|error| Error::io(dir, "listing", error))?;
        if !entries.is_empty() {
            return refuse(": the directory holds other files; choose an empty or a new one");
        }
    }
    if !options.create_if_missing {
        return refuse("; create it first, or check the path");
    }
    Ok(())
}

/// Takes the lock of the database in `dir`, or says who holds it.
pub(crate) fn take_lock(vfs: &dyn Vfs, dir: &Path) -> Result<Box<dyn LockGuard>, Error> {
    let path = FileName::Lock.path(dir);
    let note = format!("process {}", std::process::id());
    vfs.lock(&path, &note).map_err(|error| match error {
        LockError::Held(holder) => {
            let holder = if holder.is_empty() { "another process".into() } else { holder };
            Error::Locked { path, holder }
        }
        LockError::Io(source) => Error::io(&path, "locking", source),
    })
}

/// Creates an empty database beside the lock. What lies there may only be the unfinished try of
/// a process that died.
fn create(options: &Options, dir: &Path) -> Result<Current, Error> {
    let vfs = &options.vfs;
    let entries = vfs.list(dir).map_err(|error| Error::io(dir, "listing", error))?;
    for entry in &entries {
        match FileName::parse(&entry.name) {
            Some(FileName::Lock | FileName::CurrentNew | FileName::Manifest(1)) => {}
            Some(_) => {
                let why = "it is missing, though files of a database are here";
                return Err(Error::corrupt(&FileName::Current.path(dir), "CURRENT", 0, why));
            }
            None => {
                let why = ": the directory holds other files; choose an empty or a new one";
                return Err(Error::NotFound { path: dir.to_path_buf(), why });
            }
        }
    }
    if !options.create_if_missing {
        let why = "; create it first, or check the path";
        return Err(Error::NotFound { path: dir.to_path_buf(), why });
    }
    let first = FileName::Manifest(1).path(dir);
    match vfs.unlink(&first) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(Error::io(&first, "removing", error));
        }
        _ => {}
    }
    let database = options.runtime.random.next_u128().max(1);
    let mut state = ManifestState::default();
    let policy = options.policy.fresh().name().to_owned();
    let fields = [
        Field::Keyspace { id: DEFAULT_ID, policy, name: DEFAULT_NAME.to_owned() },
        Field::NextKeyspace(1),
    ];
    state.apply(&fields).unwrap_or_else(|why| panic!("an empty database is sound: {why}"));
    // Dropped at once: recovery begins its own manifest behind this one.
    Manifest::begin(Arc::clone(vfs), dir, database, 1, state)?.close()?;
    Ok(Current { database, manifest: 1 })
}
