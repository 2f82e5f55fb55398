//! A memory limit for each engine's process, the page cache counted: a cgroup of its own.
//!
//! Version 2 or the memory controller of version 1, below the group this process is in. Where
//! neither can be had, [`Groups::find`] says why, and the results carry it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, bail, ensure};

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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// A group; dropped, it is removed.
#[derive(Debug)]
pub(crate) struct Group {
    path: PathBuf,
    version: Version,
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

impl Group {
    fn limit(&self, bytes: u64) -> Result<()> {
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

/// The number behind `name` at the start of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    let mut words = text.lines().map(str::split_whitespace);
    let found = words.find_map(|mut line| (line.next() == Some(name)).then(|| line.next()));
    found??.parse().ok()
}

/// The folder of the memory group that this process is in.
fn own_group(own: &str, mounts: &str) -> Option<(Version, PathBuf)> {
    let mut paths = own.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        Some((parts.next()?, parts.next()?))
    });
    let (controllers, path) = paths
        .clone()
        .find(|(controllers, _)| controllers.split(',').any(|name| name == "memory"))
        .or_else(|| paths.find(|(controllers, _)| controllers.is_empty()))?;
    let version = if controllers.is_empty() { Version::Two } else { Version::One };
    let (root, folder) = mounts.lines().find_map(|line| mounted(line, version))?;
    let below = Path::new(path).strip_prefix(root).ok()?;
    Some((version, Path::new(folder).join(below)))
}

/// What is mounted where, if this line of `mountinfo` is of the memory controller.
fn mounted(line: &str, version: Version) -> Option<(&str, &str)> {
    let (place, kind) = line.split_once(" - ")?;
    let mut place = place.split(' ').skip(3);
    let place = (place.next()?, place.next()?);
    let mut kind = kind.split(' ');
    let file_system = kind.next()?;
    let options = kind.nth(1)?;
    let right = match version {
        Version::One => file_system == "cgroup" && options.split(',').any(|name| name == "memory"),
        Version::Two => file_system == "cgroup2",
    };
    right.then_some(place)
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write as _};
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn the_group_of_this_process_is_found_in_either_version() {
        let one = "5:devices:/\n4:memory:/outer/inner\n0::/\n";
        let mounts = "\
28 20 0:26 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
29 20 0:27 /outer /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
33 20 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate\n";
        let found = own_group(one, mounts).unwrap();
        assert_eq!(found, (Version::One, PathBuf::from("/sys/fs/cgroup/memory/inner")));

        let two = "0::/user.slice/a.scope\n";
        let mounts = "30 20 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw\n";
        let found = own_group(two, mounts).unwrap();
        assert_eq!(found, (Version::Two, PathBuf::from("/sys/fs/cgroup/user.slice/a.scope")));
        assert_eq!(own_group("", mounts), None);
        assert_eq!(own_group(two, ""), None);
    }

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
