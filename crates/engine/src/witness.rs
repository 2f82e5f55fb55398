//! How log and manifest vouch for each other, so that neither loses its end in silence.
//!
//! - After each sync of the log the manifest is told the segment and the offset up to which it is
//!   durable.
//! - After each record of the manifest the newest log segment is told how many records there are.
//!
//! An open refuses the one if the other knows of more. What is told is not synced on the way: it
//! survives the death of the process at once, a loss of power with the next sync of that file, and
//! a close.
//!
//! Always: only what is durable is told, and after a failed write of what is told nothing more is
//! written to that file. Two leaf locks, one for each file.

use crate::Error;
use crate::manifest::log_error;
use crate::sync::Mutex;
use siltstone_wal::{SegmentId, Witness};
use std::path::PathBuf;

/// Both of them, shared by the one who writes the log and the one who writes the manifest.
#[derive(Debug, Default)]
pub(crate) struct Witnesses {
    in_manifest: Mutex<Told>,
    in_log: Mutex<Told>,
}

/// What a file was told.
#[derive(Debug, Default)]
struct Told {
    /// The file; `None` if there is none that may be written to.
    witness: Option<(PathBuf, Witness)>,
    last: (u64, u64),
    /// Why the file may not be written to.
    failed: Option<Error>,
}

impl Told {
    /// Another file takes over, without what this one was told.
    fn begins(&mut self, path: PathBuf, witness: Witness) {
        *self = Self { witness: Some((path, witness)), last: self.last, failed: None };
    }

    fn tell(&mut self, what: (u64, u64)) -> Result<(), Error> {
        if what == self.last {
            return Ok(());
        }
        self.last = what;
        self.repeat()
    }

    fn repeat(&mut self) -> Result<(), Error> {
        let Some((path, witness)) = &mut self.witness else { return Ok(()) };
        let told = witness.tell(self.last).map_err(|error| log_error(path, error));
        if let Err(error) = &told {
            self.failed = Some(error.clone());
            self.witness = None;
        }
        told
    }

    fn check(&self) -> Result<(), Error> {
        self.failed.clone().map_or(Ok(()), Err)
    }
}

impl Witnesses {
    /// Another manifest takes over, and is told what the one before knew.
    pub(crate) fn manifest_begins(&self, path: PathBuf, witness: Witness) -> Result<(), Error> {
        let mut told = self.in_manifest.lock();
        told.begins(path, witness);
        if told.last == (0, 0) { Ok(()) } else { told.repeat() }
    }

    /// Another segment takes over; its header knows of the manifest what there is to know.
    pub(crate) fn log_begins(&self, path: PathBuf, witness: Witness) {
        self.in_log.lock().begins(path, witness);
    }

    /// Tells the manifest that the log is durable up to this offset of this segment.
    pub(crate) fn log_is_durable(&self, (segment, end): (SegmentId, u64)) -> Result<(), Error> {
        self.in_manifest.lock().tell((segment.0, end))
    }

    /// Tells the log that this manifest is durable, with so many records.
    pub(crate) fn manifest_is_durable(&self, witness: (u64, u64)) -> Result<(), Error> {
        self.in_log.lock().tell(witness)
    }

    /// The manifest takes no more.
    pub(crate) fn manifest_failed(&self, error: &Error) {
        let mut told = self.in_manifest.lock();
        told.witness = None;
        told.failed.get_or_insert_with(|| error.clone());
    }

    /// The segment takes no more, and there is no other yet.
    pub(crate) fn log_ends(&self) {
        self.in_log.lock().witness = None;
    }

    /// Whether the manifest takes what it is told.
    pub(crate) fn check_manifest(&self) -> Result<(), Error> {
        self.in_manifest.lock().check()
    }

    /// Whether the log does.
    pub(crate) fn check_log(&self) -> Result<(), Error> {
        self.in_log.lock().check()
    }
}
