//! The parts of `cargo xtask ci`: what each is called, what it says of itself, what it runs.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;

use crate::bench_gate;
use crate::built;
use crate::cargo::{self, Cargo};
use crate::chain::SSTABLE;
use crate::counters;
use crate::layers;
use crate::report::Outcome;
use crate::workspace::Workspace;

/// A workspace of its own, so that nobody else builds the engines in it.
const COMPARE: &str = "benches/compare/Cargo.toml";
/// Crates of ours that sstable may need when its features are off.
const SSTABLE_ALONE: [&str; 3] = [SSTABLE, "siltstone-base", "siltstone-vfs"];

/// One part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    Fmt,
    Layers,
    Clippy,
    SstableAlone,
    Docs,
    Tests,
    Examples,
    Deny,
    Program,
    Demo,
    Gate,
    Sabotage,
    Race,
    Fuzz,
    Crash,
    Covered,
}

impl Part {
    /// In the order they run: what fails fast stands first.
    pub(crate) const ALL: [Self; 16] = [
        Self::Fmt,
        Self::Layers,
        Self::Clippy,
        Self::SstableAlone,
        Self::Docs,
        Self::Tests,
        Self::Examples,
        Self::Deny,
        Self::Program,
        Self::Demo,
        Self::Gate,
        Self::Sabotage,
        Self::Race,
        Self::Fuzz,
        Self::Crash,
        Self::Covered,
    ];

    /// Whether it takes so long that it runs by `--all` or by its name only.
    pub(crate) const fn is_long(self) -> bool {
        matches!(self, Self::Sabotage | Self::Race | Self::Fuzz | Self::Crash)
    }

    /// As `--only` takes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fmt => "fmt",
            Self::Layers => "layers",
            Self::Clippy => "clippy",
            Self::SstableAlone => "sstable-alone",
            Self::Docs => "docs",
            Self::Tests => "tests",
            Self::Examples => "examples",
            Self::Deny => "deny",
            Self::Program => "program",
            Self::Demo => "demo",
            Self::Gate => "gate",
            Self::Covered => "covered",
            Self::Sabotage => "sabotage",
            Self::Race => "race",
            Self::Fuzz => "fuzz",
            Self::Crash => "crash",
        }
    }

    /// What it does, on one line.
    pub(crate) fn about(self) -> &'static str {
        match self {
            Self::Fmt => "cargo fmt --all --check",
            Self::Layers => "the chain of crates and the rules of their folders",
            Self::Clippy => "cargo clippy, all targets, warnings are errors",
            Self::SstableAlone => "sstable without features needs base and vfs only",
            Self::Docs => "cargo doc, warnings are errors",
            Self::Tests => "cargo test --workspace",
            Self::Examples => "every example runs",
            Self::Deny => "cargo deny check bans licenses sources",
            Self::Program => "the release build of the program",
            Self::Demo => "siltstone demo: real files, a killed process, every byte compared",
            Self::Gate => "instructions of fixed operations, against those recorded",
            Self::Covered => "what the tests covered, and whether that is enough",
            Self::Sabotage => "twenty deliberate bugs, each found by a test",
            Self::Race => "loom, shuttle, thread and address sanitizers",
            Self::Fuzz => "every fuzz target for a while",
            Self::Crash => "real processes killed, system calls failing, a full disk, power cuts",
        }
    }

    /// The cargo subcommand it needs that a toolchain may be without.
    fn tool(self) -> Option<&'static str> {
        match self {
            Self::Fmt => Some("fmt"),
            Self::Clippy => Some("clippy"),
            Self::Deny => Some("deny"),
            _ => None,
        }
    }

    /// Runs it, or says which tool is missing.
    ///
    /// # Errors
    ///
    /// What went wrong, for the table; details are on the terminal already.
    pub(crate) fn run(self, workspace: &Workspace, cargo: &Cargo) -> Result<Outcome> {
        if let Some(tool) = self.tool().filter(|tool| !cargo.has_subcommand(tool)) {
            return Ok(Outcome::Skipped(format!("cargo-{tool} is not installed")));
        }
        match self {
            Self::Fmt => {
                cargo.run(["fmt", "--all", "--check"])?;
                cargo.run(["fmt", "--manifest-path", COMPARE, "--check"])?;
            }
            Self::Layers => ensure!(layers::run(workspace)?, "a rule is broken"),
            Self::Clippy => {
                cargo.run(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
                clippy_compare(workspace, cargo)?;
            }
            Self::SstableAlone => sstable_alone(cargo)?,
            Self::Docs => docs(cargo)?,
            Self::Tests => tests(workspace, cargo)?,
            Self::Examples => examples(cargo)?,
            Self::Deny => deny(cargo)?,
            Self::Program => cargo.run(["build", "--release", "--package", "siltstone-cli"])?,
            Self::Demo => demo(cargo)?,
            Self::Gate => return bench_gate::check(workspace, cargo),
            Self::Covered => counters::check(&workspace.root)?,
            Self::Sabotage | Self::Race | Self::Fuzz | Self::Crash => {
                cargo.run(["xtask", self.name()])?;
            }
        }
        Ok(Outcome::Passed)
    }
}

