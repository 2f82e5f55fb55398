//! One damaged database, from its opening to its closing, and what came of it.

use crate::common::{State, contents};
use crate::damage::{After, Damage};
use crate::lives::{DIR, Life};
use crate::memory;
use siltstone::vfs::MemVfs;
use siltstone::{Db, Error, Health, Keyspace, ReadMode};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Once;

/// What may ever be allocated, in bytes. It is far less than anybody would miss.
const MEMORY_MAX: usize = 32 << 20;
/// Operations on files that opening, one write and closing take at most.
const OPERATIONS_MAX: u64 = 1_000;

/// How the database is opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mode {
    pub(crate) read_only: bool,
    pub(crate) read_mode: ReadMode,
}

impl Mode {
    pub(crate) fn writing(number: u64) -> Self {
        Self { read_only: false, read_mode: mapped_every_other_time(number / 2) }
    }

    pub(crate) fn reading(number: u64) -> Self {
        Self { read_only: true, read_mode: mapped_every_other_time(number / 2 + 1) }
    }
}

const fn mapped_every_other_time(number: u64) -> ReadMode {
    if number.is_multiple_of(2) { ReadMode::Pread } else { ReadMode::Mmap }
}

/// What came of it.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// All is there, and nothing complains.
    Right,
    /// An error named the place; whatever else was read was right.
    Refused,
    /// Something that must not be.
    Wrong(String),
}

thread_local! {
    static SILENT: Cell<bool> = const { Cell::new(false) };
}

/// A panic in a case is caught and counted; its message would only drown the report.
pub(crate) fn silence_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !SILENT.get() {
                usual(info);
            }
        }));
    });
}

/// Damages `file` of a copy of the life, opens it, and does everything with it.
pub(crate) fn run(life: &Life, file: &str, after: &After, damage: Damage, mode: Mode) -> Outcome {
    let disk = life.left.process_death();
    let path = format!("{DIR}/{file}");
    match after {
        After::Same => {}
        After::Gone => disk.remove(path).unwrap(),
        After::Bytes(bytes) => disk.write(path, bytes).unwrap(),
    }
    let trial = Trial { life, file, damage, mode, disk };
    SILENT.set(true);
    let outcome = catch_unwind(AssertUnwindSafe(|| trial.run()));
    SILENT.set(false);
    let outcome = outcome.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Outcome::Wrong(format!("a panic: {}", text.unwrap_or_default()))
    });
    match outcome {
        Outcome::Wrong(_) => outcome,
        _ if memory::peak() > MEMORY_MAX => Outcome::Wrong("too much was allocated".into()),
        _ if trial.disk.operations() > OPERATIONS_MAX => {
            Outcome::Wrong("too many operations on files".into())
        }
        _ => outcome,
    }
}

struct Trial<'a> {
    life: &'a Life,
    file: &'a str,
    damage: Damage,
    mode: Mode,
    disk: MemVfs,
}

