//! A job that stands still in the middle stops nobody who does not need it.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::contents;
use common::gate::GateVfs;
use siltstone::{Db, Error, Options};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// Long enough for what should not happen to happen.
const MOMENT: Duration = Duration::from_millis(100);
/// Longer than anything takes.
const LONG: Duration = Duration::from_secs(30);

fn options(vfs: &GateVfs) -> Options {
    let options = Options::new().vfs(Arc::new(vfs.clone())).memory_budget(1 << 20);
    options.memtable_bytes(64 << 10)
}

#[expect(clippy::disallowed_methods, reason = "the tests need threads of their own")]
fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
    let (done, is_done) = channel();
    thread::Builder::new().spawn(move || done.send(work())).unwrap();
    is_done
}

/// A database in which a flush stands still, with a key in the memtable that waits for it.
fn flush_that_stands_still(vfs: &GateVfs) -> (Db, Receiver<Result<(), Error>>) {
    let db = options(vfs).open("/db").unwrap();
    db.put("in a table", "1").unwrap();
    db.flush().unwrap();
    db.put("waits", "2").unwrap();
    vfs.close_gate();
    let flushed = {
        let db = db.clone();
        aside(move || db.flush())
    };
    vfs.wait_for_someone();
    (db, flushed)
}

#[test]
fn reads_and_writes_go_on_while_a_flush_stands_still() {
    let vfs = GateVfs::default();
    let (db, flushed) = flush_that_stands_still(&vfs);
    let snapshot = db.snapshot();
    db.put("after", "3").unwrap();
    db.delete("in a table").unwrap();
    db.sync().unwrap();
    assert_eq!(db.get("waits").unwrap().as_deref(), Some(&b"2"[..]));
    assert!(db.get("in a table").unwrap().is_none());
    assert!(snapshot.get(&db, "in a table").unwrap().is_some());
    assert_eq!(db.scan(..).unwrap().count(), 2);
    let reader = options(&vfs).open_read_only("/db").unwrap();
    assert_eq!(reader.keys(..).unwrap().rev().count(), 2);
    let other = db.keyspace("other").unwrap();
    other.put("k", "v").unwrap();
    db.drop_keyspace("other").unwrap();
    assert_eq!(flushed.recv_timeout(MOMENT).unwrap_err(), RecvTimeoutError::Timeout);
    vfs.open_gate();
    flushed.recv_timeout(LONG).unwrap().unwrap();
    assert_eq!(db.scan(..).unwrap().count(), 2);
    assert!(snapshot.get(&db, "in a table").unwrap().is_some());
}

#[test]
fn close_waits_for_a_job_of_any_thread() {
    let vfs = GateVfs::default();
    let (db, flushed) = flush_that_stands_still(&vfs);
    let closed = {
        let db = db.clone();
        aside(move || db.close())
    };
    assert_eq!(closed.recv_timeout(MOMENT).unwrap_err(), RecvTimeoutError::Timeout);
    assert!(matches!(options(&vfs).open("/db"), Err(Error::Locked { .. })), "not yet");
    vfs.open_gate();
    closed.recv_timeout(LONG).unwrap().unwrap();
    let after = contents(&vfs.files, "/db");
    // Done, or told that it came too late.
    let outcome = flushed.recv_timeout(LONG).unwrap();
    assert!(matches!(outcome, Ok(()) | Err(Error::Closed)), "{outcome:?}");
    assert!(contents(&vfs.files, "/db") == after, "a closed database changed files");
    let db = options(&vfs).open("/db").unwrap();
    assert_eq!(db.scan(..).unwrap().count(), 2);
}

#[test]
fn writers_stop_when_no_memtable_is_free_and_go_on_with_the_flush() {
    let vfs = GateVfs::default();
    let db = options(&vfs).open("/db").unwrap();
    vfs.close_gate();
    let written = {
        let db = db.clone();
        aside(move || {
            for number in 0..4_000 {
                db.put(format!("key {number}"), vec![7; 1_000]).unwrap();
            }
        })
    };
    vfs.wait_for_someone();
    assert_eq!(written.recv_timeout(MOMENT).unwrap_err(), RecvTimeoutError::Timeout);
    assert!(db.metrics().memtable_bytes < 2 << 20, "{:?}", db.metrics());
    assert!(db.get("key 0").unwrap().is_some(), "reads go on");
    vfs.open_gate();
    written.recv_timeout(LONG).expect("writers go on once there is room");
    assert_eq!(db.keys(..).unwrap().count(), 4_000);
    assert!(db.metrics().longest_stall > Duration::ZERO);
}

#[test]
fn close_ends_writers_that_wait_for_room() {
    let vfs = GateVfs::default();
    let db = options(&vfs).open("/db").unwrap();
    vfs.close_gate();
    let stopped = {
        let db = db.clone();
        aside(move || (0..).find_map(|n: u32| db.put(n.to_le_bytes(), vec![7; 1_000]).err()))
    };
    vfs.wait_for_someone();
    assert_eq!(stopped.recv_timeout(MOMENT).unwrap_err(), RecvTimeoutError::Timeout);
    let closed = aside(move || db.close());
    assert_eq!(closed.recv_timeout(MOMENT).unwrap_err(), RecvTimeoutError::Timeout);
    vfs.open_gate();
    closed.recv_timeout(LONG).unwrap().unwrap();
    assert!(matches!(stopped.recv_timeout(LONG).unwrap(), Some(Error::Closed)));
}

#[test]
fn a_keyspace_can_be_dropped_while_it_is_flushed() {
    let vfs = GateVfs::default();
    let db = options(&vfs).open("/db").unwrap();
    let brief = db.keyspace("brief").unwrap();
    brief.put("k", "v").unwrap();
    vfs.close_gate();
    let flushed = aside(move || brief.flush());
    vfs.wait_for_someone();
    let dropped = {
        let db = db.clone();
        aside(move || db.drop_keyspace("brief"))
    };
    dropped.recv_timeout(LONG).unwrap().unwrap();
    let again = db.keyspace("brief").unwrap();
    vfs.open_gate();
    let outcome = flushed.recv_timeout(LONG).unwrap();
    assert!(matches!(outcome, Ok(()) | Err(Error::KeyspaceDropped)), "{outcome:?}");
    assert!(again.get("k").unwrap().is_none());
    assert_eq!(db.metrics().failed_jobs, 0);
    db.close().unwrap();
    let tables = common::files_of_kind(&vfs.files, "/db", ".sst");
    assert!(tables.is_empty(), "nobody names {tables:?}");
}
