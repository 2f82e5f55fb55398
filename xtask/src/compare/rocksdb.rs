//! RocksDB from the sources that its crate brings, some 22 files to a unit.
//!
//! 1. `cargo metadata` of the comparison tells where the sources of `librocksdb-sys` and the
//!    headers of `lz4-sys` are.
//! 2. The list of files that the crate's own build script compiles is cut into units, each a file
//!    that includes the others: headers are read 16 times instead of 343 times.
//! 3. Units are compiled side by side with the definitions of that build script and the flags
//!    that RocksDB asks for. A unit whose files do not go together is halved until they do.
//! 4. The objects become `librocksdb.a`; `ROCKSDB_LIB_DIR` and `ROCKSDB_STATIC` have the crate
//!    link it.
//!
//! Always: an object is complete or absent, so that a build that was ended goes on where it was;
//! a plan with another line is built anew.

use std::collections::VecDeque;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::cpu;
use crate::cargo::Cargo;

/// Files in a unit: more would need more memory than two compilers may take together.
const UNIT_FILES: usize = 22;

/// A library that is there.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Library {
    /// The folder of `librocksdb.a`.
    pub(crate) dir: PathBuf,
    /// How long its build took, be it now or earlier; of one that was ended and went on, the
    /// second part.
    pub(crate) seconds: f64,
    /// Whether it was there before.
    pub(crate) reused: bool,
}

impl Library {
    /// What the crate's build script must find in its environment.
    pub(crate) fn environment(&self) -> [(&'static str, PathBuf); 2] {
        [("ROCKSDB_LIB_DIR", self.dir.clone()), ("ROCKSDB_STATIC", PathBuf::from("1"))]
    }
}

/// The library for the comparison at `manifest`, built by `jobs` compilers if it is not there.
///
/// # Errors
///
/// When a tool is missing, naming its package, or a file does not compile by itself.
pub(crate) fn library(cargo: &Cargo, manifest: &Path, jobs: usize) -> Result<Library> {
    need_tools()?;
    let sources = Sources::find(cargo, manifest)?;
    let plan = sources.plan()?;
    let dir = sources.target.join("rocksdb");
    if let Some(library) = plan.there(&dir) {
        return Ok(library);
    }
    let begin = Instant::now();
    let objects = dir.join("objects");
    plan.begin(&objects)?;
    let units = plan.units();
    let count = units.len();
    println!("rocksdb: {} files in {count} units", plan.files.len());
    let made = compile_all(units, jobs, |unit| {
        let begin = Instant::now();
        let done = plan.compile(unit, &objects)?;
        let how = if done { "" } else { ", its files do not go together" };
        println!("rocksdb: {}, {:.0} s{how}", unit.name, begin.elapsed().as_secs_f64());
        Ok(done)
    })?;
    archive(&dir, &objects, &made)?;
    let seconds = begin.elapsed().as_secs_f64();
    fs::write(dir.join(STAMP), plan.stamp(seconds))?;
    Ok(Library { dir, seconds, reused: false })
}

/// Says what is missing before anything is built.
fn need_tools() -> Result<()> {
    for (tool, package) in [("g++", "g++"), ("ar", "binutils")] {
        let runs = Command::new(tool).arg("--version").output().is_ok();
        ensure!(runs, "`{tool}` is not there: install the package {package}");
    }
    ensure!(
        has_libclang(),
        "libclang is not there, by which the crate rocksdb reads RocksDB's header: install the \
         package libclang-dev, or set LIBCLANG_PATH"
    );
    Ok(())
}

/// Whether there is a libclang where bindgen looks for it.
fn has_libclang() -> bool {
    if env::var_os("LIBCLANG_PATH").is_some() {
        return true;
    }
    let machine = format!("/usr/lib/{}-linux-gnu", env::consts::ARCH);
    let mut folders: Vec<_> =
        ["/usr/lib", "/usr/lib64", "/usr/local/lib", &machine].map(PathBuf::from).into();
    folders.extend(
        names("/usr/lib")
            .filter(|name| name.starts_with("llvm"))
            .map(|name| Path::new("/usr/lib").join(name).join("lib")),
    );
    folders.iter().any(|folder| names(folder).any(|name| is_libclang(&name)))
}

fn names(folder: impl AsRef<Path>) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok())
}

