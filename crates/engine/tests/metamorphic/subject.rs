//! The database under test, and everything that a list of ops holds of it.

use crate::config::Config;
use crate::model::NAMES;
use crate::op::{Op, SLOTS, SPACES, Write};
use crate::outcome::{Outcome, kind};
use crate::reads;
use crate::tally::Tally;
use crate::value::{Key, Range, Val};
use siltstone::vfs::{MemVfs, SimVfs};
use siltstone::{
    Cursor, Db, Durability, Error, Health, Keyspace, Options, Scan, Snapshot, Value, WriteBatch,
    WriteOptions,
};
use std::cell::Cell;
use std::sync::Arc;

pub(crate) const DIR: &str = "/db";

/// What a `get` gave.
#[derive(Clone, Debug)]
pub(crate) struct HeldValue(pub(crate) Option<Value>);

pub(crate) struct Subject {
    pub(crate) config: Config,
    pub(crate) vfs: SimVfs,
    /// `None` only between two openings.
    pub(crate) open_db: Option<Db>,
    pub(crate) spaces: [Option<Keyspace>; SPACES],
    pub(crate) snapshots: [Option<Snapshot>; SLOTS],
    pub(crate) cursors: [Option<Cursor>; SLOTS],
    pub(crate) scans: [Option<Scan>; SLOTS],
    pub(crate) values: [Option<HeldValue>; SLOTS],
    pub(crate) copies: [Option<Db>; SLOTS],
    pub(crate) checkpoints: u32,
    openings: Cell<u64>,
    pub(crate) tally: Tally,
}

impl Subject {
    /// A new database on an empty simulated disk.
    pub(crate) fn new(config: &Config) -> Result<Self, Error> {
        let vfs = SimVfs::new(config.seed);
        let db = config.options(&vfs, 0).open(DIR)?;
        let mut spaces = [const { None }; SPACES];
        spaces[0] = Some(db.default_keyspace());
        Ok(Self {
            config: *config,
            vfs,
            open_db: Some(db),
            spaces,
            snapshots: Default::default(),
            cursors: Default::default(),
            scans: Default::default(),
            values: Default::default(),
            copies: Default::default(),
            checkpoints: 0,
            openings: Cell::new(0),
            tally: Tally::default(),
        })
    }

    /// For one more opening.
    pub(crate) fn options(&self, config: &Config, vfs: &SimVfs) -> Options {
        self.openings.set(self.openings.get() + 1);
        config.options(vfs, self.openings.get())
    }

    pub(crate) fn db(&self) -> &Db {
        self.open_db.as_ref().expect("it is open")
    }

    /// Does `op`; an error is an outcome too.
    pub(crate) fn apply(&mut self, op: &Op) -> Outcome {
        let outcome = match op {
            Op::Put { .. }
            | Op::Delete { .. }
            | Op::Batch { .. }
            | Op::Fill { .. }
            | Op::PutOverLimit { .. }
            | Op::WriteForeign { .. } => self.write(op),
            Op::Create { .. }
            | Op::DropSpace { .. }
            | Op::Recreate { .. }
            | Op::FindSpace { .. }
            | Op::ListSpaces => self.manage(op),
            _ => self
                .read(op)
                .or_else(|| self.ask_snapshot(op))
                .or_else(|| self.use_held(op))
                .or_else(|| self.live(op))
                .unwrap_or_else(|| self.keep_up(op)),
        };
        outcome.unwrap_or_else(|error| {
            self.tally.last_error = Some(error.to_string());
            Outcome::Failed(kind(&error))
        })
    }

    /// Asks a keyspace through the handle in use.
    fn with(
        &self,
        space: u8,
        ask: impl FnOnce(&Keyspace) -> Result<Outcome, Error>,
    ) -> Result<Outcome, Error> {
        self.spaces[usize::from(space)].as_ref().map_or(Ok(Outcome::Skipped), ask)
    }

