//! Point reads: memtables, then runs from the newest on, until one knows the key.

use crate::explain::{Decision, ExplainStep, Explanation, Place, TableProbe};
use crate::store::Store;
use crate::tables::Tables;
use crate::tree::{Tree, TreeState};
use crate::{Error, Value};
use siltstone_base::{EntryKind, PinnedBytes, Seqno, checksum};
use siltstone_compaction::TableMeta;
use siltstone_sstable::{BlockSource, FilterVerdict, Probe};
use siltstone_vfs::Clock;
use std::time::Duration;

/// The newest version of a key that a read may see.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) seqno: Seqno,
    pub(crate) kind: EntryKind,
    pub(crate) value: PinnedBytes,
}

impl Found {
    /// The value, unless this is a tombstone.
    fn into_value(self) -> Option<PinnedBytes> {
        (self.kind == EntryKind::Put).then_some(self.value)
    }
}

/// The value of `key` at `seqno`, or at the newest visible seqno.
pub(crate) fn get(
    store: &Store,
    tree: &Tree,
    key: &[u8],
    seqno: Option<Seqno>,
) -> Result<Option<Value>, Error> {
    let value = get_pinned(store, tree, key, seqno)?;
    Ok(value.map(|value| Value::of_pinned(value, &store.pinned_bytes)))
}

/// As [`get`], pinning what holds the value.
pub(crate) fn get_pinned(
    store: &Store,
    tree: &Tree,
    key: &[u8],
    seqno: Option<Seqno>,
) -> Result<Option<PinnedBytes>, Error> {
    store.check_open()?;
    store.counters.gets.add(1);
    // Pinned before the seqno is loaded: a job that installed meanwhile began at a lower one.
    let state = tree.state();
    tree.check_kept()?;
    let seqno = seqno.unwrap_or_else(|| store.snapshots.visible());
    Ok(find(&store.tables, &state, key, seqno)?.and_then(Found::into_value))
}

fn find(
    tables: &Tables,
    state: &TreeState,
    key: &[u8],
    seqno: Seqno,
) -> Result<Option<Found>, Error> {
    for memtable in state.memtables() {
        if let Some(found) = memtable.table.get(key, seqno) {
            return Ok(Some(Found { seqno: found.seqno, kind: found.kind, value: found.value }));
        }
    }
    let hash = checksum::of(key);
    for run in state.version.runs() {
        if let Some(meta) = run.table_for(key)
            && let Some(found) = find_in_table(tables, meta, key, hash, seqno, &mut ())?
        {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn find_in_table(
    tables: &Tables,
    meta: &TableMeta,
    key: &[u8],
    hash: u64,
    seqno: Seqno,
    probe: &mut impl Probe,
) -> Result<Option<Found>, Error> {
    let found = tables.get(meta)?.get(key, hash, seqno, probe);
    let found = found.map_err(|error| tables.error(error))?;
    Ok(found.map(|found| Found { seqno: found.seqno, kind: found.kind, value: found.value }))
}

/// Does the same lookup and tells each step.
pub(crate) fn explain(store: &Store, tree: &Tree, key: &[u8]) -> Result<Explanation, Error> {
    store.check_open()?;
    let clock = &*store.options.runtime.clock;
    let began = clock.now();
    let state = tree.state();
    tree.check_kept()?;
    let read_seqno = store.snapshots.visible();
    let mut explanation = Explanation {
        key: key.to_vec(),
        read_seqno,
        steps: Vec::new(),
        decided_by: None,
        took: Duration::ZERO,
    };
    let found = explain_steps(clock, &store.tables, &state, &mut explanation)?;
    explanation.decided_by = found.map(|found| Decision {
        seqno: found.seqno,
        kind: found.kind,
        value_bytes: found.value.len() as u64,
    });
    explanation.took = clock.now().saturating_sub(began);
    Ok(explanation)
}

fn explain_steps(
    clock: &dyn Clock,
    tables: &Tables,
    state: &TreeState,
    explanation: &mut Explanation,
) -> Result<Option<Found>, Error> {
    let (key, seqno) = (explanation.key.clone(), explanation.read_seqno);
    let steps = &mut explanation.steps;
    for (index, memtable) in state.memtables().enumerate() {
        let place = match index.checked_sub(1) {
            None => Place::ActiveMemtable,
            Some(index) => Place::ImmutableMemtable { index },
        };
        let began = clock.now();
        let found = memtable.table.get(&key, seqno);
        let took = clock.now().saturating_sub(began);
        steps.push(ExplainStep { place, probes: Vec::new(), found: found.is_some(), took });
        if let Some(found) = found {
            return Ok(Some(Found { seqno: found.seqno, kind: found.kind, value: found.value }));
        }
    }
    let hash = checksum::of(&key);
    for run in state.version.runs() {
        let began = clock.now();
        let mut probes = Probes::default();
        let meta = run.table_for(&key);
        let found = match meta {
            Some(meta) => find_in_table(tables, meta, &key, hash, seqno, &mut probes)?,
            None => None,
        };
        let place = match meta {
            Some(meta) => Place::Table { level: run.level(), table: meta.id },
            None => Place::NoTable { level: run.level() },
        };
        let took = clock.now().saturating_sub(began);
        steps.push(ExplainStep { place, probes: probes.0, found: found.is_some(), took });
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// Notes what a table's lookup touches.
#[derive(Debug, Default)]
struct Probes(Vec<TableProbe>);

impl Probe for Probes {
    fn filter(&mut self, verdict: FilterVerdict, cached: bool, bytes: u64) {
        self.0.push(TableProbe::Filter { verdict, cached, bytes });
    }

    fn index(&mut self, cached: bool, bytes: u64) {
        self.0.push(TableProbe::Index { cached, bytes });
    }

    fn block(&mut self, offset: u64, bytes: u64, source: BlockSource) {
        self.0.push(TableProbe::Block { offset, bytes, source });
    }
}