/// `libclang.so`, `libclang-14.so.1` and the like, but not `libclang-cpp.so`.
fn is_libclang(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("libclang") else { return false };
    let version = |c: char| c.is_ascii_digit() || c == '.' || c == '-';
    rest.split_once(".so")
        .is_some_and(|(before, after)| before.chars().all(version) && after.chars().all(version))
}

/// Where the sources are and where what is built goes.
#[derive(Debug)]
struct Sources {
    rocksdb: PathBuf,
    lz4: PathBuf,
    version: String,
    target: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    target_directory: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    version: String,
    manifest_path: PathBuf,
}

impl Sources {
    /// Fetches them if they are not on this machine yet.
    fn find(cargo: &Cargo, manifest: &Path) -> Result<Self> {
        let manifest = manifest.to_str().context("a path that is UTF-8")?;
        let args = ["metadata", "--format-version", "1", "--features", "rocksdb", "--locked"];
        let said = cargo.read(args.into_iter().chain(["--manifest-path", manifest]))?;
        let metadata = serde_json::from_str(&said).context("read the output of cargo metadata")?;
        Self::of(metadata)
    }

    fn of(metadata: Metadata) -> Result<Self> {
        let package = |name: &str| {
            let found = metadata.packages.iter().find(|package| package.name == name);
            let package = found.with_context(|| format!("the comparison needs no {name}"))?;
            let folder = package.manifest_path.parent().context("a manifest has a folder")?;
            anyhow::Ok((folder.to_path_buf(), package.version.clone()))
        };
        let (rocksdb, version) = package("librocksdb-sys")?;
        let (lz4, _) = package("lz4-sys")?;
        Ok(Self { rocksdb, lz4, version, target: metadata.target_directory })
    }

    fn plan(&self) -> Result<Plan> {
        let list = self.rocksdb.join("rocksdb_lib_sources.txt");
        let list = fs::read_to_string(&list).with_context(|| format!("read {}", list.display()))?;
        let include = |folder: PathBuf| format!("-I{}", folder.display());
        let mut flags: Vec<_> = FLAGS.map(str::to_owned).into();
        flags.extend(cpu::flags().cpp.iter().map(|flag| (*flag).to_owned()));
        flags.extend(
            ["rocksdb/include", "rocksdb", "snappy", "."]
                .map(|folder| include(self.rocksdb.join(folder))),
        );
        flags.push(include(self.lz4.join("liblz4/lib")));
        Ok(Plan { files: files(&self.rocksdb, &list), flags, version: self.version.clone() })
    }
}

/// As the build script of `librocksdb-sys` has them for Linux, with the optimisation of RocksDB's
/// own release builds.
const FLAGS: [&str; 16] = [
    "-std=c++20",
    "-O3",
    "-w",
    "-includecstdint",
    "-DNDEBUG=1",
    "-DSNAPPY=1",
    "-DLZ4=1",
    "-DHAVE_ALIGNED_NEW",
    "-DHAVE_UINT128_EXTENSION",
    "-DOS_LINUX",
    "-DROCKSDB_PLATFORM_POSIX",
    "-DROCKSDB_LIB_IO_POSIX",
    "-DROCKSDB_SCHED_GETCPU_PRESENT",
    "-DROCKSDB_AUXV_GETAUXVAL_PRESENT",
    "-DROCKSDB_FALLOCATE_PRESENT",
    "-DROCKSDB_RANGESYNC_PRESENT",
];

/// The files of the crate's list; it has a version file of its own.
fn files(rocksdb: &Path, list: &str) -> Vec<PathBuf> {
    let listed = list.lines().map(str::trim);
    let listed = listed.filter(|file| !file.is_empty() && *file != "util/build_version.cc");
    let mut files: Vec<_> = listed.map(|file| rocksdb.join("rocksdb").join(file)).collect();
    files.push(rocksdb.join("build_version.cc"));
    files
}

/// What is compiled, and how.
#[derive(Clone, Debug, PartialEq)]
struct Plan {
    files: Vec<PathBuf>,
    flags: Vec<String>,
    version: String,
}

/// Files that one compiler gets at once.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Unit {
    /// The name of its object.
    name: String,
    files: Vec<PathBuf>,
}

/// Says in the library's folder which plan it is of; the last line is the seconds.
const STAMP: &str = "plan.txt";

