//! Where the memory group of this process is, by what the system mounts.

use std::path::{Path, PathBuf};

/// The two interfaces that Linux has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
}

/// The folder of the memory group that this process is in.
pub(super) fn own_group(own: &str, mounts: &str) -> Option<(Version, PathBuf)> {
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
}
