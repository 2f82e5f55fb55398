//! Bad input gives an error that names it, and changes nothing: what is too long, directories
//! that hold no database, files that are damaged, missing, foreign or newer.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{State, contents, files_of_kind, state_of};
use siltstone::vfs::{MemVfs, Random, SeededRandom, Vfs};
use siltstone::{Db, Error, Keyspace, Options, ReadMode, Runtime, WriteBatch};
use std::path::Path;
use std::sync::Arc;

const DIR: &str = "/db";

fn options(vfs: &MemVfs) -> Options {
    let options = Options::new().vfs(Arc::new(vfs.clone())).background_threads(0);
    options.memory_budget(1 << 20).memtable_bytes(64 << 10).block_bytes(128)
}

fn put_some(keyspace: &Keyspace, numbers: std::ops::Range<u32>) {
    for number in numbers {
        keyspace.put(format!("key {number:04}"), format!("value {number} ").repeat(4)).unwrap();
    }
}

/// A database with two keyspaces, tables in several levels, and two log segments with records.
fn build(vfs: &MemVfs, seed: u64) -> Db {
    let random: Arc<dyn Random> = Arc::new(SeededRandom::new(seed));
    let runtime = || Runtime { random: Arc::clone(&random), ..Runtime::default() };
    let db = options(vfs).runtime(runtime()).open(DIR).unwrap();
    let users = db.keyspace("users").unwrap();
    put_some(&db, 0..40);
    put_some(&users, 0..40);
    db.compact_range(..).unwrap();
    db.flush().unwrap();
    put_some(&db, 20..60);
    db.flush().unwrap();
    put_some(&users, 40..50);
    db.close().unwrap();
    drop((db, users));
    let db = options(vfs).runtime(runtime()).open(DIR).unwrap();
    let users = db.keyspace("users").unwrap();
    put_some(&users, 50..60);
    db.delete("key 0001").unwrap();
    assert!(files_of_kind(vfs, DIR, ".log").len() >= 2, "two segments are needed");
    assert!(files_of_kind(vfs, DIR, ".sst").len() >= 3, "some tables are needed");
    db
}

/// The files of a database that was closed, and what it holds.
fn closed(seed: u64) -> (MemVfs, State) {
    let vfs = MemVfs::new();
    let db = build(&vfs, seed);
    let state = state_of(&db).unwrap();
    db.close().unwrap();
    (vfs, state)
}

/// The files of a database whose process died, and what it held.
fn dead(seed: u64) -> (MemVfs, State) {
    let vfs = MemVfs::new();
    let db = build(&vfs, seed);
    let state = state_of(&db).unwrap();
    (vfs.process_death(), state)
}

/// All files but LOCK, in which each opening leaves its name.
fn without_lock(vfs: &MemVfs) -> Vec<(String, Vec<u8>)> {
    let files = contents(vfs, DIR).into_iter();
    files.filter(|(name, _)| name != "LOCK").collect()
}

fn path(name: &str) -> String {
    format!("{DIR}/{name}")
}

