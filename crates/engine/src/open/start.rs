//! From a sound log to a running database.

use super::listing::Listing;
use super::{Files, Recovered, Replay, next_instance};
use crate::commit::{Commit, Log, Place, Segment, Segments, create_segment, next_segment};
use crate::files::FileName;
use crate::health::HealthCell;
use crate::jobs::{self, Scheduler};
use crate::manifest::{Field, Manifest, ManifestState};
use crate::memory::MemoryPlan;
use crate::metrics::Counters;
use crate::snapshots::Snapshots;
use crate::store::{Store, Writer};
use crate::sync::atomic::{AtomicBool, AtomicU64};
use crate::sync::{Mutex, RwLock};
use crate::tables::Tables;
use crate::throttle::Throttle;
use crate::tree::Tree;
use crate::trees::Trees;
use crate::{Error, Options, checkpoint};
use siltstone_base::{Sabotage, Seqno};
use siltstone_sstable::BlockCache;
use siltstone_vfs::{LockGuard, Vfs};
use siltstone_wal::SegmentId;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// With more segments than this, what they hold is flushed, so that many short openings do not
/// leave a long log.
const SEGMENTS_MAX: usize = 8;

/// How many records are replayed between two looks at all memtables together.
const RECORDS_PER_LOOK: u32 = 64;

/// Makes the end of the log durable, begins a manifest and a segment of its own, fills the
/// memtables, removes files that nobody names, and starts the workers.
pub(super) fn start(
    options: Options,
    dir: &Path,
    lock: Box<dyn LockGuard>,
    recovered: Recovered,
    mut replay: Replay,
    files: &Files,
) -> Result<Arc<Store>, Error> {
    sync_log(&options, dir, &replay)?;
    let listing = &files.listing;
    let mut state = recovered.state;
    let mut epoch = options.runtime.random.next_u64();
    if Sabotage::TableIdReused.is_on() {
        epoch = state.epochs.last().copied().unwrap_or(epoch);
    }
    settle_state(&mut state, &replay, listing, epoch);
    name_policies(&mut state, options.policy.fresh().name());
    let database = recovered.current.database;
    let number = next_manifest_number(dir, listing, recovered.current.manifest)?;
    let mut manifest = Manifest::begin(Arc::clone(&options.vfs), dir, database, number, state)?
        .rolling_from(MemoryPlan::new(&options).manifest_bytes);
    let log = begin_segment(&options, dir, database, &mut manifest, &mut replay, listing)?;
    let writer = Writer {
        commit: Commit::new(log.log, replay.last_seqno),
        next_run: AtomicU64::new(next_run(manifest.state())),
        manifest: Mutex::new(manifest),
        lock: Mutex::new(Some(lock)),
        epoch,
        next_table: AtomicU64::new(1),
        resuming: Mutex::default(),
        left_behind: Mutex::default(),
    };
    let store = build(options, dir, database, Some(writer), &replay);
    fill_memtables(&store, &replay)?;
    // Only now may a flush free segments: before, entries of theirs were still to come.
    store.segments.fill(log.segments);
    jobs::free_log(&store)?;
    tidy(&store, files);
    if store.segments.list().len() > SEGMENTS_MAX {
        store.rotate_all(None)?;
    }
    jobs::start_workers(&store)?;
    store.throttle.update(&store);
    Ok(store)
}

/// What survived may be in the page cache only; nothing may be written behind it before it is
/// durable.
///
/// For a segment that the last process may have failed to sync, a sync that succeeds says nothing:
/// its pages count as clean, and the disk has none of them. It is written anew.
fn sync_log(options: &Options, dir: &Path, replay: &Replay) -> Result<(), Error> {
    for segment in &replay.segments {
        let path = FileName::Log(segment.id).path(dir);
        match replay.doubtful_bytes(segment) {
            Some(bytes) => write_anew(&*options.vfs, dir, segment.id, bytes)?,
            None => {
                options.vfs.sync_file(&path).map_err(|error| Error::io(&path, "syncing", error))?;
            }
        }
    }
    Ok(())
}

