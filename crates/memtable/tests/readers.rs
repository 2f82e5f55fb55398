//! Many readers beside several writers: what was acknowledged is found.

use siltstone_base::{Cursor, EntryKind, MAX_SEQNO, Seqno};
use siltstone_memtable::Memtable;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

const WRITERS: u64 = 2;
const READERS: u64 = 3;
const WRITES: u64 = 40_000;
/// Each writer goes round this many keys of its own.
const KEYS: u64 = 997;

/// Write number `index` of `writer`; seqnos of all writers interleave and begin at 1.
fn seqno(writer: u64, index: u64) -> Seqno {
    index * WRITERS + writer + 1
}

fn key(writer: u64, index: u64) -> Vec<u8> {
    format!("common:{}:{writer}", index % KEYS * 101 % KEYS).into_bytes()
}

fn value(writer: u64, index: u64) -> Vec<u8> {
    format!("{writer} wrote {index}").into_bytes()
}

/// Gets pseudo-random writes among the first `acknowledged` of `writer`, each as the newest
/// version of its key at the seqno of the last acknowledged one.
fn get_some(memtable: &Memtable, writer: u64, acknowledged: u64, random: &mut u64) {
    for _ in 0..50 {
        *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let last = acknowledged - 1;
        let index = (*random >> 33) % acknowledged;
        let newest = last - (last - index) % KEYS;
        let found = memtable.get(&key(writer, index), seqno(writer, last));
        let found = found.expect("an acknowledged write is found");
        assert_eq!(found.seqno, seqno(writer, newest));
        assert_eq!(&*found.value, value(writer, newest));
        let newest = memtable.get(&key(writer, index), MAX_SEQNO);
        assert!(newest.is_some_and(|newest| newest.seqno >= found.seqno));
    }
}

/// Scans the table, upwards or downwards, and counts what each writer had acknowledged before.
fn scan(memtable: &Arc<Memtable>, acknowledged: &[u64], up: bool) {
    let mut met = vec![0; acknowledged.len()];
    let mut cursor = memtable.cursor();
    let mut before: Option<(Vec<u8>, Seqno)> = None;
    let Ok(mut on_entry) = if up { cursor.seek_to_first() } else { cursor.seek_to_last() };
    // Ends for a cursor that does not get on, too: its entries must rise, or fall.
    while on_entry {
        let entry = cursor.entry();
        if let Some((key, seqno)) = &before {
            let order = siltstone_base::internal_cmp((key, *seqno), (entry.key, entry.seqno));
            assert!(if up { order.is_lt() } else { order.is_gt() }, "entries keep their order");
        }
        before = Some((entry.key.to_vec(), entry.seqno));
        let (writer, index) = ((entry.seqno - 1) % WRITERS, (entry.seqno - 1) / WRITERS);
        let of_writer = usize::try_from(writer).expect("there are few writers");
        met[of_writer] += u64::from(index < acknowledged[of_writer]);
        Ok(on_entry) = if up { cursor.next() } else { cursor.prev() };
    }
    assert_eq!(met, acknowledged, "a scan meets every acknowledged write");
}

#[test]
fn every_acknowledged_write_is_found_by_readers_beside_writers() {
    let memtable = Arc::new(Memtable::new(b"common:"));
    let watermarks: Vec<_> = (0..WRITERS).map(|_| AtomicU64::new(0)).collect();
    let acknowledged =
        || watermarks.iter().map(|mark| mark.load(Ordering::Acquire)).collect::<Vec<_>>();
    thread::scope(|scope| {
        for (writer, mark) in (0..).zip(&watermarks) {
            let memtable = &memtable;
            scope.spawn(move || {
                for index in 0..WRITES {
                    let value = value(writer, index);
                    let (key, seqno) = (key(writer, index), seqno(writer, index));
                    memtable.insert(&key, seqno, EntryKind::Put, &value);
                    mark.store(index + 1, Ordering::Release);
                }
            });
        }
        for reader in 0..READERS {
            let (memtable, acknowledged) = (&memtable, &acknowledged);
            scope.spawn(move || {
                let mut random = reader;
                loop {
                    let marks = acknowledged();
                    for (writer, &mark) in (0..).zip(&marks) {
                        if mark > 0 {
                            get_some(memtable, writer, mark, &mut random);
                        }
                    }
                    scan(memtable, &marks, reader % 2 == 0);
                    if marks.iter().all(|&mark| mark == WRITES) {
                        break;
                    }
                }
            });
        }
    });
    assert_eq!(memtable.len() as u64, WRITERS * WRITES);
    assert_eq!(memtable.seqnos(), Some((1, WRITERS * WRITES)));
}