impl Plan {
    fn units(&self) -> Vec<Unit> {
        let chunks = self.files.chunks(UNIT_FILES).enumerate();
        chunks
            .map(|(index, files)| Unit { name: format!("unit-{index:02}"), files: files.into() })
            .collect()
    }

    /// Everything the library depends on, a line each.
    fn text(&self) -> String {
        let mut text = format!("librocksdb-sys {}\n", self.version);
        for line in
            self.flags.iter().cloned().chain(self.files.iter().map(|f| f.display().to_string()))
        {
            let _ = writeln!(text, "{line}");
        }
        text
    }

    fn stamp(&self, seconds: f64) -> String {
        format!("{}{seconds}\n", self.text())
    }

    /// The seconds of `stamp`, if it is this plan's.
    fn seconds(&self, stamp: &str) -> Option<f64> {
        stamp.strip_prefix(&self.text())?.trim().parse().ok()
    }

    /// The library of this plan in `dir`, if it is there.
    fn there(&self, dir: &Path) -> Option<Library> {
        let seconds = self.seconds(&fs::read_to_string(dir.join(STAMP)).ok()?)?;
        let there = dir.join(ARCHIVE).is_file();
        there.then(|| Library { dir: dir.to_path_buf(), seconds, reused: true })
    }

    /// Makes the folder of objects; those of another plan go.
    fn begin(&self, objects: &Path) -> Result<()> {
        let stamp = objects.join(STAMP);
        if fs::read_to_string(&stamp).ok().as_deref() != Some(&self.text()) {
            if objects.exists() {
                fs::remove_dir_all(objects)?;
            }
            fs::create_dir_all(objects)?;
            fs::write(stamp, self.text())?;
        }
        Ok(())
    }

    /// Compiles `unit` unless its object is there. Returns whether its files go together; a file
    /// alone that does not compile is an error.
    fn compile(&self, unit: &Unit, objects: &Path) -> Result<bool> {
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

impl Unit {
    fn object(&self, objects: &Path) -> PathBuf {
        objects.join(format!("{}.o", self.name))
    }

    /// A file that includes those of the unit.
    fn source(&self) -> String {
        self.files.iter().fold(String::new(), |mut source, file| {
            let _ = writeln!(source, "#include \"{}\"", file.display());
            source
        })
    }

    /// Its files in two units.
    fn halves(&self) -> [Self; 2] {
        let (first, second) = self.files.split_at(self.files.len() / 2);
        let half = |name: char, files: &[PathBuf]| Self {
            name: format!("{}{name}", self.name),
            files: files.into(),
        };
        [half('a', first), half('b', second)]
    }
}

/// Has `jobs` threads compile `units`, and the halves of those for which it returns `false`.
/// Returns what was compiled, in the order of names.
fn compile_all(
    units: Vec<Unit>,
    jobs: usize,
    compile: impl Fn(&Unit) -> Result<bool> + Sync,
) -> Result<Vec<Unit>> {
    let waiting = Mutex::new(VecDeque::from(units));
    let take = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let work = || -> Result<Vec<Unit>> {
        let mut made = Vec::new();
        while let Some(unit) = take() {
            let done = compile(&unit).inspect_err(|_| {
                // Nobody begins another one.
                waiting.lock().unwrap_or_else(PoisonError::into_inner).clear();
            })?;
            if done {
                made.push(unit);
            } else {
                waiting.lock().unwrap_or_else(PoisonError::into_inner).extend(unit.halves());
            }
        }
        Ok(made)
    };
    let mut made = Vec::new();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| match thread.join() {
            Ok(units) => {
                made.extend(units?);
                Ok(())
            }
            Err(_) => bail!("a thread of the build panicked"),
        })
    })?;
    made.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(made)
}

const ARCHIVE: &str = "librocksdb.a";

