//! What a repair tells: what was saved, what was not, how far it is.

use crate::Error;
use crate::verify::Finding;
use std::path::{Path, PathBuf};

/// What a repair did.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RepairReport {
    /// What could not be saved; empty if nothing is lost.
    pub losses: Vec<Loss>,
    /// What was wrong, lost or not.
    pub findings: Vec<Finding>,
    /// Names of the keyspaces of the new database.
    pub keyspaces: Vec<String>,
    /// Files that were read.
    pub files: u64,
    /// Bytes of tables and logs that were read.
    pub bytes: u64,
    /// Entries that were found sound, all versions of all keys.
    pub saved_entries: u64,
    /// Keys in the new database.
    pub keys: u64,
}

/// Bytes of a file from which nothing could be saved.
///
/// A key in it may be absent afterwards, or have an older value, or be there again though it was
/// deleted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Loss {
    /// The file.
    pub path: PathBuf,
    /// Where the bytes begin in it.
    pub offset: u64,
    /// How many there are.
    pub bytes: u64,
    /// How many entries they held, if anything still says so.
    pub entries: Option<u64>,
    /// No key below the first or above the second was in them, if anything still says so.
    pub keys: Option<(Vec<u8>, Vec<u8>)>,
    /// The keyspace they belong to, if anything still says so.
    pub keyspace: Option<String>,
    /// What is wrong with them.
    pub why: String,
}

/// How far a repair is.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct RepairProgress {
    /// Bytes read and merged.
    pub done_bytes: u64,
    /// Bytes to read and to merge, as far as known.
    pub total_bytes: u64,
}

/// The report while it grows.
pub(super) struct Record<'a> {
    pub(super) report: RepairReport,
    at: RepairProgress,
    progress: &'a mut dyn FnMut(RepairProgress),
}

impl<'a> Record<'a> {
    pub(super) fn new(progress: &'a mut dyn FnMut(RepairProgress)) -> Self {
        Self { report: RepairReport::default(), at: RepairProgress::default(), progress }
    }

    pub(super) const fn expect_bytes(&mut self, bytes: u64) {
        self.at.total_bytes += bytes;
    }

    pub(super) fn advance(&mut self, bytes: u64) {
        self.at.done_bytes += bytes;
        (self.progress)(self.at);
    }

    pub(super) fn file(&mut self, bytes: u64) {
        self.report.files += 1;
        self.report.bytes += bytes;
    }

    /// Something is wrong, whatever it costs.
    pub(super) fn found(&mut self, path: &Path, error: &Error) {
        // The error may know better which file it is.
        let path = match error {
            Error::Corrupt { path, .. } | Error::Unsupported { path, .. } => path,
            _ => path,
        };
        self.report.findings.push(Finding { path: path.to_path_buf(), message: error.to_string() });
    }

    /// Something is lost, and may be wrong besides.
    pub(super) fn lost(&mut self, loss: Loss) {
        self.report.losses.push(loss);
    }
}

impl Loss {
    /// Of a file from which nothing is known but what is wrong with it.
    pub(super) fn of(path: &Path, offset: u64, bytes: u64, why: impl Into<String>) -> Self {
        let (path, why) = (path.to_path_buf(), why.into());
        Self { path, offset, bytes, entries: None, keys: None, keyspace: None, why }
    }
}
