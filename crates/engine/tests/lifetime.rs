//! Who may outlive whom: handles and a closed database, values and what they were read from,
//! dropped keyspaces, the lock, and openings that only read.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{contents, files, files_of_kind};
use siltstone::vfs::{DiskVfs, MemVfs, Vfs};
use siltstone::{Db, Error, Keyspace, Options, ReadMode, WriteBatch};
use std::path::Path;
use std::sync::Arc;

const DIR: &str = "/db";

/// Small, and without threads: what happens, happens in the calls.
fn options(vfs: &MemVfs) -> Options {
    let options = Options::new().vfs(Arc::new(vfs.clone())).background_threads(0);
    options.memory_budget(1 << 20).memtable_bytes(16 << 10)
}

fn open(vfs: &MemVfs) -> Db {
    options(vfs).open(DIR).unwrap()
}

fn assert_closed<T>(outcome: Result<T, Error>) {
    match outcome {
        Err(Error::Closed) => {}
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("the database is closed, but the call succeeded"),
    }
}

fn assert_dropped<T>(outcome: Result<T, Error>) {
    match outcome {
        Err(Error::KeyspaceDropped) => {}
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("the keyspace is dropped, but the call succeeded"),
    }
}

/// A few hundred keys, in tables and in a memtable.
fn fill(keyspace: &Keyspace) {
    for number in 0..300_u32 {
        keyspace.put(format!("key {number:05}"), number.to_le_bytes().repeat(40)).unwrap();
    }
    keyspace.flush().unwrap();
    for number in 300..320_u32 {
        keyspace.put(format!("key {number:05}"), number.to_le_bytes().repeat(40)).unwrap();
    }
}

#[test]
fn after_close_every_handle_says_so() {
    let vfs = MemVfs::new();
    let db = open(&vfs);
    fill(&db);
    let (clone, keyspace, snapshot) = (db.clone(), db.keyspace("other").unwrap(), db.snapshot());
    let mut cursor = db.cursor().unwrap();
    assert!(cursor.seek("key 00007").unwrap());
    let mut scan = db.scan(..).unwrap();
    scan.next().unwrap().unwrap();
    let mut fresh_scan = db.scan(..).unwrap();
    let mut batch = WriteBatch::new();
    batch.put(&keyspace, "k", "v");

    clone.close().unwrap();
    db.close().unwrap();

    assert_closed(db.get("key 00001"));
    assert_closed(db.contains_key("key 00001"));
    assert_closed(db.put("k", "v"));
    assert_closed(db.delete("k"));
    assert_closed(db.write(batch));
    assert_closed(db.write(WriteBatch::new()));
    assert_closed(db.sync());
    assert_closed(db.flush());
    assert_closed(db.compact_range(..));
    assert_closed(db.checkpoint("/elsewhere"));
    assert_closed(db.verify());
    assert_closed(db.tree());
    assert_closed(db.explain_get("k"));
    assert_closed(db.approximate_size(..));
    assert_closed(db.keyspace("another"));
    assert_closed(db.list_keyspaces());
    assert_closed(db.drop_keyspace("other"));
    assert_closed(db.cursor());
    assert_closed(db.scan(..));
    assert_closed(keyspace.get("k"));
    assert_closed(keyspace.flush());
    assert_closed(clone.get("key 00001"));
    assert_closed(snapshot.get(&db, "key 00001"));
    assert_closed(snapshot.scan(&db, ..));
    assert_closed(cursor.next());
    assert_closed(cursor.prev());
    assert_closed(cursor.seek("a"));
    assert_closed(scan.next().unwrap());
    assert!(scan.next().is_none(), "a scan ends after an error");
    assert_closed(fresh_scan.next_back().unwrap());
    assert!(files(&vfs, "/elsewhere").is_empty());
}