    fn write(&mut self, op: &Op) -> Result<Outcome, Error> {
        match op {
            Op::Put { space, key, value } => self.with(*space, |keyspace| {
                keyspace.put(key.bytes(), value.bytes()).map(Outcome::Seqno)
            }),
            Op::Delete { space, key } => {
                self.with(*space, |keyspace| keyspace.delete(key.bytes()).map(Outcome::Seqno))
            }
            Op::Batch { writes, sync } => self.batch(&writes.0, *sync),
            Op::Fill { space, first, count, bytes } => self.with(*space, |keyspace| {
                let mut last = Outcome::Done;
                for write in crate::op::fill(*space, *first, *count, *bytes) {
                    let Write::Set(_, key, value) = write else { continue };
                    last = Outcome::Seqno(keyspace.put(key.bytes(), value.bytes())?);
                }
                Ok(last)
            }),
            Op::PutOverLimit { space } => self.with(*space, |keyspace| {
                let mut batch = WriteBatch::new();
                batch.put(keyspace, "good", "but not alone");
                batch.put(keyspace, vec![0; 65_536], "");
                self.db().write(batch).map(Outcome::Seqno)
            }),
            Op::WriteForeign { space } => self.with(*space, |keyspace| {
                let options = self.options(&self.config, &self.vfs);
                let other = options.background_threads(0).vfs(Arc::new(MemVfs::new())).open(DIR)?;
                let mut batch = WriteBatch::new();
                batch.put(keyspace, "good", "but not alone");
                batch.put(&other.default_keyspace(), "good", "elsewhere");
                self.db().write(batch).map(Outcome::Seqno)
            }),
            _ => unreachable!("it is a write"),
        }
    }

    fn batch(&self, writes: &[Write], sync: bool) -> Result<Outcome, Error> {
        let mut batch = WriteBatch::new();
        for write in writes {
            let (Write::Set(space, ..) | Write::Unset(space, _)) = write;
            let Some(keyspace) = &self.spaces[usize::from(*space)] else {
                return Ok(Outcome::Skipped);
            };
            match write {
                Write::Set(_, key, value) => batch.put(keyspace, key.bytes(), value.bytes()),
                Write::Unset(_, key) => batch.delete(keyspace, key.bytes()),
            }
        }
        let written = if sync {
            let options = WriteOptions::new().durability(Durability::Sync);
            self.db().write_with(batch, &options)
        } else {
            self.db().write(batch)
        };
        written.map(Outcome::Seqno)
    }

    fn read(&mut self, op: &Op) -> Option<Result<Outcome, Error>> {
        Some(match *op {
            Op::Get { space, key } => self.with(space, |keyspace| get(keyspace, key)),
            Op::Contains { space, key } => {
                self.with(space, |keyspace| keyspace.contains_key(key.bytes()).map(Outcome::Flag))
            }
            Op::Explain { space, key } => {
                self.with(space, |keyspace| reads::explain(keyspace, &key.bytes()))
            }
            Op::Scan { space, range, way } => {
                self.with(space, |keyspace| reads::pairs(keyspace.scan(range.bounds())?, way))
            }
            Op::ScanPrefix { space, prefix, way } => self
                .with(space, |keyspace| reads::pairs(keyspace.scan_prefix(prefix.bytes())?, way)),
            Op::Keys { space, range, way } => {
                self.with(space, |keyspace| reads::keys(keyspace.keys(range.bounds())?, way))
            }
            Op::Size { space, range } => self.with(space, |keyspace| self.size(keyspace, range)),
            _ => return None,
        })
    }

    /// A part is not larger than the whole, unless workers change the tables in between.
    fn size(&self, keyspace: &Keyspace, range: Range) -> Result<Outcome, Error> {
        let (part, whole) =
            (keyspace.approximate_size(range.bounds())?, keyspace.approximate_size(..)?);
        Ok(if part > whole && self.config.threads == 0 {
            Outcome::Contradiction(format!("a range has {part} bytes, everything {whole}"))
        } else {
            Outcome::Done
        })
    }

