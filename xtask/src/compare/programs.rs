//! The runner, built twice.
//!
//! Siltstone's is built for every machine of the architecture, as its users build it: it finds out
//! at run time what the processor can do. The peers' is built for the processors that their
//! documentation recommends, which on x86-64 is level 3 wherever this machine has it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::plan::OURS;
use super::{cpu, rocksdb, seconds};
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
    /// Seconds that the last real build of each took, if somebody saw it.
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
        programs.ours =
            programs.timed("siltstone", &target, || build.run(&target, &[], &[], &[]))?;
        let features = features(engines);
        if features.is_empty() {
            return Ok(programs);
        }
        let mut environment = Vec::new();
        if features.contains(&"rocksdb") {
            println!("== building RocksDB's library");
            let library = rocksdb::library(cargo, &manifest, JOBS)?;
            let again = if library.reused { ", earlier" } else { "" };
            match library.seconds {
                Some(seconds) => {
                    println!("== built RocksDB's library in {seconds:.0} s{again}");
                    programs.builds.insert("library of rocksdb".to_owned(), seconds);
                }
                None => println!("== built RocksDB's library in several parts{again}"),
            }
            environment.extend(library.environment());
        }
        let flags = cpu::flags().rustc;
        let target = target.join("peers");
        let peers = || build.run(&target, flags, &features, &environment);
        programs.peers = Some(programs.timed("the peers", &target, peers)?);
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
                checksums.insert(name.to_owned(), seconds::checksum(program)?);
            }
        }
        Ok(checksums)
    }

    fn timed(
        &mut self,
        what: &str,
        target: &Path,
        build: impl FnOnce() -> Result<Program>,
    ) -> Result<PathBuf> {
        println!("== building the runner of {what}");
        let begin = Instant::now();
        let Program { path, fresh } = build()?;
        let now = begin.elapsed().as_secs_f64();
        let last = seconds::last(target, &seconds::checksum(&path)?, fresh, now)?;
        match last {
            Some(last) => {
                let again = if fresh { ", earlier" } else { "" };
                println!("== built the runner of {what} in {last:.0} s{again}");
                self.builds.insert(format!("runner of {what}"), last);
            }
            None => println!("== the runner of {what} was there"),
        }
        Ok(path)
    }
}

/// A runner that was built.
struct Program {
    path: PathBuf,
    /// Whether it was there before.
    fresh: bool,
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
        flags: &[&str],
        features: &[&str],
        environment: &[(&'static str, PathBuf)],
    ) -> Result<Program> {
        let mut command = self.command(target, flags, features);
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        let messages = crate::cargo::read(&mut command)?;
        let programs = built::targets(&messages).filter(|built| built.target.name == PROGRAM);
        let mut programs = programs
            .filter_map(|built| Some(Program { path: built.executable?, fresh: built.fresh }));
        programs.next().context("cargo built no runner")
    }

    fn command(&self, target: &Path, flags: &[&str], features: &[&str]) -> Command {
        let mut command = self.cargo.command(["build", "--release", "--locked"]);
        command.arg("--message-format=json-render-diagnostics");
        command.arg("--manifest-path").arg(self.manifest);
        command.arg("--target-dir").arg(target);
        command.args(["--features", &features.join(",")]);
        // Flags of whoever calls would make another program than the one that is described. The
        // second name goes before all other places that flags may come from, also when empty.
        command.env_remove("RUSTFLAGS");
        command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
        command
    }
}

#[derive(Debug, Deserialize)]
struct Metadata {
    target_directory: PathBuf,
}

/// Where cargo puts what it builds for the manifest.
fn target(cargo: &Cargo, manifest: &Path) -> Result<PathBuf> {
    let metadata: Metadata = cargo.metadata(manifest, &["--no-deps"])?;
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
    fn flags_of_whoever_calls_do_not_reach_a_build() {
        let cargo = Cargo::new(Path::new("."));
        let build = Build { cargo: &cargo, manifest: Path::new("m") };
        for (flags, expected) in [(&[][..], ""), (&["-C", "x"][..], "-C\x1fx")] {
            let command = build.command(Path::new("t"), flags, &[]);
            let set = |name: &str| command.get_envs().find(|(other, _)| *other == name);
            assert_eq!(set("RUSTFLAGS"), Some(("RUSTFLAGS".as_ref(), None)), "removed");
            let encoded = set("CARGO_ENCODED_RUSTFLAGS").unwrap().1;
            assert_eq!(encoded, Some(expected.as_ref()));
        }
    }

    #[test]
    fn an_engine_without_a_program_is_named() {
        let programs = Programs { ours: PathBuf::from("/p"), ..Programs::default() };
        assert_eq!(programs.of(OURS).unwrap(), Path::new("/p"));
        assert!(programs.of("sled").unwrap_err().to_string().contains("sled"));
    }
}
