//! The new database: gathers sorted inputs, merges them, and writes a manifest last.
//!
//! Everything that comes in is a table: those of the damaged database as they are, copies of
//! damaged ones and full memtables as *passing* tables in the new directory, which are removed at
//! the end. Each keyspace then is one merge: of each key the newest version stays, and tombstones
//! go, since nothing older is left that they could hide.

use super::report::Record;
use super::survey::{Known, Survey};
use crate::files::FileName;
use crate::manifest::{Field, Manifest, ManifestState};
use crate::memory::MemoryPlan;
use crate::tables::table_error;
use crate::{Error, Options};
use siltstone_base::{EntryKind, MAX_SEQNO, Seqno};
use siltstone_compaction::{
    Cutter, MergeCursor, Merged, Outputs, Placed, Retention, RunId, RunInput, TableMeta,
    VersionEdit, merge_tables,
};
use siltstone_memtable::Memtable;
use siltstone_sstable::{
    BlockCache, Origin, ReadMode, Table, TableId, TableOptions, TableSource, TableSummary,
    TableWriter, write_memtable,
};
use siltstone_wal::KeyspaceId;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where the one run of a keyspace goes: nothing lies below it.
const LAST_LEVEL: u8 = 6;
/// Name of the keyspace for tables of which nobody can say whose they are.
const UNKNOWN_NAME: &str = "lost-and-found";

/// Whose entries they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owner {
    Keyspace(KeyspaceId),
    Unknown,
}

/// The database that is being made.
pub(super) struct Output<'a> {
    options: &'a Options,
    dir: &'a Path,
    plan: MemoryPlan,
    blocks: Arc<BlockCache>,
    keyspaces: BTreeMap<KeyspaceId, Known>,
    inputs: BTreeMap<Owner, Vec<Arc<Table>>>,
    memtables: BTreeMap<Owner, Arc<Memtable>>,
    /// Keyspaces whose tables lost something.
    lost_tables: BTreeSet<KeyspaceId>,
    passing: Vec<TableId>,
    epoch: u64,
    next_table: u64,
    next_run: u64,
    last_seqno: Seqno,
}

impl<'a> Output<'a> {
    pub(super) fn new(options: &'a Options, dir: &'a Path, survey: &Survey) -> Self {
        Self {
            options,
            dir,
            plan: MemoryPlan::new(options),
            blocks: Arc::new(BlockCache::new(1 << 20)),
            keyspaces: survey.keyspaces.clone(),
            inputs: BTreeMap::new(),
            memtables: BTreeMap::new(),
            lost_tables: BTreeSet::new(),
            passing: Vec::new(),
            epoch: options.runtime.random.next_u64(),
            next_table: 1,
            next_run: 1,
            last_seqno: survey.last_seqno,
        }
    }

    pub(super) const fn blocks(&self) -> &Arc<BlockCache> {
        &self.blocks
    }

    pub(super) fn note_lost_tables(&mut self, keyspace: KeyspaceId) {
        self.lost_tables.insert(keyspace);
    }

    pub(super) fn has_lost_tables(&self, keyspace: KeyspaceId) -> bool {
        self.lost_tables.contains(&keyspace)
    }

    /// Takes a sound table.
    pub(super) fn take(&mut self, owner: Owner, table: Arc<Table>) {
        self.last_seqno = self.last_seqno.max(table.properties().largest_seqno);
        self.inputs.entry(owner).or_default().push(table);
    }

    /// Begins a table that is in the new directory until the merge.
    pub(super) fn begin_table(&mut self) -> Result<TableWriter, Error> {
        let (writer, id) = self.create_table(Origin::default())?;
        self.passing.push(id);
        Ok(writer)
    }

    /// Takes a table that [`begin_table`](Self::begin_table) began, unless it is empty or does
    /// not count.
    pub(super) fn take_begun(
        &mut self,
        owner: Owner,
        writer: TableWriter,
        counts: bool,
    ) -> Result<(), Error> {
        if writer.entries() == 0 || !counts {
            return Ok(());
        }
        let summary = writer.finish().map_err(|error| self.table_error(error))?;
        let table = self.open(&summary)?;
        self.take(owner, table);
        Ok(())
    }

