//! The whole database: its directory as any bytes, and its operations against a model, with
//! faults and power cuts.

use crate::draw::Draw;
use crate::forge;
use siltstone::{
    Compression, Db, Durability, Error, Keyspace, Leveled, Options, ReadMode, Runtime, Snapshot,
    WriteBatch, WriteOptions,
};
use siltstone_base::checksum;
use siltstone_vfs::{
    CrashPolicy, Fault, FaultError, FaultKind, ManualClock, MemVfs, Pages, SeededRandom, SimVfs,
    Vfs,
};
use siltstone_wal::{LogIdentity, LogKind, Salvaged, SegmentId, identify, salvage};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

const DIR: &str = "/db";
const NAMES: [&str; 2] = ["default", "other"];

/// Contents of both keyspaces.
type State = [BTreeMap<Vec<u8>, Vec<u8>>; 2];

fn options(vfs: Arc<dyn Vfs>) -> Options {
    // Two opens of one directory must not draw the same numbers.
    let entries = vfs.list(Path::new(DIR)).unwrap_or_default();
    let names: Vec<_> = entries.iter().map(|entry| entry.name.to_string_lossy()).collect();
    let runtime = Runtime {
        clock: Arc::new(ManualClock::new()),
        random: Arc::new(SeededRandom::new(checksum::of(names.concat().as_bytes()))),
        ..Runtime::default()
    };
    Options::new()
        .vfs(vfs)
        .runtime(runtime)
        .background_threads(0)
        .memory_budget(1 << 20)
        .memtable_bytes(1 << 10)
        .block_bytes(128)
        .compaction(Leveled::default().level0_runs(2).table_bytes(2 << 10).base_bytes(4 << 10))
}

fn state_of(db: &Db) -> Result<State, Error> {
    let mut state = State::default();
    for (name, pairs) in NAMES.into_iter().zip(&mut state) {
        let Some(keyspace) = db.find_keyspace(name)? else { continue };
        for pair in keyspace.scan(..)? {
            let (key, value) = pair?;
            pairs.insert(key.to_vec(), value.to_vec());
        }
    }
    Ok(state)
}

/// A small database with tables in two levels, a log, two keyspaces; its process died.
fn image() -> &'static (Files, State) {
    static IMAGE: OnceLock<(Files, State)> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let vfs = MemVfs::new();
        let built = (|| {
            let db = options(Arc::new(vfs.clone())).open(DIR)?;
            let other = db.keyspace("other")?;
            for number in 0..60u32 {
                db.put(format!("key {number:03}"), format!("value {number} ").repeat(3))?;
                other.put(format!("key {number:03}"), format!("other {number}"))?;
            }
            db.compact_range(..)?;
            for number in 0..20u32 {
                db.put(format!("key {:03}", number * 2), "again")?;
                other.delete(format!("key {number:03}"))?;
            }
            db.flush()?;
            db.put("last", "in the log")?;
            db.sync()?;
            state_of(&db)
        })();
        let state = built.expect("memory takes it");
        (Files::of(&vfs.process_death()), state)
    })
}

/// Names and bytes of the files of a database.
#[derive(Clone, Debug)]
struct Files(Vec<(String, Vec<u8>)>);

impl Files {
    fn of(vfs: &MemVfs) -> Self {
        let entries = vfs.list(Path::new(DIR)).expect("memory lists");
        let names = entries.into_iter().filter_map(|entry| entry.name.into_string().ok());
        let read = |name: &String| vfs.read(format!("{DIR}/{name}")).expect("memory reads");
        Self(names.map(|name| (name.clone(), read(&name))).collect())
    }

    fn disk(&self) -> MemVfs {
        let vfs = MemVfs::new();
        vfs.create_dir_all(Path::new(DIR)).expect("memory makes it");
        for (name, bytes) in &self.0 {
            vfs.write(format!("{DIR}/{name}"), bytes).expect("memory takes it");
        }
        vfs
    }

