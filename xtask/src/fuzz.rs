//! `cargo xtask fuzz`: the fuzz targets under libFuzzer, with the address sanitizer.
//!
//! 1. Each target's folder of the working corpus gets what is committed and the target's seeds.
//! 2. `cargo fuzz run` fuzzes it for some seconds. A crash, 5 seconds or 512 MiB for one input is
//!    a finding: the input stays in `fuzz/artifacts`, and the run fails.
//! 3. With `--keep`, the corpus is minimised and what is small of it goes to `fuzz/corpus`, which
//!    is committed: `cargo test -p siltstone-fuzz` replays it without a fuzzer.
//!
//! The fuzzer needs options of the compiler that stable has only with `RUSTC_BOOTSTRAP`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::cargo::{Cargo, run as run_command};
use crate::report::{Outcome, Report};
use crate::workspace::Workspace;

/// Which target, and for how long.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// This target only; all in turn if none is named
    target: Option<String>,
    /// Seconds for each target
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// A few seconds for each target
    #[arg(long, conflicts_with = "seconds")]
    smoke: bool,
    /// Puts what was found worth keeping into the committed corpus
    #[arg(long)]
    keep: bool,
}

const SMOKE_SECONDS: u64 = 5;
/// Longest input that is committed, in bytes ..
const KEPT_BYTES_MAX: u64 = 1024;
/// .. and how many of each target.
const KEPT_MAX: usize = 30;
const INSTALL: &str = "cargo-fuzz is not installed: cargo install cargo-fuzz --locked";

/// Fuzzes; returns whether nothing was found.
///
/// # Errors
///
/// When there is no such target, or a folder cannot be read or written.
pub(crate) fn run(args: &Args, workspace: &Workspace, cargo: &Cargo) -> Result<bool> {
    let mut report = Report::default();
    let started = Instant::now();
    if !cargo.has_subcommand("fuzz") {
        report.add("fuzz", Outcome::Skipped(INSTALL.to_owned()), started.elapsed());
        println!("\n{report}");
        return Ok(true);
    }
    let fuzz = Fuzz { root: workspace.root.clone(), cargo, args };
    for target in fuzz.targets()? {
        let started = Instant::now();
        let outcome = match fuzz.one(&target) {
            Ok(()) => Outcome::Passed,
            Err(error) => Outcome::Failed(format!("{error:#}")),
        };
        report.add(target, outcome, started.elapsed());
    }
    println!("\n{report}");
    Ok(report.passed())
}

struct Fuzz<'a> {
    root: PathBuf,
    cargo: &'a Cargo,
    args: &'a Args,
}

impl Fuzz<'_> {
    /// The targets asked for, by the programs there are.
    fn targets(&self) -> Result<Vec<String>> {
        let folder = self.root.join("fuzz/fuzz_targets");
        let mut names = Vec::new();
        for path in files_of(&folder)? {
            names.extend(path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned));
        }
        names.sort();
        match &self.args.target {
            None => Ok(names),
            Some(name) if names.contains(name) => Ok(vec![name.clone()]),
            Some(name) => bail!("there is no target {name}; there are {}", names.join(", ")),
        }
    }

    fn one(&self, target: &str) -> Result<()> {
        let working = self.root.join("target/fuzz-corpus").join(target);
        fs::create_dir_all(&working).with_context(|| format!("make {}", working.display()))?;
        self.seed(target, &working)?;
        let seconds = if self.args.smoke { SMOKE_SECONDS } else { self.args.seconds };
        let mut command = self.fuzz("run", target, &working);
        command.args(["--", "-timeout=5", "-rss_limit_mb=512", "-print_final_stats=1"]);
        command.arg(format!("-max_total_time={seconds}"));
        command.arg(format!("-max_len={}", self.max_len(target)?));
        command.arg(format!("-dict={}", self.root.join("fuzz/siltstone.dict").display()));
        run_command(&mut command)?;
        if self.args.keep {
            self.keep(target, &working)?;
        }
        Ok(())
    }

    /// A `cargo fuzz` command over the working corpus.
    fn fuzz(&self, what: &str, target: &str, working: &Path) -> Command {
        let mut command = self.cargo.command(["fuzz", what, "--fuzz-dir", "fuzz"]);
        command.args(["--features", "libfuzzer", target]).arg(working);
        // Link-time optimisation costs minutes for each program and finds nothing more.
        command.env("RUSTC_BOOTSTRAP", "1").env("CARGO_PROFILE_RELEASE_LTO", "off");
        command
    }

    /// Fills the working corpus with what is committed and with the target's own seeds.
    fn seed(&self, target: &str, working: &Path) -> Result<()> {
        let committed = self.root.join("fuzz/corpus").join(target);
        if committed.is_dir() {
            for path in files_of(&committed)? {
                if let Some(name) = path.file_name() {
                    fs::copy(&path, working.join(name))
                        .with_context(|| format!("copy {}", path.display()))?;
                }
            }
        }
        let working = working.display().to_string();
        let example = ["run", "-q", "-p", "siltstone-fuzz", "--example", "fuzz", "--"];
        self.cargo.run(example.into_iter().chain([target, working.as_str()]))
    }

    /// What the target says of its longest input.
    fn max_len(&self, target: &str) -> Result<usize> {
        let example = ["run", "-q", "-p", "siltstone-fuzz", "--example", "fuzz", "--", target];
        let text = self.cargo.read(example)?;
        text.trim().parse().with_context(|| format!("longest input of {target}: {text}"))
    }

    /// Minimises the working corpus and commits to the smallest of it.
    fn keep(&self, target: &str, working: &Path) -> Result<()> {
        run_command(&mut self.fuzz("cmin", target, working))?;
        let committed = self.root.join("fuzz/corpus").join(target);
        fs::create_dir_all(&committed).with_context(|| format!("make {}", committed.display()))?;
        let mut files = Vec::new();
        for path in files_of(working)? {
            let bytes =
                fs::metadata(&path).with_context(|| format!("look at {}", path.display()))?;
            files.push((bytes.len(), path));
        }
        files.sort();
        let small = files.iter().filter(|(bytes, _)| *bytes <= KEPT_BYTES_MAX);
        for (_, path) in spread(small.collect(), KEPT_MAX) {
            if let Some(name) = path.file_name() {
                fs::copy(path, committed.join(name))
                    .with_context(|| format!("copy {}", path.display()))?;
            }
        }
        Ok(())
    }
}

/// At most `most` of `all`, evenly from the first to the last.
fn spread<T: Copy>(all: Vec<T>, most: usize) -> Vec<T> {
    if all.len() <= most {
        return all;
    }
    (0..most).map(|at| all[at * all.len() / most]).collect()
}

fn files_of(folder: &Path) -> Result<Vec<PathBuf>> {
    let read = || format!("list {}", folder.display());
    let entries = fs::read_dir(folder).with_context(read)?;
    entries.map(|entry| Ok(entry.with_context(read)?.path())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_spread_over_all_sizes() {
        assert_eq!(spread((0..100).collect(), 4), [0, 25, 50, 75]);
        assert_eq!(spread(vec![1, 2], 4), [1, 2]);
    }
}
