//! Reads everything there is and compares it with what it should be.

use crate::Error;
use crate::current::Current;
use crate::files::FileName;
use crate::open::load_manifest;
use crate::run_cursor::tree_cursor;
use crate::store::Store;
use crate::tree::TreeState;
use siltstone_base::{Bounds, Cursor as _};
use siltstone_compaction::{Run, TableMeta};
use std::path::PathBuf;
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

/// Verifies the manifest and the tables of every keyspace. The logs were verified when the
/// database was opened, and their bytes since then are this process's own.
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
