//! What each engine says of itself, and whether its acknowledged writes survive SIGKILL.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, bail};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::plan::{OURS, Settings};
use super::programs::Programs;

/// An engine as it was compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Engine {
    pub(crate) name: String,
    pub(crate) version: String,
    /// How it was set up.
    pub(crate) settings: String,
    /// Whether it says that its buffered writes survive SIGKILL.
    #[serde(rename = "buffered_survives_kill")]
    pub(crate) says_it_survives: bool,
    /// What a killed process left, or why that is not known.
    #[serde(default)]
    pub(crate) kill: Option<Kill>,
}

/// What a process left that was killed while it wrote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Kill {
    Checked {
        /// Puts that were acknowledged before the kill.
        acknowledged: u64,
        /// Those of them that were there afterwards.
        found: u64,
        /// Those of them with another value.
        #[serde(default)]
        wrong: u64,
    },
    Failed {
        error: String,
    },
}

impl Engine {
    /// Whether its row is one of buffered writes: it promises that they survive, and all did. One
    /// that does not promise it may have lost none by luck.
    pub(crate) fn survives(&self) -> bool {
        let all_found = matches!(
            self.kill,
            Some(Kill::Checked { acknowledged, found, wrong: 0 }) if acknowledged == found
        );
        self.says_it_survives && all_found
    }

    /// Why what the check found is a failure, if it is: it could not be made, a value was wrong,
    /// or acknowledged writes are gone of an engine that says they survive. Ours always does.
    pub(crate) fn kill_failure(&self) -> Option<String> {
        let broken = match self.kill {
            Some(Kill::Failed { .. }) => true,
            Some(Kill::Checked { wrong, .. }) if wrong > 0 => true,
            _ => (self.says_it_survives || self.name == OURS) && !self.survives(),
        };
        let said = self.kill_said();
        broken.then(|| format!("{}, acknowledged writes after SIGKILL: {said}", self.name))
    }

    /// What the check came to, in words.
    pub(crate) fn kill_said(&self) -> String {
        match &self.kill {
            None => "not checked".to_owned(),
            Some(Kill::Failed { error }) => format!("failed: {error}"),
            Some(Kill::Checked { acknowledged, found, wrong: 0 }) => {
                format!("{found} of {acknowledged} found")
            }
            Some(Kill::Checked { acknowledged, found, wrong }) => {
                format!("{found} of {acknowledged} found, {wrong} of them wrong")
            }
        }
    }
}

/// Asks the programs what they have, in the order of `settings`.
///
/// # Errors
///
/// When one of the engines is not in its program.
pub(crate) fn ask(programs: &Programs, settings: &Settings) -> Result<Vec<Engine>> {
    let mut engines = Vec::new();
    for name in &settings.engines {
        let mut command = Command::new(programs.of(name)?);
        command.args(["engines", "--memory", &settings.memory_bytes.to_string()]);
        command.args(["--compression", &settings.compression]);
        let all: Vec<Engine> = said(&mut command)?;
        let found = all.into_iter().find(|engine| engine.name == *name);
        engines.push(found.with_context(|| format!("{name} is not in its program"))?);
    }
    Ok(engines)
}

/// Kills a process of `engine` that writes, in `folder`, and notes what was found.
pub(crate) fn kill(engine: &mut Engine, program: &Path, folder: &Path) {
    let mut command = Command::new(program);
    command.args(["kill-check", "--engine", &engine.name, "--dir"]).arg(folder);
    let checked = said::<Kill>(&mut command)
        .and_then(|mut lines| lines.pop().context("it said nothing"))
        .unwrap_or_else(|error| Kill::Failed { error: format!("{error:#}") });
    engine.kill = Some(checked);
    drop(fs::remove_dir_all(folder));
}

/// The lines of JSON that a program says.
fn said<T: DeserializeOwned>(command: &mut Command) -> Result<Vec<T>> {
    let output = command.stderr(Stdio::inherit()).output().context("start a runner")?;
    let text = String::from_utf8(output.stdout).context("a runner says no UTF-8")?;
    if !output.status.success() {
        bail!("{}: {}", output.status, text.trim());
    }
    let lines = text.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().map_err(|error| anyhow!("{error} in {text}"))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An engine of which the check found so many of 9.
    pub(crate) fn engine(name: &str, found: u64) -> Engine {
        Engine {
            name: name.to_owned(),
            version: "1.2".to_owned(),
            settings: "as it comes".to_owned(),
            says_it_survives: true,
            kill: Some(Kill::Checked { acknowledged: 9, found, wrong: 0 }),
        }
    }

    #[test]
    fn an_engine_survives_if_nothing_is_missing_or_wrong() {
        assert!(engine("a", 9).survives());
        assert!(!engine("a", 8).survives());
        assert!(!Engine { kill: None, ..engine("a", 9) }.survives());
        let wrong = Kill::Checked { acknowledged: 9, found: 9, wrong: 1 };
        assert!(!Engine { kill: Some(wrong), ..engine("a", 9) }.survives());
    }

    #[test]
    fn losing_what_was_promised_is_a_failure() {
        let modest = |name, found| Engine { says_it_survives: false, ..engine(name, found) };
        assert_eq!(engine("a", 9).kill_failure(), None);
        assert_eq!(modest("sled", 8).kill_failure(), None);
        assert!(!modest("redb", 9).survives(), "it lost none by luck");
        let lost = engine("a", 8).kill_failure().unwrap();
        assert_eq!(lost, "a, acknowledged writes after SIGKILL: 8 of 9 found");
        assert!(modest(OURS, 8).kill_failure().is_some());
        let wrong = Some(Kill::Checked { acknowledged: 9, found: 9, wrong: 1 });
        assert!(Engine { kill: wrong, ..modest("sled", 9) }.kill_failure().is_some());
        let failed = Some(Kill::Failed { error: "x".to_owned() });
        assert!(Engine { kill: failed, ..modest("sled", 9) }.kill_failure().is_some());
    }

    #[cfg(unix)]
    #[test]
    fn a_check_that_fails_is_noted_with_its_reason() {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", "echo '{\"engine\":\"a\",\"acknowledged\":9,\"found\":8,\"wrong\":1}'"]);
        let kill: Vec<Kill> = said(&mut command).unwrap();
        assert_eq!(kill, [Kill::Checked { acknowledged: 9, found: 8, wrong: 1 }]);
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "echo '{\"error\":\"x\"}'; exit 1"]);
        let error = said::<Kill>(&mut command).unwrap_err().to_string();
        assert_eq!(error, "exit status: 1: {\"error\":\"x\"}");
        let mut lost = engine("a", 9);
        kill_missing_program(&mut lost);
        assert!(!lost.survives() && lost.kill_said().starts_with("failed: start a runner"));
    }

    fn kill_missing_program(engine: &mut Engine) {
        kill(engine, Path::new("/no/such/program"), Path::new("/no/such/folder"));
    }
}
