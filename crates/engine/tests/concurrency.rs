//! Real threads: writers, readers and jobs at once.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::contents;
use siltstone::vfs::MemVfs;
use siltstone::{Db, Durability, Error, Keyspace, Leveled, Options, WriteBatch, WriteOptions};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

const WRITERS: u64 = 4;
const ROUNDS: u64 = 8_000;
/// Keys of one writer: each is overwritten many times.
const KEYS: u64 = 50;

/// Flushes and compactions all the time.
fn options(vfs: &MemVfs) -> Options {
    Options::new()
        .vfs(Arc::new(vfs.clone()))
        .memory_budget(1 << 20)
        .memtable_bytes(16 << 10)
        .block_bytes(512)
        .background_threads(2)
        .compaction(
            Leveled::default().level0_runs(2).ratio(3).table_bytes(8_000).base_bytes(16_000),
        )
}

fn number_of(value: &[u8]) -> u64 {
    u64::from_le_bytes(value[..8].try_into().unwrap())
}

fn value_of(number: u64) -> Vec<u8> {
    number.to_le_bytes().repeat(1 + usize::try_from(number % 20).unwrap())
}

fn key_of(writer: u64, number: u64) -> String {
    format!("writer {writer} key {:04}", number % KEYS)
}

/// Writes its keys over and over, sees each write at once, and never an older one.
fn write(db: &Db, writer: u64, acknowledged: &AtomicU64) {
    let options = WriteOptions::new().durability(Durability::Sync);
    for number in 1..=ROUNDS {
        let (key, value) = (key_of(writer, number), value_of(number));
        if number % 50 == 0 {
            let mut batch = WriteBatch::new();
            batch.put(&db.default_keyspace(), &key, &value);
            let seqno = db.write_with(batch, &options).unwrap();
            assert!(db.metrics().synced_seqno >= seqno, "acknowledged before it was synced");
        } else {
            db.put(&key, &value).unwrap();
        }
        let found = db.get(&key).unwrap().unwrap();
        assert!(*found == *value, "writer {writer} does not see its own write {number}");
        acknowledged.store(number, Ordering::Release);
    }
}

/// Reads keys of all writers: never older than what was acknowledged before the read began, and
/// never older than the last read.
fn read(db: &Db, acknowledged: &[AtomicU64], done: &AtomicBool) -> u64 {
    let mut seen = vec![0; usize::try_from(WRITERS * KEYS).unwrap()];
    let mut reads = 0;
    while !done.load(Ordering::Acquire) {
        for (writer, acknowledged) in (0..WRITERS).zip(acknowledged) {
            let known = acknowledged.load(Ordering::Acquire);
            if known == 0 {
                continue;
            }
            let found = db.get(key_of(writer, known)).unwrap().unwrap();
            let number = number_of(&found);
            assert!(*found == *value_of(number), "not a value that anybody wrote");
            assert!(number >= known, "acknowledged was {known}, found {number}");
            let index = usize::try_from(writer * KEYS + known % KEYS).unwrap();
            assert!(number >= seen[index], "{number} after {}", seen[index]);
            seen[index] = number;
            reads += 1;
        }
    }
    reads
}

/// Scans both ways see the same, in order, and what was acknowledged before.
fn scan(db: &Db, acknowledged: &[AtomicU64], done: &AtomicBool) -> u64 {
    let mut scans = 0;
    while !done.load(Ordering::Acquire) {
        let known: Vec<_> = acknowledged.iter().map(|a| a.load(Ordering::Acquire)).collect();
        let snapshot = db.snapshot();
        let forward: Vec<_> = snapshot.scan(db, ..).unwrap().map(Result::unwrap).collect();
        let backward = snapshot.scan(db, ..).unwrap().rev().map(Result::unwrap);
        assert!(forward.iter().rev().map(|(key, _)| &**key).eq(
            backward.map(|(key, _)| key.into_vec()).collect::<Vec<_>>().iter().map(Vec::as_slice)
        ));
        assert!(forward.is_sorted_by(|a, b| *a.0 < *b.0));
        for (writer, known) in (0..WRITERS).zip(known) {
            let prefix = format!("writer {writer} ");
            let own = forward.iter().filter(|(key, _)| key.starts_with(prefix.as_bytes()));
            let newest = own.map(|(_, value)| number_of(value)).max().unwrap_or(0);
            assert!(newest >= known, "acknowledged was {known}, newest is {newest}");
        }
        scans += 1;
    }
    scans
}

