//! What the tests covered, added up from the numbers they left, and whether that is enough.
//!
//! Tests that cut, crash and spoil write files of `name TAB number` lines into the folder that
//! `SILTSTONE_COUNTERS` names. A test that did less than it should passes all the same; this is
//! where it shows.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

/// The variable that names the folder.
pub(crate) const VARIABLE: &str = "SILTSTONE_COUNTERS";

/// What must be reached, at least.
const LEAST: [(&str, u64); 8] = [
    (POINTS, 200_000),
    (LOSING, 100_000),
    ("configurations", 50),
    ("workloads", 819),
    ("errors injected", 1_000),
    ("histories", 50),
    ("rot cases", 20_000),
    ("corpus inputs", 20),
];

/// Distinct disks that were opened and checked.
const POINTS: &str = "crash points";
/// Those of them from which a crash had taken something.
const LOSING: &str = "crash points that lost something";
/// Cases in which something was wrong and nobody said so.
const WRONG: &str = "rot wrong";
/// Kinds of faults: K1 to K13.
const FAULT_KINDS: usize = 13;

/// Numbers by name, added up.
#[derive(Debug, Default)]
pub(crate) struct Counters(BTreeMap<String, u64>);

/// The folder for the numbers of one run, empty.
///
/// # Errors
///
/// When it cannot be made.
pub(crate) fn new_folder(root: &Path) -> Result<PathBuf> {
    let folder = folder(root);
    if folder.exists() {
        fs::remove_dir_all(&folder).context("remove the counters of the last run")?;
    }
    fs::create_dir_all(&folder).context("make the folder for counters")?;
    Ok(folder)
}

fn folder(root: &Path) -> PathBuf {
    root.join("target").join("counters")
}

/// Prints what the last run of the tests covered.
///
/// # Errors
///
/// When a number is too small, or there are none.
pub(crate) fn check(root: &Path) -> Result<()> {
    let counters = Counters::load(&folder(root))?;
    println!("{counters}");
    let findings = counters.findings();
    ensure!(findings.is_empty(), "{}", findings.join("; "));
    Ok(())
}

impl Counters {
    fn load(folder: &Path) -> Result<Self> {
        let mut counters = Self::default();
        let files = fs::read_dir(folder).context("there are no counters: run the tests first")?;
        for file in files {
            let path = file?.path();
            let text = fs::read_to_string(&path).context("read counters")?;
            counters.add(&text).with_context(|| path.display().to_string())?;
        }
        Ok(counters)
    }

    fn add(&mut self, text: &str) -> Result<()> {
        for line in text.lines() {
            let Some((name, number)) = line.split_once('\t') else {
                bail!("not a counter: {line}")
            };
            *self.0.entry(name.to_owned()).or_default() += number.parse::<u64>()?;
        }
        Ok(())
    }

    fn of(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// What is less than it should be.
    fn findings(&self) -> Vec<String> {
        let mut findings = Vec::new();
        for (name, least) in LEAST {
            let number = self.of(name);
            if number < least {
                findings.push(format!("{name}: {number}, not {least}"));
            }
        }
        if 2 * self.of(LOSING) < self.of(POINTS) {
            findings.push(format!("{LOSING}: fewer than half"));
        }
        let kinds = (1..=FAULT_KINDS).map(|kind| format!("K{kind}"));
        findings
            .extend(kinds.filter(|kind| self.of(kind) == 0).map(|kind| format!("{kind}: never")));
        if self.of(WRONG) > 0 {
            findings.push(format!("{WRONG}: {}", self.of(WRONG)));
        }
        findings
    }
}

impl fmt::Display for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kinds, others): (Vec<_>, Vec<_>) =
            self.0.iter().partition(|(name, _)| kind_of(name).is_some());
        let mut kinds: Vec<_> =
            kinds.into_iter().map(|(name, n)| (kind_of(name), name, n)).collect();
        kinds.sort();
        writeln!(f, "{:<40} {:>12}", "what the tests covered", "count")?;
        let kinds = kinds.into_iter().map(|(_, name, number)| (name, number));
        for (name, number) in others.into_iter().chain(kinds) {
            writeln!(f, "{name:<40} {number:>12}")?;
        }
        Ok(())
    }
}

/// The number of a kind of fault.
fn kind_of(name: &str) -> Option<u32> {
    name.strip_prefix('K')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counters that are all as large as they must be.
    fn enough() -> Counters {
        let mut counters = Counters::default();
        for (name, least) in LEAST {
            counters.add(&format!("{name}\t{least}\n")).unwrap();
        }
        for kind in 1..=FAULT_KINDS {
            counters.add(&format!("K{kind}\t1")).unwrap();
        }
        counters
    }

    #[test]
    fn equal_names_are_added_up() {
        let mut counters = Counters::default();
        counters.add("K1\t3\nflips\t7\n").unwrap();
        counters.add("flips\t5").unwrap();
        assert_eq!((counters.of("flips"), counters.of("K1"), counters.of("K2")), (12, 3, 0));
        assert!(counters.add("flips 5").is_err());
        assert!(counters.add("flips\tmany").is_err());
    }

    #[test]
    fn whatever_is_too_small_is_named() {
        assert_eq!(enough().findings(), Vec::<String>::new());
        for (name, least) in LEAST {
            let mut counters = enough();
            counters.0.insert(name.to_owned(), least - 1);
            assert!(counters.findings()[0].starts_with(name), "{name}");
        }
        let mut counters = enough();
        counters.0.remove("K13");
        counters.add("rot wrong\t1").unwrap();
        assert_eq!(counters.findings(), ["K13: never", "rot wrong: 1"]);
        let mut counters = enough();
        counters.add("crash points\t100").unwrap();
        assert_eq!(counters.findings(), ["crash points that lost something: fewer than half"]);
    }

    #[test]
    fn kinds_of_faults_stand_at_the_end_in_their_order() {
        let mut counters = Counters::default();
        counters.add("K10\t1\nK9\t2\nflips\t3").unwrap();
        let table = counters.to_string();
        let names: Vec<_> =
            table.lines().skip(1).filter_map(|l| l.split_whitespace().next()).collect();
        assert_eq!(names, ["flips", "K9", "K10"]);
    }

    #[test]
    fn a_new_run_begins_without_the_numbers_of_the_last() {
        let root = tempfile::tempdir().unwrap();
        let folder = new_folder(root.path()).unwrap();
        fs::write(folder.join("a.tsv"), "flips\t3\n").unwrap();
        assert_eq!(Counters::load(&folder).unwrap().of("flips"), 3);
        let folder = new_folder(root.path()).unwrap();
        assert_eq!(Counters::load(&folder).unwrap().of("flips"), 0);
        assert!(check(root.path()).is_err());
    }
}
