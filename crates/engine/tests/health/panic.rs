//! A panic, in a worker, in the writer that leads a group, or in a call, stops writes: nobody
//! hangs, nothing half done becomes visible, and close returns.

use crate::common::state_of;
use crate::life::{DIR, options};
use crate::stage_vfs::StageVfs;
use crate::{LONG, MOMENT, aside};
use siltstone::{CompactionPolicy, Db, Error, Health, Leveled, Options, Runtime, WriteBatch};
use siltstone_compaction::{Action, Pressure, TreeView};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const WRITES: u32 = 24;

fn open(vfs: &StageVfs, threads: usize) -> Db {
    options(&vfs.files, threads).vfs(Arc::new(vfs.clone())).open(DIR).unwrap()
}

/// Two keys in two keyspaces, which must agree.
fn write(db: &Db, number: u32) -> Result<u64, Error> {
    let mut batch = WriteBatch::new();
    let value = format!("{number:06}").repeat(40);
    batch.put(&db.default_keyspace(), "key", &value);
    batch.put(&db.find_keyspace("other")?.unwrap(), "key", &value);
    batch.put(&db.default_keyspace(), number.to_le_bytes(), &value);
    db.write(batch)
}

/// The number that was written last, in both keyspaces; 0 if none was.
fn last(db: &Db) -> u32 {
    let state = state_of(db).unwrap();
    let of = |name: &str| state[name].get(&b"key"[..]).cloned();
    assert_eq!(of("default"), of("other"), "half a batch is visible");
    let number = |value: Vec<u8>| std::str::from_utf8(&value[..6]).unwrap().parse().unwrap();
    of("default").map_or(0, number)
}

#[test]
fn a_panic_at_any_change_of_any_call_stops_writes_and_loses_nothing() {
    for changes in 0.. {
        let vfs = StageVfs::new(2);
        let db = open(&vfs, 0);
        db.keyspace("other").unwrap();
        vfs.panic_after(changes);
        let (mut acknowledged, mut panics) = (0, 0);
        for number in 1..=WRITES {
            match catch_unwind(AssertUnwindSafe(|| write(&db, number))) {
                Ok(Ok(_)) => {
                    assert_eq!(panics, 0, "change {changes}: acknowledged after a panic");
                    acknowledged = number;
                }
                Ok(Err(error)) => {
                    assert!(matches!(error, Error::Stopped { .. }), "change {changes}: {error}");
                }
                Err(_) => panics += 1,
            }
        }
        if !vfs.has_panicked() {
            assert!(changes > 100, "only {changes} changes");
            // Closing makes changes, too.
            vfs.panic_after(i64::MAX);
            break;
        }
        assert_eq!(panics, 1, "change {changes}");
        assert!(matches!(db.health(), Health::Poisoned(_)), "change {changes}: {:?}", db.health());
        // A job that panics after the write does not take it back.
        let seen = last(&db);
        assert!(seen == acknowledged || seen == acknowledged + 1, "change {changes}: {seen}");
        assert!(matches!(db.close(), Err(Error::Stopped { .. })), "change {changes}");
        drop(db);
        let db = options(&vfs.files, 0).open(DIR).unwrap();
        let found = last(&db);
        assert!(found == acknowledged || found == acknowledged + 1, "change {changes}: {found}");
        assert!(db.verify().unwrap().findings.is_empty(), "change {changes}");
    }
}

#[test]
fn nobody_hangs_when_a_leader_or_a_worker_panics() {
    for changes in (0..90).step_by(3) {
        let vfs = StageVfs::new(3);
        let db = open(&vfs, 2);
        db.keyspace("other").unwrap();
        vfs.panic_after(changes);
        let writers: Vec<_> = (0..4)
            .map(|_| {
                let db = db.clone();
                aside(move || {
                    let write_on =
                        || (1..2_000).try_for_each(|number| write(&db, number).map(drop));
                    catch_unwind(AssertUnwindSafe(write_on)).ok()
                })
            })
            .collect();
        let mut ends = Vec::new();
        for writer in writers {
            ends.push(writer.recv_timeout(LONG).expect("a writer hangs"));
        }
        assert!(vfs.has_panicked(), "change {changes}");
        assert!(matches!(db.health(), Health::Poisoned(_)), "change {changes}: {:?}", db.health());
        let panicked = ends.iter().filter(|end| end.is_none()).count();
        assert!(panicked <= 1, "change {changes}: one leads at a time");
        for end in ends.into_iter().flatten() {
            assert!(matches!(end, Err(Error::Stopped { .. })), "change {changes}: {end:?}");
        }
        last(&db);
        let closed = aside(move || db.close());
        let closed = closed.recv_timeout(LONG).expect("close hangs");
        assert!(matches!(closed, Err(Error::Stopped { .. })), "change {changes}: {closed:?}");
    }
}

