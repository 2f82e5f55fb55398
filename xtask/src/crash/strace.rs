//! strace: which system calls a run makes, and runs in which one of them is not what it seems.
//!
//! A call is named by its kind and by how many of its kind came before it in the process, which is
//! how strace finds it again. The runs are of one thread, so that the next run makes nearly the
//! same calls.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

const SIGKILL: i32 = 9;

/// One system call of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) name: String,
    /// 1 for the first of its name in the process.
    pub(super) ordinal: u64,
    /// As strace prints them, from the parenthesis on.
    pub(super) args: String,
    /// It writes a line to whoever watches, and nothing else.
    pub(super) tells: bool,
}

/// Why strace cannot kill here, if it cannot.
pub(super) fn why_not() -> Option<String> {
    let mut command = Command::new("strace");
    command.args(["-f", "-o", "/dev/null", "-e", "inject=exit_group:signal=SIGKILL", "true"]);
    match command.output() {
        Err(_) => Some("strace is not installed".to_owned()),
        Ok(output) if output.status.signal() == Some(SIGKILL) => None,
        Ok(output) => {
            let says = String::from_utf8_lossy(&output.stderr);
            let line = says.lines().next().unwrap_or("its victim lived on");
            Some(format!("strace may not kill: {line}"))
        }
    }
}

/// The calls of a run of `words` between the lines `begin` and `end` of the child.
pub(super) fn calls(words: &[PathBuf], folder: &Path) -> Result<Vec<Call>> {
    let trace = folder.join("trace");
    let mut command = Command::new("strace");
    command.arg("-f").arg("-o").arg(&trace).args(words).stdout(Stdio::null());
    let status = command.status().context("start strace")?;
    ensure!(status.success(), "the run without a fault: {status}");
    let text = fs::read(&trace).context("read what strace wrote")?;
    let calls = parse(&String::from_utf8_lossy(&text));
    ensure!(!calls.is_empty(), "strace saw no call between `begin` and `end`");
    Ok(calls)
}

/// `words` under strace, where each of `calls`, of different names, is met by what stands beside
/// it, as `signal=SIGKILL` or `error=EIO`.
pub(super) fn inject(words: &[PathBuf], calls: &[(&Call, &str)]) -> Command {
    let mut command = Command::new("strace");
    command.args(["-f", "-o", "/dev/null"]);
    let names: Vec<&str> = calls.iter().map(|(call, _)| call.name.as_str()).collect();
    command.args(["-e", &format!("trace={}", names.join(","))]);
    for (call, what) in calls {
        let when = call.ordinal;
        command.args(["-e", &format!("inject={}:{what}:when={when}", call.name)]);
    }
    command.args(words);
    command
}

fn parse(trace: &str) -> Vec<Call> {
    let mut seen = std::collections::HashMap::new();
    let mut calls = Vec::new();
    let mut teller = None;
    for line in trace.lines() {
        let Some((name, args)) = split(line) else { continue };
        let ordinal = seen.entry(name).and_modify(|count| *count += 1).or_insert(1);
        if name == "write" && teller.is_none() {
            teller = args.split_once(", \"begin ").map(|(fd, _)| fd);
        }
        let tells = name == "write" && teller.is_some_and(|fd| args.starts_with(fd));
        if teller.is_some() {
            calls.push(Call {
                name: name.to_owned(),
                ordinal: *ordinal,
                args: args.to_owned(),
                tells,
            });
        }
        if tells && args.contains(", \"end ") {
            break;
        }
    }
    calls
}

/// Name and arguments of a line like `123 open("f", O_RDONLY) = 3`.
fn split(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
    let (name, args) = line.split_at(line.find('(')?);
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    (!name.is_empty() && name.chars().all(is_name)).then_some((name, args))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_from_the_start_of_the_process_and_taken_from_begin_to_end() {
        let trace = "\
7 execve(\"writers\", [\"writers\"]) = 0
7 write(1, \"x\", 1) = 1
7 write(3, \"begin 7\\n\", 8) = 8
7 open(\"f\", O_RDONLY) = 4
7 --- SIGCHLD {si_signo=SIGCHLD} ---
7 write(4, \"end in a file\", 13) = 13
7 write(3, \"end healthy\\n\", 12) = 12
7 close(4) = 0
7 +++ exited with 0 +++";
        let calls = parse(trace);
        let short: Vec<(&str, u64, bool)> =
            calls.iter().map(|call| (call.name.as_str(), call.ordinal, call.tells)).collect();
        let expected =
            [("write", 2, true), ("open", 1, false), ("write", 3, false), ("write", 4, true)];
        assert_eq!(short, expected);
    }
}