    /// The name of the first file that ends so.
    fn ending(&self, end: &str) -> &str {
        let mut names = self.0.iter().map(|(name, _)| name);
        names.find(|name| name.ends_with(end)).map_or("", |name| name)
    }

    fn replace(&mut self, name: &str, bytes: Vec<u8>) {
        if let Some(file) = self.0.iter_mut().find(|file| file.0 == name) {
            file.1 = bytes;
        }
    }
}

/// Opens in every way, reads and verifies everything, writes. Gives what was read, if anything.
fn use_all(disk: &MemVfs) -> Option<State> {
    let read_only = options(Arc::new(disk.process_death())).open_read_only(DIR);
    let before = read_only.and_then(|db| state_of(&db));
    let vfs = disk.process_death();
    let options = options(Arc::new(vfs)).read_mode(ReadMode::Pread);
    let db = options.create_if_missing(false).open(DIR).ok()?;
    drop(db.verify());
    let state = state_of(&db).ok()?;
    if let Ok(before) = before {
        assert!(before == state, "a read-only open shows something else");
    }
    let written = db.put("new", "value").and_then(|_| db.compact_range(..));
    if written.is_ok() {
        assert_eq!(db.get("new").ok().flatten().as_deref(), Some(&b"value"[..]));
    }
    drop(db.close());
    Some(state)
}

fn repair(disk: &MemVfs) -> Option<State> {
    let vfs: Arc<dyn Vfs> = Arc::new(disk.process_death());
    options(Arc::clone(&vfs)).repair(DIR, "/new", &mut |_| {}).ok()?;
    let db = options(vfs).create_if_missing(false).open("/new");
    let db = db.expect("a repaired database opens");
    let report = db.verify().expect("a repaired database is read");
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    Some(state_of(&db).expect("a repaired database is read"))
}

/// The bytes are CURRENT.
pub(crate) fn current(data: &[u8]) {
    let (mut files, state) = image().clone();
    files.replace("CURRENT", data.to_vec());
    if let Some(found) = use_all(&files.disk()) {
        assert!(found == state, "another CURRENT shows something else");
    }
}

/// The bytes are the manifest's file.
pub(crate) fn manifest_raw(data: &[u8]) {
    let mut files = image().0.clone();
    let name = files.ending(".manifest").to_owned();
    files.replace(&name, data.to_vec());
    use_all(&files.disk());
}

/// The bytes are records of the manifest, under right sums.
pub(crate) fn manifest_fixed(data: &[u8]) {
    let mut files = image().0.clone();
    let name = files.ending(".manifest").to_owned();
    let Some((_, good)) = files.0.iter().find(|file| file.0 == name) else { return };
    let mut bytes = good[..1536].to_vec();
    let database = database_of(good);
    let number = u64::from_str_radix(name.trim_end_matches(".manifest"), 16).unwrap_or(0);
    let mixed = forge::identity(*b"SILTMANI", database, number);
    for payload in split(data) {
        let offset = bytes.len() as u64;
        bytes.extend(forge::record(mixed, offset, (1, 0), payload));
    }
    files.replace(&name, bytes);
    use_all(&files.disk());
    repair(&files.disk());
}

fn database_of(header: &[u8]) -> u128 {
    let id = header.get(32..48).and_then(|id| id.try_into().ok());
    id.map_or(0, u128::from_le_bytes)
}

/// Pieces, each behind its length as two bytes.
fn split(mut data: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    while let Some((length, rest)) = data.split_first_chunk::<2>() {
        let length = usize::from(u16::from_le_bytes(*length)).min(rest.len());
        let (piece, left) = rest.split_at(length);
        pieces.push(piece);
        data = left;
    }
    pieces
}