#[test]
fn those_who_wait_for_a_leader_that_panics_are_told() {
    let vfs = StageVfs::new(5);
    // No flush shall be the one that panics.
    let roomy = options(&vfs.files, 2).vfs(Arc::new(vfs.clone())).memtable_bytes(64 << 10);
    let db = roomy.open(DIR).unwrap();
    db.keyspace("other").unwrap();
    write(&db, 1).unwrap();
    vfs.hold_next("log");
    vfs.panic_after(0);
    let write_aside = |number| {
        let db = db.clone();
        aside(move || catch_unwind(AssertUnwindSafe(|| write(&db, number))).ok())
    };
    let leader = write_aside(2);
    vfs.wait_for_someone();
    let followers = [write_aside(3), write_aside(4), write_aside(5)];
    for follower in &followers {
        assert!(follower.recv_timeout(MOMENT).is_err(), "nobody passes the leader");
    }
    vfs.release();
    let led = leader.recv_timeout(LONG).expect("the leader hangs");
    assert!(led.is_none(), "the panic is the leader's: {led:?}");
    for follower in followers {
        let told = follower.recv_timeout(LONG).expect("a follower hangs");
        assert!(matches!(told, Some(Err(Error::Stopped { .. }))), "{told:?}");
    }
    assert!(matches!(db.health(), Health::Poisoned(_)));
    assert_eq!(last(&db), 1);
}

/// Leveled, until it is told to panic.
#[derive(Clone, Debug)]
struct Panicky {
    leveled: Leveled,
    in_pick: Arc<AtomicBool>,
    in_pressure: Arc<AtomicBool>,
}

impl CompactionPolicy for Panicky {
    fn name(&self) -> &'static str {
        "panicky"
    }

    fn pick(&mut self, view: &dyn TreeView, out: &mut Vec<Action>) {
        if self.in_pick.load(Ordering::SeqCst) {
            std::panic::resume_unwind(Box::new("injected"));
        }
        self.leveled.pick(view, out);
    }

    fn pressure(&self, view: &dyn TreeView) -> Pressure {
        if self.in_pressure.load(Ordering::SeqCst) {
            std::panic::resume_unwind(Box::new("injected"));
        }
        self.leveled.pressure(view)
    }
}

#[test]
fn a_policy_that_panics_stops_writes() {
    for (threads, of_pick) in [(0, true), (0, false), (2, true), (2, false)] {
        let policy = Panicky {
            leveled: Leveled::default(),
            in_pick: Arc::default(),
            in_pressure: Arc::default(),
        };
        let (pick, pressure) = (Arc::clone(&policy.in_pick), Arc::clone(&policy.in_pressure));
        let vfs = StageVfs::new(4);
        // With time that passes writers are paced, so that workers come to ask the policy.
        let set = |options: Options| {
            options.compaction(policy).runtime(Runtime::default()).memtable_bytes(64 << 10)
        };
        let db = set(options(&vfs.files, threads)).open(DIR).unwrap();
        db.keyspace("other").unwrap();
        write(&db, 1).unwrap();
        if of_pick { pick } else { pressure }.store(true, Ordering::SeqCst);
        let ended = {
            let db = db.clone();
            aside(move || {
                let write_on = || (2..100_000).find_map(|number| write(&db, number).err());
                catch_unwind(AssertUnwindSafe(write_on))
            })
        };
        let ended = ended.recv_timeout(LONG).expect("a writer hangs");
        let what = format!("{threads} workers, pick {of_pick}");
        assert!(matches!(db.health(), Health::Poisoned(_)), "{what}: {:?}", db.health());
        // The caller panics if it was in its own call.
        if let Ok(error) = ended {
            assert!(matches!(error, Some(Error::Stopped { .. })), "{what}: {error:?}");
        }
        assert!(last(&db) >= 1, "{what}: reads go on");
        let closed = aside(move || db.close());
        let closed = closed.recv_timeout(LONG).expect("close hangs");
        assert!(matches!(closed, Err(Error::Stopped { .. })), "{what}: {closed:?}");
    }
}