fn archive(dir: &Path, objects: &Path, units: &[Unit]) -> Result<()> {
    let library = dir.join(ARCHIVE);
    if library.exists() {
        // `ar` adds to what is there.
        fs::remove_file(&library)?;
    }
    let mut ar = Command::new("ar");
    ar.arg("crs").arg(&library).args(units.iter().map(|unit| unit.object(objects)));
    crate::cargo::run(&mut ar)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        let list: Vec<_> = (0..50).map(|n| format!("db/f{n}.cc")).collect();
        let list = format!("{}\nutil/build_version.cc\n", list.join("\n"));
        let files = files(Path::new("/r"), &list);
        Plan { files, flags: vec!["-O3".to_owned()], version: "1".to_owned() }
    }

    #[test]
    fn every_file_is_in_one_unit() {
        let plan = plan();
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
    fn units_whose_files_collide_are_halved() {
        let units = plan().units();
        for jobs in [1, 2, 5] {
            // Files 30 and 31 do not go together.
            let made = compile_all(units.clone(), jobs, |unit| {
                let both = [30, 31].map(|n| PathBuf::from(format!("/r/rocksdb/db/f{n}.cc")));
                Ok(!both.iter().all(|file| unit.files.contains(file)))
            })
            .unwrap();
            assert!(made.len() > 3 && made.len() <= 3 + 5, "{}", made.len());
            let mut all: Vec<_> = made.iter().flat_map(|unit| unit.files.clone()).collect();
            let mut expected = plan().files;
            all.sort();
            expected.sort();
            assert_eq!(all, expected);
            let names: std::collections::BTreeSet<_> = made.iter().map(|unit| &unit.name).collect();
            assert_eq!(names.len(), made.len(), "every object has a name of its own");
        }
    }

    #[test]
    fn a_failure_ends_the_build() {
        let failed = compile_all(plan().units(), 2, |unit| {
            ensure!(unit.name != "unit-00", "no");
            Ok(true)
        });
        assert!(failed.is_err());
    }

    #[test]
    fn a_library_is_of_one_plan_only() {
        let plan = plan();
        let stamp = plan.stamp(12.5);
        assert_eq!(plan.seconds(&stamp), Some(12.5));
        let mut other = plan.clone();
        other.flags.push("-g".to_owned());
        assert_eq!(other.seconds(&stamp), None);
        other = Plan { version: "2".to_owned(), ..plan.clone() };
        assert_eq!(other.seconds(&stamp), None);
        assert_eq!(plan.seconds(&plan.text()), None);
    }

    #[test]
    fn a_stamp_without_its_archive_is_no_library() {
        let temp = tempfile::tempdir().unwrap();
        let plan = plan();
        fs::write(temp.path().join(STAMP), plan.stamp(3.0)).unwrap();
        assert_eq!(plan.there(temp.path()), None);
        fs::write(temp.path().join(ARCHIVE), "").unwrap();
        let library = plan.there(temp.path()).unwrap();
        assert_eq!((library.seconds, library.reused), (3.0, true));
        assert_eq!(library.environment()[0].1, temp.path());
    }

    #[test]
    fn objects_of_another_plan_go() {
        let temp = tempfile::tempdir().unwrap();
        let objects = temp.path().join("objects");
        let plan = plan();
        plan.begin(&objects).unwrap();
        fs::write(objects.join("unit-00.o"), "").unwrap();
        plan.begin(&objects).unwrap();
        assert!(objects.join("unit-00.o").exists());
        Plan { version: "2".to_owned(), ..plan }.begin(&objects).unwrap();
        assert!(!objects.join("unit-00.o").exists());
    }

    #[test]
    fn the_sources_are_where_cargo_says() {
        let metadata = serde_json::from_str(
            r#"{"packages": [
                {"name": "librocksdb-sys", "version": "0.1.0+9.9.9", "manifest_path": "/r/Cargo.toml"},
                {"name": "lz4-sys", "version": "1.0.0", "manifest_path": "/l/Cargo.toml"}
            ], "target_directory": "/t", "version": 1}"#,
        )
        .unwrap();
        let sources = Sources::of(metadata).unwrap();
        assert_eq!((sources.rocksdb, sources.lz4), (PathBuf::from("/r"), PathBuf::from("/l")));
        assert_eq!((sources.target, &*sources.version), (PathBuf::from("/t"), "0.1.0+9.9.9"));
        let none = Metadata { packages: Vec::new(), target_directory: PathBuf::new() };
        assert!(Sources::of(none).unwrap_err().to_string().contains("librocksdb-sys"));
    }

    #[test]
    fn libclang_is_told_from_its_neighbours() {
        for (name, right) in [
            ("libclang.so", true),
            ("libclang-14.so.1", true),
            ("libclang-14.so.14.0.6", true),
            ("libclang-cpp.so.14", false),
            ("libclang.a", false),
            ("libclangAST.so", false),
        ] {
            assert_eq!(is_libclang(name), right, "{name}");
        }
    }
}