/// The comparison with other engines still compiles, without the others: theirs is C++ that takes
/// many minutes.
fn clippy_compare(workspace: &Workspace, cargo: &Cargo) -> Result<()> {
    let mut command = cargo.command(["clippy", "--manifest-path", COMPARE, "--locked"]);
    command.args(["--all-targets", "--", "-D", "warnings"]);
    if env::var_os("CARGO_TARGET_DIR").is_none() {
        // What both workspaces need is checked once.
        command.env("CARGO_TARGET_DIR", workspace.root.join("target"));
    }
    cargo::run(&mut command)
}

/// Runs all tests, which leave what they covered for the last part.
fn tests(workspace: &Workspace, cargo: &Cargo) -> Result<()> {
    let folder = counters::new_folder(&workspace.root)?;
    let mut command = cargo.command(["test", "--workspace", "--no-fail-fast"]);
    cargo::run(command.env(counters::VARIABLE, folder))
}

/// Sstable builds with its features off, and then names no crate of ours but base and vfs.
fn sstable_alone(cargo: &Cargo) -> Result<()> {
    let alone = ["--package", SSTABLE, "--no-default-features"];
    let tree = ["tree", "--edges", "normal", "--prefix", "none"];
    let tree = cargo.read(tree.iter().chain(&alone))?;
    let extra = strangers(&tree);
    ensure!(extra.is_empty(), "{SSTABLE} without features names {}", extra.join(", "));
    ensure!(tree.contains(SSTABLE), "cargo tree does not know {SSTABLE}");
    cargo.run(["check"].iter().chain(&alone))
}

/// The crates of ours in `tree` that sstable alone may not need.
fn strangers(tree: &str) -> Vec<&str> {
    let names = tree.lines().filter_map(|line| line.split_whitespace().next());
    let ours = names.filter(|name| *name == "siltstone" || name.starts_with("siltstone-"));
    ours.filter(|name| !SSTABLE_ALONE.contains(name)).collect()
}

fn docs(cargo: &Cargo) -> Result<()> {
    let mut command = cargo.command(["doc", "--workspace", "--no-deps"]);
    cargo::run(command.env("RUSTDOCFLAGS", "-D warnings"))
}

/// Runs every example where it can leave no file behind.
///
/// They are built as `cargo test --workspace` builds them, so nothing is compiled twice.
fn examples(cargo: &Cargo) -> Result<()> {
    let build = ["build", "--workspace", "--examples"];
    let messages = cargo.read(build.iter().chain(&["--message-format=json-render-diagnostics"]))?;
    let programs = built::examples(&messages);
    ensure!(!programs.is_empty(), "there is no example");
    let mut failed = Vec::new();
    for program in &programs {
        let name = program.file_stem().unwrap_or_default().to_string_lossy();
        println!("-- example {name}");
        let folder = tempfile::tempdir().context("make a folder for an example")?;
        if let Err(error) = cargo::run(Command::new(program).current_dir(&folder)) {
            failed.push(format!("{error:#}"));
        }
    }
    ensure!(failed.is_empty(), "{}", failed.join("; "));
    Ok(())
}