impl Trial<'_> {
    fn run(&self) -> Outcome {
        let before = self.files();
        let db = match self.open() {
            Ok(db) => db,
            Err(error) => return self.refused_open(&error, &before),
        };
        let mut reads = Reads { holds: &self.life.holds, errors: Vec::new(), wrong: None };
        reads.everything(&db);
        if let Some(why) = reads.wrong {
            return Outcome::Wrong(why);
        }
        let mut errors = reads.errors;
        match db.verify() {
            Err(error) => errors.push(error),
            Ok(report) if !report.findings.is_empty() => {
                let names = |path: &Path| self.names(path);
                if !report.findings.iter().any(|finding| names(&finding.path)) {
                    return Outcome::Wrong(format!("verify names others: {:?}", report.findings));
                }
                return self.end(&db, &before, &errors, true);
            }
            Ok(_) if errors.is_empty() => {}
            Ok(_) => return Outcome::Wrong(format!("verify is content after {errors:?}")),
        }
        self.end(&db, &before, &errors, false)
    }

    fn open(&self) -> Result<Db, Error> {
        let options = self.life.options(&self.disk, self.mode.read_mode);
        if self.mode.read_only { options.open_read_only(DIR) } else { options.open(DIR) }
    }

    /// Everything but LOCK, which an open for writing may make.
    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let mut files = contents(&self.disk, DIR);
        files.retain(|(name, _)| name != "LOCK");
        files
    }

    fn refused_open(&self, error: &Error, before: &[(String, Vec<u8>)]) -> Outcome {
        if self.files() != before {
            return Outcome::Wrong(format!("an open that was refused changed files: {error}"));
        }
        self.of_error(error)
    }

    fn of_error(&self, error: &Error) -> Outcome {
        match error {
            Error::Corrupt { path, .. } | Error::Unsupported { path, .. } if self.names(path) => {
                Outcome::Refused
            }
            _ => Outcome::Wrong(format!("the error does not name the place: {error}")),
        }
    }

    /// Whether an error about `path` is one about the damage.
    fn names(&self, path: &Path) -> bool {
        path.parent() == Some(Path::new(DIR))
            && (self.damage.is_exchange() || path.file_name().is_some_and(|name| name == self.file))
    }

    /// Closes after a last write; what was found right must be so another time.
    fn end(&self, db: &Db, before: &[(String, Vec<u8>)], errors: &[Error], found: bool) -> Outcome {
        if self.mode.read_only && self.files() != before {
            return Outcome::Wrong("opening read-only changed files".into());
        }
        for error in errors {
            if let Outcome::Wrong(why) = self.of_error(error) {
                return Outcome::Wrong(why);
            }
        }
        if let Health::Poisoned(error) | Health::ReadOnly(error) = db.health() {
            return Outcome::Wrong(format!("writes have stopped: {error}"));
        }
        let refused = found || !errors.is_empty();
        let closed = self.write_and_close(db);
        match closed {
            Err(error) if refused => self.of_error(&error),
            Err(error) => Outcome::Wrong(format!("writing on fails: {error}")),
            Ok(()) if refused => Outcome::Refused,
            Ok(()) => self.again(),
        }
    }

    fn write_and_close(&self, db: &Db) -> Result<(), Error> {
        if !self.mode.read_only {
            db.put(NEW_KEY, NEW_KEY)?;
            db.sync()?;
        }
        db.close()
    }

    /// Opens once more: nothing that was cut comes back, and nothing has got lost.
    fn again(&self) -> Outcome {
        if self.mode.read_only {
            return Outcome::Right;
        }
        let db = match self.open() {
            Ok(db) => db,
            Err(error) => return Outcome::Wrong(format!("the second open fails: {error}")),
        };
        let mut holds = self.life.holds.clone();
        holds.get_mut("default").unwrap().insert(NEW_KEY.to_vec(), NEW_KEY.to_vec());
        let mut reads = Reads { holds: &holds, errors: Vec::new(), wrong: None };
        reads.everything(&db);
        match (reads.wrong, reads.errors.first()) {
            (Some(why), _) => Outcome::Wrong(format!("the second time: {why}")),
            (None, Some(error)) => Outcome::Wrong(format!("the second time: {error}")),
            (None, None) => Outcome::Right,
        }
    }
}

const NEW_KEY: &[u8] = b"written after the damage";

/// Reads everything, and compares what is read with what there was.
struct Reads<'a> {
    holds: &'a State,
    errors: Vec<Error>,
    wrong: Option<String>,
}

impl Reads<'_> {
    fn everything(&mut self, db: &Db) {
        match db.list_keyspaces() {
            Err(error) => self.errors.push(error),
            Ok(names) if names.iter().eq(self.holds.keys()) => {}
            Ok(names) => {
                self.wrong = Some(format!("keyspaces {names:?}"));
                return;
            }
        }
        for (name, pairs) in self.holds {
            match db.keyspace(name) {
                Err(error) => self.errors.push(error),
                Ok(space) => {
                    self.scan(&space, pairs);
                    self.get_all(&space, pairs);
                }
            }
        }
    }

    /// Up to the first error the pairs are those that there were.
    fn scan(&mut self, space: &Keyspace, pairs: &BTreeMap<Vec<u8>, Vec<u8>>) {
        let scan = match space.scan(..) {
            Ok(scan) => scan,
            Err(error) => return self.errors.push(error),
        };
        let mut expected = pairs.iter();
        for found in scan {
            match found {
                Err(error) => return self.errors.push(error),
                Ok((key, value)) => {
                    if expected.next() != Some((&key.to_vec(), &value.to_vec())) {
                        self.note(space, "a scan is wrong at", &key);
                        return;
                    }
                }
            }
        }
        if let Some((key, _)) = expected.next() {
            self.note(space, "a scan misses", key);
        }
    }

    fn get_all(&mut self, space: &Keyspace, pairs: &BTreeMap<Vec<u8>, Vec<u8>>) {
        for (key, value) in pairs {
            match space.get(key) {
                Err(error) => self.errors.push(error),
                Ok(Some(found)) if &*found == value.as_slice() => {}
                Ok(_) => self.note(space, "a get is wrong at", key),
            }
        }
        match space.get(b"key 0000") {
            Err(error) => self.errors.push(error),
            Ok(None) => {}
            Ok(Some(_)) => self.note(space, "a get finds", b"key 0000"),
        }
    }

    fn note(&mut self, space: &Keyspace, what: &str, key: &[u8]) {
        let text = format!("{}: {what} {:?}", space.name(), String::from_utf8_lossy(key));
        self.wrong.get_or_insert(text);
    }
}