#[expect(clippy::disallowed_methods, reason = "the tests need threads of their own")]
fn start<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    thread::Builder::new().name(name.to_owned()).spawn(work).unwrap()
}

#[test]
fn readers_see_what_was_acknowledged_and_never_go_back() {
    let vfs = MemVfs::new();
    let db = options(&vfs).open("/db").unwrap();
    let acknowledged: Arc<[AtomicU64]> = (0..WRITERS).map(|_| AtomicU64::new(0)).collect();
    let done = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (db, acknowledged) = (db.clone(), Arc::clone(&acknowledged));
            let index = usize::try_from(writer).unwrap();
            start("writer", move || write(&db, writer, &acknowledged[index]))
        })
        .collect();
    let watchers: Vec<_> = [read, scan]
        .into_iter()
        .map(|watch| {
            let (db, done) = (db.clone(), Arc::clone(&done));
            let acknowledged = Arc::clone(&acknowledged);
            start("reader", move || watch(&db, &acknowledged, &done))
        })
        .collect();
    let outcomes: Vec<_> = writers.into_iter().map(JoinHandle::join).collect();
    done.store(true, Ordering::Release);
    for watcher in watchers {
        assert!(watcher.join().unwrap() > 0, "it had something to see");
    }
    assert!(outcomes.iter().all(Result::is_ok));
    let metrics = db.metrics();
    assert!(metrics.flushes > 5 && metrics.compactions > 2, "{metrics:?}");
    assert_eq!(metrics.failed_jobs, 0);
    db.close().unwrap();
    let db = options(&vfs.power_cut()).open("/db").unwrap();
    for writer in 0..WRITERS {
        for number in ROUNDS - KEYS + 1..=ROUNDS {
            let found = db.get(key_of(writer, number)).unwrap().unwrap();
            assert_eq!(number_of(&found), number);
        }
    }
}

/// Each batch puts the same number under one key of each keyspace, or deletes all of them.
fn write_batches(db: &Db, spaces: &[Keyspace], writer: u64) {
    for number in 1..=ROUNDS / 2 {
        let mut batch = WriteBatch::new();
        for space in spaces {
            let key = format!("writer {writer}");
            if number % 7 == 0 {
                batch.delete(space, key);
            } else {
                batch.put(space, key, value_of(number));
            }
        }
        db.write(batch).unwrap();
    }
}

fn watch_batches(db: &Db, spaces: &[Keyspace], done: &AtomicBool) -> u64 {
    let mut looks = 0;
    while !done.load(Ordering::Acquire) {
        let snapshot = db.snapshot();
        let scanned = |space: &Keyspace| {
            let pairs = snapshot.scan(space, ..).unwrap().map(Result::unwrap);
            pairs.map(|(key, value)| (key.into_vec(), number_of(&value))).collect::<Vec<_>>()
        };
        let first = scanned(&spaces[0]);
        for space in &spaces[1..] {
            assert_eq!(scanned(space), first, "a batch is seen in part");
        }
        for writer in 0..WRITERS {
            let key = format!("writer {writer}");
            let get = |space| snapshot.get(space, &key).unwrap().map(|value| number_of(&value));
            let found: Vec<_> = spaces.iter().map(get).collect();
            assert!(found.iter().all(|number| *number == found[0]), "{found:?}");
        }
        looks += 1;
    }
    looks
}

