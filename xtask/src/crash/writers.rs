//! The child program: where it is, and how it is started.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::ledger::Ledger;
use super::session::Session;
use crate::built;
use crate::cargo::Cargo;

/// A child that says nothing for so long hangs.
pub(super) const HUNG: Duration = Duration::from_secs(60);
/// Its exit code when the database refused.
pub(super) const REFUSED: i32 = 3;

/// The built example `writers`.
#[derive(Debug)]
pub(super) struct Writers(PathBuf);

impl Writers {
    /// Builds it as `cargo test` builds it: with debug assertions and overflow checks.
    pub(super) fn build(cargo: &Cargo) -> Result<Self> {
        let build = ["build", "--package", "siltstone", "--example", "writers"];
        let messages =
            cargo.read(build.iter().chain(&["--message-format=json-render-diagnostics"]))?;
        let program = built::examples(&messages).pop();
        program.map(Self).context("cargo built no example `writers`")
    }

    /// `writers COMMAND DIR SETTINGS`, settings split at spaces.
    pub(super) fn command(&self, command: &str, dir: &Path, settings: &str) -> Command {
        let mut started = Command::new(&self.0);
        started.args(self.words(command, dir, settings).iter().skip(1));
        started
    }

    /// The same as words, the program first, for a tool that starts it.
    pub(super) fn words(&self, command: &str, dir: &Path, settings: &str) -> Vec<PathBuf> {
        let mut words = vec![self.0.clone(), command.into(), dir.to_path_buf()];
        words.extend(settings.split_whitespace().map(PathBuf::from));
        words
    }

    /// Looks at the database in `dir` and holds it against `ledger`.
    ///
    /// # Errors
    ///
    /// When the database refuses, something is wrong in it, or the ledger does not agree.
    pub(super) fn check(&self, dir: &Path, settings: &str, ledger: &mut Ledger) -> Result<()> {
        let mut session = Session::start(&mut self.command("check", dir, settings))?;
        session.listen(HUNG, &mut |said| ledger.hear(said))?;
        let ended = session.end()?;
        if !ended.status.success() {
            bail!("the check: {ended}");
        }
        Ok(())
    }
}
