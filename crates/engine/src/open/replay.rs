//! Reads the log: once to find its end and see that it is sound, once to fill memtables.

use super::Recovered;
use super::recover::RECORD_HEADER_BYTES;
use crate::commit::Segment;
use crate::files::FileName;
use crate::manifest::{KeyspaceState, ManifestState, log_error};
use crate::metrics::RecoveryReport;
use crate::tree::Tree;
use crate::trees::Trees;
use crate::{Error, Options};
use siltstone_base::Seqno;
use siltstone_vfs::Vfs;
use siltstone_wal::{
    LogEnd, LogKind, Op, RecordRef, ReplayContext, ReplayError, Replayed, ReplayedSegment, Sealed,
    SegmentFile, SegmentId, decode_group, replay,
};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// A log that was found sound, and where it ends.
#[derive(Debug)]
pub(crate) struct Replay {
    /// The segments that survive.
    files: Vec<SegmentFile>,
    context: ReplayContext,
    /// The same, with the positions they hold.
    pub(crate) segments: Vec<Segment>,
    /// What follows the last one must link to; `None` if there is no segment.
    pub(crate) last: Option<Sealed>,
    /// Segments that were written since the machine started, and reach beyond what is known to be
    /// durable; with the offset behind the last record.
    doubtful: Vec<(SegmentId, u64)>,
    /// Where replay stops in the last segment if its tail was torn.
    pub(crate) cut: Option<(SegmentId, u64)>,
    /// Segments behind the end.
    pub(crate) dropped: Vec<SegmentId>,
    pub(crate) report: RecoveryReport,
    pub(crate) last_seqno: Seqno,
}

impl Replay {
    /// Looks at the whole log.
    pub(crate) fn check(
        options: &Options,
        dir: &Path,
        recovered: &Recovered,
    ) -> Result<Self, Error> {
        let state = &recovered.state;
        let files = open_segments(&*options.vfs, dir, state)?;
        let context = ReplayContext {
            kind: LogKind::Log,
            database: recovered.current.database,
            boot_id: options.vfs.boot_id(),
            durable: Some(recovered.durable),
        };
        let mut order = SeqnoOrder { last: 0, next_keyspace: state.next_keyspace };
        let replayed = run(dir, &files, &context, |record| order.check(dir, &record))?;
        replayed.witness.map_or(Ok(()), |witness| recovered.check_witness(dir, witness))?;
        let cut = match replayed.end {
            LogEnd::Torn { segment, offset, .. } => Some((segment, offset)),
            _ => None,
        };
        let dropped = replayed.dropped_segments;
        let report = RecoveryReport {
            replayed_records: replayed.records,
            torn_bytes: replayed.torn_bytes,
            dropped_segments: dropped.len() as u64,
        };
        let mut files = files;
        files.retain(|file| !dropped.contains(&file.id));
        if let (Some((segment, end)), Some(file)) = (cut, files.last_mut())
            && file.id == segment
        {
            file.cut = Some(end);
        }
        let last_seqno = order.last.max(state.last_seqno).max(max_installed(state));
        let ended = |segment: &ReplayedSegment| Segment {
            id: segment.id,
            base: segment.base,
            end: Some(segment.base.saturating_add(segment.end)),
        };
        let segments = replayed.segments.iter().map(ended).collect();
        let last = replayed.last;
        let durable = last.as_ref().map_or(0, Sealed::synced_position);
        let is_doubtful = |segment: &&ReplayedSegment| {
            let this_boot = context.boot_id == 0 || segment.boot_id == context.boot_id;
            this_boot && segment.base.saturating_add(segment.end) > durable
        };
        let doubtful = replayed.segments.iter().filter(is_doubtful);
        let doubtful = doubtful.map(|segment| (segment.id, segment.end)).collect();
        Ok(Self { files, context, segments, last, doubtful, cut, dropped, report, last_seqno })
    }

    /// How many bytes of `segment` count, if a process before may have failed to sync them.
    pub(super) fn doubtful_bytes(&self, segment: &Segment) -> Option<u64> {
        let found = self.doubtful.iter().find(|(id, _)| *id == segment.id);
        found.map(|(_, bytes)| *bytes)
    }