/// A copy of the files in which `change` changed one.
fn changed(vfs: &MemVfs, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> MemVfs {
    let copy = vfs.process_death();
    let mut bytes = copy.read(path(name)).unwrap();
    change(&mut bytes);
    copy.write(path(name), &bytes).unwrap();
    copy
}

/// Opens for writing, reads everything and closes.
fn read_all(vfs: &MemVfs, mode: ReadMode) -> Result<State, Error> {
    let db = options(vfs).read_mode(mode).open(DIR)?;
    let state = state_of(&db)?;
    db.close()?;
    Ok(state)
}

fn read_all_read_only(vfs: &MemVfs) -> Result<State, Error> {
    options(vfs).open_read_only(DIR).and_then(|db| state_of(&db))
}

/// Both ways to open refuse, with an error that names `name`, and no file changes.
#[track_caller]
fn assert_refused(vfs: &MemVfs, name: &str, what: &str) -> Error {
    let before = without_lock(vfs);
    let read_only = options(vfs).open_read_only(DIR).map(|db| state_of(&db));
    let writing = options(vfs).open(DIR).map(|db| state_of(&db));
    let mut last = None;
    for opened in [read_only, writing] {
        match opened {
            Ok(_) => panic!("{what}: {name} was taken"),
            Err(error) => {
                assert!(error.to_string().contains(name), "{what}: {error} does not name {name}");
                last = Some(error);
            }
        }
    }
    assert!(without_lock(vfs) == before, "{what}: a refused opening changed files");
    last.unwrap()
}

#[track_caller]
fn assert_corrupt(vfs: &MemVfs, name: &str, what: &str) {
    let error = assert_refused(vfs, name, what);
    assert!(error.is_corruption(), "{what}: {error}");
}

/// One of each kind: name of the file and what is in it.
fn one_of_each_kind(vfs: &MemVfs) -> Vec<String> {
    let mut names = vec!["CURRENT".to_owned()];
    for kind in [".manifest", ".log", ".sst"] {
        names.extend(files_of_kind(vfs, DIR, kind));
    }
    names
}

#[test]
fn keys_and_values_up_to_the_limits_are_stored() {
    let vfs = MemVfs::new();
    let db = options(&vfs).open(DIR).unwrap();
    let keys: Vec<Vec<u8>> = vec![
        Vec::new(),
        vec![0],
        vec![0, 0],
        vec![255],
        vec![255; 65_535],
        [vec![b'a'; 65_534], vec![0]].concat(),
        vec![b'a'; 65_535],
        b"not \xc3\x28 utf-8".to_vec(),
    ];
    for (number, key) in keys.iter().enumerate() {
        db.put(key, vec![u8::try_from(number).unwrap(); number * 1_000]).unwrap();
    }
    let check = |db: &Db| {
        for (number, key) in keys.iter().enumerate() {
            let found = db.get(key).unwrap().unwrap();
            assert!(*found == vec![u8::try_from(number).unwrap(); number * 1_000]);
        }
        let mut sorted = keys.clone();
        sorted.sort();
        let found: Vec<_> = db.keys(..).unwrap().map(|key| key.unwrap().into_vec()).collect();
        assert!(found == sorted);
    };
    check(&db);
    db.compact_range(..).unwrap();
    check(&db);
    db.close().unwrap();
    check(&options(&vfs).open(DIR).unwrap());
}

#[test]
fn a_value_of_64_mib_comes_back_from_log_and_table() {
    let vfs = MemVfs::new();
    let db = options(&vfs).open(DIR).unwrap();
    let mut value = vec![b'v'; 64 << 20];
    value[12_345_678] = 0;
    db.put("large", &value).unwrap();
    assert!(*db.get("large").unwrap().unwrap() == value);
    drop(db);
    let db = options(&vfs).open(DIR).unwrap();
    assert!(*db.get("large").unwrap().unwrap() == value);
    db.flush().unwrap();
    let found = db.get("large").unwrap().unwrap();
    drop(db);
    assert!(*found == value);
}

#[test]
fn what_is_too_long_is_named_and_nothing_is_stored() {
    let vfs = MemVfs::new();
    let db = options(&vfs).open(DIR).unwrap();
    let users = db.keyspace("users").unwrap();
    let too_large = |error: Error, name: &str, limit: u64| match &error {
        Error::TooLarge { what, bytes, limit: found } => {
            assert_eq!((*what, *bytes, *found), (name, limit + 1, limit));
            assert!(error.to_string().contains(name), "{error}");
        }
        other => panic!("{other}"),
    };
    let long_key = vec![b'k'; 65_536];
    too_large(db.put(&long_key, "v").unwrap_err(), "key", 65_535);
    too_large(db.delete(&long_key).unwrap_err(), "key", 65_535);
    // Never touched, so it costs no memory.
    let long_value = vec![0; (1 << 30) + 1];
    too_large(db.put("k", &long_value).unwrap_err(), "value", 1 << 30);
    for place in 0..3 {
        let mut batch = WriteBatch::new();
        for number in 0..3 {
            if number == place {
                batch.put(&users, &long_key, "v");
            } else {
                batch.put(&users, format!("good {number}"), "v");
                batch.delete(&db.default_keyspace(), "k");
            }
        }
        let operations = vfs.operations();
        too_large(db.write(batch).unwrap_err(), "key", 65_535);
        assert_eq!(vfs.operations(), operations, "nothing was logged");
    }
    // Reading such a key is no error: it is not there.
    assert!(db.get(&long_key).unwrap().is_none());
    assert!(users.scan(..).unwrap().next().is_none());
    assert_eq!(db.metrics().writes, 0);
    db.put("k", "the database goes on").unwrap();
}

#[test]
fn keyspace_names_have_1_to_255_bytes() {
    let vfs = MemVfs::new();
    let db = options(&vfs).open(DIR).unwrap();
    for name in [String::new(), "n".repeat(256)] {
        let error = db.keyspace(&name).unwrap_err();
        assert!(matches!(error, Error::InvalidName { .. }), "{error}");
    }
    let names = ["n".repeat(255), "\0".into(), "ünïcode / \n".into()];
    for name in &names {
        db.keyspace(name).unwrap().put("k", name).unwrap();
    }
    drop(db);
    let db = options(&vfs).open(DIR).unwrap();
    for name in &names {
        let found = db.find_keyspace(name).unwrap().unwrap().get("k").unwrap();
        assert_eq!(found.as_deref(), Some(name.as_bytes()));
    }
}

#[test]
fn options_that_cannot_serve_are_named_before_anything_is_created() {
    let vfs = MemVfs::new();
    let cases = [
        (options(&vfs).memory_budget(1 << 19), "memory_budget"),
        (options(&vfs).memtable_bytes(1 << 19), "memtable_bytes"),
        (options(&vfs).memtable_bytes(1), "memtable_bytes"),
        (options(&vfs).block_bytes(1), "block_bytes"),
        (options(&vfs).block_bytes(u32::MAX), "block_bytes"),
        (options(&vfs).filter_bits_per_key(33), "filter_bits_per_key"),
        (options(&vfs).background_threads(100_000), "background_threads"),
    ];
    for (options, name) in cases {
        let error = options.open(DIR).unwrap_err();
        match &error {
            Error::InvalidOption { option, .. } => assert_eq!(*option, name),
            other => panic!("{other}"),
        }
    }
    assert_eq!(vfs.operations(), 0);
}

#[test]
fn a_directory_with_foreign_files_is_left_alone() {
    let vfs = MemVfs::new();
    for foreign in ["notes.txt", "data.log", "1.sst", ".hidden"] {
        let dir = format!("/of {foreign}");
        vfs.create_dir_all(Path::new(&dir)).unwrap();
        vfs.write(format!("{dir}/{foreign}"), b"mine").unwrap();
        for create in [true, false] {
            let error = options(&vfs).create_if_missing(create).open(&dir).unwrap_err();
            assert!(matches!(error, Error::NotFound { .. }), "{error}");
            assert!(error.to_string().contains(&dir), "{error}");
        }
        options(&vfs).open_read_only(&dir).unwrap_err();
        assert_eq!(contents(&vfs, &dir), [(foreign.to_owned(), b"mine".to_vec())]);
    }
    vfs.create_dir_all(Path::new("/with/folder")).unwrap();
    let error = options(&vfs).open("/with").unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
    assert_eq!(vfs.list(Path::new("/with")).unwrap().len(), 1);
}

#[test]
fn an_unfinished_creation_beside_foreign_files_is_left_alone_too() {
    let vfs = MemVfs::new();
    vfs.create_dir_all(Path::new(DIR)).unwrap();
    for name in ["LOCK", "0000000000000001.manifest", "CURRENT.new", "notes.txt"] {
        vfs.write(path(name), b"mine").unwrap();
    }
    let before = without_lock(&vfs);
    options(&vfs).open(DIR).unwrap_err();
    options(&vfs).open_read_only(DIR).unwrap_err();
    assert!(without_lock(&vfs) == before);
    // Nor may an opening that must not create begin to tidy up.
    vfs.remove(path("notes.txt")).unwrap();
    let before = without_lock(&vfs);
    options(&vfs).create_if_missing(false).open(DIR).unwrap_err();
    assert!(without_lock(&vfs) == before);
    options(&vfs).open(DIR).unwrap().put("k", "v").unwrap();
}

#[test]
fn no_database_is_created_where_none_may_be() {
    let vfs = MemVfs::new();
    let error = options(&vfs).create_if_missing(false).open(DIR).unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }) && error.to_string().contains(DIR), "{error}");
    assert_eq!(vfs.operations(), 0);
    vfs.create_dir_all(Path::new(DIR)).unwrap();
    options(&vfs).create_if_missing(false).open(DIR).unwrap_err();
    assert!(contents(&vfs, DIR).is_empty());
}

