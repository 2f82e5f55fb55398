//! Openings and ends: closes, crashes, checkpoints, openings beside the writer.

use crate::model::NAMES;
use crate::op::{Keep, Op};
use crate::outcome::{Outcome, State, kind};
use crate::reads;
use crate::subject::{DIR, STRAY, Subject};
use siltstone::vfs::{CrashPolicy, SimVfs, Vfs};
use siltstone::{Db, Error, Keyspace};
use std::path::Path;

/// How many calls [`Op::UseClosed`] makes.
pub(crate) const CLOSED_CALLS: usize = 15;
/// How many calls [`Op::Recreate`] makes on the old handle.
pub(crate) const STALE_CALLS: usize = 6;
/// How often a read-only open beside a busy writer is tried again.
const TRIES_MAX: u32 = 500;

impl Subject {
    pub(crate) fn live(&mut self, op: &Op) -> Option<Result<Outcome, Error>> {
        Some(match *op {
            Op::Reopen { close } => self.reopen(close),
            Op::ReopenAs { salt } => {
                self.config = self.config.other(salt);
                self.reopen(true)
            }
            Op::UseClosed => self.use_closed(),
            Op::Die => {
                self.tally.deaths += 1;
                let left = self.vfs.process_death();
                self.go_on_with(left)
            }
            Op::PowerCut { keep, seed, synced } => self.power_cut(keep, seed, synced),
            Op::CutRecovery { operations, keep, seed, synced } => {
                self.cut_recovery(operations, keep, seed, synced)
            }
            Op::OpenTwice => self.options(&self.config, &self.vfs).open(DIR).map(|_| Outcome::Done),
            Op::Checkpoint { salt } => self.checkpoint(salt),
            Op::OpenReadOnly { slot, salt } => self.open_read_only(slot, salt),
            Op::AskReadOnly { slot } => match &self.copies[usize::from(slot)] {
                Some(copy) => reads::check_all(copy),
                None => Ok(Outcome::Skipped),
            },
            Op::DropReadOnly { slot } => {
                let there = self.copies[usize::from(slot)].take().is_some();
                Ok(if there { Outcome::Done } else { Outcome::Skipped })
            }
            _ => return None,
        })
    }

    /// Lets every handle go; those of copies stay.
    pub(crate) fn let_go(&mut self) {
        let metrics = self.db().metrics();
        self.tally.add_open(&metrics);
        self.snapshots = Default::default();
        self.cursors = Default::default();
        self.scans = Default::default();
        self.spaces = Default::default();
        self.open_db = None;
    }

    fn open(&mut self) -> Result<(), Error> {
        let db = self.options(&self.config, &self.vfs).create_if_missing(false).open(DIR)?;
        for (space, name) in self.spaces.iter_mut().zip(NAMES) {
            *space = db.find_keyspace(name)?;
        }
        self.open_db = Some(db);
        Ok(())
    }

    fn open_and_look(&mut self) -> Result<Outcome, Error> {
        self.open()?;
        reads::state(self.db()).map(Outcome::State)
    }

    fn reopen(&mut self, close: bool) -> Result<Outcome, Error> {
        if close {
            self.db().close()?;
        }
        self.let_go();
        self.open_and_look()
    }

    /// Goes on with what a crash left, as another process.
    fn go_on_with(&mut self, left: SimVfs) -> Result<Outcome, Error> {
        self.vfs = left;
        self.let_go();
        self.open_and_look()
    }

    fn power_cut(&mut self, keep: Keep, seed: u32, synced: bool) -> Result<Outcome, Error> {
        if synced {
            self.db().sync()?;
        }
        self.tally.power_cuts += 1;
        let left = crash(&self.vfs, keep, seed);
        self.tally.losses += u64::from(left.lost_something());
        self.go_on_with(left)
    }

    fn cut_recovery(
        &mut self,
        operations: u16,
        keep: Keep,
        seed: u32,
        synced: bool,
    ) -> Result<Outcome, Error> {
        if synced {
            self.db().sync()?;
        }
        self.tally.power_cuts += 2;
        let left = crash(&self.vfs, keep, seed);
        left.cut_after(left.operations() + u64::from(operations));
        let opened = self.options(&self.config, &left).open(DIR);
        let left = crash(&left, keep, !seed);
        self.tally.cut_recoveries += u64::from(opened.is_err());
        drop(opened);
        self.go_on_with(left)
    }

    /// Every call on a closed database says so, and a second close does nothing.
    fn use_closed(&mut self) -> Result<Outcome, Error> {
        let db = self.db().clone();
        let (mut scan, mut cursor, snapshot) = (db.scan(..)?, db.cursor()?, db.snapshot());
        db.close()?;
        db.close()?;
        let keyspace = db.default_keyspace();
        let calls = [
            failure(db.put("k", "v")),
            failure(db.delete("k")),
            failure(db.get("k")),
            failure(db.contains_key("k")),
            failure(db.scan(..)),
            failure(db.cursor()),
            failure(db.sync()),
            failure(db.flush()),
            failure(db.compact_range(..)),
            failure(db.list_keyspaces()),
            failure(db.keyspace("default")),
            failure(db.checkpoint("/closed")),
            failure(snapshot.get(&keyspace, "k")),
            failure(cursor.seek_to_first()),
            scan.next().map_or("none", failure),
        ];
        assert_eq!(calls.len(), CLOSED_CALLS);
        drop((db, scan, cursor, snapshot, keyspace));
        self.let_go();
        self.open()?;
        Ok(Outcome::Errors(calls.to_vec()))
    }

