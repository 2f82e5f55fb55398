//! Which files are overwritten and which are deleted, and with what.

use super::corpus::Source;
use crate::format::files::read_file;
use anyhow::{Context as _, Result};
use siltstone::{Db, WriteBatch};

/// What happens to a file's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    None,
    Overwritten,
    Deleted,
}

/// What happens to the file at `index`.
pub(super) const fn of(index: usize) -> Change {
    if index.is_multiple_of(11) {
        Change::Deleted
    } else if index.is_multiple_of(7) {
        Change::Overwritten
    } else {
        Change::None
    }
}

/// Makes of a file's contents what overwrites it.
pub(super) fn overwrite(contents: &mut Vec<u8>) {
    contents.reverse();
    contents.extend_from_slice(b"overwritten by the demo");
}

/// Overwrites and deletes; returns how many of each.
pub(super) fn apply(db: &Db, files: &[Source]) -> Result<(u64, u64)> {
    let keyspace = db.default_keyspace();
    let (mut overwritten, mut deleted) = (0, 0);
    let mut contents = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let mut batch = WriteBatch::new();
        match of(index) {
            Change::None => continue,
            Change::Overwritten => {
                read_file(&file.path, &mut contents)
                    .with_context(|| file.path.display().to_string())?;
                overwrite(&mut contents);
                batch.put(&keyspace, &file.key, &contents);
                overwritten += 1;
            }
            Change::Deleted => {
                batch.delete(&keyspace, &file.key);
                deleted += 1;
            }
        }
        db.write(batch)?;
    }
    Ok((overwritten, deleted))
}