#[test]
fn close_releases_the_lock_whatever_handles_remain() {
    let vfs = MemVfs::new();
    let db = open(&vfs);
    db.put("k", "v").unwrap();
    let (_cursor, _snapshot) = (db.cursor().unwrap(), db.snapshot());
    db.close().unwrap();
    let again = open(&vfs);
    assert_eq!(again.get("k").unwrap().as_deref(), Some(&b"v"[..]));
    assert_closed(db.get("k"));
    drop(db);
    again.put("k", "w").unwrap();
    assert!(matches!(options(&vfs).open(DIR), Err(Error::Locked { .. })));
}

#[test]
fn values_stay_valid_after_everything_else_is_gone() {
    for mode in [ReadMode::Mmap, ReadMode::Pread] {
        for bytes in [0, 1, 1_024, 1_025, 100_000] {
            let vfs = MemVfs::new();
            let db = options(&vfs).read_mode(mode).open(DIR).unwrap();
            let value = vec![7; bytes];
            db.put("in a table", &value).unwrap();
            db.flush().unwrap();
            db.put("in memory", &value).unwrap();
            let from_table = db.get("in a table").unwrap().unwrap();
            let from_memory = db.get("in memory").unwrap().unwrap();
            let scanned: Vec<_> = db.scan(..).unwrap().map(Result::unwrap).collect();
            for number in 0..50 {
                db.put(format!("in {number}"), &value).unwrap();
            }
            db.delete("in a table").unwrap();
            db.compact_range(..).unwrap();
            db.close().unwrap();
            drop(db);
            for (name, _) in files(&vfs, DIR) {
                vfs.remove(format!("{DIR}/{name}")).unwrap();
            }
            assert_eq!((&*from_table, &*from_memory), (&value[..], &value[..]));
            assert_eq!(scanned.len(), 2);
            assert!(scanned.iter().all(|(_, found)| **found == *value));
            assert_eq!(from_table.into_vec(), value);
        }
    }
}

#[test]
fn the_last_handle_of_any_kind_closes() {
    let vfs = MemVfs::new();
    let is_open = || matches!(options(&vfs).open(DIR), Err(Error::Locked { .. }));
    let check = |keep: &dyn Fn(Db) -> Box<dyn std::any::Any>| {
        let kept = keep(open(&vfs));
        assert!(is_open(), "a handle is left");
        drop(kept);
        drop(open(&vfs));
    };
    check(&|db| Box::new(db));
    check(&|db| Box::new(db.clone()));
    check(&|db| Box::new(db.keyspace("some").unwrap()));
    check(&|db| Box::new(db.default_keyspace()));
    check(&|db| Box::new(db.snapshot()));
    check(&|db| Box::new(db.cursor().unwrap()));
    check(&|db| Box::new(db.scan(..).unwrap()));
    check(&|db| Box::new(db.keys(..).unwrap()));
}

#[test]
fn dropping_the_last_handle_keeps_every_write() {
    for threads in 0..3 {
        let vfs = MemVfs::new();
        for round in 0..5 {
            let db = options(&vfs).background_threads(threads).open(DIR).unwrap();
            for earlier in 0..round {
                let key = format!("round {earlier}");
                assert!(db.contains_key(key).unwrap(), "{earlier} of {round}");
            }
            db.put(format!("round {round}"), "there").unwrap();
            fill(&db);
        }
        // Dropped, not only killed: it is durable.
        let db = open(&vfs.power_cut());
        assert!(db.contains_key("round 4").unwrap());
    }
}

