//! Files that are compiled together, and threads that compile them.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Result, bail};

/// Files that one compiler gets at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    /// The name of its object.
    pub(super) name: String,
    pub(super) files: Vec<PathBuf>,
}

impl Unit {
    pub(super) fn object(&self, objects: &Path) -> PathBuf {
        objects.join(format!("{}.o", self.name))
    }

    /// A file that includes those of the unit.
    pub(super) fn source(&self) -> String {
        self.files.iter().fold(String::new(), |mut source, file| {
            let _ = writeln!(source, "#include \"{}\"", file.display());
            source
        })
    }

    /// Its files in two units.
    pub(super) fn halves(&self) -> [Self; 2] {
        let (first, second) = self.files.split_at(self.files.len() / 2);
        let half = |name: char, files: &[PathBuf]| Self {
            name: format!("{}{name}", self.name),
            files: files.into(),
        };
        [half('a', first), half('b', second)]
    }
}

/// Has `jobs` threads compile `units`, and the halves of those for which it returns `false`.
/// Returns what was compiled, in the order of names.
pub(super) fn compile_all(
    units: Vec<Unit>,
    jobs: usize,
    compile: impl Fn(&Unit) -> Result<bool> + Sync,
) -> Result<Vec<Unit>> {
    let waiting = Mutex::new(VecDeque::from(units));
    let take = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let work = || -> Result<Vec<Unit>> {
        let mut made = Vec::new();
        while let Some(unit) = take() {
            let done = compile(&unit).inspect_err(|_| {
                // Nobody begins another one.
                waiting.lock().unwrap_or_else(PoisonError::into_inner).clear();
            })?;
            if done {
                made.push(unit);
            } else {
                waiting.lock().unwrap_or_else(PoisonError::into_inner).extend(unit.halves());
            }
        }
        Ok(made)
    };
    let mut made = Vec::new();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| match thread.join() {
            Ok(units) => {
                made.extend(units?);
                Ok(())
            }
            Err(_) => bail!("a thread of the build panicked"),
        })
    })?;
    made.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::rocksdb::plan::Plan;
    use anyhow::ensure;

    #[test]
    fn units_whose_files_collide_are_halved() {
        let units = Plan::sample().units();
        for jobs in [1, 2, 5] {
            // Files 30 and 31 do not go together.
            let made = compile_all(units.clone(), jobs, |unit| {
                let both = [30, 31].map(|n| PathBuf::from(format!("/r/rocksdb/db/f{n}.cc")));
                Ok(!both.iter().all(|file| unit.files.contains(file)))
            })
            .unwrap();
            assert!(made.len() > 3 && made.len() <= 3 + 5, "{}", made.len());
            let mut all: Vec<_> = made.iter().flat_map(|unit| unit.files.clone()).collect();
            let mut expected = Plan::sample().files;
            all.sort();
            expected.sort();
            assert_eq!(all, expected);
            let names: std::collections::BTreeSet<_> = made.iter().map(|unit| &unit.name).collect();
            assert_eq!(names.len(), made.len(), "every object has a name of its own");
        }
    }

    #[test]
    fn a_failure_ends_the_build() {
        let failed = compile_all(Plan::sample().units(), 2, |unit| {
            ensure!(unit.name != "unit-00", "no");
            Ok(true)
        });
        assert!(failed.is_err());
    }
}
