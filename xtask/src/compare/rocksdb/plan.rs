//! What is compiled and how, and what of that is there already.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::units::Unit;
use super::{ARCHIVE, Library};

/// Files in a unit: more would need more memory than two compilers may take together.
const UNIT_FILES: usize = 22;

/// What is compiled, and how.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plan {
    pub(super) files: Vec<PathBuf>,
    pub(super) flags: Vec<String>,
    pub(super) version: String,
}

/// Says in the library's folder which plan it is of; the last line is the seconds.
pub(super) const STAMP: &str = "plan.txt";
/// Stands for them after a build that went on from one that was ended.
const UNKNOWN: &str = "unknown";

impl Plan {
    pub(super) fn units(&self) -> Vec<Unit> {
        let chunks = self.files.chunks(UNIT_FILES).enumerate();
        chunks
            .map(|(index, files)| Unit { name: format!("unit-{index:02}"), files: files.into() })
            .collect()
    }

    /// Everything the library depends on, a line each.
    pub(super) fn text(&self) -> String {
        let mut text = format!("librocksdb-sys {}\n", self.version);
        for line in
            self.flags.iter().cloned().chain(self.files.iter().map(|f| f.display().to_string()))
        {
            let _ = writeln!(text, "{line}");
        }
        text
    }

    pub(super) fn stamp(&self, seconds: Option<f64>) -> String {
        let seconds = seconds.map_or_else(|| UNKNOWN.to_owned(), |seconds| seconds.to_string());
        format!("{}{seconds}\n", self.text())
    }

    /// The last line of `stamp`, if it is this plan's.
    fn last_line<'s>(&self, stamp: &'s str) -> Option<&'s str> {
        Some(stamp.strip_prefix(&self.text())?.trim()).filter(|line| !line.is_empty())
    }

    /// The library of this plan in `dir`, if it is there.
    pub(super) fn there(&self, dir: &Path) -> Option<Library> {
        let stamp = fs::read_to_string(dir.join(STAMP)).ok()?;
        let seconds = self.last_line(&stamp)?.parse().ok();
        let there = dir.join(ARCHIVE).is_file();
        there.then(|| Library { dir: dir.to_path_buf(), seconds, reused: true })
    }

    /// Makes the folder of objects; those of another plan go. Returns whether a build of this one
    /// was begun there before.
    pub(super) fn begin(&self, objects: &Path) -> Result<bool> {
        let stamp = objects.join(STAMP);
        let goes_on = fs::read_to_string(&stamp).ok().as_deref() == Some(&self.text());
        if !goes_on {
            if objects.exists() {
                fs::remove_dir_all(objects)?;
            }
            fs::create_dir_all(objects)?;
            fs::write(stamp, self.text())?;
        }
        Ok(goes_on)
    }

    /// Compiles `unit` unless its object is there. Returns whether its files go together; a file
    /// alone that does not compile is an error.
    pub(super) fn compile(&self, unit: &Unit, objects: &Path) -> Result<bool> {
        let object = unit.object(objects);
        if object.is_file() {
            return Ok(true);
        }
        let source = objects.join(format!("{}.cc", unit.name));
        fs::write(&source, unit.source())?;
        let unfinished = object.with_extension("unfinished");
        let mut compiler = Command::new("g++");
        compiler.args(&self.flags).arg("-c").arg(&source).arg("-o").arg(&unfinished);
        let output = compiler.output().context("start g++")?;
        if output.status.success() {
            fs::rename(unfinished, object)?;
            return Ok(true);
        }
        ensure!(
            unit.files.len() > 1,
            "g++ refuses {}:\n{}",
            unit.files[0].display(),
            String::from_utf8_lossy(&output.stderr),
        );
        Ok(false)
    }
}

#[cfg(test)]
impl Plan {
    /// Fifty files, and the crate's own.
    pub(super) fn sample() -> Self {
        let list: Vec<_> = (0..50).map(|n| format!("db/f{n}.cc")).collect();
        let list = format!("{}\nutil/build_version.cc\n", list.join("\n"));
        let files = super::sources::files(Path::new("/r"), &list);
        Self { files, flags: vec!["-O3".to_owned()], version: "1".to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_in_one_unit() {
        let plan = Plan::sample();
        let units = plan.units();
        let sizes: Vec<_> = units.iter().map(|unit| unit.files.len()).collect();
        assert_eq!(sizes, [22, 22, 7]);
        let all: Vec<_> = units.iter().flat_map(|unit| unit.files.clone()).collect();
        assert_eq!(all, plan.files);
        assert_eq!(plan.files.last().unwrap(), Path::new("/r/build_version.cc"));
        assert!(!plan.files.contains(&PathBuf::from("/r/rocksdb/util/build_version.cc")));
        assert!(units[0].source().starts_with("#include \"/r/rocksdb/db/f0.cc\"\n"));
    }

    #[test]
    fn a_library_is_of_one_plan_only() {
        let plan = Plan::sample();
        let stamp = plan.stamp(Some(12.5));
        assert_eq!(plan.last_line(&stamp), Some("12.5"));
        assert_eq!(plan.last_line(&plan.stamp(None)), Some(UNKNOWN));
        let mut other = plan.clone();
        other.flags.push("-g".to_owned());
        assert_eq!(other.last_line(&stamp), None);
        other = Plan { version: "2".to_owned(), ..plan.clone() };
        assert_eq!(other.last_line(&stamp), None);
        assert_eq!(plan.last_line(&plan.text()), None);
    }

    #[test]
    fn a_stamp_without_its_archive_is_no_library() {
        let temp = tempfile::tempdir().unwrap();
        let plan = Plan::sample();
        fs::write(temp.path().join(STAMP), plan.stamp(Some(3.0))).unwrap();
        assert_eq!(plan.there(temp.path()), None);
        fs::write(temp.path().join(ARCHIVE), "").unwrap();
        let library = plan.there(temp.path()).unwrap();
        assert_eq!((library.seconds, library.reused), (Some(3.0), true));
        assert_eq!(library.environment()[0].1, temp.path());
    }

    #[test]
    fn objects_of_another_plan_go() {
        let temp = tempfile::tempdir().unwrap();
        let objects = temp.path().join("objects");
        let plan = Plan::sample();
        assert!(!plan.begin(&objects).unwrap());
        fs::write(objects.join("unit-00.o"), "").unwrap();
        assert!(plan.begin(&objects).unwrap());
        assert!(objects.join("unit-00.o").exists());
        assert!(!Plan { version: "2".to_owned(), ..plan }.begin(&objects).unwrap());
        assert!(!objects.join("unit-00.o").exists());
    }
}
