//! Drawn operations, restarts, faults and power cuts against a model.

use super::{DIR, NAMES, State, options, state_of};
use crate::draw::Draw;
use siltstone::{
    Compression, Db, Durability, Error, Keyspace, ReadMode, Snapshot, WriteBatch, WriteOptions,
};
use siltstone_vfs::{CrashPolicy, Fault, FaultError, FaultKind, MemVfs, Pages, SimVfs, Vfs};
use std::sync::Arc;

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
