//! Closing while others are in the middle of everything.

use crate::schedule::{check, start};
use crate::world::{number_of, open, value};
use siltstone::Error;
use siltstone::vfs::{CrashPolicy, MemVfs, Op, SimVfs};

/// What a call gives that met the end of the database, or none.
fn unless_closed<T>(outcome: Result<T, Error>) -> Option<T> {
    match outcome {
        Ok(value) => Some(value),
        Err(Error::Closed) => None,
        Err(other) => panic!("{other}"),
    }
}

/// How many calls put something into files.
fn written_to(vfs: &SimVfs) -> u64 {
    [Op::Create, Op::Append, Op::Write, Op::Rename].map(|op| vfs.performed(op)).iter().sum()
}

/// Every call ends, with a right answer or with `Closed`, and what was acknowledged is durable
/// once `close` has returned.
#[test]
fn everybody_comes_to_an_end_when_it_closes() {
    check("close", || {
        let vfs = SimVfs::new(1);
        let db = open(&vfs, 2);
        db.put("first", value(1, 8)).unwrap();
        let writers: Vec<_> = (0..2)
            .map(|writer| {
                let db = db.clone();
                start("writer", move || {
                    let put = |number: &u64| {
                        let key = format!("{writer} {number}");
                        unless_closed(db.put(key, value(*number, 1 << 10))).is_some()
                    };
                    (0..2).take_while(put).count()
                })
            })
            .collect();
        let reader = {
            let db = db.clone();
            start("reader", move || {
                let kept = unless_closed(db.get("first")).map(Option::unwrap);
                let scanned = unless_closed(db.scan(..).and_then(Iterator::collect));
                let scanned: Option<Vec<_>> = scanned;
                assert!(scanned.is_none_or(|found| !found.is_empty()));
                kept
            })
        };
        let flusher = {
            let db = db.clone();
            start("flusher", move || unless_closed(db.compact_range(..)))
        };
        db.close().unwrap();
        let image = vfs.crash(CrashPolicy::LoseUnsynced, 0);
        let written = written_to(&vfs);
        let kept = reader.join().unwrap();
        assert!(kept.is_none_or(|value| number_of(&value) == 1), "a value outlives the database");
        flusher.join().unwrap();
        let counts: Vec<usize> = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
        assert_eq!(written_to(&vfs), written, "the directory belongs to the next who opens it");
        let again = open(&image, 0);
        let present = |writer, number| again.contains_key(format!("{writer} {number}")).unwrap();
        for (writer, count) in counts.into_iter().enumerate() {
            assert!((0..count).all(|number| present(writer, number)), "{count} of {writer}");
        }
        assert!(again.contains_key("first").unwrap());
    });
}

/// The next to open the directory finds every keyspace that was acknowledged and none that was
/// not, and nobody of before writes below it.
#[test]
fn nothing_goes_to_the_manifest_behind_a_close() {
    check("manifest", || {
        let vfs = MemVfs::new();
        let db = open(&vfs, 1);
        db.keyspace("old").unwrap();
        let creator = {
            let db = db.clone();
            start("creator", move || unless_closed(db.keyspace("new")).is_some())
        };
        let remover = {
            let db = db.clone();
            start("remover", move || unless_closed(db.drop_keyspace("old")).is_some())
        };
        let writer = {
            let db = db.clone();
            start("writer", move || {
                let put =
                    |number: &u64| unless_closed(db.put("key", value(*number, 2100))).is_some();
                (1..4).take_while(put).count() as u64
            })
        };
        db.close().unwrap();
        let next = open(&vfs, 0);
        next.keyspace("next").unwrap();
        let (made, gone) = (creator.join().unwrap(), remover.join().unwrap());
        let written = writer.join().unwrap();
        next.flush().unwrap();
        next.close().unwrap();
        let last = open(&vfs, 0);
        let mut expected = vec!["default"];
        expected.extend(made.then_some("new"));
        expected.push("next");
        expected.extend((!gone).then_some("old"));
        assert_eq!(last.list_keyspaces().unwrap(), expected);
        let found = last.get("key").unwrap().map_or(0, |value| number_of(&value));
        assert_eq!(found, written, "acknowledged {written}, found {found}");
        assert!(last.verify().unwrap().findings.is_empty());
    });
}
