//! Input that is wrong, odd or over a limit: one clear error, and nothing is lost or changed.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Home, feed, files_ending, picture, run};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

#[test]
fn odd_keys_and_values_are_taken() {
    let home = Home::new();
    let db = home.arg("db");
    let longest = "k".repeat(65_535);
    for key in ["", "\t\n\\", &longest] {
        feed(&["put", &db, key, "-"], b"").code(0);
        assert_eq!(run(&["get", &db, key]).code(0).out, b"", "{} bytes", key.len());
    }
    for key in ["00", "ffffffffffffffff", "0000ff00"] {
        run(&["put", &db, "--hex", key, key]).code(0);
        assert_eq!(run(&["get", &db, "--hex", key]).code(0).out, key.as_bytes());
    }
    let not_utf8 = OsStr::from_bytes(b"\xff\xfe");
    let args = |command: &'static str| [OsStr::new(command), OsStr::new(&db), not_utf8];
    run(&[&args("put")[..], &[not_utf8]].concat()).code(0);
    assert_eq!(run(&args("get")).code(0).out, b"\xff\xfe");
    run(&["verify", &db]).code(0);
}

#[test]
fn a_value_of_64_mib_comes_back() {
    let home = Home::new();
    let db = home.arg("db");
    let value: Vec<u8> =
        (0..64 << 20).map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    feed(&["put", &db, "long", "-"], &value).code(0);
    assert!(run(&["get", &db, "long"]).code(0).out == value);
    run(&["compact", &db]).code(0);
    assert!(run(&["get", &db, "long"]).code(0).out == value);
}

#[test]
fn what_is_over_a_limit_is_refused_and_nothing_is_made() {
    let home = Home::new();
    let db = home.arg("db");
    let long = "k".repeat(65_536);
    run(&["put", &db, &long, "v"]).code(2).says("65535");
    assert!(!home.path("db").exists());
    let lines = format!("a\t1\n{long}\t2\nb\t3\n");
    feed(&["load", &db, "-"], lines.as_bytes()).code(2).says("line 2");
    assert_eq!(run(&["dump", &db]).code(0).out, b"a\t1\n", "earlier lines stay");
}

#[test]
fn malformed_lines_are_named_and_earlier_ones_stay() {
    let home = Home::new();
    for (index, (format, text, line)) in [
        ("tsv", &b"a\t1\nno tab\nb\t2\n"[..], "line 2"),
        ("tsv", b"a\t1\nb\t\\z\n", "line 2"),
        ("tsv", b"a\t1\n\nb\t2", "line 2"),
        ("jsonl", b"{\"key\":\"a\",\"value\":\"1\"}\n{\"key\":\"b\"}\n", "line 2"),
        ("jsonl", b"{\"key\":\"a\",\"value\":\"1\"}\na\t1\n", "line 2"),
    ]
    .into_iter()
    .enumerate()
    {
        let db = home.arg(&format!("db{index}"));
        let ended = feed(&["load", &db, "--format", format, "--ack", "-"], text).code(2).says(line);
        assert_eq!(ended.out, b"stored 1\n");
        assert_eq!(run(&["dump", &db]).code(0).out, b"a\t1\n");
    }
}

