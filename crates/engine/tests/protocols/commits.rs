//! Group commit: who leads, who waits, what a power cut leaves, and a leader that fails.

use crate::schedule::{check, start};
use crate::world::{DIR, number_of, open, options, value};
use siltstone::vfs::{CrashPolicy, Fault, FaultKind, MemVfs, Op, Pages, SimVfs};
use siltstone::{Db, Durability, Error, WriteBatch, WriteOptions};
use std::collections::BTreeSet;

/// Writes of a writer: the last one is synced.
const WRITES: u64 = 2;

/// What a writer was told: the seqno, its number and whether it was synced.
#[derive(Clone, Copy, Debug)]
struct Acknowledged {
    seqno: u64,
    writer: u64,
    number: u64,
    synced: bool,
}

fn key(writer: u64, number: u64, half: &str) -> String {
    format!("{writer} {number} {half}")
}

/// One batch of two large values: two of them fill a segment of the log.
fn write(db: &Db, writer: u64, number: u64, synced: bool) -> Result<u64, Error> {
    let mut batch = WriteBatch::new();
    for half in ["left", "right"] {
        batch.put(&db.default_keyspace(), key(writer, number, half), value(number, 1500));
    }
    let durability = if synced { Durability::Sync } else { Durability::Buffered };
    db.write_with(batch, &WriteOptions::new().durability(durability))
}

/// The writes that are there, each of them whole.
fn found(db: &Db) -> BTreeSet<(u64, u64)> {
    let snapshot = db.snapshot();
    let mut found = BTreeSet::new();
    for writer in 0..3 {
        for number in 0..WRITES {
            let get = |half| snapshot.get(db, key(writer, number, half)).unwrap();
            let (left, right) = (get("left"), get("right"));
            assert_eq!(left.is_some(), right.is_some(), "a batch in part");
            assert!(left.iter().chain(&right).all(|value| number_of(value) == number));
            found.extend(left.map(|_| (writer, number)));
        }
    }
    found
}

/// The log goes from segment to segment meanwhile. What a power cut leaves is everything up to
/// some seqno, with all that was synced in it.
#[test]
fn groups_are_whole_and_in_order_while_the_log_rotates() {
    check("rotation", || {
        let vfs = MemVfs::new();
        let db = open(&vfs, 1);
        let writers: Vec<_> = (0..3)
            .map(|writer| {
                let db = db.clone();
                start("writer", move || -> Vec<Acknowledged> {
                    let write = |number| {
                        let synced = number + 1 == WRITES;
                        let seqno = write(&db, writer, number, synced).unwrap();
                        let metrics = db.metrics();
                        assert!(!synced || metrics.synced_seqno >= seqno, "not yet durable");
                        assert!(found(&db).contains(&(writer, number)), "not yet visible");
                        Acknowledged { seqno, writer, number, synced }
                    };
                    (0..WRITES).map(write).collect()
                })
            })
            .collect();
        let acknowledged: Vec<_> =
            writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect();
        let seqnos: BTreeSet<_> = acknowledged.iter().map(|written| written.seqno).collect();
        let expected = (1..=acknowledged.len() as u64).map(|write| 2 * write);
        assert!(seqnos.into_iter().eq(expected), "a seqno for each op, and none twice");
        check_image(&vfs.power_cut(), &acknowledged);
        let image = vfs.process_death();
        assert_eq!(found(&open(&image, 0)).len(), acknowledged.len(), "all, as none lost power");
        db.close().unwrap();
    });
}

fn check_image(image: &MemVfs, acknowledged: &[Acknowledged]) {
    let db = open(image, 0);
    let left = found(&db);
    let is_left = |write: &&Acknowledged| left.contains(&(write.writer, write.number));
    let last = acknowledged.iter().filter(is_left).map(|write| write.seqno).max().unwrap_or(0);
    for write in acknowledged {
        assert_eq!(is_left(&write), write.seqno <= last, "{write:?}, the last one is {last}");
        assert!(is_left(&write) || !write.synced, "{write:?} was synced");
    }
}

/// The sync of some group fails. Each writer hears of it, those that wait too, nobody is told
/// that a later write succeeded, and what was acknowledged as synced survives a power cut.
#[test]
fn nobody_waits_for_a_leader_that_failed() {
    check("leader", || {
        let vfs = SimVfs::new(1);
        let db = open(&vfs, 1);
        let fault = Fault::new(1, FaultKind::FailedSync(Pages::Dropped));
        vfs.arm(fault.on(Op::Sync).in_path(".log"));
        let writers: Vec<_> = (0..3)
            .map(|writer| {
                let db = db.clone();
                start("writer", move || {
                    let told = |number| write(&db, writer, number, true).is_ok();
                    let told: Vec<bool> = (0..WRITES).map(told).collect();
                    assert!(told.is_sorted_by(|a, b| a >= b), "a success after a failure");
                    told.iter().filter(|ok| **ok).count() as u64
                })
            })
            .collect();
        let acknowledged: Vec<u64> = writers.into_iter().map(|w| w.join().unwrap()).collect();
        if vfs.armed() == 0 {
            assert!(!db.health().takes_writes(), "a sync failed");
            assert!(matches!(db.put("k", "v"), Err(Error::Stopped { .. })));
            db.get("k").unwrap();
        }
        let left = options(&vfs.crash(CrashPolicy::LoseUnsynced, 0), 0).open(DIR).unwrap();
        let left = found(&left);
        for (writer, acknowledged) in (0..).zip(acknowledged) {
            assert!((0..acknowledged).all(|number| left.contains(&(writer, number))));
        }
        drop(db.close());
    });
}
