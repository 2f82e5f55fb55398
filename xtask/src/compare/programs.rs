//! The runner, built twice.
//!
//! Siltstone's is built for every machine of the architecture, as its users build it: it finds out
//! at run time what the processor can do. The peers' is built for the processors that their
//! documentation recommends, which on x86-64 is level 3 wherever this machine has it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use serde::Deserialize;
use siltstone_base::checksum;

use super::plan::OURS;
use super::rocksdb;
use crate::built;
use crate::cargo::Cargo;

const MANIFEST: &str = "benches/compare/Cargo.toml";
const PROGRAM: &str = "siltstone-compare";
/// Compilers side by side: RocksDB's need more than 1 GiB each.
const JOBS: usize = 2;

/// Where the runners are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Programs {
    ours: PathBuf,
    peers: Option<PathBuf>,
    /// Seconds that each build took.
    pub(crate) builds: BTreeMap<String, f64>,
}

impl Programs {
    /// Builds what `engines` need; the time is printed.
    ///
    /// # Errors
    ///
    /// When a tool is missing, naming its package, or something does not compile.
    pub(crate) fn build(cargo: &Cargo, root: &Path, engines: &[String]) -> Result<Self> {
        let manifest = root.join(MANIFEST);
        let mut programs = Self::default();
        let target = target(cargo, &manifest)?;
        let build = Build { cargo, manifest: &manifest };
        programs.ours = programs.timed("siltstone", || build.run(&target, "", &[], &[]))?;
        let features = features(engines);
        if features.is_empty() {
            return Ok(programs);
        }
        let mut environment = Vec::new();
        if features.contains(&"rocksdb") {
            println!("== building RocksDB's library");
            let library = rocksdb::library(cargo, &manifest, JOBS)?;
            let again = if library.reused { ", earlier" } else { "" };
            println!("== built RocksDB's library in {:.0} s{again}", library.seconds);
            programs.builds.insert("rocksdb's library".to_owned(), library.seconds);
            environment.extend(library.environment());
        }
        let flags = cpu_flags();
        let target = target.join("peers");
        programs.peers = Some(
            programs.timed("the peers", || build.run(&target, flags, &features, &environment))?,
        );
        Ok(programs)
    }

    /// The same program for all.
    #[cfg(test)]
    pub(crate) fn both(program: PathBuf) -> Self {
        Self { peers: Some(program.clone()), ours: program, builds: BTreeMap::new() }
    }

    /// The program with `engine` in it.
    ///
    /// # Errors
    ///
    /// When it was not built.
    pub(crate) fn of(&self, engine: &str) -> Result<&Path> {
        if engine == OURS {
            return Ok(&self.ours);
        }
        self.peers.as_deref().with_context(|| format!("no program was built for {engine}"))
    }

    /// A checksum for each.
    ///
    /// # Errors
    ///
    /// When one cannot be read.
    pub(crate) fn checksums(&self) -> Result<BTreeMap<String, String>> {
        let mut checksums = BTreeMap::new();
        for (name, program) in [(OURS, Some(&self.ours)), ("peers", self.peers.as_ref())] {
            if let Some(program) = program {
                let bytes = fs::read(program).context("read a runner")?;
                checksums.insert(name.to_owned(), format!("{:016x}", checksum::of(&bytes)));
            }
        }
        Ok(checksums)
    }

    fn timed(&mut self, what: &str, build: impl FnOnce() -> Result<PathBuf>) -> Result<PathBuf> {
        println!("== building the runner of {what}");
        let begin = Instant::now();
        let program = build()?;
        let seconds = begin.elapsed().as_secs_f64();
        println!("== built the runner of {what} in {seconds:.0} s");
        self.builds.insert(format!("runner of {what}"), seconds);
        Ok(program)
    }
}

/// How a runner is built.
struct Build<'a> {
    cargo: &'a Cargo,
    manifest: &'a Path,
}

impl Build<'_> {
    fn run(
        &self,
        target: &Path,
        flags: &str,
        features: &[&str],
        environment: &[(&'static str, PathBuf)],
    ) -> Result<PathBuf> {
        let mut command = self.cargo.command(["build", "--release", "--locked"]);
        command.arg("--message-format=json-render-diagnostics");
        command.arg("--manifest-path").arg(self.manifest);
        command.arg("--target-dir").arg(target);
        command.args(["--features", &features.join(",")]);
        if !flags.is_empty() {
            command.env("RUSTFLAGS", flags);
        }
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        let messages = crate::cargo::read(&mut command)?;
        let programs = built::targets(&messages).filter(|built| built.target.name == PROGRAM);
        let mut programs = programs.filter_map(|built| built.executable);
        programs.next().context("cargo built no runner")
    }
}

#[derive(Debug, Deserialize)]
struct Metadata {
    target_directory: PathBuf,
}

/// Where cargo puts what it builds for the manifest.
fn target(cargo: &Cargo, manifest: &Path) -> Result<PathBuf> {
    let mut command = cargo.command(["metadata", "--format-version", "1", "--no-deps"]);
    command.arg("--manifest-path").arg(manifest);
    let said = crate::cargo::read(&mut command)?;
    let metadata: Metadata =
        serde_json::from_str(&said).context("read the output of cargo metadata")?;
    Ok(metadata.target_directory)
}

/// The features of the runner that have `engines`.
fn features(engines: &[String]) -> Vec<&'static str> {
    let mut features = Vec::new();
    for engine in engines {
        let feature = match engine.as_str() {
            "rocksdb" => "rocksdb",
            "fjall" => "fjall",
            "lmdb" | "lmdb-writemap" => "lmdb",
            "redb" => "redb",
            "sled" => "sled",
            _ => continue,
        };
        if !features.contains(&feature) {
            features.push(feature);
        }
    }
    features
}

/// Flags for the processors that the peers recommend, if this machine has one.
#[cfg(target_arch = "x86_64")]
fn cpu_flags() -> &'static str {
    let level_3 = std::is_x86_feature_detected!("avx2")
        && std::is_x86_feature_detected!("bmi2")
        && std::is_x86_feature_detected!("fma");
    if level_3 { "-C target-cpu=x86-64-v3" } else { "" }
}

#[cfg(not(target_arch = "x86_64"))]
fn cpu_flags() -> &'static str {
    ""
}

#[cfg(test)]
mod tests {
    use super::super::plan::ENGINES;
    use super::*;

    #[test]
    fn every_engine_but_ours_needs_a_feature_of_the_runner() {
        let engines = ENGINES.map(str::to_owned);
        assert_eq!(features(&engines), ["rocksdb", "fjall", "lmdb", "redb", "sled"]);
        assert_eq!(features(&engines[..1]), [""; 0]);
        let manifest = include_str!("../../../benches/compare/Cargo.toml");
        for feature in features(&engines) {
            assert!(manifest.contains(&format!("\n{feature} = [")), "{feature}");
        }
    }

    #[test]
    fn an_engine_without_a_program_is_named() {
        let programs = Programs { ours: PathBuf::from("/p"), ..Programs::default() };
        assert_eq!(programs.of(OURS).unwrap(), Path::new("/p"));
        assert!(programs.of("sled").unwrap_err().to_string().contains("sled"));
    }
}
