//! Reads everything there is and compares it with what it should be.

use crate::Error;
use crate::current::Current;
use crate::files::FileName;
use crate::manifest::log_error;
use crate::open::{Listing, load_manifest};
use crate::run_cursor::tree_cursor;
use crate::store::Store;
use crate::tree::TreeState;
use siltstone_base::{Bounds, Cursor as _};
use siltstone_compaction::{Run, TableMeta};
use siltstone_sstable::TableId;
use siltstone_wal::{LogIdentity, LogKind, Salvaged, SegmentId, identify, salvage};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a verification found.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct VerifyReport {
    /// What is wrong; empty if all is well.
    pub findings: Vec<Finding>,
    /// Files that were read.
    pub files: u64,
    /// Bytes of tables that were read.
    pub bytes: u64,
    /// Entries of tables that were read.
    pub entries: u64,
    /// Records of logs that were read.
    pub log_records: u64,
    /// Files of a database that this one does not name: left by a crash, or of a job that runs.
    /// The next open for writing removes what is left.
    pub unnamed: Vec<PathBuf>,
}

/// Something that is wrong.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Finding {
    /// The file.
    pub path: PathBuf,
    /// What is wrong, and where in it.
    pub message: String,
}

/// How far a verification is.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct VerifyProgress {
    /// Bytes read.
    pub done_bytes: u64,
    /// Bytes to read.
    pub total_bytes: u64,
}

/// Verifies the manifest, the tables of every keyspace, the logs as far as they were written, and
/// which files lie there.
pub(crate) fn run(
    store: &Store,
    progress: &mut dyn FnMut(VerifyProgress),
) -> Result<VerifyReport, Error> {
    let trees = store.list_trees();
    let states: Vec<Arc<TreeState>> = trees.iter().map(|tree| tree.pin()).collect();
    let tables = states.iter().flat_map(|state| state.version.tables());
    let total_bytes = tables.map(|table| table.file_bytes).sum();
    let mut verifier = Verifier {
        store,
        report: VerifyReport::default(),
        progress,
        at: VerifyProgress { done_bytes: 0, total_bytes },
    };
    verifier.manifest();
    verifier.logs();
    verifier.unnamed(&states)?;
    for state in &states {
        for run in state.version.runs() {
            verifier.run(run);
            store.check_open()?;
        }
        // What is damaged was said already; between sound tables the order must hold too.
        if verifier.report.findings.is_empty() {
            verifier.levels(state);
        }
        store.check_open()?;
    }
    Ok(verifier.report)
}

struct Verifier<'a> {
    store: &'a Store,
    report: VerifyReport,
    progress: &'a mut dyn FnMut(VerifyProgress),
    at: VerifyProgress,
}