/// Replaces a segment by a copy of its first `bytes`, which is durable.
fn write_anew(vfs: &dyn Vfs, dir: &Path, id: SegmentId, bytes: u64) -> Result<(), Error> {
    let (path, new) = (FileName::Log(id).path(dir), FileName::LogNew(id).path(dir));
    match vfs.unlink(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(Error::io(&new, "removing", error));
        }
        _ => {}
    }
    checkpoint::copy(vfs, &path, &new, Some(bytes))?;
    vfs.rename(&new, &path).map_err(|error| Error::io(&new, "renaming", error))?;
    vfs.sync_dir(dir).map_err(|error| Error::io(dir, "syncing", error))
}

/// What recovery decided: the cut, the segments behind it, and the epoch of this open. Epochs of
/// which no file is left are forgotten.
fn settle_state(state: &mut ManifestState, replay: &Replay, listing: &Listing, epoch: u64) {
    for segment in &replay.dropped {
        state.segments.remove(segment);
    }
    if !Sabotage::CutForgotten.is_on()
        && let Some((segment, end)) = replay.cut
        && let Some(cut) = state.segments.get_mut(&segment)
    {
        *cut = Some(end);
    }
    let present: BTreeSet<u64> = listing.epochs().collect();
    state.epochs.retain(|epoch| present.contains(epoch));
    state.epochs.insert(epoch);
    state.last_seqno = state.last_seqno.max(replay.last_seqno);
}

/// A number that no run has.
fn next_run(state: &ManifestState) -> u64 {
    let runs = state.keyspaces.values().flat_map(|keyspace| keyspace.version.runs());
    let largest = runs.map(|run| run.id().0).max().unwrap_or(0);
    state.next_run.max(largest.saturating_add(1))
}

/// Every keyspace gets the policy of the options; what another one remembered is forgotten.
fn name_policies(state: &mut ManifestState, policy: &str) {
    for keyspace in state.keyspaces.values_mut().filter(|keyspace| keyspace.policy != policy) {
        policy.clone_into(&mut keyspace.policy);
        keyspace.policy_state.clear();
    }
}

fn next_manifest_number(dir: &Path, listing: &Listing, current: u64) -> Result<u64, Error> {
    let last = listing.last_manifest().max(current);
    let why = "no manifest can be numbered after it";
    let path = FileName::Manifest(last).path(dir);
    last.checked_add(1).ok_or_else(|| Error::corrupt(&path, "file name", 0, why))
}

struct BegunLog {
    log: Log,
    segments: Vec<Segment>,
}

/// Begins the segment that takes this open's records, behind those that survived.
fn begin_segment(
    options: &Options,
    dir: &Path,
    database: u128,
    manifest: &mut Manifest,
    replay: &mut Replay,
    listing: &Listing,
) -> Result<BegunLog, Error> {
    let named = manifest.state().segments.keys().map(|segment| segment.0);
    let dropped = replay.dropped.iter().map(|segment| segment.0);
    let last = named.chain(dropped).chain([listing.last_segment()]).max().unwrap_or(0);
    let id = next_segment(SegmentId(last), dir)?;
    let mut segments = replay.segments.clone();
    let base = segments.last().and_then(|segment| segment.end).unwrap_or(0);
    let before = replay.last.take().map(siltstone_wal::Sealed::made_durable);
    let segment_bytes = MemoryPlan::new(options).segment_bytes;
    let place = Place { vfs: &*options.vfs, dir, database, segment_bytes };
    let writer = create_segment(&place, id, manifest.witness(), before)?;
    let witnesses = manifest.witnesses();
    witnesses.log_begins(FileName::Log(id).path(dir), writer.witness());
    manifest.publish(&[Field::Segment(id)])?;
    segments.push(Segment { id, base, end: None });
    let log = Log::new(writer, dir, segment_bytes, replay.last_seqno, witnesses);
    Ok(BegunLog { log, segments })
}

