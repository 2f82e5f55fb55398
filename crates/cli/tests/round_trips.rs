//! What `dump` writes, `load` reads back; what `load` reads, `dump` writes.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::format_collect, reason = "short is better than fast here")]

mod common;

use common::{Home, Seeded, feed, picture, program, run};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::symlink;
use std::process::Stdio;

/// Pairs as lines that escape every byte.
fn hex_lines(pairs: &BTreeMap<Vec<u8>, Vec<u8>>) -> Vec<u8> {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\x{byte:02X}")).collect::<String>();
    let lines = pairs.iter().map(|(key, value)| format!("{}\t{}\n", hex(key), hex(value)));
    lines.collect::<String>().into_bytes()
}

#[test]
fn any_pairs_survive_both_text_formats() {
    let mut seeded = Seeded(7);
    eprintln!("seed 7");
    let pairs: BTreeMap<_, _> = (0..2000).map(|_| (seeded.bytes(12), seeded.bytes(60))).collect();
    let home = Home::new();
    let first = home.arg("first");
    let small = ["--option", "memtable_bytes=16KiB"];
    feed(&[&["load", &first, "-"][..], &small].concat(), &hex_lines(&pairs)).code(0);
    let tsv = run(&["dump", &first]).code(0).out;
    assert!(std::str::from_utf8(&tsv).is_ok());
    for format in ["tsv", "jsonl"] {
        let dumped = run(&["dump", &first, "--format", format]).code(0).out;
        let second = home.arg(format);
        feed(&["load", &second, "--format", format, "-"], &dumped).code(0);
        assert_eq!(run(&["dump", &second]).code(0).out, tsv, "{format}");
        assert_eq!(dumped.split(|&byte| byte == b'\n').count(), pairs.len() + 1);
    }
    let (key, value) = pairs.iter().nth(1000).unwrap();
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(run(&["get", &first, "--hex", &hex]).code(0).out, *value);
}

#[test]
fn a_directory_tree_survives() {
    let home = Home::new();
    let tree = home.path("tree");
    let mut seeded = Seeded(11);
    eprintln!("seed 11");
    for index in 0..500_u64 {
        let folder = tree.join(format!("d{}/e{}", index % 7, index % 5));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!(".file {index}\n")), seeded.bytes(5000)).unwrap();
    }
    fs::write(tree.join(".gitignore"), "*").unwrap();
    let expected = picture(&tree);
    symlink(&tree, tree.join("loop")).unwrap();
    let (db, to) = (home.arg("db"), home.arg("to"));
    let (from, ack) = (tree.to_str().unwrap(), "--ack");
    let stored = run(&["load", &db, "--format", "files", ack, from]).code(0);
    assert!(stored.text().ends_with("stored 501\n"), "{stored:?}");
    run(&["dump", &db, "--format", "files", "--to", &to]).code(0);
    let found: BTreeMap<_, _> = picture(&home.path("to"))
        .into_iter()
        .map(|(path, bytes)| (tree.join(path.strip_prefix(&to).unwrap()), bytes))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn keys_that_cannot_be_files_are_listed_and_the_others_written() {
    let home = Home::new();
    let (db, to) = (home.arg("db"), home.arg("to"));
    let bad = ["", "/abs", "../up", "a/../b", "folder", "x//y", "x/", "./z", "n\\x00l"];
    let long = "l".repeat(256);
    let lines: String = bad
        .iter()
        .chain(&["folder/in", "ok", long.as_str()])
        .map(|key| format!("{key}\tv\n"))
        .collect();
    feed(&["load", &db, "-"], lines.as_bytes()).code(0);
    let ended = run(&["dump", &db, "--format", "files", "--to", &to]);
    assert_eq!(ended.code, Some(1));
    for key in bad.iter().chain(&[long.as_str()]) {
        assert!(ended.err.contains(&format!("not written: \"{key}\"")), "{key}: {}", ended.err);
    }
    let written: Vec<_> = picture(&home.path("to")).into_keys().collect();
    assert_eq!(written, [home.path("to/folder/in"), home.path("to/ok")]);
    let beside: Vec<_> =
        picture(&home.path("")).into_keys().filter(|path| !path.starts_with(&db)).collect();
    assert_eq!(beside, written, "nothing lies outside");
}

#[test]
fn a_tree_that_holds_the_database_is_refused() {
    let home = Home::new();
    let db = home.arg("tree/db");
    fs::create_dir(home.path("tree")).unwrap();
    run(&["load", &db, "--format", "files", &home.arg("tree")]).code(2).says("below");
    assert!(!home.path("tree/db").exists());
}

#[test]
fn keyspaces_are_apart() {
    let home = Home::new();
    let db = home.arg("db");
    feed(&["load", &db, "-"], b"a\t1\n").code(0);
    feed(&["load", &db, "--keyspace", "two", "-"], b"a\t2\nb\t3\n").code(0);
    assert_eq!(run(&["dump", &db]).code(0).out, b"a\t1\n");
    assert_eq!(run(&["dump", &db, "--keyspace", "two"]).code(0).out, b"a\t2\nb\t3\n");
}

#[test]
fn a_checkpoint_opens_as_a_database_of_its_own() {
    let home = Home::new();
    let (db, copy) = (home.arg("db"), home.arg("copy"));
    feed(&["load", &db, "-"], b"a\t1\nb\t2\n").code(0);
    run(&["compact", &db]).code(0);
    run(&["put", &db, "c", "3"]).code(0);
    run(&["checkpoint", &db, &copy]).code(0);
    let before = run(&["dump", &db]).code(0).out;
    run(&["delete", &db, "a"]).code(0);
    assert_eq!(run(&["dump", &copy]).code(0).out, before);
    run(&["verify", &copy]).code(0);
    run(&["put", &copy, "d", "4"]).code(0);
    run(&["get", &db, "d"]).code(1);
}

#[test]
fn a_closed_stdout_ends_quietly() {
    let home = Home::new();
    let db = home.arg("db");
    let lines: String = (0..50_000).map(|i| format!("key{i}\tvalue{i}\n")).collect();
    feed(&["load", &db, "-"], lines.as_bytes()).code(0);
    for args in [
        &["dump", &db][..],
        &["dump", &db, "--format", "jsonl"],
        &["scan", &db],
        &["scan", &db, "--keys"],
    ] {
        let mut child = program(args).spawn().unwrap();
        let mut first = [0; 10];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(0), "{args:?}");
        assert_eq!(ended.stderr, b"", "{args:?}");
    }
    // Whoever does not want to hear of it gets everything stored all the same.
    let again = home.arg("again");
    fs::write(home.path("lines"), &lines).unwrap();
    let mut child = program(&["load", &again, "--ack", &home.arg("lines")]).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
    assert_eq!(run(&["dump", &again]).code(0).out, run(&["dump", &db]).code(0).out);
    // A full disk behind stdout is no closed one.
    if let Ok(full) = fs::OpenOptions::new().write(true).open("/dev/full") {
        let ended = program(&["dump", &db]).stdout(Stdio::from(full)).output().unwrap();
        assert_eq!(ended.status.code(), Some(1));
    }
}