#[test]
fn batches_are_whole_under_snapshots() {
    let vfs = MemVfs::new();
    let db = options(&vfs).open("/db").unwrap();
    let names = ["default", "left", "right"];
    let spaces: Arc<[Keyspace]> = names.iter().map(|name| db.keyspace(name).unwrap()).collect();
    let done = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (db, spaces) = (db.clone(), Arc::clone(&spaces));
            start("writer", move || write_batches(&db, &spaces, writer))
        })
        .collect();
    let flusher = {
        let (left, done) = (spaces[1].clone(), Arc::clone(&done));
        start("flusher", move || {
            while !done.load(Ordering::Acquire) {
                left.flush().unwrap();
                left.compact_range(..).unwrap();
            }
        })
    };
    let watcher = {
        let (db, spaces, done) = (db.clone(), Arc::clone(&spaces), Arc::clone(&done));
        start("watcher", move || watch_batches(&db, &spaces, &done))
    };
    let outcomes: Vec<_> = writers.into_iter().map(JoinHandle::join).collect();
    done.store(true, Ordering::Release);
    assert!(watcher.join().unwrap() > 0);
    flusher.join().unwrap();
    assert!(outcomes.iter().all(Result::is_ok));
}

#[test]
fn synced_writes_of_many_threads_share_syncs_and_survive() {
    const WRITES: u64 = 200;
    let vfs = MemVfs::new();
    let db = options(&vfs).durability(Durability::Sync).open("/db").unwrap();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let db = db.clone();
            start("writer", move || {
                for number in 0..WRITES {
                    db.put(format!("{writer} {number}"), value_of(number)).unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.join().unwrap();
    }
    let metrics = db.metrics();
    assert_eq!(metrics.writes, WRITERS * WRITES);
    assert!(metrics.log_syncs <= metrics.writes, "{metrics:?}");
    assert_eq!(metrics.synced_seqno, metrics.visible_seqno);
    // Nothing is closed: the power fails while the database is open.
    let recovered = options(&vfs.power_cut()).open("/db").unwrap();
    for writer in 0..WRITERS {
        for number in 0..WRITES {
            let found = recovered.get(format!("{writer} {number}")).unwrap().unwrap();
            assert_eq!(number_of(&found), number);
        }
    }
}

#[test]
fn closing_under_load_ends_every_thread() {
    for _ in 0..5 {
        let vfs = MemVfs::new();
        let db = options(&vfs).open("/db").unwrap();
        let acknowledged: Arc<[AtomicU64]> = (0..WRITERS).map(|_| AtomicU64::new(0)).collect();
        let threads: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (db, acknowledged) = (db.clone(), Arc::clone(&acknowledged));
                start("writer", move || {
                    for number in 1.. {
                        match db.put(key_of(writer, number), value_of(number)) {
                            Ok(_) => acknowledged[usize::try_from(writer).unwrap()]
                                .store(number, Ordering::Release),
                            Err(Error::Closed) => return,
                            Err(other) => panic!("{other}"),
                        }
                    }
                })
            })
            .collect();
        while acknowledged.iter().any(|number| number.load(Ordering::Acquire) < 100) {
            thread::yield_now();
        }
        db.close().unwrap();
        for thread in threads {
            thread.join().unwrap();
        }
        // What a writer was told is there is there.
        let db = options(&vfs.power_cut()).open("/db").unwrap();
        for (writer, known) in (0..WRITERS).zip(acknowledged.iter()) {
            let known = known.load(Ordering::Acquire);
            let found = db.get(key_of(writer, known)).unwrap().unwrap();
            assert!(number_of(&found) >= known);
        }
    }
}

