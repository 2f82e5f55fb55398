//! A memory limit for each engine's process, the page cache counted: a cgroup of its own.
//!
//! Version 2 or the memory controller of version 1, below the group this process is in. Where
//! neither can be had, [`Groups::find`] says why, and the results carry it.

mod group;
mod place;

use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, bail, ensure};

pub(crate) use group::Group;
use place::{Version, own_group};

/// Begins the name of every group that is made here.
const PREFIX: &str = "siltstone-compare-";

/// How many groups this process made: no two have one name.
static MADE: AtomicU32 = AtomicU32::new(0);

/// Where groups are made, and what each is limited to.
#[derive(Clone, Debug)]
pub(crate) struct Groups {
    parent: PathBuf,
    version: Version,
    limit_bytes: u64,
}

impl Groups {
    /// Groups of `limit_bytes` each. One is made and removed to see that the limit holds.
    ///
    /// # Errors
    ///
    /// Why this machine or this user cannot have them.
    pub(crate) fn find(limit_bytes: u64) -> Result<Self> {
        let own = fs::read_to_string("/proc/self/cgroup").context("no /proc/self/cgroup")?;
        let mounts = fs::read_to_string("/proc/self/mountinfo").context("no mountinfo")?;
        let Some((version, parent)) = own_group(&own, &mounts) else {
            bail!("no memory controller is mounted");
        };
        let groups = Self { parent: above_leaf(parent), version, limit_bytes };
        groups.remove_left_behind();
        if version == Version::Two && !groups.passes_memory_on() {
            groups.pass_memory_on().context(
                "the memory controller cannot be passed on; a scope of its own helps: \
                 `systemd-run --user --scope -p Delegate=yes cargo xtask compare`",
            )?;
        }
        groups.make("probe")?;
        Ok(groups)
    }

    /// What the results say.
    pub(crate) fn describe(&self) -> String {
        let version = match self.version {
            Version::One => "cgroup v1",
            Version::Two => "cgroup v2",
        };
        format!(
            "each process in a {version} memory group of {} MiB, page cache counted",
            self.limit_bytes >> 20
        )
    }

    /// A new group.
    ///
    /// # Errors
    ///
    /// When it cannot be made or the system does not take the limit.
    pub(crate) fn make(&self, name: &str) -> Result<Group> {
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let path = self.parent.join(format!("{PREFIX}{}-{number}-{name}", process::id()));
        fs::create_dir(&path).context("make a memory group")?;
        let group = Group { path, version: self.version };
        group.limit(self.limit_bytes)?;
        Ok(group)
    }

    /// Passes the memory controller on to groups below. Version 2 does that only for a group
    /// without processes: those here go into a leaf first, and come back if it was in vain.
    fn pass_memory_on(&self) -> Result<()> {
        let leaf = self.parent.join(format!("{PREFIX}{}-{LEAF}", process::id()));
        fs::create_dir(&leaf).context("make a group for the processes of this one")?;
        let control = self.parent.join("cgroup.subtree_control");
        let passed = move_all(&self.parent, &leaf)
            .and_then(|()| fs::write(control, "+memory").context("pass memory on"));
        if passed.is_err() {
            drop(move_all(&leaf, &self.parent));
            drop(fs::remove_dir(&leaf));
        }
        passed
    }

    fn passes_memory_on(&self) -> bool {
        let control = fs::read_to_string(self.parent.join("cgroup.subtree_control"));
        control.is_ok_and(|control| control.split_whitespace().any(|word| word == "memory"))
    }

    /// Removes groups of runs that were killed. The system refuses to remove one in use.
    fn remove_left_behind(&self) {
        let entries = fs::read_dir(&self.parent).into_iter().flatten().flatten();
        for entry in entries {
            if maker(&entry.file_name().to_string_lossy()).is_some_and(|maker| !runs(maker)) {
                drop(fs::remove_dir(entry.path()));
            }
        }
    }
}

/// Ends the name of the group that holds the processes of the session.
const LEAF: &str = "session";

