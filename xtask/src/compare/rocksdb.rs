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

mod plan;
mod sources;
mod tools;
mod units;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::Result;

use crate::cargo::Cargo;
use plan::STAMP;
use sources::Sources;
use tools::need_tools;
use units::{Unit, compile_all};

/// A library that is there.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Library {
    /// The folder of `librocksdb.a`.
    pub(crate) dir: PathBuf,
    /// How long its build took, be it now or earlier; `None` if it was ended and went on.
    pub(crate) seconds: Option<f64>,
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
    let goes_on = plan.begin(&objects)?;
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
    let seconds = (!goes_on).then(|| begin.elapsed().as_secs_f64());
    fs::write(dir.join(STAMP), plan.stamp(seconds))?;
    Ok(Library { dir, seconds, reused: false })
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
