//! What the database holds against what lies on the disk.

use super::changes::{self, Change};
use super::corpus::Source;
use crate::commands::text;
use crate::exit::Failure;
use crate::format::files::read_file;
use crate::progress;
use anyhow::Result;
use siltstone::Db;
use std::collections::HashMap;

/// What is to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    /// Every file as it is.
    AsLoaded,
    /// Some overwritten, some deleted.
    Changed,
}

/// What was found.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Compared {
    pub(super) equal: u64,
    pub(super) bytes: u64,
    pub(super) absent: u64,
    pub(super) changed_on_disk: u64,
}

/// How many files are in the database, which must be the first ones of the order.
pub(super) fn survivors(db: &Db, files: &[Source]) -> Result<usize> {
    let order: HashMap<&[u8], usize> =
        files.iter().enumerate().map(|(index, file)| (file.key.as_slice(), index)).collect();
    let (mut found, mut last) = (0, None);
    for key in db.keys(..)? {
        let key = key?;
        let Some(&index) = order.get(&*key) else {
            return Err(mismatch(&key, "it was never stored"));
        };
        found += 1;
        last = last.max(Some(index));
    }
    // As many keys as the last one's place says: then none before it is missing.
    match last {
        Some(last) if last + 1 != found => {
            let why = "it is there though an earlier file is missing";
            Err(mismatch(files.get(last).map_or(&[], |file| &file.key), why))
        }
        _ => Ok(found),
    }
}

/// Compares every file, and the number of keys.
pub(super) fn all(db: &Db, files: &[Source], comparison: Comparison) -> Result<Compared> {
    let mut compared = Compared::default();
    let mut contents = Vec::new();
    let bar = progress::of_count("comparing", files.len() as u64);
    for (index, file) in files.iter().enumerate() {
        let change = match comparison {
            Comparison::AsLoaded => Change::None,
            Comparison::Changed => changes::of(index),
        };
        one(db, file, change, &mut contents, &mut compared)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    let keys = db.keys(..)?.try_fold(0, |count, key| key.map(|_| count + 1))?;
    let expected = compared.equal + compared.changed_on_disk;
    if keys != expected {
        return Err(Failure::Absent(format!("{keys} keys are there, not {expected}")).into());
    }
    Ok(compared)
}

fn one(
    db: &Db,
    file: &Source,
    change: Change,
    contents: &mut Vec<u8>,
    compared: &mut Compared,
) -> Result<()> {
    let value = match (db.get(&file.key)?, change) {
        (None, Change::Deleted) => {
            compared.absent += 1;
            return Ok(());
        }
        (Some(_), Change::Deleted) => return Err(mismatch(&file.key, "it was deleted")),
        (None, _) => return Err(mismatch(&file.key, "it is missing")),
        (Some(value), _) => value,
    };
    let read = read_file(&file.path, contents);
    if change == Change::Overwritten {
        changes::overwrite(contents);
    }
    if read.is_ok() && *value == contents[..] {
        compared.equal += 1;
        compared.bytes += value.len() as u64;
    } else if file.changed() {
        compared.changed_on_disk += 1;
    } else {
        return Err(mismatch(&file.key, "its value is not the file's contents"));
    }
    Ok(())
}

fn mismatch(key: &[u8], why: &str) -> anyhow::Error {
    Failure::Absent(format!("key {}: {why}", text::key(key))).into()
}