/// The group above, if `own` is the leaf of a run before in this session.
fn above_leaf(own: PathBuf) -> PathBuf {
    let name = own.file_name().map(|name| name.to_string_lossy().into_owned());
    let leaf = name.is_some_and(|name| maker(&name).is_some() && name.ends_with(LEAF));
    match own.parent() {
        Some(above) if leaf => above.to_path_buf(),
        _ => own,
    }
}

/// Moves all processes of one group to another.
fn move_all(from: &Path, to: &Path) -> Result<()> {
    let all = fs::read_to_string(from.join("cgroup.procs")).context("read who is in a group")?;
    for process in all.lines() {
        let moved = fs::write(to.join("cgroup.procs"), process);
        // One that ended meanwhile is in no group any more.
        let gone = !Path::new("/proc").join(process).exists();
        ensure!(moved.is_ok() || gone, "process {process} cannot be moved to a leaf group");
    }
    Ok(())
}

/// The process that made a group, by the group's name.
fn maker(name: &str) -> Option<u32> {
    name.strip_prefix(PREFIX)?.split('-').next()?.parse().ok()
}

fn runs(process: u32) -> bool {
    Path::new("/proc").join(process.to_string()).exists()
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write as _};
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn groups_of_others_that_still_run_are_left_alone() {
        let name = |process: u32| format!("{PREFIX}{process}-0-lmdb-writemap");
        assert_eq!(maker(&name(77)), Some(77));
        assert_eq!(maker("siltstone-compare-x"), None);
        assert_eq!(maker("user.slice"), None);
        assert!(runs(process::id()) && !runs(u32::MAX));
    }

    #[test]
    fn processes_go_into_a_leaf_before_memory_is_passed_on() {
        // Plain files stand for the kernel's: the last process written stays in them.
        let folder = tempfile::tempdir().unwrap();
        let parent = folder.path().to_path_buf();
        let own = process::id().to_string();
        fs::write(parent.join("cgroup.procs"), format!("{own}\n")).unwrap();
        let groups = Groups { parent: parent.clone(), version: Version::Two, limit_bytes: 1 };
        groups.pass_memory_on().unwrap();
        let leaf = parent.join(format!("{PREFIX}{own}-{LEAF}"));
        assert_eq!(fs::read_to_string(leaf.join("cgroup.procs")).unwrap(), own);
        let control = fs::read_to_string(parent.join("cgroup.subtree_control")).unwrap();
        assert_eq!(control, "+memory");
        // A run that begins in the leaf makes its groups where this one did.
        assert_eq!(above_leaf(leaf), parent);
        assert_eq!(above_leaf(parent.clone()), parent);
    }

    /// Runs a shell script in a group of 32 MiB; `None` where there are no groups.
    fn limited(name: &str, script: &str) -> Option<(bool, Group)> {
        let groups = match Groups::find(32 << 20) {
            Ok(groups) => groups,
            Err(error) => {
                // Past the test harness, which shows nothing of a test that passes.
                drop(writeln!(io::stderr(), "SKIPPED: no memory groups here: {error:#}"));
                return None;
            }
        };
        let group = groups.make(name).unwrap();
        let mut child = Command::new("/bin/sh")
            .args(["-c", &format!("read go; {script}")])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        group.take(child.id()).unwrap();
        child.stdin.take().unwrap().write_all(b"go\n").unwrap();
        Some((child.wait().unwrap().success(), group))
    }

    #[test]
    fn a_process_that_needs_more_than_its_limit_is_killed_and_known() {
        let more = "x=$(head -c 100000000 /dev/zero | tr '\\0' x); test ${#x} = 100000000";
        let Some((passed, group)) = limited("more", more) else { return };
        assert!(!passed && group.killed());
    }

    #[test]
    fn pages_of_files_are_counted_and_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        let writing = format!("head -c 100000000 /dev/zero > '{}'", file.display());
        let Some((passed, group)) = limited("pages", &writing) else { return };
        assert!(passed && !group.killed());
        let peak = group.peak_bytes().unwrap();
        assert!((16 << 20..=32 << 20).contains(&peak), "{peak}");
        let path = group.path.clone();
        drop(group);
        assert!(!path.exists());
    }
}