    /// Drops and creates a keyspace; what the old handle gives from then on.
    pub(crate) fn recreate(&mut self, space: u8) -> Result<Outcome, Error> {
        let (index, name) = (usize::from(space), NAMES[usize::from(space)]);
        let old: Option<Keyspace> = self.db().find_keyspace(name)?;
        self.db().drop_keyspace(name)?;
        self.spaces[index] = Some(self.db().keyspace(name)?);
        let Some(old) = old else {
            return Ok(Outcome::Contradiction("what was not there was dropped".into()));
        };
        let calls = [
            failure(old.put("k", "v")),
            failure(old.delete("k")),
            failure(old.get("k")),
            failure(old.scan(..)),
            failure(old.flush()),
            failure(old.cursor()),
        ];
        assert_eq!(calls.len(), STALE_CALLS);
        Ok(Outcome::Errors(calls.to_vec()))
    }

    fn checkpoint(&mut self, salt: u8) -> Result<Outcome, Error> {
        self.checkpoints += 1;
        let dir = format!("/copy-{}", self.checkpoints);
        self.db().checkpoint(&dir)?;
        let again = failure(self.db().checkpoint(&dir));
        let copy = self.options(&self.config.other(salt), &self.vfs).open(&dir)?;
        let found = reads::check_all(&copy)?;
        // It goes its own way.
        copy.put("only", STRAY.bytes())?;
        copy.compact_range(..)?;
        let stray = copy.get("only")?;
        copy.close()?;
        remove(&self.vfs, Path::new(&dir));
        if again != "not empty" || stray.as_deref() != Some(&*STRAY.bytes()) {
            return Ok(Outcome::Contradiction(format!("a second copy: {again}; {stray:?}")));
        }
        Ok(found)
    }

    /// Opens beside the writer, with other options.
    fn open_read_only(&mut self, slot: u8, salt: u8) -> Result<Outcome, Error> {
        let copy = self.try_open_read_only(salt)?;
        let found = reads::check_all(&copy)?;
        let refused = failure(copy.put("k", "v"));
        self.copies[usize::from(slot)] = Some(copy);
        if refused != "opened read-only" {
            return Ok(Outcome::Contradiction(format!("a put gave {refused}")));
        }
        Ok(found)
    }

    fn try_open_read_only(&self, salt: u8) -> Result<Db, Error> {
        let config = self.config.other(salt);
        let mut tries = 0;
        loop {
            match self.options(&config, &self.vfs).open_read_only(DIR) {
                // The jobs of workers change the files meanwhile; without them nobody does.
                Err(error)
                    if error.is_retryable() && self.config.threads > 0 && tries < TRIES_MAX =>
                {
                    tries += 1;
                }
                other => return other,
            }
        }
    }

    /// Looks at everything once more, ends, and looks at what is left on disk.
    pub(crate) fn end(&mut self) -> Result<State, String> {
        let text = |error: Error| error.to_string();
        self.copies = Default::default();
        let found = match reads::check_all(self.db()).map_err(text)? {
            Outcome::State(found) => found,
            other => return Err(format!("{other:?}")),
        };
        self.let_go();
        self.open().map_err(text)?;
        self.db().close().map_err(text)?;
        self.let_go();
        let options = self.options(&self.config, &self.vfs);
        let db = options.open_read_only(DIR).map_err(text)?;
        let runs = db.tree().map_err(text)?.into_iter().flat_map(|tree| tree.runs);
        let wanted: usize = runs.map(|run| run.tables.len()).sum();
        let files = self.vfs.list(Path::new(DIR)).map_err(|error| error.to_string())?;
        let count = |extension: &str| {
            let paths = files.iter().map(|file| Path::new(&file.name));
            paths.filter(|path| path.extension().is_some_and(|found| found == extension)).count()
        };
        if (count("sst"), count("manifest")) != (wanted, 1) {
            return Err(format!("{wanted} tables are in the manifest, on disk are {files:?}"));
        }
        Ok(found)
    }
}

/// The kind of error that a call gave.
fn failure<T>(outcome: Result<T, Error>) -> &'static str {
    outcome.map_or_else(|error| kind(&error), |_| "none")
}

/// What is left when the power fails.
fn crash(vfs: &SimVfs, keep: Keep, seed: u32) -> SimVfs {
    let policy = match keep {
        Keep::Nothing => CrashPolicy::LoseUnsynced,
        Keep::Part(policy) => CrashPolicy::ALL[usize::from(policy) % CrashPolicy::ALL.len()],
        Keep::Everything => CrashPolicy::CutLast { bytes: usize::MAX },
    };
    vfs.crash(policy, u64::from(seed))
}

/// Removes a directory's files, so that crashes need not copy them.
fn remove(vfs: &SimVfs, dir: &Path) {
    for entry in vfs.list(dir).unwrap() {
        vfs.unlink(&dir.join(entry.name)).unwrap();
    }
}
