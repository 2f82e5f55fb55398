//! `cargo xtask compare`: Siltstone beside other engines, on the same machine at the same time.
//!
//! ```text
//! programs   the runner, for Siltstone and for its peers; RocksDB's library
//! engines    what each is, and whether what it acknowledged survives SIGKILL
//! rounds     every engine open at once, taking turns workload by workload
//! journal    OUT/results.jsonl: a line for each workload that an engine finished
//! summary    medians, spreads, and ratios inside a round: OUT/compare.json, .md, .html
//! ```
//! docs/performance-compare.md says what the figures mean.

mod cgroup;
mod cpu;
mod engine;
mod journal;
mod machine;
mod measured;
mod others;
mod plan;
mod programs;
mod rocksdb;
mod rounds;
mod runner;
mod runs;
mod seconds;
mod summary;
mod table;
mod tables;
mod workload;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::cargo::Cargo;
use crate::workspace::Workspace;
use cgroup::Groups;
use journal::{Header, Journal};
use machine::Machine;
use plan::Settings;
use programs::Programs;
use rounds::Rounds;
use summary::Summary;

/// What to compare, and how long.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// 1 M keys, 12 workloads, 2 rounds, 5 engines: under 30 minutes on 2 cores
    #[arg(long)]
    quick: bool,
    /// These engines; siltstone always is one
    #[arg(long, value_name = "ENGINE", value_delimiter = ',')]
    engines: Vec<String>,
    /// These workloads, in this order
    #[arg(long, value_name = "WORKLOAD", value_delimiter = ',')]
    workloads: Vec<String>,
    /// How often everything is measured
    #[arg(long)]
    rounds: Option<u64>,
    /// How many keys; several numbers are compared one after the other
    #[arg(long, value_delimiter = ',')]
    num: Vec<u64>,
    /// How many threads work at once
    #[arg(long, default_value_t = 1)]
    threads: u64,
    /// How long workloads run that time ends: all but fills, overwrite and deleterandom
    #[arg(long)]
    seconds: Option<f64>,
    /// How long the others run at most; a row that this ended is marked
    #[arg(long, value_name = "SECONDS")]
    cap: Option<f64>,
    /// What keys look like: digits, random, prefixed
    #[arg(long)]
    keys: Option<String>,
    /// How long values are
    #[arg(long, default_value_t = 100)]
    value_bytes: u64,
    /// How tables are compressed: none, snap, lz4
    #[arg(long, default_value = "none")]
    compression: String,
    /// What an engine may use for buffers and caches
    #[arg(long, default_value = "256MiB", value_parser = bytes)]
    memory: u64,
    /// What the process of an engine may use, the page cache included
    #[arg(long, default_value = "2GiB", value_parser = bytes)]
    limit: u64,
    /// Where everything random comes from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Do not compare shapes of keys
    #[arg(long)]
    no_shapes: bool,
    /// Go on with the results in --out
    #[arg(long)]
    resume: bool,
    /// Where results go, and the stores while they are needed [default: target/compare]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Compares, and returns whether everything could be measured.
///
/// # Errors
///
/// When something cannot be built or written, or an answer was wrong.
pub(crate) fn run(args: &Args, workspace: &Workspace, cargo: &Cargo) -> Result<bool> {
    let begin = Instant::now();
    let settings = Settings::new(args)?;
    let out = args.out.clone().unwrap_or_else(|| workspace.root.join("target").join("compare"));
    let stores = out.join("stores");
    let results = out.join("results.jsonl");
    ensure!(
        args.resume || !results.exists(),
        "{} is there: go on with it by --resume, or remove it",
        results.display()
    );
    begin_stores(&stores, journal::is_ours(&results))?;
    // Before the builds, which would be all the load there is.
    let machine = Machine::here(&stores);
    let programs = Programs::build(cargo, &workspace.root, &settings.engines)?;
    let groups = Groups::find(settings.limit_bytes);
    let mut header =
        header(settings, machine, revision(&workspace.root), &programs, groups.as_ref())?;
    let mut journal = if args.resume {
        let mut journal = Journal::resume(&results)?;
        journal.go_on(&header)?;
        journal
    } else {
        kill_all(&mut header, &programs, &stores)?;
        Journal::create(&results, header)?
    };
    introduce(&journal.header);
    let rounds = Rounds { programs: &programs, groups: groups.as_ref().ok(), folder: &stores };
    for part in journal.header.settings.parts() {
        println!("\n== {}", part.name);
        rounds.run(&part, &mut journal)?;
    }
    let summary = Summary::of(&journal);
    println!("\n{}", tables::ratios(&summary));
    write(&summary, &programs, &out)?;
    let failures = summary.failures();
    for failure in &failures {
        println!("FAILED: {failure}");
    }
    println!(
        "{:.0} minutes; the whole is in {}",
        begin.elapsed().as_secs_f64() / 60.0,
        out.display()
    );
    Ok(failures.is_empty())
}

/// Under which circumstances this run measures.
fn header(
    settings: Settings,
    machine: Machine,
    revision: String,
    programs: &Programs,
    groups: Result<&Groups, &anyhow::Error>,
) -> Result<Header> {
    let limit = match groups {
        Ok(groups) => groups.describe(),
        Err(error) => format!("memory is not limited: {error:#}"),
    };
    Ok(Header {
        engines: engine::ask(programs, &settings)?,
        doubts: machine.doubts(settings.engines.len(), settings.limit_bytes),
        machine,
        revision,
        limit,
        programs: programs.checksums()?,
        builds: programs.builds.clone(),
        settings,
    })
}