#[test]
fn a_second_writer_is_told_who_is_there() {
    let mem = MemVfs::new();
    let temp = tempfile::tempdir().unwrap();
    let on_disk = temp.path().join("db");
    let places: [(Arc<dyn Vfs>, &Path); 2] =
        [(Arc::new(mem), Path::new(DIR)), (Arc::new(DiskVfs::new()), &on_disk)];
    for (vfs, dir) in places {
        let options = || Options::new().vfs(Arc::clone(&vfs)).memory_budget(1 << 20);
        let db = options().open(dir).unwrap();
        db.put("k", "v").unwrap();
        let error = options().open(dir).unwrap_err();
        let process = std::process::id().to_string();
        match &error {
            Error::Locked { holder, .. } => assert!(holder.contains(&process), "{holder}"),
            other => panic!("{other}"),
        }
        assert!(error.is_retryable() && error.to_string().contains("LOCK"), "{error}");
        let reader = options().open_read_only(dir).unwrap();
        assert_eq!(reader.get("k").unwrap().as_deref(), Some(&b"v"[..]));
        db.put("k", "still").unwrap();
        drop(db);
        let again = options().open(dir).unwrap();
        assert_eq!(again.get("k").unwrap().as_deref(), Some(&b"still"[..]));
        again.close().unwrap();
        options().open(dir).unwrap().close().unwrap();
    }
}

#[test]
fn handles_of_another_database_are_refused() {
    let vfs = MemVfs::new();
    let (one, other) = (open(&vfs), options(&vfs).open("/other").unwrap());
    let theirs = other.keyspace("theirs").unwrap();
    let mut batch = WriteBatch::new();
    batch.put(&one.default_keyspace(), "k", "v");
    batch.put(&theirs, "k", "v");
    assert!(matches!(one.write(batch), Err(Error::ForeignHandle)));
    assert!(one.get("k").unwrap().is_none() && theirs.get("k").unwrap().is_none());
    let snapshot = one.snapshot();
    assert!(matches!(snapshot.get(&theirs, "k"), Err(Error::ForeignHandle)));
    assert!(matches!(snapshot.scan(&theirs, ..), Err(Error::ForeignHandle)));
    assert!(matches!(snapshot.cursor(&theirs), Err(Error::ForeignHandle)));
}

#[test]
fn a_handle_from_before_a_reopen_is_foreign_or_closed() {
    let vfs = MemVfs::new();
    let db = open(&vfs);
    let old = db.keyspace("some").unwrap();
    db.close().unwrap();
    let again = open(&vfs);
    let mut batch = WriteBatch::new();
    batch.put(&old, "k", "v");
    assert!(matches!(again.write(batch), Err(Error::ForeignHandle)));
    assert_closed(old.put("k", "v"));
}

#[test]
fn a_dropped_keyspace_is_gone_for_all_its_handles() {
    let vfs = MemVfs::new();
    let db = open(&vfs);
    let (gone, clone) = (db.keyspace("gone").unwrap(), db.keyspace("gone").unwrap());
    fill(&gone);
    let snapshot = db.snapshot();
    let mut cursor = gone.cursor().unwrap();
    assert!(cursor.seek_to_first().unwrap());
    let mut scan = gone.scan(..).unwrap();
    scan.next().unwrap().unwrap();
    let mut batch = WriteBatch::new();
    batch.put(&db.default_keyspace(), "k", "v");
    batch.put(&gone, "k", "v");
    let value = gone.get("key 00001").unwrap().unwrap();

    db.drop_keyspace("gone").unwrap();

    assert_dropped(gone.get("key 00001"));
    assert_dropped(clone.put("k", "v"));
    assert_dropped(clone.delete("k"));
    assert_dropped(gone.contains_key("k"));
    assert_dropped(gone.scan(..));
    assert_dropped(gone.cursor());
    assert_dropped(gone.flush());
    assert_dropped(gone.compact_range(..));
    assert_dropped(gone.explain_get("k"));
    assert_dropped(gone.approximate_size(..));
    assert_dropped(snapshot.get(&gone, "key 00001"));
    assert_dropped(cursor.next());
    assert_dropped(scan.next().unwrap());
    assert_dropped(db.write(batch));
    assert!(db.get("k").unwrap().is_none(), "nothing of a refused batch is stored");
    assert_eq!(&*value, 1_u32.to_le_bytes().repeat(40));
    assert_eq!(db.list_keyspaces().unwrap(), ["default"]);
    assert!(matches!(db.drop_keyspace("gone"), Err(Error::InvalidName { .. })));
    assert!(matches!(db.drop_keyspace("default"), Err(Error::InvalidName { .. })));
}

