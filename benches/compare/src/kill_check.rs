//! What a store holds after its process was killed.
//!
//! 1. This program starts itself again; the child puts keys 0, 1, 2 .. as buffered, and writes
//!    the number of each to a pipe once it was acknowledged.
//! 2. After `ACKNOWLEDGED` numbers or `LONGEST` it is killed by SIGKILL. What is in the pipe by
//!    then was acknowledged too.
//! 3. The store is opened, and every acknowledged key is looked for.

use crate::contender::Contender;
use crate::protocol::say;
use anyhow::{Context, Result, ensure};
use serde_json::json;
use siltstone_bench::Durability;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs};

/// So many puts fill the memory of a kill check several times.
const ACKNOWLEDGED: u64 = 200_000;
const LONGEST: Duration = Duration::from_secs(5);

/// Kills a writer in `dir`, and says what became of what it was promised.
pub(crate) fn run(engine: &dyn Contender, dir: &Path, memory: u64) -> Result<()> {
    fs::create_dir_all(dir)?;
    let store = dir.join("killed");
    if store.exists() {
        fs::remove_dir_all(&store)?;
    }
    let acknowledged = acknowledged_until_killed(engine.name(), dir, memory)?;
    ensure!(acknowledged > 0, "nothing was acknowledged before the kill");
    let (found, wrong) = found(engine, &store, acknowledged)?;
    fs::remove_dir_all(&store)?;
    say(&json!({
        "engine": engine.name(),
        "acknowledged": acknowledged,
        "found": found,
        "wrong": wrong,
        "says_it_survives": engine.buffered_survives_kill(),
    }))
}

/// Puts keys into a store in `dir` until it is killed.
pub(crate) fn write_until_killed(engine: &dyn Contender, dir: &Path) -> Result<()> {
    let store = engine.create(&dir.join("killed"))?;
    let mut session = store.session(Durability::Buffered)?;
    // Past the buffer of stdout: a number that was written is in the pipe.
    let mut stdout = io::stdout().lock();
    for number in 0_u64.. {
        session.put(&key(number), &value(number))?;
        stdout.write_all(format!("{number:07}\n").as_bytes())?;
        stdout.flush()?;
    }
    Ok(())
}

fn acknowledged_until_killed(engine: &str, dir: &Path, memory: u64) -> Result<u64> {
    let mut child = Command::new(env::current_exe()?)
        .args(["write-until-killed", "--engine", engine, "--memory", &memory.to_string()])
        .arg("--dir")
        .arg(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("start the writer")?;
    let mut pipe = child.stdout.take().context("the writer has no stdout")?;
    let begin = Instant::now();
    let mut said = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    let enough = LINE_BYTES * usize::try_from(ACKNOWLEDGED)?;
    loop {
        let read = pipe.read(&mut buffer)?;
        said.extend_from_slice(&buffer[..read]);
        ensure!(read > 0, "the writer ended by itself: {}", String::from_utf8_lossy(&said));
        if said.len() >= enough || begin.elapsed() >= LONGEST {
            break;
        }
    }
    // `kill` is SIGKILL.
    child.kill()?;
    child.wait()?;
    pipe.read_to_end(&mut said)?;
    Ok((said.len() / LINE_BYTES) as u64)
}

/// A number of seven digits and the end of its line.
const LINE_BYTES: usize = 8;

/// How many of the acknowledged keys are there, and how many have another value.
fn found(engine: &dyn Contender, dir: &Path, acknowledged: u64) -> Result<(u64, u64)> {
    let store = engine.create(dir).context("open what the killed process left")?;
    let (mut found, mut wrong) = (0, 0);
    {
        let mut session = store.session(Durability::Buffered)?;
        for number in 0..acknowledged {
            let there = session.get(&key(number), &mut |seen| {
                wrong += u64::from(seen != value(number));
            })?;
            found += u64::from(there);
        }
    }
    store.close()?;
    Ok((found, wrong))
}

/// Keys come in scattered order, as in a real store.
fn key(number: u64) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    key[8..].copy_from_slice(&number.to_be_bytes());
    key
}

fn value(number: u64) -> Vec<u8> {
    number.to_le_bytes().repeat(13)
}
