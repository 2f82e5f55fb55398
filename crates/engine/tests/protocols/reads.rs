//! Reads beside writes, jobs, and keyspaces that go.

use crate::schedule::{check, start};
use crate::world::{number_of, open, value};
use siltstone::vfs::MemVfs;
use siltstone::{Db, Error};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Overwrites `key` and turns each version into a table, so that older ones go at once.
fn overwrite(db: &Db, acknowledged: &AtomicU64) {
    for number in 2..=4 {
        db.put("key", value(number, 1 << 10)).unwrap();
        acknowledged.store(number, Ordering::SeqCst);
    }
}

/// A read that took its seqno before it pinned the state would look for a version that a flush
/// has dropped meanwhile, and find none.
#[test]
fn a_get_finds_a_version_as_new_as_the_last_one_acknowledged_before_it() {
    check("get", || {
        let db = open(&MemVfs::new(), 1);
        db.put("key", value(1, 8)).unwrap();
        let acknowledged = Arc::new(AtomicU64::new(1));
        let writer = {
            let (db, acknowledged) = (db.clone(), Arc::clone(&acknowledged));
            start("writer", move || overwrite(&db, &acknowledged))
        };
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let (db, acknowledged) = (db.clone(), Arc::clone(&acknowledged));
                start("reader", move || {
                    for _ in 0..3 {
                        let known = acknowledged.load(Ordering::SeqCst);
                        let found = db.get("key").unwrap().expect("a key that was never deleted");
                        assert!(number_of(&found) >= known, "older than {known}");
                    }
                })
            })
            .collect();
        for reader in readers {
            reader.join().unwrap();
        }
        writer.join().unwrap();
        assert_eq!(number_of(&db.get("key").unwrap().unwrap()), 4);
        db.close().unwrap();
    });
}

/// What a keyspace held is never seen as absent: it is there, or the keyspace is gone.
#[test]
fn a_dropped_keyspace_is_never_an_empty_one() {
    check("dropped", || {
        let db = open(&MemVfs::new(), 1);
        let space = db.keyspace("space").unwrap();
        space.put("key", value(1, 8)).unwrap();
        let dropper = {
            let db = db.clone();
            start("dropper", move || {
                db.drop_keyspace("space").unwrap();
                let again = db.keyspace("space").unwrap();
                assert!(again.get("key").unwrap().is_none(), "what was dropped came back");
            })
        };
        let reader = {
            let space = space.clone();
            start("reader", move || {
                let mut gone = false;
                for _ in 0..2 {
                    match space.get("key") {
                        Ok(found) => assert!(found.is_some() && !gone, "{found:?} after {gone}"),
                        Err(Error::KeyspaceDropped) => gone = true,
                        Err(other) => panic!("{other}"),
                    }
                    let scanned = space.scan(..).and_then(Iterator::collect::<Result<Vec<_>, _>>);
                    match scanned {
                        Ok(found) => assert!(found.len() == 1 && !gone, "{found:?} after {gone}"),
                        Err(Error::KeyspaceDropped) => gone = true,
                        Err(other) => panic!("{other}"),
                    }
                }
            })
        };
        match space.put("key", value(2, 1 << 10)).map(drop).and_then(|()| space.flush()) {
            Ok(()) | Err(Error::KeyspaceDropped) => {}
            Err(other) => panic!("{other}"),
        }
        dropper.join().unwrap();
        reader.join().unwrap();
        assert!(matches!(space.get("key"), Err(Error::KeyspaceDropped)));
        db.close().unwrap();
    });
}

/// Tables that a compaction made obsolete stay until the last cursor over them goes.
#[test]
fn a_cursor_reads_on_while_its_tables_are_merged_and_removed() {
    check("cursor", || {
        let vfs = MemVfs::new();
        let db = open(&vfs, 0);
        for number in 1..=3_u64 {
            db.put(format!("key {number}"), value(number, 8)).unwrap();
            db.flush().unwrap();
        }
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let db = db.clone();
                start("reader", move || {
                    let mut cursor = db.cursor().unwrap();
                    let mut found = Vec::new();
                    let mut more = cursor.seek_to_first().unwrap();
                    while more {
                        found.push(number_of(cursor.value().unwrap()));
                        more = cursor.next().unwrap();
                    }
                    assert!(found == [1, 2, 3] || found == [1, 12, 3], "{found:?}");
                })
            })
            .collect();
        let compactor = {
            let db = db.clone();
            start("compactor", move || {
                db.put("key 2", value(12, 8)).unwrap();
                db.compact_range(..).unwrap();
            })
        };
        for thread in readers.into_iter().chain([compactor]) {
            thread.join().unwrap();
        }
        assert!(db.verify().unwrap().findings.is_empty());
        db.close().unwrap();
    });
}
