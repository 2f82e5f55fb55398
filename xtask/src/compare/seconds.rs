//! How long builds took, kept beside what they built: a build that finds everything there takes no
//! time, and that time says nothing.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use siltstone_base::checksum;

/// Lies in the folder of a build: the program's checksum and the seconds of its last real build.
const STAMP: &str = "siltstone-compare.seconds";

/// A checksum of the program at `path`.
///
/// # Errors
///
/// When it cannot be read.
pub(super) fn checksum(path: &Path) -> Result<String> {
    let bytes = fs::read(path).context("read a runner")?;
    Ok(format!("{:016x}", checksum::of(&bytes)))
}

/// The seconds of the last real build of the program with `checksum` in `folder`. A build that was
/// not `fresh` took `now`, which is kept; of a fresh one that nobody timed nothing is known.
///
/// # Errors
///
/// When they cannot be kept.
pub(super) fn last(folder: &Path, checksum: &str, fresh: bool, now: f64) -> Result<Option<f64>> {
    let stamp = folder.join(STAMP);
    if !fresh {
        fs::write(&stamp, format!("{checksum} {now}\n")).context("keep the seconds of a build")?;
        return Ok(Some(now));
    }
    let text = fs::read_to_string(&stamp).unwrap_or_default();
    let kept = text.split_once(' ').filter(|(of, _)| *of == checksum);
    Ok(kept.and_then(|(_, seconds)| seconds.trim().parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_that_finds_all_there_has_the_seconds_of_the_last_real_one() {
        let folder = tempfile::tempdir().unwrap();
        let last = |checksum, fresh, now| last(folder.path(), checksum, fresh, now).unwrap();
        assert_eq!(last("a", true, 0.1), None);
        assert_eq!(last("a", false, 60.5), Some(60.5));
        assert_eq!(last("a", true, 0.1), Some(60.5));
        assert_eq!(last("b", true, 0.1), None);
        assert_eq!(last("b", false, 20.0), Some(20.0));
        assert_eq!((last("b", true, 0.1), last("a", true, 0.1)), (Some(20.0), None));
    }
}
