//! `compact` and `checkpoint`: work on the whole.

use crate::args::{Checkpoint, Plain};
use crate::exit::Failure;
use crate::{database, progress};
use anyhow::Result;
use std::fs;

/// Merges everything down to the last level.
pub(super) fn compact(args: &Plain) -> Result<()> {
    let db = database::open_to_write(&args.place)?;
    let keyspace = database::keyspace(&db, &args.place)?;
    let bar = progress::of_work("compacting");
    keyspace.compact_range(..)?;
    bar.finish_and_clear();
    Ok(db.close()?)
}

/// Makes a copy of the whole database, all keyspaces of it.
pub(super) fn checkpoint(args: &Checkpoint) -> Result<()> {
    if fs::read_dir(&args.to).is_ok_and(|mut entries| entries.next().is_some()) {
        let why = format!("{}: not empty; name a missing or empty directory", args.to.display());
        return Err(Failure::WrongUse(why).into());
    }
    let db = database::open_to_write(&args.place)?;
    database::keyspace(&db, &args.place)?;
    let bar = progress::of_work("copying");
    db.checkpoint(&args.to)?;
    bar.finish_and_clear();
    Ok(db.close()?)
}