    /// Takes one version of a key; one that is there already is passed by.
    pub(super) fn put(
        &mut self,
        owner: Owner,
        key: &[u8],
        seqno: Seqno,
        kind: EntryKind,
        value: &[u8],
    ) -> Result<(), Error> {
        let memtable = self.memtables.entry(owner).or_insert_with(|| Arc::new(Memtable::new(b"")));
        memtable.try_insert(key, seqno, kind, value);
        let bytes: usize = self.memtables.values().map(|memtable| memtable.bytes()).sum();
        if bytes as u64 >= self.plan.memtable_bytes {
            self.flush()?;
        }
        Ok(())
    }

    /// Turns all memtables into passing tables.
    fn flush(&mut self) -> Result<(), Error> {
        for (owner, memtable) in std::mem::take(&mut self.memtables) {
            let writer = self.begin_table()?;
            let written = write_memtable(&memtable, writer, &mut |_| true);
            if let Some(summary) = written.map_err(|error| self.table_error(error))? {
                let table = self.open(&summary)?;
                self.take(owner, table);
            }
        }
        Ok(())
    }

    /// Merges everything, makes it durable and makes it a database.
    pub(super) fn finish(mut self, record: &mut Record<'_>) -> Result<(), Error> {
        self.flush()?;
        let inputs = std::mem::take(&mut self.inputs);
        let raw = |table: &Arc<Table>| table.properties().raw_bytes();
        record.expect_bytes(inputs.values().flatten().map(raw).sum());
        let mut versions = BTreeMap::new();
        for (owner, tables) in inputs {
            let id = self.keyspace_of(owner);
            versions.insert(id, self.merge(id, tables, record)?);
        }
        for id in std::mem::take(&mut self.passing) {
            drop(self.options.vfs.unlink(&self.path(id)));
        }
        let vfs = &*self.options.vfs;
        vfs.sync_dir(self.dir).map_err(|error| Error::io(self.dir, "syncing", error))?;
        let state = self.state(versions);
        record.report.keyspaces =
            state.keyspaces.values().map(|keyspace| keyspace.name.clone()).collect();
        let database = self.options.runtime.random.next_u128().max(1);
        let vfs = Arc::clone(&self.options.vfs);
        Manifest::begin(vfs, self.dir, database, 1, state)?.close()
    }

    /// The id of the owner's keyspace, which is made up if nothing told of it.
    fn keyspace_of(&mut self, owner: Owner) -> KeyspaceId {
        let (id, name) = match owner {
            Owner::Keyspace(id) => (id, format!("keyspace-{}", id.0)),
            Owner::Unknown => (self.next_keyspace(), UNKNOWN_NAME.to_owned()),
        };
        if !self.keyspaces.contains_key(&id) {
            let mut unique = name.clone();
            while self.keyspaces.values().any(|known| known.name == unique) {
                unique.push('+');
            }
            self.keyspaces.insert(id, Known { name: unique, policy: None, installed: 0 });
        }
        id
    }

    fn next_keyspace(&self) -> KeyspaceId {
        let largest = self.keyspaces.keys().next_back().map_or(0, |id| id.0);
        KeyspaceId(largest.saturating_add(1))
    }

    fn merge(
        &mut self,
        keyspace: KeyspaceId,
        tables: Vec<Arc<Table>>,
        record: &mut Record<'_>,
    ) -> Result<Vec<TableMeta>, Error> {
        let read_ahead = self.plan.read_ahead_bytes;
        let runs = into_runs(tables).into_iter().map(|run| RunInput::new(run, read_ahead));
        let runs = MergeCursor::new(runs.collect());
        let mut retention = Retention::new(vec![MAX_SEQNO], |_: &[u8]| true);
        let target = self.plan.table_bytes;
        let mut cutter = Cutter::new(target, target.saturating_mul(2), Vec::new());
        let now = self.options.runtime.clock.unix_ms();
        let origin = Origin {
            born: now,
            data_age: (now, now),
            oldest_tombstone: None,
            owner: Some(keyspace.0.into()),
        };
        let mut outputs = NewTables { output: self, origin, done: Vec::new() };
        let mut progress = |bytes| {
            record.advance(bytes);
            ControlFlow::Continue(())
        };
        let merged = merge_tables(runs, &mut retention, &mut cutter, &mut outputs, &mut progress);
        let done = outputs.done;
        match merged {
            Ok(Merged::Finished(stats)) => record.report.keys += stats.entries_out,
            Ok(Merged::Cancelled) => return Err(Error::Closed),
            Err(MergeError::Output(error)) => return Err(error),
            Err(MergeError::Table(error)) => return Err(self.table_error(error)),
        }
        Ok(done.iter().map(TableMeta::of_table).collect())
    }

