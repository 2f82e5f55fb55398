//! Takes in the logs: every sound record, through memtables.

use super::output::{Output, Owner};
use super::report::{Loss, Record};
use super::survey::{KnownSegment, Survey, is_damage};
use crate::files::FileName;
use crate::manifest::log_error;
use crate::{Error, Options};
use siltstone_base::Seqno;
use siltstone_wal::{LogIdentity, LogKind, Salvaged, decode_group, identify, salvage};
use std::io;
use std::path::Path;

/// Reads every segment and hands its ops to `output`.
pub(super) fn gather(
    options: &Options,
    dir: &Path,
    survey: &Survey,
    output: &mut Output<'_>,
    record: &mut Record<'_>,
) -> Result<(), Error> {
    let before = record.report.losses.len();
    for segment in &survey.segments {
        read(options, dir, survey, segment, output, record)?;
        record.advance(segment.bytes);
    }
    // A log that ends too early, or does not hang together, is damaged though no byte is.
    if survey.is_listed && !survey.log_is_sound && record.report.losses.len() == before {
        let why = "the log is damaged, so records may be missing";
        let path = survey
            .segments
            .first()
            .map_or(dir.to_path_buf(), |first| FileName::Log(first.id).path(dir));
        record.lost(Loss::of(&path, 0, 0, why));
    }
    Ok(())
}

fn read(
    options: &Options,
    dir: &Path,
    survey: &Survey,
    segment: &KnownSegment,
    output: &mut Output<'_>,
    record: &mut Record<'_>,
) -> Result<(), Error> {
    let path = FileName::Log(segment.id).path(dir);
    let file = match options.vfs.open_read(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let why = "it is missing, though the manifest names it";
            record.lost(Loss::of(&path, 0, 0, why));
            return Ok(());
        }
        Err(error) => return Err(Error::io(&path, "opening", error)),
    };
    record.file(segment.bytes);
    let says =
        identify(&*file, LogKind::Log).map_err(|error| Error::io(&path, "reading", error))?;
    let is_ours = says.is_none_or(|says| says.database == survey.database);
    if !survey.is_listed && !is_ours {
        let why = "it belongs to another database and was left out";
        record.found(&path, &Error::corrupt(&path, "log segment", 32, why));
        return Ok(());
    }
    if says.is_none() {
        let why = "its header is damaged";
        record.found(&path, &Error::corrupt(&path, "log segment", 0, why));
    }
    let database = survey.database;
    let identity = LogIdentity { kind: LogKind::Log, database, segment: segment.id };
    let done = salvage(&*file, identity, segment.cut, |found| {
        match found {
            Salvaged::Record { offset, payload } => {
                if let Err(why) = take_group(survey, output, record, payload)? {
                    let bytes = payload.len() as u64;
                    record.lost(Loss::of(&path, offset, bytes, why));
                }
            }
            Salvaged::Lost { offset, bytes, why, is_tail } => {
                if !survey.log_is_sound {
                    let tail = if is_tail { "; perhaps a write that never ended" } else { "" };
                    record.lost(Loss::of(&path, offset, bytes, format!("{why}{tail}")));
                }
            }
        }
        Ok::<(), LogError>(())
    });
    match done {
        Err(LogError::Output(error)) => Err(error),
        Err(LogError::Log(error)) => {
            let error = log_error(&path, error);
            if !is_damage(&error) {
                return Err(error);
            }
            record.lost(Loss::of(&path, 0, segment.bytes, error.to_string()));
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// Takes the ops of a record that count; or says why it is no group of ops.
fn take_group(
    survey: &Survey,
    output: &mut Output<'_>,
    record: &mut Record<'_>,
    payload: &[u8],
) -> Result<Result<(), &'static str>, Error> {
    let Ok((header, ops)) = decode_group(payload) else {
        return Ok(Err("its header makes no sense"));
    };
    for (seqno, op) in (header.first_seqno..).zip(ops) {
        let Ok(op) = op else { return Ok(Err("its ops make no sense")) };
        let installed: Seqno =
            survey.keyspaces.get(&op.keyspace).map_or(0, |keyspace| keyspace.installed);
        // What tables hold is passed by, unless they lost something: then this may be it.
        let is_needed = seqno > installed || output.has_lost_tables(op.keyspace);
        if survey.has(op.keyspace) && is_needed {
            record.report.saved_entries += 1;
            output.put(Owner::Keyspace(op.keyspace), op.key, seqno, op.kind, op.value)?;
        }
    }
    Ok(Ok(()))
}

/// Why a segment was not read to its end.
enum LogError {
    Log(siltstone_wal::Error),
    Output(Error),
}

impl From<siltstone_wal::Error> for LogError {
    fn from(error: siltstone_wal::Error) -> Self {
        Self::Log(error)
    }
}

impl From<Error> for LogError {
    fn from(error: Error) -> Self {
        Self::Output(error)
    }
}