/// Whoever reads a keyspace while it goes away gets all of it, or learns that it is gone.
#[test]
fn a_keyspace_dropped_beside_readers_is_whole_or_gone() {
    let vfs = MemVfs::new();
    let db = options(&vfs).open("/db").unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let (give, take) = std::sync::mpsc::channel::<Keyspace>();
    let reader = {
        let done = Arc::clone(&done);
        start("reader", move || {
            let mut gone = 0;
            while let Ok(keyspace) = take.recv() {
                while !done.load(Ordering::Acquire) {
                    if let Err(error) = read_whole(&keyspace) {
                        assert!(matches!(error, Error::KeyspaceDropped), "{error}");
                        gone += 1;
                        break;
                    }
                }
            }
            gone
        })
    };
    for round in 0..300_u64 {
        let keyspace = db.keyspace("brief").unwrap();
        let mut batch = WriteBatch::new();
        for number in 0..50 {
            batch.put(&keyspace, format!("key {number}"), value_of(number));
        }
        db.write(batch).unwrap();
        if round % 3 == 0 {
            keyspace.flush().unwrap();
        }
        give.send(keyspace.clone()).unwrap();
        for _ in 0..round % 20 {
            read_whole(&keyspace).unwrap();
        }
        db.drop_keyspace("brief").unwrap();
    }
    drop(give);
    let gone = reader.join().unwrap();
    done.store(true, Ordering::Release);
    assert_eq!(gone, 300);
}

fn read_whole(keyspace: &Keyspace) -> Result<(), Error> {
    assert!(keyspace.get("key 7")?.is_some(), "it is gone, but nobody said so");
    assert!(keyspace.contains_key("key 49")?);
    let mut count = 0;
    for pair in keyspace.scan(..)? {
        pair?;
        count += 1;
    }
    assert_eq!(count, 50);
    let mut cursor = keyspace.cursor()?;
    let mut moved = cursor.seek_to_last()?;
    while moved {
        moved = cursor.prev()?;
        count -= 1;
    }
    assert_eq!(count, 0);
    Ok(())
}

/// Once `close` has returned, whatever was on its way, no file changes: the next process may
/// have the database open.
#[test]
fn after_close_returned_nothing_touches_its_files() {
    for round in 0..20_u64 {
        let vfs = MemVfs::new();
        let db = options(&vfs).open("/db").unwrap();
        let begun = Arc::new(AtomicU64::new(0));
        let threads: Vec<_> = (0..4)
            .map(|number| {
                let (db, begun) = (db.clone(), Arc::clone(&begun));
                start("changer", move || {
                    for step in 0.. {
                        begun.fetch_add(1, Ordering::Release);
                        if let Err(error) = change(&db, number, step) {
                            assert!(matches!(error, Error::Closed), "{error}");
                            return;
                        }
                    }
                })
            })
            .collect();
        while begun.load(Ordering::Acquire) < 20 + 20 * round {
            thread::yield_now();
        }
        db.close().unwrap();
        let reopened = options(&vfs).background_threads(0).open("/db").unwrap();
        let opened = contents(&vfs, "/db");
        for thread in threads {
            thread.join().unwrap();
        }
        assert!(contents(&vfs, "/db") == opened, "a closed database changed files");
        assert!(reopened.verify().unwrap().findings.is_empty());
        drop(reopened);
        drop(db);
        let again = options(&vfs).open("/db").unwrap();
        assert!(again.verify().unwrap().findings.is_empty());
    }
}

fn change(db: &Db, number: u64, step: u64) -> Result<(), Error> {
    match number {
        0 => {
            let name = format!("brief {}", step % 2);
            db.keyspace(&name)?.put("k", value_of(step))?;
            db.drop_keyspace(&name)
        }
        1 if step.is_multiple_of(10) => db.flush(),
        2 if step.is_multiple_of(10) => db.compact_range(..),
        3 if step.is_multiple_of(10) => db.checkpoint(format!("/copy {step}")),
        _ => db.put(key_of(number, step), value_of(step)).map(drop),
    }
}