#[test]
fn a_file_in_place_of_the_directory_is_left_alone() {
    let vfs = MemVfs::new();
    vfs.create_dir_all(Path::new("/some")).unwrap();
    vfs.write("/some/file", b"mine").unwrap();
    for dir in ["/some/file", "/some/file/below"] {
        for error in [
            options(&vfs).open(dir).unwrap_err(),
            options(&vfs).create_if_missing(false).open(dir).unwrap_err(),
            options(&vfs).open_read_only(dir).unwrap_err(),
        ] {
            assert!(error.to_string().contains("/some/file"), "{error}");
        }
    }
    assert_eq!(vfs.read("/some/file").unwrap(), b"mine");
}

#[test]
fn files_of_others_in_a_database_stay_and_do_not_disturb() {
    let (vfs, state) = closed(1);
    let names = ["notes.txt", "000000000000000A.log", "0000000000000001.log.bak", "x.sst"];
    for name in names {
        vfs.write(path(name), b"mine").unwrap();
    }
    assert!(read_all(&vfs, ReadMode::Mmap).unwrap() == state);
    for name in names {
        assert_eq!(vfs.read(path(name)).unwrap(), b"mine", "{name}");
    }
}

#[test]
fn a_newer_format_is_named_and_left_alone() {
    let (vfs, _) = closed(1);
    // Version, transform, required feature bits: where the file header has them.
    for offset in [8, 12, 16, 23] {
        for name in one_of_each_kind(&vfs) {
            let newer = changed(&vfs, &name, |bytes| bytes[offset] ^= 0x40);
            let before = without_lock(&newer);
            let outcomes = [
                read_all_read_only(&newer),
                read_all(&newer, ReadMode::Mmap),
                read_all(&newer, ReadMode::Pread),
            ];
            for outcome in outcomes {
                match outcome {
                    Err(error @ Error::Unsupported { .. }) => {
                        assert!(error.to_string().contains(&name), "{error}");
                    }
                    other => panic!("{name}, byte {offset}: {:?}", other.map(|_| "opened")),
                }
                if !has_extension(&name, "sst") {
                    assert!(without_lock(&newer) == before, "{name} byte {offset}");
                }
            }
            assert!(newer.read(path(&name)).unwrap() == find(&before, &name), "{name}");
        }
    }
}