#[test]
fn the_name_of_a_dropped_keyspace_is_free_and_its_data_are_gone() {
    let vfs = MemVfs::new();
    let db = open(&vfs);
    let old = db.keyspace("name").unwrap();
    fill(&old);
    db.put("stays", "here").unwrap();
    let before = files_of_kind(&vfs, DIR, ".sst");
    assert!(!before.is_empty());
    db.drop_keyspace("name").unwrap();
    assert!(files_of_kind(&vfs, DIR, ".sst").is_empty(), "its tables are removed");
    let new = db.keyspace("name").unwrap();
    assert!(new.scan(..).unwrap().next().is_none());
    new.put("key 00001", "new").unwrap();
    assert_dropped(old.get("key 00001"));
    drop((old, new));
    // The log still has the writes of the old one; they must not come back as the new one's.
    let vfs = vfs.process_death();
    let db = open(&vfs);
    let new = db.keyspace("name").unwrap();
    let found: Vec<_> = new.scan(..).unwrap().map(|pair| pair.unwrap().0.into_vec()).collect();
    assert_eq!(found, [b"key 00001"]);
    assert_eq!(new.get("key 00001").unwrap().as_deref(), Some(&b"new"[..]));
    assert!(db.contains_key("stays").unwrap());
    db.drop_keyspace("name").unwrap();
    drop((db, new));
    let db = open(&vfs);
    assert_eq!(db.list_keyspaces().unwrap(), ["default"]);
    assert!(db.find_keyspace("name").unwrap().is_none());
}

#[test]
fn a_cursor_lets_old_tables_go_with_its_next_move() {
    let vfs = MemVfs::new();
    let db = open(&vfs);
    fill(&db);
    let tables = || -> usize {
        let trees = db.tree().unwrap();
        trees.iter().flat_map(|tree| &tree.runs).map(|run| run.tables.len()).sum()
    };
    let mut cursor = db.cursor().unwrap();
    assert!(cursor.seek_for_prev("key 00100").unwrap());
    let mut scan = db.scan(..).unwrap();
    assert!(scan.next().is_some() && scan.next_back().is_some());
    fill(&db);
    db.flush().unwrap();
    db.compact_range(..).unwrap();
    assert!(files_of_kind(&vfs, DIR, ".sst").len() > tables(), "both read the tables of before");
    assert!(cursor.prev().unwrap() && cursor.key() == b"key 00099");
    assert!(scan.next().is_some() && scan.next_back().is_some());
    // The next job, or write without threads, finds that nobody needs them.
    db.put("k", "v").unwrap();
    assert_eq!(files_of_kind(&vfs, DIR, ".sst").len(), tables());
    assert_eq!(scan.count(), 316);
}

#[expect(clippy::disallowed_methods, reason = "the test needs a thread of its own")]
#[test]
fn memtables_of_many_keyspaces_fit_into_a_smaller_budget_after_a_reopen() {
    let vfs = MemVfs::new();
    let names: Vec<_> = (0..9).map(|number| format!("keyspace {number}")).collect();
    let db = Options::new().vfs(Arc::new(vfs.clone())).open(DIR).unwrap();
    for name in &names {
        let keyspace = db.keyspace(name).unwrap();
        for number in 0..100 {
            keyspace.put(format!("key {number}"), vec![7; 1_000]).unwrap();
        }
    }
    drop(db);
    for threads in [0, 2] {
        let vfs = vfs.process_death();
        let options = Options::new().vfs(Arc::new(vfs)).memory_budget(1 << 20);
        let db = options.memtable_bytes(256 << 10).background_threads(threads).open(DIR).unwrap();
        let (done, is_done) = std::sync::mpsc::channel();
        let writer = {
            let (db, names) = (db.clone(), names.clone());
            std::thread::Builder::new().spawn(move || {
                for name in &names {
                    db.keyspace(name).unwrap().put("more", vec![7; 10_000]).unwrap();
                }
                done.send(()).unwrap();
            })
        };
        let waited = is_done.recv_timeout(std::time::Duration::from_secs(30));
        assert!(waited.is_ok(), "writers hang with {threads} threads: {:?}", db.metrics());
        writer.unwrap().join().unwrap();
        assert!(db.metrics().memtable_bytes < 1 << 20);
    }
}

