//! Each way to end, by its code and one line on stderr.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Home, feed, run};

#[test]
fn done_absent_wrong_and_refused_are_told_apart() {
    let home = Home::new();
    let db = home.arg("db");
    let missing = home.arg("missing");
    let copy = home.arg("copy");
    let inside = home.arg("db/inside");
    run(&["put", &db, "k", "v"]).code(0);
    let table: &[(&[&str], i32, &str)] = &[
        (&["get", &db, "k"], 0, ""),
        (&["get", &db, "other"], 1, "no key"),
        (&["explain", &db, "k"], 0, ""),
        (&["explain", &db, "other"], 1, "no key"),
        (&["delete", &db, "other"], 0, ""),
        (&["scan", &db], 0, ""),
        (&["dump", &db], 0, ""),
        (&["stats", &db], 0, ""),
        (&["tree", &db], 0, ""),
        (&["verify", &db], 0, ""),
        (&["compact", &db], 0, ""),
        // A keyspace that is not there.
        (&["get", &db, "k", "--keyspace", "nope"], 1, "no keyspace"),
        (&["delete", &db, "k", "--keyspace", "nope"], 1, "no keyspace"),
        (&["scan", &db, "--keyspace", "nope"], 1, "no keyspace"),
        (&["stats", &db, "--keyspace", "nope"], 1, "no keyspace"),
        // Wrong use.
        (&[], 2, "name a command"),
        (&["fetch", &db], 2, "fetch"),
        (&["get", &db], 2, "KEY"),
        (&["get", "", "k"], 2, "DB"),
        (&["get", &db, "k", "--hex"], 2, "hex"),
        (&["get", &db, "-k"], 2, "-k"),
        (&["scan", &db, "--limit", "many"], 2, "limit"),
        (&["put", &db, "k", "v", "--option", "memory_budget"], 2, "NAME=VALUE"),
        (&["put", &db, "k", "v", "--option", "memory_budget=lots"], 2, "size"),
        (&["put", &db, "k", "v", "--option", "memory_budget=1"], 2, "memory_budget"),
        (&["put", &db, "k", "v", "--option", "colour=blue"], 2, "colour"),
        (&["put", &db, "k", "v", "--option", "compression=zip"], 2, "none, snap"),
        (&["put", &db, "k", "v", "--keyspace", ""], 2, "name"),
        (&["load", &db, &missing], 2, "missing"),
        (&["load", &db, &db], 2, "--format files"),
        (&["load", &db, "--format", "files", "-"], 2, "directory"),
        (&["load", &db, "--format", "xml", "-"], 2, "xml"),
        (&["dump", &db, "--format", "files"], 2, "--to"),
        (&["dump", &db, "--to", &missing], 2, "--to"),
        (&["dump", &db, "--format", "files", "--to", &db], 2, "in the database"),
        (&["dump", &db, "--format", "files", "--to", &inside], 2, "in the database"),
        (&["checkpoint", &db, &db], 2, "empty"),
        (&["demo", "--option", "colour=blue"], 2, "colour"),
        (&["demo", "--dir", &db], 3, "not empty"),
        // No database.
        (&["get", &missing, "k"], 3, "missing"),
        (&["delete", &missing, "k"], 3, "missing"),
        (&["scan", &missing], 3, "missing"),
        (&["dump", &missing], 3, "missing"),
        (&["stats", &missing], 3, "missing"),
        (&["tree", &missing], 3, "missing"),
        (&["explain", &missing, "k"], 3, "missing"),
        (&["verify", &missing], 3, "missing"),
        (&["compact", &missing], 3, "missing"),
        (&["checkpoint", &missing, &copy], 3, "missing"),
        (&["put", &missing, "k", "v", "--option", "create_if_missing=false"], 3, "missing"),
    ];
    for &(args, code, message) in table {
        eprintln!("{args:?}");
        run(args).code(code).says(message);
    }
    assert!(!home.path("missing").exists(), "nothing is created by asking");
    assert!(!home.path("db/inside").exists(), "nor in the database");
}