/// Lies in a folder of stores and says that what is there may go.
const MARKER: &str = "made-by-siltstone-compare";

/// Makes an empty folder of stores. What a run that was cut off left there goes, if it is `ours`
/// by the results beside it or by the marker in it.
fn begin_stores(stores: &Path, ours: bool) -> Result<()> {
    if stores.exists() {
        let mut entries = fs::read_dir(stores).context("look at the stores")?;
        ensure!(
            ours || stores.join(MARKER).is_file() || entries.next().is_none(),
            "{} is not empty and not of a comparison: give another --out",
            stores.display()
        );
        fs::remove_dir_all(stores).context("remove the stores of a run that was cut off")?;
    }
    fs::create_dir_all(stores).with_context(|| format!("make {}", stores.display()))?;
    fs::write(stores.join(MARKER), "").context("mark the folder of stores")
}

/// The commit that `root` is at, as far as git knows.
fn revision(root: &Path) -> String {
    let mut git = Command::new("git");
    git.args(["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]).current_dir(root);
    let said = git.stderr(Stdio::null()).output().ok().filter(|said| said.status.success());
    let said = said.and_then(|said| String::from_utf8(said.stdout).ok());
    said.map_or_else(|| "unknown".to_owned(), |said| said.trim().to_owned())
}

/// Kills a writer of each engine and notes what it left.
fn kill_all(header: &mut Header, programs: &Programs, stores: &Path) -> Result<()> {
    for engine in &mut header.engines {
        let program = programs.of(&engine.name)?;
        engine::kill(engine, program, &stores.join("kill-check"));
        println!("SIGKILL: {:<14} {}", engine.name, engine.kill_said());
    }
    Ok(())
}

/// Says what will be done and what makes it doubtful.
fn introduce(header: &Header) {
    println!("memory: {}", header.limit);
    for doubt in &header.doubts {
        println!("doubtful: {doubt}");
    }
    println!("this takes about {:.0} minutes", header.settings.estimate() / 60.0);
}

/// `compare.json`.
#[derive(Serialize)]
struct Comparison<'a> {
    /// Machine, settings and engines in words.
    description: String,
    #[serde(flatten)]
    summary: &'a Summary,
}

/// Writes the summary in its three forms.
fn write(summary: &Summary, programs: &Programs, out: &Path) -> Result<()> {
    let description = tables::description(summary) + &tables::engines_in_words(summary);
    let comparison = Comparison { description, summary };
    let json = serde_json::to_string_pretty(&comparison)?;
    let to = |name: &str, text: &[u8]| {
        fs::write(out.join(name), text).with_context(|| format!("write {name}"))
    };
    to("compare.json", json.as_bytes())?;
    to("compare.md", tables::whole(summary).as_bytes())?;
    // The runner has the plots; this program stays small.
    let mut command = Command::new(programs.of(plan::OURS)?);
    let summary = fs::File::open(out.join("compare.json")).context("read compare.json")?;
    command.arg("page").stdin(summary).stderr(Stdio::inherit());
    let page = command.output().context("start the runner for its page")?;
    ensure!(page.status.success(), "the runner made no page: {}", page.status);
    to("compare.html", &page.stdout)
}

/// A number of bytes, `KiB`, `MiB` or `GiB` behind it if they are meant.
fn bytes(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match &text[digits.len()..] {
        "" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        unit => return Err(format!("{unit:?} is none of KiB, MiB, GiB")),
    };
    let number: u64 = digits.parse().map_err(|error| format!("{error}"))?;
    number.checked_mul(1 << shift).ok_or_else(|| "more than there can be".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_of_a_comparison_is_left_alone() {
        let out = tempfile::tempdir().unwrap();
        let stores = out.path().join("stores");
        fs::create_dir(&stores).unwrap();
        begin_stores(&stores, false).unwrap();
        // Now it is marked.
        fs::write(stores.join("left"), "").unwrap();
        begin_stores(&stores, false).unwrap();
        assert!(!stores.join("left").exists());
        fs::remove_file(stores.join(MARKER)).unwrap();
        fs::write(stores.join("precious"), "").unwrap();
        let refused = begin_stores(&stores, false).unwrap_err().to_string();
        assert!(refused.contains("not empty") && stores.join("precious").exists());
        begin_stores(&stores, true).unwrap();
        assert!(!stores.join("precious").exists());
        let results = out.path().join("results.jsonl");
        fs::write(&results, "{\"a\": 1}\n").unwrap();
        assert!(!journal::is_ours(&results) && !journal::is_ours(&stores));
        drop(Journal::create(&results, journal::tests::header("")).unwrap());
        assert!(journal::is_ours(&results));
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(bytes("256MiB"), Ok(256 << 20));
        assert_eq!(bytes("2GiB"), Ok(2 << 30));
        assert_eq!(bytes("17"), Ok(17));
        assert!(bytes("2GB").is_err() && bytes("MiB").is_err() && bytes("99999999999GiB").is_err());
    }
}