fn has_extension(name: &str, extension: &str) -> bool {
    Path::new(name).extension().is_some_and(|found| found == extension)
}

fn find(files: &[(String, Vec<u8>)], name: &str) -> Vec<u8> {
    files.iter().find(|(found, _)| found == name).unwrap().1.clone()
}

#[test]
fn a_missing_file_is_corruption() {
    for (vfs, _) in [closed(1), dead(2)] {
        for name in one_of_each_kind(&vfs) {
            let without = vfs.process_death();
            without.remove(path(&name)).unwrap();
            assert_corrupt(&without, &name, "missing");
        }
    }
}

#[test]
fn several_missing_files_are_no_new_database() {
    let (vfs, _) = closed(1);
    for kinds in [&["CURRENT", ".manifest"][..], &["CURRENT", ".log"], &["CURRENT", ".sst"]] {
        let without = vfs.process_death();
        for name in one_of_each_kind(&vfs) {
            if kinds.iter().any(|kind| name.ends_with(kind)) {
                without.remove(path(&name)).unwrap();
            }
        }
        assert_corrupt(&without, "CURRENT", "missing");
    }
}

#[test]
fn a_checkpoint_without_current_is_corruption_and_stays() {
    let vfs = MemVfs::new();
    let db = build(&vfs, 1);
    let state = state_of(&db).unwrap();
    db.checkpoint("/copy").unwrap();
    db.flush().unwrap();
    db.checkpoint("/copy without logs").unwrap();
    for copy in ["/copy", "/copy without logs"] {
        let current = vfs.read(format!("{copy}/CURRENT")).unwrap();
        vfs.remove(format!("{copy}/CURRENT")).unwrap();
        let before = contents(&vfs, copy);
        for opened in [options(&vfs).open(copy), options(&vfs).open_read_only(copy)] {
            let error = opened.err().unwrap_or_else(|| panic!("{copy} was taken"));
            assert!(error.is_corruption() && error.to_string().contains("CURRENT"), "{error}");
        }
        let after = contents(&vfs, copy).into_iter().filter(|(name, _)| name != "LOCK");
        assert!(after.eq(before), "{copy}: a refused opening changed files");
        vfs.write(format!("{copy}/CURRENT"), &current).unwrap();
        assert!(state_of(&options(&vfs).open(copy).unwrap()).unwrap() == state);
    }
}

