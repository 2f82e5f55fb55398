//! Where cargo put the sources, and which of them are compiled by which flags.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::plan::Plan;
use crate::cargo::Cargo;
use crate::compare::cpu;

/// Where the sources are and where what is built goes.
#[derive(Debug)]
pub(super) struct Sources {
    pub(super) rocksdb: PathBuf,
    pub(super) lz4: PathBuf,
    pub(super) version: String,
    pub(super) target: PathBuf,
}

#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    pub(super) packages: Vec<Package>,
    pub(super) target_directory: PathBuf,
}

#[derive(Debug, Deserialize)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) manifest_path: PathBuf,
}

impl Sources {
    /// Fetches them if they are not on this machine yet.
    pub(super) fn find(cargo: &Cargo, manifest: &Path) -> Result<Self> {
        Self::of(cargo.metadata(manifest, &["--features", "rocksdb", "--locked"])?)
    }

    pub(super) fn of(metadata: Metadata) -> Result<Self> {
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

    pub(super) fn plan(&self) -> Result<Plan> {
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
pub(super) const FLAGS: [&str; 16] = [
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
pub(super) fn files(rocksdb: &Path, list: &str) -> Vec<PathBuf> {
    let listed = list.lines().map(str::trim);
    let listed = listed.filter(|file| !file.is_empty() && *file != "util/build_version.cc");
    let mut files: Vec<_> = listed.map(|file| rocksdb.join("rocksdb").join(file)).collect();
    files.push(rocksdb.join("build_version.cc"));
    files
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
