//! One memory group and its limit.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use super::place::Version;

/// A group; dropped, it is removed.
#[derive(Debug)]
pub(crate) struct Group {
    pub(super) path: PathBuf,
    pub(super) version: Version,
}

impl Group {
    pub(super) fn limit(&self, bytes: u64) -> Result<()> {
        let (limit, swap) = match self.version {
            Version::One => ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"),
            Version::Two => ("memory.max", "memory.swap.max"),
        };
        fs::write(self.path.join(limit), bytes.to_string()).context("set a memory limit")?;
        let taken = fs::read_to_string(self.path.join(limit)).context("read a memory limit")?;
        // The system rounds to pages.
        let taken: u64 = taken.trim().parse().context("a memory limit is no number")?;
        ensure!(taken.abs_diff(bytes) < 65_536, "a limit of {bytes} became {taken}");
        // Swap would let a process exceed its limit slowly. Not every kernel counts it.
        let none = if self.version == Version::One { bytes } else { 0 };
        drop(fs::write(self.path.join(swap), none.to_string()));
        Ok(())
    }

    /// Moves a process here. What it used so far stays counted elsewhere.
    ///
    /// # Errors
    ///
    /// When it is gone or the system refuses.
    pub(crate) fn take(&self, process: u32) -> Result<()> {
        let procs = self.path.join("cgroup.procs");
        fs::write(procs, process.to_string()).context("move a process into its memory group")
    }

    /// Whether the system killed a process here because it needed more than the limit.
    pub(crate) fn killed(&self) -> bool {
        let file = match self.version {
            Version::One => "memory.oom_control",
            Version::Two => "memory.events",
        };
        let text = fs::read_to_string(self.path.join(file)).unwrap_or_default();
        field(&text, "oom_kill").is_some_and(|kills| kills > 0)
    }

    /// The most that was in use at once, the page cache included.
    pub(crate) fn peak_bytes(&self) -> Option<u64> {
        let file = match self.version {
            Version::One => "memory.max_usage_in_bytes",
            Version::Two => "memory.peak",
        };
        fs::read_to_string(self.path.join(file)).ok()?.trim().parse().ok()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // A process that is still ending keeps it; the next run tries again.
        drop(fs::remove_dir(&self.path));
    }
}

/// The number behind `name` at the start of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    let mut words = text.lines().map(str::split_whitespace);
    let found = words.find_map(|mut line| (line.next() == Some(name)).then(|| line.next()));
    found??.parse().ok()
}
