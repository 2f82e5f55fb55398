//! Real files that are there already: this repository, what cargo fetched, the toolchain.

use crate::format::files::FilesReader;
use crate::size;
use anyhow::Result;
use std::env;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// With fewer files the toolchain's own are added.
const FILES_MIN: usize = 1000;
/// Longest file that is taken, in bytes, so that a memtable holds more than one.
const FILE_BYTES_MAX: u64 = 8 << 20;
/// All files together, in bytes.
const BYTES_MAX: u64 = 400 << 20;

/// A file as it was when it was collected.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) key: Vec<u8>,
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    pub(super) modified: Option<SystemTime>,
}

impl Source {
    /// Whether somebody changed the file since it was collected.
    pub(super) fn changed(&self) -> bool {
        let now = self.path.symlink_metadata();
        !now.is_ok_and(|now| now.len() == self.bytes && now.modified().ok() == self.modified)
    }
}

/// Files in the order in which they are loaded.
#[derive(Debug, Default)]
pub(super) struct Corpus {
    pub(super) files: Vec<Source>,
    pub(super) bytes: u64,
    /// What was taken and what was left out, for people.
    pub(super) notes: Vec<String>,
}

impl Corpus {
    /// At most `files_max` files, shuffled.
    pub(super) fn collect(files_max: usize) -> Result<Self> {
        let mut corpus = Self::default();
        if let Some(root) = repository() {
            corpus.add("repository", &root, &["target", ".git"], files_max);
        }
        if let Some(root) = current_project() {
            corpus.add("current", &root, &["target", ".git"], files_max);
        }
        if let Some(root) = registry() {
            corpus.add("registry", &root, &[], files_max);
        }
        if corpus.files.len() < FILES_MIN.min(files_max) {
            let have = corpus.files.len();
            corpus.notes.push(format!("{have} files are few: adding the toolchain's own"));
            for part in ["lib", "share"] {
                if let Some(sysroot) = sysroot() {
                    corpus.add(&format!("toolchain/{part}"), &sysroot.join(part), &[], files_max);
                }
            }
        }
        if corpus.files.len() < 100 {
            anyhow::bail!("only {} files found; run it where cargo builds", corpus.files.len());
        }
        shuffle(&mut corpus.files);
        Ok(corpus)
    }

    /// Adds the files below `root`, their keys beginning with `label`.
    fn add(
        &mut self,
        label: &str,
        root: &Path,
        skipped: &'static [&'static str],
        files_max: usize,
    ) {
        let Ok(reader) = FilesReader::new(root) else { return };
        let mut reader = reader.skipping(skipped);
        let (files_before, bytes_before, mut left_out) = (self.files.len(), self.bytes, 0_u64);
        let mut full = false;
        loop {
            let (key, path) = match reader.next_file() {
                Ok(Some(found)) => found,
                Ok(None) => break,
                Err(_) => {
                    left_out += 1;
                    continue;
                }
            };
            full = self.files.len() >= files_max || self.bytes >= BYTES_MAX;
            if full {
                break;
            }
            match source([label.as_bytes(), b"/", &key].concat(), path) {
                Some(source) => {
                    self.bytes += source.bytes;
                    self.files.push(source);
                }
                None => left_out += 1,
            }
        }
        let skips = if skipped.is_empty() {
            String::new()
        } else {
            format!(" without {}", skipped.join(", "))
        };
        let more = if full { ", more are there" } else { "" };
        self.notes.push(format!(
            "{label}: {} files, {}, from {}{skips}; {left_out} over {} or unreadable left out{more}",
            self.files.len() - files_before,
            size::human(self.bytes - bytes_before),
            root.display(),
            size::human(FILE_BYTES_MAX),
        ));
    }
}

/// The file if it can be read and is not too long.
fn source(key: Vec<u8>, path: PathBuf) -> Option<Source> {
    let metadata = File::open(&path).and_then(|file| file.metadata()).ok()?;
    let (bytes, modified) = (metadata.len(), metadata.modified().ok());
    let fits = metadata.is_file() && bytes <= FILE_BYTES_MAX && key.len() <= 4096;
    fits.then_some(Source { key, path, bytes, modified })
}

/// The directory this program was built from, if it is still there.
fn repository() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2)?;
    root.join("Cargo.toml").is_file().then(|| root.to_path_buf())
}

/// The current directory if it is another project; not just any directory, which may hold
/// anything.
fn current_project() -> Option<PathBuf> {
    let current = env::current_dir().ok()?;
    let known = repository().is_some_and(|known| current.starts_with(known));
    (!known && current.join("Cargo.toml").is_file()).then_some(current)
}

/// Where cargo keeps the sources it fetched.
fn registry() -> Option<PathBuf> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")))?;
    Some(home.join("registry/src")).filter(|sources| sources.is_dir())
}

/// Where the toolchain lies.
fn sysroot() -> Option<PathBuf> {
    let output = Command::new("rustc").args(["--print", "sysroot"]).output().ok()?;
    let path = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| PathBuf::from(path.trim()))
}

/// Brings the files into an order that has nothing to do with their names, the same each time:
/// sorted input would make runs that never overlap, and compaction would have nothing to merge.
fn shuffle<T>(items: &mut [T]) {
    let mut state = 0x5117_5701_u64;
    for end in (1..items.len()).rev() {
        // Knuth's multiplier for 64 bits; the upper half is what is random enough.
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let chosen = usize::try_from(state >> 33).unwrap_or(0) % (end + 1);
        items.swap(end, chosen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shuffle_keeps_every_item_and_is_always_the_same() {
        let mut items: Vec<u32> = (0..1000).collect();
        shuffle(&mut items);
        let mut again: Vec<u32> = (0..1000).collect();
        shuffle(&mut again);
        assert_eq!(items, again);
        assert!(!items.is_sorted());
        again.sort_unstable();
        assert!(again.into_iter().eq(0..1000));
    }
}
