//! The child that loads until it is killed, and who kills it.
//!
//! The child gets at most [`FED_PERCENT`] of the files, then an input that stays open: whatever
//! the speeds of both, it cannot be done before it is killed.

use super::corpus::Source;
use super::file_list::{self, FileListReader};
use crate::args::Plain;
use crate::database;
use crate::exit::Failure;
use crate::format::files::FileList;
use crate::load::{Acks, Loader, Pump};
use anyhow::{Context as _, Result};
use indicatif::ProgressBar;
use std::env;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;

/// How much of the files the child may see ..
const FED_PERCENT: usize = 75;
/// .. and when it is killed.
const KILL_PERCENT: usize = 50;
/// Small batches: the kill shall hit the middle of the work.
const BATCH_PAIRS: usize = 16;

const SIGKILL: i32 = 9;

/// The child's part: loads the files of the list on stdin and acknowledges each batch.
pub(crate) fn run(args: &Plain, out: &mut dyn Write) -> Result<()> {
    let db = database::open_or_create(&args.place)?;
    let keyspace = db.keyspace(&args.place.keyspace)?;
    let mut loader = Loader::new(&db, &keyspace, Acks::eager(out)).batch_pairs(BATCH_PAIRS);
    let mut files = FileList::new(FileListReader::new(Pump::new(io::stdin())));
    loader.run(&mut files, &ProgressBar::hidden())?;
    Ok(db.close()?)
}

/// Lets a child load `files` and kills it halfway; returns how many it had acknowledged.
pub(super) fn load_and_kill(dir: &Path, settings: &[String], files: &[Source]) -> Result<u64> {
    let program = env::current_exe().context("finding this program")?;
    let mut command = Command::new(program);
    command.arg("demo-child").arg(dir);
    for setting in settings {
        command.args(["--option", setting]);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().context("starting the loading child")?;
    let acknowledged = watch(&mut child, files);
    // Dead by now, unless something went wrong; nobody shall be left behind.
    drop(child.kill());
    let status = child.wait()?;
    let acknowledged = acknowledged?;
    if status.signal() != Some(SIGKILL) {
        let why = format!("the child ended by itself ({status}) after {acknowledged} files");
        return Err(Failure::Absent(why).into());
    }
    let percent = acknowledged * 100 / (files.len() as u64).max(1);
    if !(20..=80).contains(&percent) {
        let why = format!("the child was killed at {percent} %, not between 20 and 80");
        return Err(Failure::Absent(why).into());
    }
    Ok(acknowledged)
}

/// Feeds the child, kills it when it is halfway, and returns the last number it told.
fn watch(child: &mut Child, files: &[Source]) -> Result<u64> {
    let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        anyhow::bail!("the child has no pipes");
    };
    let fed = &files[..files.len() * FED_PERCENT / 100];
    let goal = (files.len() * KILL_PERCENT / 100) as u64;
    thread::scope(|scope| {
        let feeder = scope.spawn(|| feed(stdin, fed));
        let mut acknowledged = 0;
        let mut killed = false;
        for line in BufReader::new(stdout).lines() {
            // The last line may be half a line: what is not whole was not told.
            let Some(number) = line?.strip_prefix("stored ").and_then(|n| n.parse().ok()) else {
                break;
            };
            acknowledged = number;
            if acknowledged >= goal && !killed {
                child.kill()?;
                killed = true;
            }
        }
        // Only now may the pipe close: an end of input would let the child end by itself.
        drop(feeder.join());
        Ok(acknowledged)
    })
}

/// Writes the list and returns the pipe, still open. That the child dies meanwhile is the plan.
fn feed(stdin: ChildStdin, files: &[Source]) -> Option<ChildStdin> {
    let mut out = BufWriter::new(stdin);
    for file in files {
        file_list::write(&mut out, file).ok()?;
    }
    out.into_inner().ok()
}