#[test]
fn help_and_version_are_done() {
    for args in [&["--help"][..], &["--version"], &["put", "--help"], &["help"]] {
        assert!(!run(args).code(0).out.is_empty());
    }
}

#[test]
fn a_value_comes_out_as_it_went_in() {
    let home = Home::new();
    let db = home.arg("db");
    run(&["put", &db, "k", "v\nw"]).code(0);
    assert_eq!(run(&["get", &db, "k"]).code(0).out, b"v\nw");
    let bytes: Vec<u8> = (0..=255).collect();
    feed(&["put", &db, "k", "-"], &bytes).code(0);
    assert_eq!(run(&["get", &db, "k"]).code(0).out, bytes);
    run(&["delete", &db, "k"]).code(0);
    assert_eq!(run(&["get", &db, "k"]).code(1).out, b"");
    run(&["put", &db, "--keyspace", "other", "--", "-k", "-v"]).code(0);
    assert_eq!(run(&["get", &db, "--keyspace", "other", "--", "-k"]).code(0).out, b"-v");
    run(&["get", &db, "--", "-k"]).code(1);
}

#[test]
fn ranges_are_cut_and_turned() {
    let home = Home::new();
    let db = home.arg("db");
    feed(&["load", &db, "-"], b"a\t1\nb\t2\nba\t3\nc\t4\n\xff\t5\n").code(0);
    let check = |args: &[&str], expected: &str| {
        let args = [&["scan", &db, "--keys"], args].concat();
        assert_eq!(run(&args).code(0).text().replace('\n', " "), expected, "{args:?}");
    };
    check(&[], "a b ba c \\xff ");
    check(&["--from", "b"], "b ba c \\xff ");
    check(&["--from=-b", "--to", "b"], "a ");
    check(&["--to", "b"], "a ");
    check(&["--from", "b", "--to", "c"], "b ba ");
    check(&["--from", "c", "--to", "b"], "");
    check(&["--prefix", "b"], "b ba ");
    check(&["--prefix", "b", "--from", "ba"], "ba ");
    check(&["--hex", "--prefix", "ff"], "\\xff ");
    check(&["--reverse"], "\\xff c ba b a ");
    check(&["--reverse", "--limit", "2"], "\\xff c ");
    check(&["--limit", "0"], "");
    assert_eq!(run(&["scan", &db, "--limit", "1"]).code(0).out, b"a\t1\n");
    let json = run(&["scan", &db, "--limit", "1", "--reverse", "--json"]).code(0);
    assert_eq!(json.text(), "{\"key_base64\":\"/w==\",\"value\":\"5\"}\n");
}

#[test]
fn everything_that_is_shown_is_shown_as_json_too() {
    let home = Home::new();
    let db = home.arg("db");
    run(&["put", &db, "k", "v"]).code(0);
    run(&["compact", &db]).code(0);
    let json = |args: &[&str]| -> serde_json::Value {
        serde_json::from_slice(&run(args).code(0).out).unwrap()
    };
    assert_eq!(json(&["get", &db, "k", "--json"])["value"], "v");
    assert_eq!(json(&["stats", &db, "--json"])["keyspace"]["levels"][0]["entries"], 1);
    assert_eq!(json(&["tree", &db, "--json"])["runs"][0]["tables"][0]["first"], "k");
    let explained = json(&["explain", &db, "k", "--json"]);
    assert_eq!(explained["decided_by"]["value_bytes"], 1);
    let steps = explained["steps"].as_array().unwrap();
    assert_eq!(steps.last().unwrap()["found"], true);
    assert_eq!(steps.last().unwrap()["probes"][0]["filter"], "maybe");
    assert_eq!(json(&["verify", &db, "--json"])["findings"], serde_json::json!([]));
}