#[test]
fn a_file_with_the_last_number_there_is_gives_no_panic() {
    let (vfs, state) = closed(1);
    let last = "f".repeat(16);
    for name in [format!("{last}.log"), format!("{last}.manifest"), format!("{last}-{last}.sst")] {
        let stray = vfs.process_death();
        stray.write(path(&name), b"stray").unwrap();
        assert!(read_all_read_only(&stray).is_ok_and(|found| found == state), "{name}");
        match read_all(&stray, ReadMode::Mmap) {
            Ok(found) => assert!(found == state, "{name}"),
            Err(error) => assert!(error.to_string().contains(&name), "{error}"),
        }
    }
}

#[test]
fn a_truncated_file_is_corruption() {
    for (vfs, state) in [closed(1), dead(2)] {
        let last_log = files_of_kind(&vfs, DIR, ".log").pop().unwrap();
        for name in one_of_each_kind(&vfs) {
            let bytes = vfs.read(path(&name)).unwrap();
            // Behind its records a log has zeros that nobody misses.
            let used = bytes.len() - bytes.iter().rev().take_while(|byte| **byte == 0).count();
            for left in [0, 1, 31, 32, 63, used / 3, used / 2, used - 1] {
                let cut = changed(&vfs, &name, |bytes| bytes.truncate(left));
                // The last segment may really have ended there when the power failed.
                if name == last_log && left > 200 {
                    match read_all_read_only(&cut) {
                        Ok(found) => assert_subset(&found, &state),
                        Err(error) => assert!(error.to_string().contains(&name), "{error}"),
                    }
                    continue;
                }
                // What ends the manifest is a beacon, which tells nothing new.
                if has_extension(&name, "manifest") && left == used - 1 {
                    assert!(read_all(&cut, ReadMode::Mmap).is_ok_and(|found| found == state));
                    continue;
                }
                assert_corrupt(&cut, &name, &format!("{left} bytes left"));
            }
        }
    }
}

fn assert_subset(found: &State, state: &State) {
    for (name, map) in found {
        for (key, value) in map {
            // The deletion at the end may be what is lost.
            let wanted = state[name].get(key);
            assert!(wanted == Some(value) || key == b"key 0001", "{}", key.escape_ascii());
        }
    }
}

#[test]
fn an_appended_table_is_corruption() {
    let (vfs, _) = closed(1);
    for name in files_of_kind(&vfs, DIR, ".sst") {
        let longer = changed(&vfs, &name, |bytes| bytes.push(0));
        assert_corrupt(&longer, &name, "longer");
    }
}

