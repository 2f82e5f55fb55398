//! The recorded counts, `benches/gate.json`, and what they were made with.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::callgrind::Counted;

/// What the counts hang on besides our own code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Made {
    /// As `rustc --version` says it.
    pub(crate) rustc: String,
    /// The C library, whose copies and allocations are counted too.
    pub(crate) libc: String,
    /// The processor family.
    pub(crate) family: String,
    /// Who counts; any version counts the same.
    pub(crate) valgrind: String,
}

/// The recorded instructions of each operation.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Baseline {
    pub(crate) made: Made,
    pub(crate) instructions: BTreeMap<String, f64>,
}

impl Made {
    /// With what counts are made here; `None` without valgrind.
    ///
    /// # Errors
    ///
    /// When the compiler does not say its version.
    pub(crate) fn here() -> Result<Option<Self>> {
        let Ok(valgrind) = first_line("valgrind", "--version") else { return Ok(None) };
        let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
        Ok(Some(Self {
            rustc: first_line(&rustc, "--version")?,
            libc: first_line("ldd", "--version").unwrap_or_else(|_| "unknown".to_owned()),
            family: std::env::consts::ARCH.to_owned(),
            valgrind,
        }))
    }

    /// Why counts made with `self` and `other` cannot be compared, if they cannot.
    pub(crate) fn differs(&self, other: &Self) -> Option<String> {
        let mut why = String::new();
        // A distribution's name and its own revisions of a version change nothing.
        let version = |made: &Self| made.libc.split_whitespace().last().map(str::to_owned);
        let libc = |made: &Self| format!("libc {}", version(made).unwrap_or_default());
        let parts = [
            (self.rustc.clone(), other.rustc.clone()),
            (libc(self), libc(other)),
            (self.family.clone(), other.family.clone()),
        ];
        for (recorded, here) in parts {
            if recorded != here {
                let and = if why.is_empty() { "" } else { "; " };
                // Writing to a string cannot fail.
                let _ = write!(why, "{and}recorded with {recorded}, this is {here}");
            }
        }
        (!why.is_empty()).then_some(why)
    }
}

impl Baseline {
    /// The counts as a baseline, to a tenth of an instruction.
    pub(crate) fn new(made: Made, counted: &[Counted]) -> Self {
        let rounded = |one: &Counted| (one.name.clone(), (one.instructions * 10.0).round() / 10.0);
        Self { made, instructions: counted.iter().map(rounded).collect() }
    }

    /// Reads it.
    ///
    /// # Errors
    ///
    /// When it is not there or cannot be understood.
    pub(crate) fn load(root: &Path) -> Result<Self> {
        let text = fs::read_to_string(path(root)).context("read benches/gate.json")?;
        let baseline: Self = serde_json::from_str(&text).context("read benches/gate.json")?;
        ensure!(!baseline.instructions.is_empty(), "benches/gate.json holds no operation");
        Ok(baseline)
    }

    /// Writes it.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub(crate) fn save(&self, root: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).context("write benches/gate.json")?;
        fs::write(path(root), text + "\n").context("write benches/gate.json")
    }
}

fn path(root: &Path) -> PathBuf {
    root.join("benches/gate.json")
}

/// The first line that a program prints when it is asked.
fn first_line(program: &str, question: &str) -> Result<String> {
    let output = Command::new(program).arg(question).output();
    let output = output.with_context(|| format!("start {program}"))?;
    ensure!(output.status.success(), "{program} {question}: {}", output.status);
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn made(rustc: &str, libc: &str, valgrind: &str) -> Made {
        let [rustc, libc, valgrind] = [rustc, libc, valgrind].map(str::to_owned);
        Made { rustc, libc, family: "x86_64".to_owned(), valgrind }
    }

    #[test]
    fn what_is_saved_is_loaded() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("benches")).unwrap();
        assert!(Baseline::load(root.path()).is_err());
        let counted = [Counted {
            name: "put".to_owned(),
            instructions: 1000.0 / 3.0,
            profile: String::new(),
        }];
        Baseline::new(made("1", "2", "3"), &counted).save(root.path()).unwrap();
        let loaded = Baseline::load(root.path()).unwrap();
        assert_eq!(loaded.made, made("1", "2", "3"));
        assert_eq!(loaded.instructions, BTreeMap::from([("put".to_owned(), 333.3)]));
        Baseline::new(made("1", "2", "3"), &[]).save(root.path()).unwrap();
        assert!(Baseline::load(root.path()).is_err(), "a baseline of nothing checks nothing");
    }

    #[test]
    fn compiler_and_library_must_be_the_same_and_valgrind_need_not() {
        let recorded = made("rustc 1", "libc 2", "valgrind 3");
        assert_eq!(recorded.differs(&made("rustc 1", "libc 2", "valgrind 4")), None);
        let why = recorded.differs(&made("rustc 9", "libc 2", "valgrind 3")).unwrap();
        assert_eq!(why, "recorded with rustc 1, this is rustc 9");
        let why = recorded.differs(&made("rustc 9", "libc 8", "valgrind 3")).unwrap();
        assert!(why.ends_with("; recorded with libc 2, this is libc 8"), "{why}");
        let revision = made("rustc 1", "ldd (Some 2-9+patch3) 2", "valgrind 3");
        assert_eq!(recorded.differs(&revision), None);
    }
}