impl Verifier<'_> {
    /// Reads CURRENT and the manifest once more. The writer's own grows meanwhile, so that no
    /// record may be added while it is read.
    fn manifest(&mut self) {
        let (vfs, dir) = (&*self.store.vfs, &self.store.dir);
        self.report.files += 2;
        let growing = self.store.writer.as_ref().map(|writer| writer.manifest.lock());
        let path = FileName::Current.path(dir);
        let missing = || Error::corrupt(&path, "CURRENT", 0, "it is missing");
        let loaded = Current::load(vfs, dir)
            .and_then(|current| load_manifest(vfs, dir, current.ok_or_else(missing)?));
        let named = growing.as_ref().map(|manifest| manifest.witness().0);
        let checked = loaded.and_then(|recovered| match named {
            Some(number) if number != recovered.current.manifest => {
                Err(Error::corrupt(&path, "CURRENT", 0, "it names another manifest"))
            }
            _ => Ok(()),
        });
        drop(growing);
        if let Err(error) = checked {
            self.found(path, &error);
        }
    }

    /// Every record up to where the log was written must be there. What follows was never
    /// acknowledged.
    fn logs(&mut self) {
        let log = self.store.writer.as_ref().map(|writer| writer.commit.log.lock());
        let open_end = log.as_ref().and_then(|log| log.end().ok());
        let segments = self.store.segments.list();
        drop(log);
        for segment in segments {
            let end = segment.end.map(|end| end.saturating_sub(segment.base));
            let open_end = open_end.filter(|(id, _)| *id == segment.id).map(|(_, end)| end);
            let Some(end) = end.or(open_end) else { continue };
            let path = FileName::Log(segment.id).path(&self.store.dir);
            let Err(error) = self.log(segment.id, end, &path) else { continue };
            // A segment that nobody needs any more may go meanwhile.
            if self.store.segments.list().iter().any(|left| left.id == segment.id) {
                self.found(path, &error);
            }
        }
    }

    fn log(&mut self, segment: SegmentId, end: u64, path: &Path) -> Result<(), Error> {
        self.report.files += 1;
        let file = self.store.vfs.open_read(path);
        let file = file.map_err(|error| Error::io(path, "opening", error))?;
        let failed = |error| Error::io(path, "reading", error);
        let bytes = file.bytes().map_err(failed)?;
        if bytes < end {
            return Err(Error::corrupt(path, "log segment", bytes, "it is shorter than it was"));
        }
        let database = self.store.database;
        let identity = LogIdentity { kind: LogKind::Log, database, segment };
        if identify(&*file, LogKind::Log).map_err(failed)? != Some(identity) {
            return Err(Error::corrupt(path, "log header", 0, "it is not that of this segment"));
        }
        let mut lost = None;
        let records = &mut self.report.log_records;
        let read = salvage(&*file, identity, Some(end), |found| {
            match found {
                Salvaged::Record { .. } => *records += 1,
                Salvaged::Lost { offset, why, .. } => {
                    lost.get_or_insert((offset, why));
                }
            }
            Ok::<(), siltstone_wal::Error>(())
        });
        read.map_err(|error| log_error(path, error))?;
        match lost {
            Some((offset, why)) => Err(Error::corrupt(path, "log record", offset, why)),
            None => Ok(()),
        }
    }

    /// Lists the tables and logs that neither a version nor the log names.
    fn unnamed(&mut self, states: &[Arc<TreeState>]) -> Result<(), Error> {
        let tables = states.iter().flat_map(|state| state.version.tables());
        let tables: HashSet<TableId> = tables.map(|table| table.id).collect();
        let segments = self.store.segments.list();
        let dir = &self.store.dir;
        for file in Listing::of(&*self.store.vfs, dir)?.names() {
            let is_named = match file {
                FileName::Table(id) => tables.contains(&id),
                FileName::Log(id) => segments.iter().any(|segment| segment.id == id),
                _ => true,
            };
            if !is_named {
                self.report.unnamed.push(file.path(dir));
            }
        }
        Ok(())
    }

    /// A key's versions must get older from run to run, or a read would stop at a wrong one.
    fn levels(&mut self, state: &TreeState) {
        let mut merged = tree_cursor(&self.store.tables, state, &Bounds::ALL);
        let mut before: Option<(Vec<u8>, usize)> = None;
        let mut more = merged.seek_to_first();
        while let Ok(true) = more {
            let (entry, run) = (merged.entry(), merged.current_run());
            match &mut before {
                Some((key, newer)) if key == entry.key && *newer > run => {
                    let table = state.version.tables().find(|table| table.span.contains(entry.key));
                    let path = table
                        .map_or(self.store.dir.clone(), |table| self.store.tables.path(table.id));
                    let why = "an older version of a key lies in a newer run";
                    let error = Error::corrupt(&path, "levels", 0, why);
                    self.found(path, &error);
                    return;
                }
                Some((key, newer)) => {
                    key.clear();
                    key.extend_from_slice(entry.key);
                    *newer = run;
                }
                none => *none = Some((entry.key.to_vec(), run)),
            }
            more = merged.next();
        }
        if let Err(error) = more {
            self.found(self.store.dir.clone(), &error);
        }
    }

    /// Tables of a run rise without sharing a key, which a version guarantees; each must hold
    /// what the manifest says.
    fn run(&mut self, run: &Run) {
        for table in run.tables() {
            self.report.files += 1;
            if let Err(error) = self.table(table) {
                self.found(self.store.tables.path(table.id), &error);
            }
        }
    }

    fn table(&mut self, meta: &TableMeta) -> Result<(), Error> {
        let table = self.store.tables.open_apart(meta)?;
        let properties = table.properties();
        let path = self.store.tables.path(meta.id);
        let same = properties.first_key == meta.span.first
            && properties.last_key == meta.span.last
            && properties.entries == meta.entries
            && properties.point_tombstones == meta.point_tombstones
            && (properties.smallest_seqno, properties.largest_seqno) == meta.seqnos;
        if !same {
            let why = "its properties are not those that the manifest has";
            return Err(Error::corrupt(&path, "table", 0, why));
        }
        let (at, progress) = (&mut self.at, &mut self.progress);
        let verified = table.verify(&mut |bytes| {
            at.done_bytes += bytes;
            progress(*at);
        });
        let verified = verified.map_err(|error| self.store.tables.error(error))?;
        self.report.bytes += meta.file_bytes;
        self.report.entries += verified.entries;
        Ok(())
    }

    fn found(&mut self, path: PathBuf, error: &Error) {
        self.report.findings.push(Finding { path, message: error.to_string() });
    }
}