#[test]
fn files_of_another_database_are_corruption() {
    let ((vfs, state), (other, _)) = (closed(1), closed(2));
    let (ours, theirs) = (one_of_each_kind(&vfs), one_of_each_kind(&other));
    for kind in ["CURRENT", ".manifest", ".log"] {
        let of_kind = |names: &[String]| -> Vec<String> {
            names.iter().filter(|name| name.ends_with(kind)).cloned().collect()
        };
        for (name, their_name) in of_kind(&ours).iter().zip(of_kind(&theirs)) {
            let foreign = other.read(path(&their_name)).unwrap();
            let swapped = changed(&vfs, name, |bytes| *bytes = foreign);
            let before = without_lock(&swapped);
            for outcome in [read_all_read_only(&swapped), read_all(&swapped, ReadMode::Pread)] {
                let error = outcome.err().unwrap_or_else(|| panic!("{name} of another was taken"));
                assert!(error.is_corruption(), "{name}: {error}");
            }
            assert!(without_lock(&swapped) == before, "{name}");
        }
    }
    // Tables: of another database, and of this one under another's name.
    let tables = files_of_kind(&vfs, DIR, ".sst");
    for name in &tables {
        let foreign = files_of_kind(&other, DIR, ".sst").into_iter();
        let foreign = foreign.map(|name| other.read(path(&name)).unwrap());
        let own = tables.iter().filter(|own| *own != name);
        let own = own.map(|own| vfs.read(path(own)).unwrap());
        for bytes in foreign.chain(own) {
            let swapped = changed(&vfs, name, |old| *old = bytes);
            for outcome in [read_all_read_only(&swapped), read_all(&swapped, ReadMode::Mmap)] {
                let error = outcome.err().unwrap_or_else(|| panic!("{name}: taken"));
                assert!(error.is_corruption() && error.to_string().contains(name), "{error}");
            }
        }
    }
    assert!(read_all(&vfs, ReadMode::Mmap).unwrap() == state);
}

/// An older state of a file is as wrong as a foreign one.
#[test]
fn an_older_manifest_or_current_is_corruption() {
    let vfs = MemVfs::new();
    let db = options(&vfs).open(DIR).unwrap();
    put_some(&db, 0..40);
    let older = vfs.process_death();
    db.flush().unwrap();
    put_some(&db, 40..60);
    // The log that this writes into was born after the flush.
    db.close().unwrap();
    drop(db);
    let db = options(&vfs).open(DIR).unwrap();
    put_some(&db, 60..70);
    db.close().unwrap();
    let current = older.read(path("CURRENT")).unwrap();
    let stale = changed(&vfs, "CURRENT", |bytes| *bytes = current);
    let before = without_lock(&stale);
    assert!(read_all(&stale, ReadMode::Mmap).unwrap_err().is_corruption());
    assert!(without_lock(&stale) == before);
}

/// The manifest lost its last records, all of them whole; a log that was born behind them tells.
#[test]
fn a_manifest_that_ends_too_early_is_corruption() {
    let vfs = MemVfs::new();
    let db = options(&vfs).open(DIR).unwrap();
    put_some(&db.keyspace("pins the log").unwrap(), 0..1);
    let older = vfs.process_death();
    let logs = || files_of_kind(&vfs, DIR, ".log");
    let first = logs();
    for number in 0.. {
        if logs().len() > first.len() {
            break;
        }
        assert!(number < 10_000, "the log is never rotated");
        db.put(format!("key {}", number % 100), vec![7; 1_000]).unwrap();
    }
    db.put("in the second", "segment").unwrap();
    db.sync().unwrap();
    let after = vfs.process_death();
    let name = files_of_kind(&after, DIR, ".manifest").pop().unwrap();
    let early = changed(&after, &name, |bytes| {
        let old = older.read(path(&name)).unwrap();
        bytes.fill(0);
        bytes[..old.len()].copy_from_slice(&old);
    });
    assert_corrupt(&early, &name, "older");
}