/// Files of a sound database are damaged: the right answer or an error. Damage at rest may not
/// show anything else, except where a tail of the log was torn off that nobody can vouch for.
pub(crate) fn open_dir(data: &[u8]) {
    let mut draw = Draw::new(data);
    let (mut files, state) = image().clone();
    let damaged_log = damage(&mut draw, &mut files);
    if let Some(found) = use_all(&files.disk()) {
        assert!(damaged_log || found == state, "damage was taken for data");
    }
}

/// Files of a sound database are damaged: a repair makes nothing up.
pub(crate) fn repair_dir(data: &[u8]) {
    let mut draw = Draw::new(data);
    let (mut files, state) = image().clone();
    damage(&mut draw, &mut files);
    let Some(saved) = repair(&files.disk()) else { return };
    for (saved, state) in saved.iter().zip(&state) {
        for (key, value) in saved {
            let text = String::from_utf8_lossy(value);
            let number = String::from_utf8_lossy(key).trim_start_matches("key ").parse::<u32>();
            let number = number.map_or(0, |number| number);
            let known = state.get(key) == Some(value)
                || text == format!("value {number} ").repeat(3)
                || text == format!("other {number}");
            assert!(known, "{key:?} = {text} was never written");
        }
    }
}

/// Changes some files; returns whether one of them is a log.
fn damage(draw: &mut Draw<'_>, files: &mut Files) -> bool {
    let mut log = false;
    for _ in 0..=draw.below(3) {
        if files.0.is_empty() {
            break;
        }
        let at = draw.below(files.0.len());
        log |= Path::new(&files.0[at].0).extension().is_some_and(|kind| kind == "log");
        match draw.below(8) {
            0 => drop(files.0.remove(at)),
            1 => files.0[at].1.clear(),
            2 => {
                let other = draw.below(files.0.len());
                files.0[at].1 = files.0[other].1.clone();
            }
            _ => draw.damage(&mut files.0[at].1),
        }
    }
    log
}

/// Any values of the options: they open or are refused, and then hold what is written.
pub(crate) fn options_any(data: &[u8]) {
    let mut draw = Draw::new(data);
    // Sizes are drawn around their limits; beyond a few MiB they only cost time.
    let size = |draw: &mut Draw<'_>, usual: u64| match draw.below(4) {
        0 => draw.number() >> (40 + draw.below(24)),
        1 => usual + u64::from(draw.word()),
        _ => usual,
    };
    let options = options(Arc::new(MemVfs::new()))
        .memory_budget(size(&mut draw, 1 << 20))
        .memtable_bytes(size(&mut draw, 1 << 10))
        .block_bytes(u32::try_from(size(&mut draw, 64)).unwrap_or(u32::MAX))
        .filter_bits_per_key(draw.byte() % 36)
        .compression(if draw.one_in(2) { Compression::Snap } else { Compression::None });
    match options.clone().open(DIR) {
        Err(Error::InvalidOption { .. }) => {}
        Err(error) => panic!("{options:?}: {error}"),
        Ok(db) => {
            for number in 0..50u32 {
                db.put(number.to_le_bytes(), draw.bytes(100)).expect("memory takes it");
            }
            db.flush().expect("memory takes it");
            let state = state_of(&db).expect("it is read");
            assert_eq!(state[0].len(), 50);
            db.close().expect("memory takes it");
            let db = options.open(DIR).expect("what opened once opens again");
            assert!(state_of(&db).expect("it is read") == state, "a restart lost something");
        }
    }
}

/// A database under drawn operations, with what it must hold.
struct Life {
    db: Option<Db>,
    spaces: Vec<Keyspace>,
    state: State,
    /// The state after each write, the first before any.
    history: Vec<State>,
    /// How many writes are known to be durable.
    synced: usize,
    snapshots: Vec<(Snapshot, State)>,
}