#[test]
fn a_read_only_open_writes_nothing() {
    let vfs = MemVfs::new();
    let db = open(&vfs);
    fill(&db);
    let users = db.keyspace("users").unwrap();
    fill(&users);
    drop((db, users));
    // With a log to replay, as a dead process leaves it.
    let db = open(&vfs);
    db.put("only in", "the log").unwrap();
    let vfs = vfs.process_death();
    drop(db);
    vfs.remove(format!("{DIR}/LOCK")).unwrap();
    let (before, operations) = (contents(&vfs, DIR), vfs.operations());

    let reader = options(&vfs).open_read_only(DIR).unwrap();
    assert_eq!(reader.get("only in").unwrap().as_deref(), Some(&b"the log"[..]));
    assert_eq!(reader.scan(..).unwrap().count(), 321);
    assert_eq!(reader.list_keyspaces().unwrap(), ["default", "users"]);
    let users = reader.keyspace("users").unwrap();
    assert_eq!(users.keys(..).unwrap().rev().count(), 320);
    assert!(reader.verify().unwrap().findings.is_empty());
    let snapshot = reader.snapshot();
    assert!(snapshot.get(&users, "key 00000").unwrap().is_some());
    let is_read_only = |error: Option<Error>| {
        assert!(matches!(error, Some(Error::OpenedReadOnly)), "{error:?}");
    };
    is_read_only(reader.put("k", "v").err());
    is_read_only(reader.delete("k").err());
    is_read_only(users.put("k", "v").err());
    is_read_only(reader.write(WriteBatch::new()).err());
    is_read_only(reader.sync().err());
    is_read_only(reader.flush().err());
    is_read_only(reader.compact_range(..).err());
    is_read_only(reader.keyspace("new").err());
    is_read_only(reader.drop_keyspace("users").err());
    is_read_only(reader.checkpoint("/elsewhere").err());
    reader.close().unwrap();
    drop((reader, users, snapshot));
    assert_eq!(vfs.operations(), operations, "not one operation on files");
    assert!(contents(&vfs, DIR) == before);
}

#[test]
fn a_read_only_open_creates_nothing() {
    let vfs = MemVfs::new();
    assert!(matches!(options(&vfs).open_read_only("/none"), Err(Error::NotFound { .. })));
    vfs.create_dir_all(Path::new("/empty")).unwrap();
    assert!(matches!(options(&vfs).open_read_only("/empty"), Err(Error::NotFound { .. })));
    assert!(files(&vfs, "/empty").is_empty());
    assert!(vfs.metadata(Path::new("/none")).is_err());
}

#[test]
fn a_read_only_state_stays_while_the_writer_goes_on() {
    let vfs = MemVfs::new();
    let db = open(&vfs);
    fill(&db);
    db.flush().unwrap();
    let reader = options(&vfs).open_read_only(DIR).unwrap();
    for number in 0..320 {
        db.delete(format!("key {number:05}")).unwrap();
    }
    db.compact_range(..).unwrap();
    assert_eq!(db.scan(..).unwrap().count(), 0);
    assert_eq!(reader.scan(..).unwrap().rev().count(), 320);
    let again = options(&vfs).open_read_only(DIR).unwrap();
    assert_eq!(again.scan(..).unwrap().count(), 0);
}