#[test]
fn other_directories_are_left_alone() {
    let home = Home::new();
    let foreign = home.path("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("notes.txt"), "mine").unwrap();
    fs::write(home.path("file"), "mine").unwrap();
    // A name like those of ours makes no database of it.
    fs::create_dir(home.path("alike")).unwrap();
    fs::write(home.path("alike/notes.log"), "mine").unwrap();
    for (place, says) in [("foreign", "notes.txt"), ("file", "file"), ("alike", "other files")] {
        let place = home.arg(place);
        let before = picture(&home.path(""));
        run(&["put", &place, "k", "v"]).code(3).says(says);
        feed(&["load", &place, "-"], b"a\t1\n").code(3).says(says);
        run(&["demo", "--dir", &place]).code(3).says(&place);
        for command in ["scan", "verify", "stats", "compact"] {
            run(&[command, &place]).code(3).says("database");
        }
        assert_eq!(picture(&home.path("")), before);
    }
    fs::create_dir(home.path("empty")).unwrap();
    run(&["put", &home.arg("empty"), "k", "v"]).code(0);
}

/// A database with a table and a log that has entries of its own.
fn sample(home: &Home) -> String {
    let db = home.arg("db");
    let line = |i: u32| format!("key{i:05}\tvalue {i}\n");
    let lines: String = (0..2000).map(line).collect();
    feed(&["load", &db, "-"], lines.as_bytes()).code(0);
    run(&["compact", &db]).code(0);
    let lines: String = (2000..2100).map(line).collect();
    feed(&["load", &db, "-"], lines.as_bytes()).code(0);
    db
}

/// Every command that opens a database.
fn openings(db: &str) -> Vec<Vec<&str>> {
    let commands = ["scan", "dump", "stats", "tree", "compact"];
    let mut openings: Vec<_> = commands.iter().map(|command| vec![*command, db]).collect();
    openings.extend([vec!["get", db, "key00001"], vec!["put", db, "k", "v"]]);
    openings
}

/// Every file but LOCK, in which each who wants to write leaves its name.
fn contents(db: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = picture(Path::new(db));
    files.retain(|path, _| !path.ends_with("LOCK"));
    files
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

#[test]
fn files_of_a_newer_format_are_refused_by_name() {
    for end in ["CURRENT", ".manifest", ".log", ".sst"] {
        let home = Home::new();
        let db = sample(&home);
        // The last one: an older log may be of no use any more.
        let path = files_ending(Path::new(&db), end).pop().unwrap();
        change(&path, |bytes| bytes[8] = 99);
        let before = contents(&db);
        let name = path.file_name().unwrap().to_str().unwrap();
        // A table is opened when it is first read; CURRENT, manifest and log always are.
        let readers = [vec!["get", &db, "key00001"], vec!["dump", &db]];
        let commands = if end == ".sst" { readers.to_vec() } else { openings(&db) };
        for args in commands {
            run(&args).code(3).says(name).says("version");
        }
        assert_eq!(contents(&db), before, "{end}");
    }
}

#[test]
fn short_foreign_and_missing_files_are_refused_by_name() {
    type Damage = fn(&mut Vec<u8>);
    let damages: [(&str, &str, Damage); 6] = [
        ("CURRENT", "short", |bytes| bytes.truncate(20)),
        ("CURRENT", "foreign", |bytes| bytes[40] ^= 1),
        (".manifest", "foreign", |bytes| bytes[0] ^= 1),
        (".manifest", "empty", Vec::clear),
        (".sst", "short", |bytes| bytes.truncate(bytes.len() / 2)),
        (".sst", "foreign", |bytes| bytes.fill(b'x')),
    ];
    for (end, what, damage) in damages {
        let home = Home::new();
        let db = sample(&home);
        let path = files_ending(Path::new(&db), end).pop().unwrap();
        change(&path, damage);
        let before = contents(&db);
        let name = path.file_name().unwrap().to_str().unwrap();
        for args in [vec!["get", &db, "key00001"], vec!["dump", &db]] {
            eprintln!("{end} {what}: {args:?}");
            run(&args).code(3).says(name);
        }
        let found = run(&["verify", &db]).code(1);
        assert!(found.text().contains(name), "{found:?}");
        assert_eq!(contents(&db), before, "{end} {what}");
    }
}

#[test]
fn rot_is_found_by_verify_and_never_read_as_data() {
    let home = Home::new();
    let db = sample(&home);
    let path = files_ending(Path::new(&db), ".sst").pop().unwrap();
    change(&path, |bytes| bytes[300] ^= 0x10);
    let name = path.file_name().unwrap().to_str().unwrap();
    run(&["dump", &db]).code(3).says(name).says("byte");
    let found = run(&["verify", &db, "--json"]).code(1);
    let found: serde_json::Value = serde_json::from_slice(&found.out).unwrap();
    assert!(found["findings"][0].as_str().unwrap().contains(name), "{found}");
    // What lies elsewhere can be read all the same.
    assert_eq!(run(&["get", &db, "key02050"]).code(0).out, b"value 2050");
}

#[test]
fn a_read_only_directory_can_be_read() {
    let home = Home::new();
    let db = sample(&home);
    let forbid = |forbidden| {
        let mut permissions = fs::metadata(&db).unwrap().permissions();
        permissions.set_readonly(forbidden);
        fs::set_permissions(&db, permissions).unwrap();
    };
    forbid(true);
    run(&["get", &db, "key00001"]).code(0);
    run(&["verify", &db]).code(0);
    // The superuser may write all the same.
    let may_write = fs::write(Path::new(&db).join("probe"), "").is_ok();
    if !may_write {
        run(&["put", &db, "k", "v"]).code(3).says("LOCK");
    }
    forbid(false);
}
