//! Cargo as a child process: the one place that starts it and says what a failure was.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};
use serde::de::DeserializeOwned;

/// Starts cargo in the workspace's root, always with the same environment.
#[derive(Debug)]
pub(crate) struct Cargo {
    root: PathBuf,
    incremental: bool,
}

impl Cargo {
    /// For the workspace at `root`.
    pub(crate) fn new(root: &Path) -> Self {
        // A service builds once and throws away: incremental files would only cost time and disk.
        let service = env::var_os("CI").is_some_and(|value| value == "true");
        Self { root: root.to_path_buf(), incremental: !service }
    }

    /// A cargo command with `args`, not started yet.
    pub(crate) fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(program());
        command.current_dir(&self.root).args(args);
        if !self.incremental {
            command.env("CARGO_INCREMENTAL", "0");
        }
        command
    }

    /// Runs cargo with `args`; its output goes straight through.
    ///
    /// # Errors
    ///
    /// When it cannot be started or does not end with success.
    pub(crate) fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Result<()> {
        run(&mut self.command(args))
    }

    /// Runs cargo with `args` and returns what it wrote on stdout; stderr goes straight through.
    ///
    /// # Errors
    ///
    /// When it cannot be started, does not end with success, or writes no UTF-8.
    pub(crate) fn read<A: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = A>,
    ) -> Result<String> {
        read(&mut self.command(args))
    }

    /// What `cargo metadata` with `args` says of the workspace at `manifest`.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read), or when the answer has no `T`.
    pub(crate) fn metadata<T: DeserializeOwned>(
        &self,
        manifest: &Path,
        args: &[&str],
    ) -> Result<T> {
        let mut command = self.command(["metadata", "--format-version", "1"]);
        command.args(args).arg("--manifest-path").arg(manifest);
        serde_json::from_str(&read(&mut command)?).context("read the output of cargo metadata")
    }

    /// Whether `cargo NAME --version` works: the subcommand is installed.
    pub(crate) fn has_subcommand(&self, name: &str) -> bool {
        self.command([name, "--version"]).output().is_ok_and(|output| output.status.success())
    }
}

/// Runs `command` to its end; its output goes straight through.
///
/// # Errors
///
/// When it cannot be started or does not end with success.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("start `{}`", line(command)))?;
    if !status.success() {
        bail!("`{}`: {status}", line(command));
    }
    Ok(())
}

/// Runs `command` to its end and returns what it wrote on stdout; stderr goes straight through.
///
/// # Errors
///
/// When it cannot be started, does not end with success, or writes no UTF-8.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    command.stderr(Stdio::inherit());
    let Output { status, stdout, .. } =
        command.output().with_context(|| format!("start `{}`", line(command)))?;
    if !status.success() {
        bail!("`{}`: {status}", line(command));
    }
    String::from_utf8(stdout).with_context(|| format!("output of `{}`", line(command)))
}

/// The cargo that started us, so that both are of one toolchain.
pub(crate) fn program() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"))
}

/// The command as somebody would type it: names without folders.
fn line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    let words = std::iter::once(name).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_failed_command_is_named_with_its_status() {
        let error = run(Command::new("/bin/sh").args(["-c", "exit 7"])).unwrap_err().to_string();
        assert_eq!(error, "`sh -c exit 7`: exit status: 7");
    }

    #[test]
    fn a_subcommand_that_does_not_answer_is_not_there() {
        assert!(!Cargo::new(&env::temp_dir()).has_subcommand("no-such-subcommand-here"));
    }
}
