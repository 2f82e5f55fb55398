//! Several processes at one database, and processes that are killed.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Ended, Home, Seeded, picture, program, run};
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;

/// A writer that has stored one line and waits for more.
fn waiting_writer(db: &str) -> Child {
    let mut child = program(&["load", db, "--ack", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.as_mut().unwrap().write_all(b"first\t1\n").unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "stored 1\n", "told while the input pauses");
    child
}

fn end(mut child: Child) {
    drop(child.stdin.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_second_writer_is_refused_and_readers_run_beside() {
    let home = Home::new();
    let db = home.arg("db");
    let writer = waiting_writer(&db);
    let before = picture(Path::new(&db));
    for args in [&["put", &db, "k", "v"][..], &["compact", &db], &["delete", &db, "first"]] {
        run(args).code(3).says("locked");
    }
    assert_eq!(run(&["get", &db, "first"]).code(0).out, b"1");
    assert_eq!(run(&["dump", &db]).code(0).out, b"first\t1\n");
    for command in ["scan", "stats", "tree", "verify"] {
        run(&[command, &db]).code(0);
    }
    run(&["explain", &db, "first"]).code(0);
    assert_eq!(picture(Path::new(&db)), before, "nobody changed a byte");
    end(writer);
    run(&["put", &db, "k", "v"]).code(0);
}

#[test]
fn reading_changes_no_byte() {
    let home = Home::new();
    let db = home.arg("db");
    run(&["put", &db, "k", "v"]).code(0);
    let before = picture(Path::new(&db));
    for command in ["scan", "dump", "stats", "tree", "verify"] {
        run(&[command, &db]).code(0);
    }
    run(&["get", &db, "k"]).code(0);
    run(&["explain", &db, "k"]).code(0);
    assert_eq!(picture(Path::new(&db)), before);
}

fn line(round: u64, index: u64) -> String {
    let filler = "x".repeat(usize::try_from((round * 31 + index * 17) % 200).unwrap());
    format!("{round:02}-{index:08}\t{index} {filler}")
}

/// Loads lines without end, kills the loader when it has told `goal`, returns what it told last.
fn load_and_kill(db: &str, round: u64, goal: u64, sync: bool) -> u64 {
    let mut args = vec!["load", db, "--ack", "--option", "memtable_bytes=64KiB", "-"];
    if sync {
        args.push("--sync");
    }
    let mut child = program(&args).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let feeder = thread::spawn(move || {
        for index in 0.. {
            if writeln!(stdin, "{}", line(round, index)).is_err() {
                break;
            }
        }
    });
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let mut told = 0;
    for line in stdout.lines() {
        // The last line may be cut short: it was not told then.
        let Some(number) = line.unwrap().strip_prefix("stored ").and_then(|n| n.parse().ok())
        else {
            break;
        };
        assert!(number > told, "the numbers rise");
        told = number;
        if told >= goal {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    feeder.join().unwrap();
    told
}

#[test]
fn every_line_that_was_told_survives_the_death_of_the_loader() {
    let seed = 20;
    eprintln!("seed {seed}");
    let mut seeded = Seeded(seed);
    let home = Home::new();
    let db = home.arg("db");
    let mut expected = String::new();
    for round in 0..8 {
        let sync = round % 4 == 3;
        let goal = 1 + seeded.below(if sync { 3_000 } else { 30_000 });
        let told = load_and_kill(&db, round, goal, sync);
        assert!(told >= goal);
        let dumped = run(&["dump", &db]).code(0);
        let found = dumped.text().strip_prefix(&expected).expect("earlier rounds stay");
        let found: Vec<_> = found.lines().collect();
        eprintln!("round {round}: told {told}, found {}", found.len());
        assert!(found.len() as u64 >= told, "told lines are lost");
        for (index, found) in (0..).zip(found) {
            assert_eq!(found, line(round, index));
        }
        expected = dumped.text().to_owned();
    }
    run(&["verify", &db]).code(0);
    run(&["put", &db, "later", "v"]).code(0);
}

#[test]
fn the_demonstration_runs_to_its_end() {
    let home = Home::new();
    let output =
        program(&["demo", "--files", "1000", "--json", "--dir", &home.arg("demo")]).output();
    let output = output.unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let number = |name: &str| report[name].as_u64().unwrap();
    assert_eq!(output.status.code(), Some(0), "{report}");
    assert!(number("found") >= number("acknowledged") && number("acknowledged") > 0);
    assert!(number("flushes") >= 20 && number("compactions") >= 5 && number("levels") >= 3);
    let left: Ended = run(&["verify", &home.arg("demo")]).code(0);
    assert!(left.text().starts_with("sound"));
}
