//! Flush and compaction beside those who hold them back: snapshots, the log, writers that wait.

use crate::schedule::{check, check_costly, start};
use crate::world::{number_of, open, options, value};
use siltstone::vfs::MemVfs;

/// Versions that a snapshot shows stay as long as it lives, whatever is flushed and merged while
/// it is taken, and go in the end.
#[test]
fn a_snapshot_sees_its_versions_until_it_is_released() {
    check("snapshot", || {
        let db = open(&MemVfs::new(), 1);
        db.put("key", value(1, 1 << 10)).unwrap();
        let first = db.snapshot();
        let writer = {
            let db = db.clone();
            start("writer", move || {
                for number in 2..=3 {
                    db.put("key", value(number, 1 << 10)).unwrap();
                }
            })
        };
        let compactor = {
            let db = db.clone();
            start("compactor", move || db.compact_range(..).unwrap())
        };
        let taker = {
            let db = db.clone();
            start("taker", move || {
                let snapshot = db.snapshot();
                let seen = || number_of(&snapshot.get(&db, "key").unwrap().unwrap());
                let number = seen();
                assert_eq!(number, snapshot.seqno(), "each seqno wrote its own number");
                let scanned = snapshot.scan(&db, ..).unwrap().map(Result::unwrap);
                let scanned: Vec<_> = scanned.map(|(_, value)| number_of(&value)).collect();
                assert_eq!(scanned, [number], "get and scan differ");
                assert_eq!(seen(), number, "a snapshot changed");
            })
        };
        assert_eq!(number_of(&first.get(&db, "key").unwrap().unwrap()), 1);
        taker.join().unwrap();
        assert_eq!(number_of(&first.get(&db, "key").unwrap().unwrap()), 1);
        drop(first);
        for thread in [writer, compactor] {
            thread.join().unwrap();
        }
        assert_eq!(number_of(&db.get("key").unwrap().unwrap()), 3);
        // What lies at the bottom already is merged again only with something newer.
        db.put("key", value(4, 8)).unwrap();
        db.compact_range(..).unwrap();
        assert_eq!(number_of(&db.get("key").unwrap().unwrap()), 4);
        let report = db.verify().unwrap();
        assert!(report.findings.is_empty(), "{:?}", report.findings);
        assert_eq!(report.entries, 1, "versions that nobody needs are still there");
        db.close().unwrap();
    });
}

/// Two keyspaces share the log: while what one has of it is flushed and given up, the other, which
/// nobody knew a moment ago, writes into the same segment and goes on to the next.
#[test]
fn the_log_stays_for_what_is_not_in_tables() {
    check("log", || {
        let vfs = MemVfs::new();
        let db = options(&vfs, 1).memtable_bytes(8 << 10).open("/db").unwrap();
        db.put("old", value(1, 6000)).unwrap();
        let flusher = {
            let db = db.clone();
            start("flusher", move || db.flush().unwrap())
        };
        let writer = {
            let db = db.clone();
            start("writer", move || {
                let space = db.keyspace("new").unwrap();
                for number in 1..=3 {
                    space.put(format!("{number}"), value(number, 2500)).unwrap();
                }
            })
        };
        for thread in [flusher, writer] {
            thread.join().unwrap();
        }
        let left = open(&vfs.process_death(), 0);
        assert!(left.contains_key("old").unwrap());
        let space = left.find_keyspace("new").unwrap().expect("it was created durably");
        assert_eq!(space.keys(..).unwrap().map(Result::unwrap).count(), 3);
        db.close().unwrap();
    });
}

/// Writers fill all memtables that there may be, again and again. Whoever waits is woken: a
/// wake-up that is lost is a deadlock here, because no wait ends by time.
#[test]
fn a_writer_that_waits_for_a_memtable_is_woken() {
    check_costly("stall", || {
        let db = options(&MemVfs::new(), 1).memtable_bytes(256 << 10).open("/db").unwrap();
        let writers: Vec<_> = (0..3_u64)
            .map(|writer| {
                let db = db.clone();
                start("writer", move || {
                    for number in 0..2 {
                        db.put(format!("{writer} {number}"), value(number, 260 << 10)).unwrap();
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.join().unwrap();
        }
        db.flush().unwrap();
        assert_eq!(db.keys(..).unwrap().map(Result::unwrap).count(), 6);
        db.close().unwrap();
    });
}
