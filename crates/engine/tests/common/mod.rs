//! What the tests of the whole database share: chance from a seed, and what it draws.
#![allow(dead_code, reason = "each test takes a part of it")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

pub(crate) mod chance;
pub(crate) mod counters;
pub(crate) mod forward;
pub(crate) mod gate;
pub(crate) mod history;
pub(crate) mod sample;
pub(crate) mod settings;

pub(crate) use chance::Chance;

use siltstone::vfs::{FileKind, MemVfs, Vfs};
use siltstone::{Db, Error};
use std::collections::BTreeMap;
use std::path::Path;

/// Contents of all keyspaces, by name.
pub(crate) type State = BTreeMap<String, BTreeMap<Vec<u8>, Vec<u8>>>;

/// Everything in the database.
pub(crate) fn state_of(db: &Db) -> Result<State, Error> {
    let mut state = State::new();
    for name in db.list_keyspaces()? {
        let keyspace = db.keyspace(&name)?;
        let pairs = keyspace.scan(..)?.map(|pair| {
            let (key, value) = pair?;
            Ok((key.into_vec(), value.into_vec()))
        });
        state.insert(name, pairs.collect::<Result<_, Error>>()?);
    }
    Ok(state)
}

/// Names and lengths of the files in `dir`, sorted; empty if there is no such directory.
pub(crate) fn files(vfs: &dyn Vfs, dir: &str) -> Vec<(String, u64)> {
    let Ok(entries) = vfs.list(Path::new(dir)) else { return Vec::new() };
    let files = entries.into_iter().filter(|entry| entry.metadata.kind == FileKind::File);
    files.map(|entry| (entry.name.into_string().unwrap(), entry.metadata.bytes)).collect()
}

/// Names of the files in `dir` that end in `extension`, sorted.
pub(crate) fn files_of_kind(vfs: &MemVfs, dir: &str, extension: &str) -> Vec<String> {
    let names = files(vfs, dir).into_iter().map(|(name, _)| name);
    names.filter(|name| name.ends_with(extension)).collect()
}

/// Names and bytes of all files in `dir`.
pub(crate) fn contents(vfs: &MemVfs, dir: &str) -> Vec<(String, Vec<u8>)> {
    let names = files(vfs, dir).into_iter().map(|(name, _)| name);
    names.map(|name| (name.clone(), vfs.read(format!("{dir}/{name}")).unwrap())).collect()
}

/// A number from the environment.
pub(crate) fn from_env(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
}

/// Says what failed, if the test panics while this lives.
#[derive(Debug)]
pub(crate) struct OnFailure {
    pub(crate) seed: u64,
    pub(crate) step: u64,
    pub(crate) what: String,
}

impl OnFailure {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, step: 0, what: String::new() }
    }
}

impl Drop for OnFailure {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self { seed, step, what } = self;
            eprintln!("failed at step {step} ({what}); replay with SILTSTONE_SEED={seed}");
        }
    }
}