/// With any byte of `name` changed, an opening gives an error that changes nothing, or the same
/// data.
fn assert_no_flip_shows(vfs: &MemVfs, state: &State, name: &str, step: usize) {
    let length = vfs.read(path(name)).unwrap().len();
    let used = vfs.read(path(name)).unwrap().iter().rposition(|byte| *byte != 0).unwrap();
    let (mut refused, mut read) = (0, 0);
    for offset in (0..used).step_by(step).chain((used..length).step_by(1_013)) {
        let bit = 1 << (offset % 8);
        let flipped = changed(vfs, name, |bytes| bytes[offset] ^= bit);
        let before = without_lock(&flipped);
        let read_only = read_all_read_only(&flipped);
        let mode = if offset % 2 == 0 { ReadMode::Mmap } else { ReadMode::Pread };
        let opened = options(&flipped).read_mode(mode).open(DIR);
        if opened.is_err() {
            assert!(without_lock(&flipped) == before, "{name} byte {offset}: files changed");
        }
        for outcome in [read_only, opened.and_then(|db| state_of(&db))] {
            match outcome {
                // Between header and records lies little that matters: docs/formats.md §2.
                Ok(found) if found == *state => read += u32::from(!(128..1536).contains(&offset)),
                Ok(_) => panic!("{name} byte {offset}: other data"),
                Err(error) => {
                    refused += 1;
                    assert!(error.to_string().contains(DIR), "{error} names no file");
                }
            }
        }
    }
    assert!(refused > read, "{name}: {refused} flips refused, {read} did not matter");
}

#[test]
fn a_flipped_bit_in_current_or_manifest_is_found() {
    for (vfs, state) in [closed(1), dead(2)] {
        assert_no_flip_shows(&vfs, &state, "CURRENT", 1);
        let manifests = files_of_kind(&vfs, DIR, ".manifest");
        for name in manifests {
            assert_no_flip_shows(&vfs, &state, &name, 1);
        }
    }
}

#[test]
fn a_flipped_bit_in_a_log_or_table_is_found() {
    let (vfs, state) = closed(1);
    for kind in [".log", ".sst"] {
        for name in files_of_kind(&vfs, DIR, kind) {
            assert_no_flip_shows(&vfs, &state, &name, 7);
        }
    }
}

#[test]
fn garbage_in_any_file_is_no_panic() {
    let (vfs, _) = closed(1);
    let random = SeededRandom::new(9);
    for name in one_of_each_kind(&vfs) {
        for round in 0..30 {
            let garbled = changed(&vfs, &name, |bytes| {
                let from = usize::try_from(random.next_u64()).unwrap_or(0) % bytes.len();
                let count = 1 + round * 20;
                for byte in bytes.iter_mut().skip(from).take(count) {
                    *byte = random.next_u64().to_le_bytes()[0];
                }
            });
            let outcome = read_all(&garbled, ReadMode::Pread);
            drop(outcome);
            if let Ok(db) = options(&garbled).open(DIR) {
                drop(db.verify());
                drop(db.compact_range(..));
            }
        }
    }
}

#[test]
fn damage_that_reading_does_not_meet_is_found_by_verify_and_stops_compaction() {
    let (vfs, _) = closed(1);
    for name in files_of_kind(&vfs, DIR, ".sst") {
        // A byte in the middle of the data blocks.
        let rotten = changed(&vfs, &name, |bytes| bytes[60] ^= 1);
        let db = options(&rotten).open(DIR).unwrap();
        let report = db.verify().unwrap();
        assert!(!report.findings.is_empty(), "{name}");
        let names_it =
            |finding: &siltstone::Finding| finding.path.to_string_lossy().ends_with(&name);
        assert!(report.findings.iter().all(names_it), "{report:?}");
        let before = files_of_kind(&rotten, DIR, ".sst");
        for keyspace in db.list_keyspaces().unwrap() {
            drop(db.keyspace(&keyspace).unwrap().compact_range(..));
        }
        assert!(files_of_kind(&rotten, DIR, ".sst").contains(&name), "{before:?}");
        assert!(state_of(&db).is_err_and(|error| error.is_corruption()));
    }
}
