//! The database: put, batch, get, seek, scan, flush, open.
//!
//! Workers are asked for and never come, so a write does what it does beside workers. Jobs are
//! done where they are called for.

use crate::meter::count;
use siltstone::vfs::{ManualClock, MemVfs, SeededRandom};
use siltstone::{Db, NoThreads, Options, Runtime, WriteBatch};
use siltstone_benches::{VALUE_BYTES, key, mixed, value};
use std::hint::black_box;
use std::sync::Arc;

const KEYS: u64 = 20_000;
const OPS: u64 = 5_000;
const BATCH: u64 = 100;
const STEPS: u64 = 10;

pub(crate) fn run() {
    let vfs = Arc::new(MemVfs::new());
    let db = open(&vfs);
    write(&db);
    get(&db, "in the memtable");
    count("engine: flush an entry", KEYS + OPS + OPS, || {
        while db.step().unwrap() {}
        db.flush().unwrap();
    });
    db.compact_range(..).unwrap();
    // All blocks are verified and all partitions in the cache.
    assert_eq!(db.scan(..).unwrap().count() as u64, KEYS);
    assert!(db.get(key(0)).unwrap().is_some());
    get(&db, "in one table");
    get_absent(&db);
    scan(&db);
    more_runs(&db);
    get(&db, "under three runs");
    restart(&vfs, db);
}

fn open(vfs: &Arc<MemVfs>) -> Db {
    let (clock, random) = (ManualClock::new(), SeededRandom::new(7));
    let (clock, random) = (Arc::new(clock), Arc::new(random));
    let runtime = Runtime { clock, random, spawner: Arc::new(NoThreads) };
    let vfs: Arc<MemVfs> = Arc::clone(vfs);
    Options::new().vfs(vfs).runtime(runtime).open("/db").unwrap()
}

/// Fills a memtable with every even number.
fn write(db: &Db) {
    for number in 0..KEYS {
        db.put(key(2 * number), value(number)).unwrap();
    }
    count("engine: put", OPS, || {
        for turn in 0..OPS {
            db.put(key(2 * (mixed(turn) % KEYS)), value(turn)).unwrap();
        }
    });
    count("engine: put in a batch of 100", OPS, || {
        let keyspace = db.default_keyspace();
        for begin in (0..OPS).step_by(usize::try_from(BATCH).unwrap()) {
            let mut batch = WriteBatch::new();
            for turn in begin..begin + BATCH {
                batch.put(&keyspace, key(2 * (mixed(turn) % KEYS)), value(turn));
            }
            db.write(batch).unwrap();
        }
    });
}

fn get(db: &Db, place: &str) {
    count(&format!("engine: get a key {place}"), OPS, || {
        for turn in 0..OPS {
            let found = db.get(key(2 * (mixed(turn) % KEYS))).unwrap();
            assert!(black_box(found).is_some());
        }
    });
}

fn get_absent(db: &Db) {
    count("engine: get a key that is not there", OPS, || {
        for turn in 0..OPS {
            let found = db.get(key(2 * (mixed(turn) % (KEYS - 1)) + 1)).unwrap();
            assert!(black_box(found).is_none());
        }
    });
}

fn scan(db: &Db) {
    let mut cursor = db.cursor().unwrap();
    count("engine: seek of a cursor", OPS, || {
        for turn in 0..OPS {
            assert!(cursor.seek(key(mixed(turn) % (2 * KEYS - 1))).unwrap());
        }
    });
    count("engine: step of a cursor", KEYS, || {
        let (mut more, mut bytes) = (cursor.seek_to_first().unwrap(), 0);
        while more {
            bytes += cursor.value().unwrap().len();
            more = cursor.next().unwrap();
        }
        assert_eq!(bytes, usize::try_from(KEYS).unwrap() * VALUE_BYTES);
    });
    count("engine: step of a scan", KEYS, || {
        let bytes: usize = db.scan(..).unwrap().map(|entry| entry.unwrap().1.len()).sum();
        assert_eq!(bytes, usize::try_from(KEYS).unwrap() * VALUE_BYTES);
    });
    count("engine: step of a scan backward", KEYS, || {
        let bytes: usize = db.scan(..).unwrap().rev().map(|entry| entry.unwrap().1.len()).sum();
        assert_eq!(bytes, usize::try_from(KEYS).unwrap() * VALUE_BYTES);
    });
    count("engine: scan of 10 entries", OPS, || {
        for turn in 0..OPS {
            let from = key(mixed(turn) % (2 * KEYS - 2 * STEPS));
            let found = db.scan(&from[..]..).unwrap().take(usize::try_from(STEPS).unwrap());
            black_box(found.map(|entry| entry.unwrap().1.len()).sum::<usize>());
        }
    });
}

/// Two more runs above the one, of a hundredth of the keys each, and a memtable above them.
fn more_runs(db: &Db) {
    for run in 0..3 {
        for number in (run..KEYS).step_by(100) {
            db.put(key(2 * number), value(number)).unwrap();
        }
        if run < 2 {
            db.flush().unwrap();
        }
    }
}

/// Opens the database with a log of `OPS` records to replay.
fn restart(vfs: &Arc<MemVfs>, db: Db) {
    for turn in 0..OPS {
        db.put(key(2 * (mixed(turn) % KEYS)), value(turn)).unwrap();
    }
    db.close().unwrap();
    drop(db);
    count("engine: open, a put of the log", OPS, || {
        let db = open(vfs);
        black_box(&db).close().unwrap();
    });
}