impl Life {
    fn begin(vfs: Arc<dyn Vfs>, draw: &mut Draw<'_>) -> Result<Self, Error> {
        let mode = if draw.one_in(2) { ReadMode::Mmap } else { ReadMode::Pread };
        let compression = if draw.one_in(2) { Compression::Snap } else { Compression::None };
        let db = options(vfs).read_mode(mode).compression(compression).open(DIR)?;
        let spaces = NAMES.iter().map(|name| db.keyspace(name)).collect::<Result<_, _>>()?;
        let state = state_of(&db)?;
        let history = vec![state.clone()];
        Ok(Self { db: Some(db), spaces, state, history, synced: 0, snapshots: Vec::new() })
    }

    /// One operation. What fails may have happened or not; then it is the last of the history.
    fn step(&mut self, draw: &mut Draw<'_>) -> Result<(), Error> {
        let Some(db) = self.db.clone() else { return Ok(()) };
        match draw.below(16) {
            0 => db.flush(),
            1 => self.spaces[draw.below(2)].compact_range(..),
            2 => {
                db.sync()?;
                self.synced = self.history.len() - 1;
                Ok(())
            }
            3 => {
                if self.snapshots.len() > 2 {
                    self.snapshots.remove(0);
                }
                self.snapshots.push((db.snapshot(), self.state.clone()));
                Ok(())
            }
            4 => self.check_reads(draw),
            _ => self.write(&db, draw),
        }
    }

    fn write(&mut self, db: &Db, draw: &mut Draw<'_>) -> Result<(), Error> {
        let mut batch = WriteBatch::new();
        let mut next = self.state.clone();
        for _ in 0..=draw.below(3) {
            let (space, key) = (draw.below(2), draw.key());
            if draw.one_in(3) {
                batch.delete(&self.spaces[space], &key);
                next[space].remove(&key);
            } else {
                let value = draw.bytes(90).repeat(1 + draw.below(4));
                batch.put(&self.spaces[space], &key, &value);
                next[space].insert(key, value);
            }
        }
        let sync = draw.one_in(4);
        let durability = if sync { Durability::Sync } else { Durability::Buffered };
        self.history.push(next.clone());
        db.write_with(batch, &WriteOptions::new().durability(durability))?;
        self.state = next;
        if sync {
            self.synced = self.history.len() - 1;
        }
        Ok(())
    }

    fn check_reads(&mut self, draw: &mut Draw<'_>) -> Result<(), Error> {
        let Some(db) = &self.db else { return Ok(()) };
        assert!(state_of(db)? == self.state, "it holds something else");
        let key = draw.key();
        for (space, pairs) in self.spaces.iter().zip(&self.state) {
            let found = space.get(&key)?.map(|value| value.to_vec());
            assert_eq!(found.as_ref(), pairs.get(&key), "{key:?}");
            let reversed = space.scan(key.clone()..)?.rev().collect::<Result<Vec<_>, _>>()?;
            let expected = pairs.range(key.clone()..).rev();
            assert!(
                expected.map(|pair| pair.0.as_slice()).eq(reversed.iter().map(|pair| &*pair.0))
            );
        }
        for (snapshot, state) in &self.snapshots {
            for (space, pairs) in self.spaces.iter().zip(state) {
                let found = snapshot.scan(space, ..)?.collect::<Result<Vec<_>, _>>()?;
                let found = found.iter().map(|(key, value)| (&**key, &**value));
                let expected = pairs.iter().map(|(key, value)| (key.as_slice(), value.as_slice()));
                assert!(found.eq(expected), "a snapshot shows something else");
            }
        }
        Ok(())
    }

    fn end(&mut self) {
        (self.spaces, self.snapshots) = (Vec::new(), Vec::new());
        self.db = None;
    }
}

