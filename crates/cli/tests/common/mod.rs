//! Runs the program and judges how it ended.
#![allow(dead_code, reason = "each test program takes what it needs")]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// The program, not started yet.
pub(crate) fn program<S: AsRef<OsStr>>(args: &[S]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_siltstone"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// How the program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: Vec<u8>,
    pub(crate) err: String,
}

impl Ended {
    fn of(output: Output) -> Self {
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        let ended = Self { code: output.status.code(), out: output.stdout, err };
        assert!(matches!(ended.code, Some(0..=3)), "a defect: {ended:?}");
        ended
    }

    /// Checks the exit code, and that a failure is one line on stderr.
    #[track_caller]
    pub(crate) fn code(self, expected: i32) -> Self {
        assert_eq!(self.code, Some(expected), "{self:?}");
        let lines = self.err.lines().count();
        assert_eq!(lines, usize::from(expected != 0), "lines on stderr: {self:?}");
        self
    }

    /// Checks that the message says `part`.
    #[track_caller]
    pub(crate) fn says(self, part: &str) -> Self {
        assert!(self.err.contains(part), "{part:?} is not in {self:?}");
        self
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.out).unwrap()
    }
}

pub(crate) fn run<S: AsRef<OsStr>>(args: &[S]) -> Ended {
    Ended::of(program(args).output().unwrap())
}

/// Runs the program with `input` as stdin.
pub(crate) fn feed<S: AsRef<OsStr>>(args: &[S], input: &[u8]) -> Ended {
    let mut child = program(args).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        // It may well stop reading before the end.
        scope.spawn(move || drop(stdin.write_all(input)));
        Ended::of(child.wait_with_output().unwrap())
    })
}

/// A directory for one test.
pub(crate) struct Home(TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn arg(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }
}

/// Every file below `dir` with its bytes.
pub(crate) fn picture(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(picture(&path));
        } else {
            let bytes = fs::read(&path).unwrap();
            files.insert(path, bytes);
        }
    }
    files
}

/// The files of `dir` whose names end so.
pub(crate) fn files_ending(dir: &Path, end: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = picture(dir).into_keys().collect();
    files.retain(|path| path.to_str().unwrap().ends_with(end));
    files
}

/// `SplitMix64`: the same numbers for the same seed.
pub(crate) struct Seeded(pub(crate) u64);

impl Seeded {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(crate) fn bytes(&mut self, most: u64) -> Vec<u8> {
        let length = self.below(most + 1);
        (0..length).map(|_| self.next().to_le_bytes()[0]).collect()
    }
}
