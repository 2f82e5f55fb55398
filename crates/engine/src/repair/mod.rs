//! Writes what can be saved of a damaged database into a new directory.
//!
//! 1. [`Survey`]: which files there are and what they are for, by the manifest if it is sound,
//!    else by their names and what they say themselves.
//! 2. Tables: each is verified; a damaged one is copied block by block, less what is bad.
//! 3. Logs: every sound record is taken, also those behind a bad one.
//! 4. [`Output`]: all of it merged, of each key the newest version, into tables of a database
//!    that is new: its own id, its own manifest, no log.
//!
//! Always: the damaged database is locked and stays as it is; the new one exists once its CURRENT
//! does, which is written last. Tables and memtables are streamed, so memory is that of a
//! compaction, whatever the size.

mod logs;
mod output;
mod report;
mod survey;
mod tables;

pub use report::{Loss, RepairProgress, RepairReport};

use crate::checkpoint::prepare_dir;
use crate::open::{check_dir, has_files_of_ours, take_lock};
use crate::{Error, Options};
use output::Output;
use report::Record;
use std::path::Path;
use survey::Survey;

/// Saves what is in `dir` into `new_dir`.
pub(crate) fn run(
    options: &Options,
    dir: &Path,
    new_dir: &Path,
    progress: &mut dyn FnMut(RepairProgress),
) -> Result<RepairReport, Error> {
    let vfs = &*options.vfs;
    if !check_dir(vfs, dir)? || !has_files_of_ours(vfs, dir)? {
        return Err(Error::NotFound { path: dir.to_path_buf(), why: "; check the path" });
    }
    if new_dir.starts_with(dir) {
        let why = "it must not lie in the database that is repaired".to_owned();
        return Err(Error::InvalidOption { option: "new directory", why });
    }
    let _lock = take_lock(vfs, dir)?;
    prepare_dir(vfs, new_dir)?;
    let mut record = Record::new(progress);
    let survey = Survey::of(options, dir, &mut record)?;
    record.expect_bytes(survey.bytes());
    let mut output = Output::new(options, new_dir, &survey);
    tables::gather(options, dir, &survey, &mut output, &mut record)?;
    logs::gather(options, dir, &survey, &mut output, &mut record)?;
    output.finish(&mut record)?;
    Ok(record.report)
}
