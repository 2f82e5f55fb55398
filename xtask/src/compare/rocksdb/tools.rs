//! What the build needs of the machine: a compiler, `ar` and libclang.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

/// Says what is missing before anything is built.
pub(super) fn need_tools() -> Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;

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