/// Licences, duplicates and origins of what we depend on.
///
/// The packages for all platforms are fetched first, as the check looks at every one of them; the
/// check itself then needs no network.
fn deny(cargo: &Cargo) -> Result<()> {
    cargo.run(["fetch", "--locked"])?;
    let check = ["deny", "--offline", "check", "--hide-inclusion-graph"];
    cargo.run(check.iter().chain(&["bans", "licenses", "sources"]))
}

/// Runs the demonstration by the command of the README, its database in a folder of its own.
fn demo(cargo: &Cargo) -> Result<()> {
    let folder = tempfile::tempdir().context("make a folder for the demonstration")?;
    let program = ["run", "--release", "--quiet", "--package", "siltstone-cli", "--"];
    let mut command = cargo.command(program);
    let command = command.args(["demo", "--dir"]).arg(folder.path().join("demo"));
    run_demo(command, &mut std::io::stdout())
}

/// Passes the demonstration's output on to `out` and makes sure that it killed something: an early
/// success would look the same by its exit code.
fn run_demo(command: &mut Command, out: &mut impl Write) -> Result<()> {
    let mut child = command.stdout(Stdio::piped()).spawn().context("start the demonstration")?;
    let stdout = child.stdout.take().context("the demonstration has no stdout")?;
    let mut after_kill = false;
    for line in BufReader::new(stdout).split(b'\n') {
        let line = line.context("read what the demonstration says")?;
        out.write_all(&[&line, b"\n".as_slice()].concat())?;
        after_kill |= tells_of_kill(&String::from_utf8_lossy(&line));
    }
    let status = child.wait().context("wait for the demonstration")?;
    if !status.success() {
        bail!("siltstone demo: {status}");
    }
    ensure!(after_kill, "siltstone demo ended well but never said `acknowledged A, found B`");
    Ok(())
}

/// Whether this is the line that the demonstration prints after it killed its child.
fn tells_of_kill(line: &str) -> bool {
    line.contains("acknowledged ") && line.contains(", found ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_on_the_command_line_are_the_names_in_the_table() {
        for part in Part::ALL {
            let value = part.to_possible_value().unwrap();
            assert_eq!(value.get_name(), part.name());
        }
        assert_eq!(Part::ALL.as_slice(), Part::value_variants());
    }

    #[test]
    fn a_crate_of_ours_in_the_tree_of_sstable_alone_is_named() {
        let tree = "siltstone-sstable v0.1.0 (/w/crates/sstable)\nsiltstone-base v0.1.0 (/w)\n\
            xxhash-rust v0.8.0\nsiltstone-vfs v0.1.0 (/w)\n";
        assert_eq!(strangers(tree), Vec::<&str>::new());
        let with = format!("{tree}siltstone-memtable v0.1.0 (/w)\nsiltstone v0.1.0 (/w) (*)\n");
        assert_eq!(strangers(&with), ["siltstone-memtable", "siltstone"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_demonstration_that_killed_nothing_fails() {
        let says = |script: &str| {
            run_demo(Command::new("/bin/sh").args(["-c", script]), &mut std::io::sink())
        };
        assert!(says("echo '  acknowledged 812, found 815'").is_ok());
        let error = says("echo acknowledged 812").unwrap_err().to_string();
        assert!(error.contains("never said"), "{error}");
        let error = says("echo 'acknowledged 9, found 8'; exit 1").unwrap_err().to_string();
        assert!(error.contains("exit status: 1"), "{error}");
    }
}