    /// What the manifest of the new database says.
    fn state(&mut self, mut versions: BTreeMap<KeyspaceId, Vec<TableMeta>>) -> ManifestState {
        let mut state = ManifestState::default();
        let policy = self.options.policy.fresh().name().to_owned();
        let mut fields = vec![Field::Epoch(self.epoch)];
        for (&keyspace, known) in &self.keyspaces {
            let policy = known.policy.clone().unwrap_or_else(|| policy.clone());
            fields.push(Field::Keyspace { id: keyspace, policy, name: known.name.clone() });
            let run = RunId(self.next_run);
            self.next_run += 1;
            let tables = versions.remove(&keyspace).unwrap_or_default();
            let place = |table| Placed { level: LAST_LEVEL, run, table };
            let added = tables.into_iter().map(place).collect();
            fields.push(Field::Version {
                keyspace,
                edit: VersionEdit { added, ..Default::default() },
            });
            fields.push(Field::Installed { keyspace, seqno: self.last_seqno });
        }
        fields.push(Field::NextKeyspace(self.next_keyspace().0));
        fields.push(Field::LastSeqno(self.last_seqno));
        fields.push(Field::NextRun(self.next_run));
        state.apply(&fields).unwrap_or_else(|why| panic!("a fresh database is sound: {why}"));
        state
    }

    fn create_table(&mut self, origin: Origin) -> Result<(TableWriter, TableId), Error> {
        let id = TableId { epoch: self.epoch, number: self.next_table };
        self.next_table += 1;
        let path = self.path(id);
        let file = self.options.vfs.create_new(&path);
        let file = file.map_err(|error| Error::io(&path, "creating", error))?;
        let options = TableOptions {
            block_bytes: self.options.block_bytes as usize,
            compression: self.options.compression,
            filter_bits_per_key: self.options.filter_bits_per_key,
            ..TableOptions::default()
        };
        let writer = TableWriter::new(file, id, options, origin);
        writer.map(|writer| (writer, id)).map_err(|error| self.table_error(error))
    }

    fn open(&self, summary: &TableSummary) -> Result<Arc<Table>, Error> {
        let path = self.path(summary.id);
        let file = self.options.vfs.open_read(&path);
        let source = TableSource {
            file: file.map_err(|error| Error::io(&path, "opening", error))?,
            id: summary.id,
            file_bytes: summary.file_bytes,
            digest: summary.digest,
            handle: 0,
            mode: ReadMode::Pread,
        };
        let table = Table::open(source, Arc::clone(&self.blocks));
        table.map_err(|error| self.table_error(error))
    }

    pub(super) fn table_error(&self, error: siltstone_sstable::Error) -> Error {
        table_error(self.dir, error)
    }

    fn path(&self, id: TableId) -> PathBuf {
        FileName::Table(id).path(self.dir)
    }
}

/// Puts tables that share no key behind each other, in as few runs as possible.
fn into_runs(mut tables: Vec<Arc<Table>>) -> Vec<Vec<Arc<Table>>> {
    tables.sort_by(|a, b| a.properties().first_key.cmp(&b.properties().first_key));
    let mut runs: Vec<Vec<Arc<Table>>> = Vec::new();
    for table in tables {
        let first = &table.properties().first_key;
        let ends_before = |run: &&mut Vec<Arc<Table>>| {
            run.last().is_some_and(|last| last.properties().last_key < *first)
        };
        match runs.iter_mut().find(ends_before) {
            Some(run) => run.push(table),
            None => runs.push(vec![table]),
        }
    }
    runs
}

/// Where the merge puts its tables.
struct NewTables<'a, 'o> {
    output: &'a mut Output<'o>,
    origin: Origin,
    done: Vec<TableSummary>,
}

enum MergeError {
    Table(siltstone_sstable::Error),
    Output(Error),
}

impl From<siltstone_sstable::Error> for MergeError {
    fn from(error: siltstone_sstable::Error) -> Self {
        Self::Table(error)
    }
}

impl Outputs for NewTables<'_, '_> {
    type Error = MergeError;

    fn create(&mut self) -> Result<TableWriter, MergeError> {
        let created = self.output.create_table(self.origin);
        created.map(|(writer, _)| writer).map_err(MergeError::Output)
    }

    fn finished(&mut self, summary: TableSummary) {
        self.done.push(summary);
    }
}