/// Operations and restarts against the model.
pub(crate) fn db_ops_model(data: &[u8]) {
    let mut draw = Draw::new(data);
    let vfs: Arc<dyn Vfs> = Arc::new(MemVfs::new());
    for _ in 0..4 {
        let mut life = Life::begin(Arc::clone(&vfs), &mut draw).expect("memory takes it");
        while !draw.is_empty() && !draw.one_in(40) {
            life.step(&mut draw).expect("memory takes it");
        }
        life.check_reads(&mut draw).expect("it is read");
        let db = life.db.clone();
        life.end();
        let Some(db) = db else { return };
        let report = db.verify().expect("it is read");
        assert!(report.findings.is_empty(), "{:?}", report.findings);
        db.close().expect("memory takes it");
        let again = options(Arc::clone(&vfs)).open_read_only(DIR).expect("it opens");
        assert!(state_of(&again).expect("it is read") == life.state, "a restart lost something");
    }
}

/// Operations, one fault, a power cut: what comes back is one state of the history, and none
/// older than what was synced.
pub(crate) fn db_ops_crash(data: &[u8]) {
    let mut draw = Draw::new(data);
    let mut disk = SimVfs::new(draw.number());
    let mut left: Option<(Vec<State>, usize)> = None;
    for _ in 0..3 {
        let begun = Life::begin(Arc::new(disk.clone()), &mut draw);
        let mut life = begun.expect("without a fault it opens");
        if let Some((history, synced)) = left.take() {
            let place = history[synced..].contains(&life.state);
            assert!(place, "what is left is no state since the last sync: {:?}", life.state);
        }
        if draw.one_in(2) {
            disk.arm(fault(&mut draw));
        }
        let mut failed = false;
        while !draw.is_empty() && !failed && !draw.one_in(30) {
            failed = life.step(&mut draw).is_err();
        }
        let policy = CrashPolicy::ALL[draw.below(CrashPolicy::ALL.len())];
        let after =
            if draw.one_in(4) { disk.process_death() } else { disk.crash(policy, draw.number()) };
        disk.disarm();
        life.end();
        left = Some((std::mem::take(&mut life.history), life.synced));
        disk = after;
    }
}

fn fault(draw: &mut Draw<'_>) -> Fault {
    let kind = match draw.below(5) {
        0 => FaultKind::FailedSync(if draw.one_in(2) { Pages::Kept } else { Pages::Dropped }),
        1 => FaultKind::NoSpace(FaultError::Enospc),
        2 => FaultKind::Short,
        _ => FaultKind::Error(FaultError::Eio),
    };
    let fault = Fault::new(draw.below(60) as u64, kind);
    if draw.one_in(3) { fault.forever() } else { fault }
}

pub(crate) fn seeds_current() -> Vec<Vec<u8>> {
    image().0.0.iter().filter(|file| file.0 == "CURRENT").map(|file| file.1.clone()).collect()
}

pub(crate) fn seeds_manifest_raw() -> Vec<Vec<u8>> {
    let files = &image().0;
    let name = files.ending(".manifest");
    let manifests = files.0.iter().filter(|file| file.0 == name);
    manifests.map(|file| file.1[..file.1.len().min(4096)].to_vec()).collect()
}

/// The records of the image's manifest, each behind its length.
pub(crate) fn seeds_manifest_fixed() -> Vec<Vec<u8>> {
    let vfs = image().0.disk();
    let path = format!("{DIR}/{}", image().0.ending(".manifest"));
    let file = vfs.open_read(Path::new(&path)).expect("memory reads");
    let identity: LogIdentity = identify(&*file, LogKind::Manifest)
        .expect("memory reads")
        .unwrap_or(LogIdentity { kind: LogKind::Manifest, database: 0, segment: SegmentId(0) });
    let mut seed = Vec::new();
    let saved = salvage(&*file, identity, None, |found| {
        if let Salvaged::Record { payload, .. } = found {
            seed.extend(u16::try_from(payload.len()).unwrap_or(u16::MAX).to_le_bytes());
            seed.extend(payload);
        }
        Ok::<(), siltstone_wal::Error>(())
    });
    saved.expect("memory reads");
    vec![seed]
}