    /// Puts what is not yet in tables into the memtables of `trees`; `after_record` is called
    /// with the trees that a record wrote to and its last seqno.
    pub(crate) fn apply(
        &self,
        dir: &Path,
        state: &ManifestState,
        trees: &Trees,
        mut after_record: impl FnMut(&[Arc<Tree>], Seqno) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let replayed = run(dir, &self.files, &self.context, |record| {
            let (touched, last) = apply_record(dir, state, trees, &record)?;
            after_record(&touched, last)
        })?;
        // A writer beside a reader may have added some meanwhile, but nobody takes any away.
        if replayed.records >= self.report.replayed_records {
            return Ok(());
        }
        let last =
            self.files.last().map_or(dir.to_path_buf(), |file| FileName::Log(file.id).path(dir));
        Err(Error::corrupt(&last, "log segment", 0, "it changed while it was read"))
    }
}

fn max_installed(state: &ManifestState) -> Seqno {
    state.keyspaces.values().map(|keyspace| keyspace.installed).max().unwrap_or(0)
}

fn open_segments(
    vfs: &dyn Vfs,
    dir: &Path,
    state: &ManifestState,
) -> Result<Vec<SegmentFile>, Error> {
    let open = |(&id, &cut): (&SegmentId, &Option<u64>)| {
        let path = FileName::Log(id).path(dir);
        let file = vfs.open_read(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::corrupt(
                &path,
                "log segment",
                0,
                "it is missing, though the manifest names it",
            ),
            _ => Error::io(&path, "opening", error),
        })?;
        Ok(SegmentFile { id, file, cut })
    };
    state.segments.iter().map(open).collect()
}

fn run(
    dir: &Path,
    files: &[SegmentFile],
    context: &ReplayContext,
    apply: impl FnMut(RecordRef<'_>) -> Result<(), Error>,
) -> Result<Replayed, Error> {
    replay(files, context, apply).map_err(|error| match error {
        ReplayError::Log(error) => {
            let path = error.segment().map_or(dir.to_path_buf(), |id| FileName::Log(id).path(dir));
            log_error(&path, error)
        }
        ReplayError::Apply(error) => error,
    })
}

/// Seqnos of groups rise, and no op names a keyspace that never was.
struct SeqnoOrder {
    last: Seqno,
    next_keyspace: u32,
}

impl SeqnoOrder {
    fn check(&mut self, dir: &Path, record: &RecordRef<'_>) -> Result<(), Error> {
        let corrupt = |why| {
            let path = FileName::Log(record.segment).path(dir);
            Error::corrupt(&path, "log record", record.offset, why)
        };
        let (header, ops) = decode(dir, record)?;
        if header.first_seqno <= self.last {
            return Err(corrupt("its seqnos do not follow those before"));
        }
        for op in ops {
            let op = op.map_err(|error| at(dir, record, error))?;
            if op.keyspace.0 >= self.next_keyspace {
                return Err(corrupt("it writes to a keyspace that never was"));
            }
        }
        self.last = header.first_seqno + Seqno::from(header.ops) - 1;
        Ok(())
    }
}

fn decode<'a>(
    dir: &Path,
    record: &RecordRef<'a>,
) -> Result<(siltstone_wal::GroupHeader, siltstone_wal::Ops<'a>), Error> {
    decode_group(record.payload).map_err(|error| at(dir, record, error))
}

fn at(dir: &Path, record: &RecordRef<'_>, error: siltstone_base::DecodeError) -> Error {
    Error::decode(
        &FileName::Log(record.segment).path(dir),
        error.shifted(record.offset + RECORD_HEADER_BYTES),
    )
}

fn apply_record(
    dir: &Path,
    state: &ManifestState,
    trees: &Trees,
    record: &RecordRef<'_>,
) -> Result<(Vec<Arc<Tree>>, Seqno), Error> {
    let (header, ops) = decode(dir, record)?;
    let mut touched: Vec<Arc<Tree>> = Vec::new();
    let mut seqno = header.first_seqno;
    for op in ops {
        let op: Op<'_> = op.map_err(|error| at(dir, record, error))?;
        // Ops of dropped keyspaces, and those that tables hold already, are passed by.
        let installed = |keyspace: &KeyspaceState| keyspace.installed;
        let keyspace = state.keyspaces.get(&op.keyspace).map(installed);
        if let (Some(installed), Some(tree)) = (keyspace, trees.by_id(op.keyspace))
            && seqno > installed
        {
            let active = &tree.state().active;
            active.note_position(record.position);
            active.table.insert(op.key, seqno, op.kind, op.value);
            if !touched.iter().any(|touched| touched.id == tree.id) {
                touched.push(Arc::clone(tree));
            }
        }
        seqno += 1;
    }
    Ok((touched, seqno - 1))
}
