//! A child that writes with four threads and is killed, and what it leaves.

use crate::Failure;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

const THREADS: usize = 4;
/// When the child is killed.
const ACKNOWLEDGED: u64 = 400;
const SETTINGS: [&str; 2] = ["threads=4", "sync-every=8"];

pub(crate) fn run() -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::Wrong(error.to_string());
    let temp = tempfile::tempdir().map_err(failed)?;
    let dir = temp.path().join("db");
    let program = std::env::current_exe().map_err(failed)?;
    let command = |name: &str| {
        let mut command = Command::new(&program);
        command.arg(name).arg(&dir).args(SETTINGS).stdout(Stdio::piped());
        command
    };

    let mut child = command("write").spawn().map_err(failed)?;
    let lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
    let mut acknowledged = [0; THREADS];
    for line in lines.map_while(Result::ok) {
        if let Some((thread, number)) = told("ack", &line) {
            acknowledged[thread] = number;
        }
        if acknowledged.iter().sum::<u64>() == ACKNOWLEDGED {
            child.kill().map_err(failed)?;
        }
    }
    child.wait().map_err(failed)?;

    let output = command("check").output().map_err(failed)?;
    let text = String::from_utf8_lossy(&output.stdout);
    let found: Vec<(usize, u64)> = text.lines().filter_map(|line| told("found", line)).collect();
    println!("acknowledged {acknowledged:?}, found {found:?}");
    assert!(output.status.success() && found.len() == THREADS, "{}", output.status);
    for (thread, number) in found {
        // The batch that was on its way may be there, whole.
        let least = acknowledged[thread];
        assert!((least..=least + 1).contains(&number), "thread {thread}: {number}");
    }
    Ok(())
}

/// Thread and number of a line that begins with `word`.
fn told(word: &str, line: &str) -> Option<(usize, u64)> {
    let mut words = line.split(' ');
    words.next().filter(|first| *first == word)?;
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}
