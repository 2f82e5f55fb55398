//! `repair`: sound and damaged databases, as text and as JSON, by exit code.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Home, feed, files_ending, picture, run};
use std::fs;

fn load(db: &str, keys: u32) {
    let lines: Vec<_> = (0..keys).map(|key| format!("key {key:05}\tvalue {key}\n")).collect();
    feed(&["load", db, "-"], lines.concat().as_bytes()).code(0);
}

#[test]
fn a_sound_database_comes_out_equal_and_stays_as_it_is() {
    let home = Home::new();
    let (db, new) = (home.arg("db"), home.arg("new"));
    load(&db, 500);
    run(&["put", &db, "k", "v", "--keyspace", "users"]).code(0);
    run(&["delete", &db, "key 00007"]).code(0);
    let before = picture(&home.path("db"));
    let ended = run(&["repair", &db, &new]).code(0);
    assert!(ended.text().starts_with("saved: 500 keys in default, users"), "{ended:?}");
    let mut after = picture(&home.path("db"));
    after.retain(|path, _| !path.ends_with("LOCK"));
    assert!(after.iter().all(|(path, bytes)| before.get(path) == Some(bytes)));
    for keyspace in ["default", "users"] {
        let dump = |db| run(&["dump", db, "--keyspace", keyspace]).code(0).out;
        assert_eq!(dump(&db), dump(&new));
    }
    run(&["verify", &new]).code(0);
    run(&["repair", &db, &new]).code(3).says("not empty");
    run(&["repair", &db, &home.arg("db/inside")]).code(2).says("lies in the database");
    run(&["repair", &home.arg("missing"), &home.arg("other")]).code(3).says("missing");
    assert!(!home.path("missing").exists() && !home.path("other").exists());
}

#[test]
fn a_damaged_table_is_named_with_place_and_keys() {
    let home = Home::new();
    let (db, new) = (home.arg("db"), home.arg("new"));
    load(&db, 2000);
    run(&["compact", &db]).code(0);
    let table = files_ending(&home.path("db"), ".sst").pop().unwrap();
    let mut bytes = fs::read(&table).unwrap();
    bytes[6000] ^= 8;
    fs::write(&table, &bytes).unwrap();
    run(&["verify", &db]).code(1);
    let ended = run(&["repair", &db, &new]).code(1).says("1 losses").says("new");
    let name = table.file_name().unwrap().to_str().unwrap();
    let lost = ended.text().lines().find(|line| line.starts_with("lost ")).unwrap();
    for part in [name, "bytes from byte", "entries", "keys \"key ", "keyspace default"] {
        assert!(lost.contains(part), "{part} is not in {lost}");
    }
    run(&["verify", &new]).code(0);
    let ended = run(&["repair", &db, &home.arg("json"), "--json"]).code(1);
    let report: serde_json::Value = serde_json::from_slice(&ended.out).unwrap();
    let gap = &report["losses"][0];
    let offset = gap["offset"].as_u64().unwrap();
    assert!(offset <= 6000 && offset + gap["bytes"].as_u64().unwrap() > 6000, "{gap}");
    let entries = gap["entries"].as_u64().unwrap();
    assert_eq!(report["keys"].as_u64().unwrap() + entries, 2000);
    assert!(gap["path"].as_str().unwrap().ends_with(name));
}
