//! What a test run covered, as numbers: printed, and handed to `cargo xtask ci` for its table.
//!
//! `SILTSTONE_COUNTERS` names a folder. Each test that counts writes a file of its own there, one
//! `name TAB number` a line; `cargo xtask ci` adds equal names up and checks that enough was done.

use siltstone::vfs::{FaultClass, FaultCounts};
use std::collections::BTreeMap;
use std::fmt;

/// Numbers by name.
#[derive(Debug, Default)]
pub(crate) struct Counters(BTreeMap<String, u64>);

impl Counters {
    pub(crate) fn add(&mut self, name: &str, count: u64) {
        *self.0.entry(name.to_owned()).or_default() += count;
    }

    /// Adds the faults that a simulated disk applied, as `K1` to `K13`.
    pub(crate) fn add_faults(&mut self, faults: &FaultCounts) {
        for (index, class) in FaultClass::ALL.into_iter().enumerate() {
            self.add(&format!("K{}", index + 1), faults.of(class));
        }
    }

    pub(crate) fn of(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// Prints the numbers and leaves them for `cargo xtask ci`; `test` is part of a file name.
    #[expect(clippy::disallowed_methods, reason = "a report, not a database")]
    pub(crate) fn report(&self, test: &str) {
        eprintln!("{test}: {self}");
        let Some(folder) = std::env::var_os("SILTSTONE_COUNTERS") else { return };
        let lines = self.0.iter().map(|(name, count)| format!("{name}\t{count}\n"));
        let path = std::path::Path::new(&folder).join(format!("{test}.tsv"));
        std::fs::write(path, lines.collect::<String>()).unwrap();
    }
}

impl fmt::Display for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, count)) in self.0.iter().enumerate() {
            let gap = if index == 0 { "" } else { ", " };
            write!(f, "{gap}{name} {count}")?;
        }
        Ok(())
    }
}
