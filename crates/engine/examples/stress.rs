//! Eight threads over everything, for the thread sanitizer: `cargo xtask race --only tsan`.
//!
//! ```sh
//! cargo run --release -p siltstone --example stress -- 60    # seconds; 1 without an argument
//! ```
//! It checks little besides: each key holds what one writer put there, scans are in order, and
//! nothing fails. What it is for is what the sanitizer sees of it. `SILTSTONE_PLANT_RACE=1` adds
//! one plain counter that all threads raise without a lock: a sanitizer that works must tell.
#![expect(clippy::disallowed_methods, reason = "a program of its own has threads and a clock")]
#![expect(clippy::print_stdout, reason = "it tells how much it did")]

use siltstone::vfs::{DiskVfs, MemVfs, Vfs};
use siltstone::{Db, Durability, Error, Leveled, Options, WriteBatch, WriteOptions};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

const KEYS: u64 = 400;

type Outcome = Result<u64, Error>;

/// What a thread does again and again; `round` differs each time.
type Work = fn(&Db, u64) -> Result<(), Error>;

fn main() -> Result<(), Error> {
    let seconds = std::env::args().nth(1).map_or(Ok(1.0), |word| word.parse::<f64>());
    let time = Duration::from_secs_f64(seconds.expect("a number of seconds") / 2.0);
    let dir = std::env::temp_dir().join(format!("siltstone-stress-{}", std::process::id()));
    let rounds = run(Arc::new(MemVfs::new()), Path::new("/db"), time)?;
    let on_disk = run(Arc::new(DiskVfs::new()), &dir, time);
    std::fs::remove_dir_all(&dir).expect("remove the database");
    println!("{rounds} rounds in memory, {} on disk", on_disk?);
    Ok(())
}

fn run(vfs: Arc<dyn Vfs>, dir: &Path, time: Duration) -> Outcome {
    let db = Options::new()
        .vfs(vfs)
        .memory_budget(2 << 20)
        .memtable_bytes(32 << 10)
        .block_bytes(1024)
        .background_threads(2)
        .compaction(Leveled::default().level0_runs(2).ratio(3).table_bytes(16_000))
        .open(dir)?;
    db.keyspace("other")?;
    let works: [Work; 6] = [write, write, read, scan, hold, administrate];
    let done = Arc::new(AtomicBool::new(false));
    let rounds = Arc::new(AtomicU64::new(0));
    let threads = works.map(|work| {
        let (db, done, rounds) = (db.clone(), Arc::clone(&done), Arc::clone(&rounds));
        thread::spawn(move || -> Result<(), Error> {
            while !done.load(Ordering::Acquire) {
                work(&db, rounds.fetch_add(1, Ordering::Relaxed))?;
                planted::raise();
            }
            Ok(())
        })
    });
    thread::sleep(time);
    done.store(true, Ordering::Release);
    for thread in threads {
        thread.join().expect("no thread panics")?;
    }
    let report = db.verify()?;
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    db.close()?;
    Ok(rounds.load(Ordering::Relaxed))
}

fn key(round: u64) -> String {
    format!("key {:04}", round.wrapping_mul(0x9e37_79b9_7f4a_7c15) % KEYS)
}

/// A value tells its key.
fn value(key: &str, round: u64) -> Vec<u8> {
    key.as_bytes().repeat(1 + usize::try_from(round % 20).unwrap_or(0))
}

fn write(db: &Db, round: u64) -> Result<(), Error> {
    let other = db.find_keyspace("other")?.ok_or(Error::KeyspaceDropped)?;
    let (key, mut batch) = (key(round), WriteBatch::new());
    batch.put(&db.default_keyspace(), &key, value(&key, round));
    if round.is_multiple_of(5) {
        batch.delete(&other, &key);
    } else {
        batch.put(&other, &key, value(&key, round));
    }
    let sync = if round.is_multiple_of(50) { Durability::Sync } else { Durability::Buffered };
    db.write_with(batch, &WriteOptions::new().durability(sync)).map(drop)
}

fn read(db: &Db, round: u64) -> Result<(), Error> {
    let key = key(round);
    let found = db.get(&key)?;
    assert!(found.is_none_or(|value| value.starts_with(key.as_bytes())), "another key's value");
    let explained = db.explain_get(&key)?;
    assert!(!explained.steps.is_empty());
    Ok(())
}

fn scan(db: &Db, round: u64) -> Result<(), Error> {
    let from = key(round);
    let mut last = Vec::new();
    for item in db.scan(from.as_str()..)?.take(100) {
        let (key, value) = item?;
        assert!(*key > *last && value.starts_with(&key), "out of order, or another key's value");
        last = key.into_vec();
    }
    db.scan(..from.as_str())?.rev().take(20).try_for_each(|item| item.map(drop))
}

/// Values, a snapshot and a cursor that stay while others flush and merge.
fn hold(db: &Db, round: u64) -> Result<(), Error> {
    let (snapshot, mut cursor) = (db.snapshot(), db.cursor()?);
    let first = snapshot.get(db, key(round))?;
    let mut more = cursor.seek(key(round))?;
    for step in 0..50 {
        if !more {
            break;
        }
        more = if step % 7 == 6 { cursor.prev()? } else { cursor.next()? };
    }
    let again = snapshot.get(db, key(round))?;
    assert_eq!(first.as_deref(), again.as_deref(), "a snapshot changed");
    Ok(())
}

fn administrate(db: &Db, round: u64) -> Result<(), Error> {
    match round % 6 {
        0 => db.flush(),
        1 => db.compact_range("key 0100".."key 0200"),
        2 => db.keyspace("brief").and_then(|brief| brief.put("k", "v")).map(drop),
        3 => db.keyspace("brief").and_then(|_| db.drop_keyspace("brief")),
        4 => db.sync(),
        _ => {
            let (metrics, tree) = (db.metrics(), db.tree()?);
            assert!(db.health().takes_writes() && !tree.is_empty(), "{metrics:?}");
            Ok(())
        }
    }
}

/// A race on purpose, to see that the sanitizer tells.
mod planted {
    use std::sync::atomic::{AtomicPtr, Ordering};

    static SHARED: AtomicPtr<u64> = AtomicPtr::new(std::ptr::null_mut());

    /// Not inlined: it is known by its name in what the sanitizer tells.
    #[inline(never)]
    #[expect(unsafe_code, reason = "safe code has no race to plant")]
    pub(super) fn raise() {
        if std::env::var_os("SILTSTONE_PLANT_RACE").is_none() {
            return;
        }
        let own = Box::into_raw(Box::new(0));
        let first = std::ptr::null_mut();
        let shared = match SHARED.compare_exchange(first, own, Ordering::AcqRel, Ordering::Acquire)
        {
            Ok(_) => own,
            Err(shared) => shared,
        };
        // SAFETY: the pointer is of a box that is never freed. That threads race on it is the
        // point; nobody looks at the number.
        unsafe { *shared += 1 };
    }
}