/// The store with its trees, their memtables still empty.
pub(super) fn build(
    options: Options,
    dir: &Path,
    database: u128,
    writer: Option<Writer>,
    replay: &Replay,
) -> Arc<Store> {
    let memory = MemoryPlan::new(&options);
    let blocks = Arc::new(BlockCache::new(memory.cache_bytes));
    let vfs = Arc::clone(&options.vfs);
    let keep_all = writer.is_none();
    let tables = Tables::new(
        Arc::clone(&vfs),
        dir,
        options.read_mode,
        blocks,
        memory.tables_bytes,
        keep_all,
    );
    let store = Store {
        dir: dir.to_path_buf(),
        vfs,
        database,
        instance: next_instance(),
        memory,
        health: HealthCell::new(options.health_listener.clone()),
        counters: Counters::default(),
        recovery: replay.report.clone(),
        snapshots: Arc::new(Snapshots::default()),
        tables: Arc::new(tables),
        trees: RwLock::default(),
        segments: Segments::default(),
        scheduler: Scheduler::new(),
        throttle: Throttle::new(),
        pinned_bytes: Arc::default(),
        closed: AtomicBool::new(false),
        closing: Mutex::new(()),
        writer,
        options,
    };
    Arc::new(store)
}

/// A tree for each keyspace of the manifest, with the policy of the options.
pub(super) fn trees_of(options: &Options, state: &ManifestState) -> Trees {
    let mut trees = Trees::default();
    for (&id, keyspace) in &state.keyspaces {
        let mut policy = options.policy.fresh();
        // After a change of policy there is a name, but nothing that this policy saved.
        if policy.name() == keyspace.policy && !keyspace.policy_state.is_empty() {
            // What a policy cannot read of its own past it does without.
            drop(policy.load(&keyspace.policy_state));
        }
        trees.insert(Tree::new(id, &keyspace.name, Arc::clone(&keyspace.version), policy));
    }
    trees
}

/// Replays the log into the memtables; full ones are flushed on the way.
fn fill_memtables(store: &Arc<Store>, replay: &Replay) -> Result<(), Error> {
    let state = store.writer()?.manifest.lock().state().clone();
    let trees = trees_of(&store.options, &state);
    *store.trees.write() = trees.clone();
    let mut records = 0u32;
    replay.apply(&store.dir, &state, &trees, |touched, last_seqno| {
        store.snapshots.publish(last_seqno.max(store.snapshots.visible()));
        for tree in touched.iter().filter(|tree| store.is_full(tree)) {
            flush(store, tree, last_seqno)?;
        }
        records = records.wrapping_add(1);
        if records.is_multiple_of(RECORDS_PER_LOOK)
            && let Some(tree) = store.largest_over_budget()
        {
            flush(store, &tree, last_seqno)?;
        }
        Ok(())
    })?;
    while let Some(tree) = store.largest_over_budget() {
        if !flush(store, &tree, replay.last_seqno)? {
            break;
        }
    }
    store.snapshots.publish(replay.last_seqno.max(store.snapshots.visible()));
    Ok(())
}

/// Turns what a tree has in memory into a table, if there is anything.
fn flush(store: &Store, tree: &Arc<Tree>, last_seqno: Seqno) -> Result<bool, Error> {
    let rotated = tree.rotate(last_seqno);
    if rotated {
        jobs::flush_oldest(store, tree)?;
    }
    Ok(rotated)
}

/// Removes files of ours that the manifest does not name, but none of another database. A table
/// goes only if a manifest recorded the upper half of its id. What cannot be removed is left for
/// the next open.
fn tidy(store: &Store, files: &Files) {
    let Some(writer) = &store.writer else { return };
    let manifest = writer.manifest.lock();
    let state = manifest.state();
    let tables: BTreeSet<_> = state
        .keyspaces
        .values()
        .flat_map(|keyspace| keyspace.version.tables().map(|table| table.id))
        .collect();
    for file in files.listing.names().filter(|file| !files.foreign.contains(file)) {
        let unnamed = match file {
            FileName::Lock | FileName::Current => false,
            FileName::CurrentNew | FileName::LogNew(_) => true,
            FileName::Manifest(number) => number != manifest.witness().0,
            FileName::Log(segment) => !state.segments.contains_key(&segment),
            FileName::Table(id) => state.epochs.contains(&id.epoch) && !tables.contains(&id),
        };
        if unnamed {
            drop(store.vfs.unlink(&file.path(&store.dir)));
        }
    }
}
