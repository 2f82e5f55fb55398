//! One case of an enumeration: what it is called, and how to see it alone.
//!
//! `SILTSTONE_CASE="tree 214 Blocks/77"` checks one crash: the workload, the operation before
//! which it happens, and how. Without the last word it is every crash at that operation, without
//! the last two every one of the workload.

use siltstone::vfs::SimVfs;
use std::fmt::Display;

/// Lines of the trace that are shown.
const TRACE_LINES: usize = 25;

/// Says which case failed, if the test panics while this lives.
#[derive(Debug)]
pub(crate) struct Case {
    words: String,
    disk: SimVfs,
}

impl Case {
    pub(crate) fn new(disk: &SimVfs, words: &[&dyn Display]) -> Self {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        Self { words: words.join(" "), disk: disk.clone() }
    }
}

impl Drop for Case {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let trace = self.disk.trace();
        eprintln!("the last operations on the disk:");
        for line in &trace[trace.len().saturating_sub(TRACE_LINES)..] {
            eprintln!("  {line}");
        }
        eprintln!("replay with SILTSTONE_CASE={:?}", self.words);
    }
}

/// The cases that the environment asks for; all of them if it asks for none.
#[derive(Clone, Debug)]
pub(crate) struct Wanted(Vec<String>);

impl Wanted {
    pub(crate) fn from_env() -> Self {
        let words = std::env::var("SILTSTONE_CASE").unwrap_or_default();
        Self(words.split_whitespace().map(str::to_owned).collect())
    }

    /// Whether a case that begins with these words is wanted.
    pub(crate) fn has(&self, words: &[&dyn Display]) -> bool {
        self.0.iter().zip(words).all(|(wanted, word)| *wanted == word.to_string())
    }

    /// Whether everything is.
    pub(crate) fn is_all(&self) -> bool {
        self.0.is_empty()
    }
}