    fn ask_snapshot(&mut self, op: &Op) -> Option<Result<Outcome, Error>> {
        let (Op::SnapshotGet { slot, space, .. }
        | Op::SnapshotScan { slot, space, .. }
        | Op::SnapshotPrefix { slot, space, .. }
        | Op::SnapshotKeys { slot, space, .. }) = *op
        else {
            return None;
        };
        let Some(snapshot) = &self.snapshots[usize::from(slot)] else {
            return Some(Ok(Outcome::Skipped));
        };
        Some(self.with(space, |keyspace| match *op {
            Op::SnapshotScan { range, way, .. } => {
                reads::pairs(snapshot.scan(keyspace, range.bounds())?, way)
            }
            Op::SnapshotPrefix { prefix, way, .. } => {
                reads::pairs(snapshot.scan_prefix(keyspace, prefix.bytes())?, way)
            }
            Op::SnapshotKeys { range, way, .. } => {
                reads::keys(snapshot.keys(keyspace, range.bounds())?, way)
            }
            Op::SnapshotGet { key, .. } => {
                let value = snapshot.get(keyspace, key.bytes())?;
                Ok(Outcome::Value(value.map(Value::into_vec)))
            }
            _ => unreachable!("it asks a snapshot"),
        }))
    }

    fn keep_up(&mut self, op: &Op) -> Result<Outcome, Error> {
        let done = |()| Outcome::Done;
        match *op {
            Op::Sync => self.db().sync().map(done),
            Op::FlushAll => self.db().flush().map(done),
            Op::Flush { space } => self.with(space, |keyspace| keyspace.flush().map(done)),
            Op::Compact { space, range } => {
                self.with(space, |keyspace| keyspace.compact_range(range.bounds()).map(done))
            }
            Op::CheckAll => reads::check_all(self.db()),
            Op::Verify => {
                let findings = self.db().verify()?.findings;
                Ok(if findings.is_empty() {
                    Outcome::Done
                } else {
                    Outcome::Contradiction(format!("verify: {findings:?}"))
                })
            }
            Op::Metrics => {
                let (metrics, health) = (self.db().metrics(), self.db().health());
                let is_well = matches!(health, Health::Healthy) && metrics.failed_jobs == 0;
                Ok(if is_well {
                    Outcome::Done
                } else {
                    Outcome::Contradiction(format!("{health:?}, {metrics:?}"))
                })
            }
            Op::Tree => self.db().tree().map(|trees| {
                let runs = trees.iter().flat_map(|tree| &tree.runs);
                let risen =
                    runs.map(|run| run.tables.windows(2).all(|two| two[0].last < two[1].first));
                if risen.into_iter().all(|risen| risen) {
                    Outcome::Done
                } else {
                    Outcome::Contradiction(format!("tables share keys: {trees:?}"))
                }
            }),
            _ => unreachable!("{op:?} is done elsewhere"),
        }
    }

    fn manage(&mut self, op: &Op) -> Result<Outcome, Error> {
        let name = |space: u8| NAMES[usize::from(space)];
        match *op {
            Op::Create { space } => {
                self.spaces[usize::from(space)] = Some(self.db().keyspace(name(space))?);
                Ok(Outcome::Done)
            }
            Op::DropSpace { space } => self.db().drop_keyspace(name(space)).map(|()| Outcome::Done),
            Op::Recreate { space } => self.recreate(space),
            Op::FindSpace { space } => {
                let found = self.db().find_keyspace(name(space))?;
                Ok(Outcome::Flag(found.is_some()))
            }
            Op::ListSpaces => self.db().list_keyspaces().map(Outcome::Names),
            _ => unreachable!("it is about keyspaces"),
        }
    }
}

fn get(keyspace: &Keyspace, key: Key) -> Result<Outcome, Error> {
    Ok(Outcome::Value(keyspace.get(key.bytes())?.map(Value::into_vec)))
}

/// A value that no list of ops writes.
pub(crate) const STRAY: Val = Val::Tagged(40, u32::MAX);
