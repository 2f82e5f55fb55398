//! A listener hears every change, in order, one at a time, and may use the database meanwhile.

use crate::life::{DIR, Life, options};
use crate::{LONG, aside};
use siltstone::vfs::{Fault, FaultError, FaultKind, Op, Ops, SimVfs};
use siltstone::{Db, Durability, Error, Health, Options, WriteBatch, WriteOptions};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// What a listener heard.
#[derive(Clone, Default)]
pub(crate) struct Heard {
    states: Arc<Mutex<Vec<Health>>>,
    listening: Arc<AtomicBool>,
}

impl Heard {
    pub(crate) fn listen(&self, options: Options) -> Options {
        let Self { states, listening } = self.clone();
        options.health_listener(move |health| {
            assert!(!listening.swap(true, Ordering::SeqCst), "told two things at once");
            states.lock().unwrap().push(health.clone());
            listening.store(false, Ordering::SeqCst);
        })
    }

    /// The states by their first letters.
    pub(crate) fn letters(&self) -> String {
        let letter = |health: &Health| match health {
            Health::Healthy => 'H',
            Health::Stalled(_) => 'S',
            Health::ReadOnly(_) => 'R',
            Health::Poisoned(_) => 'P',
            _ => '?',
        };
        self.states.lock().unwrap().iter().map(letter).collect()
    }
}

const WRITES: Ops = Ops::of(&[Op::Append, Op::Write, Op::Allocate, Op::Sync]);

fn no_space(part: &str) -> Fault {
    Fault::new(0, FaultKind::NoSpace(FaultError::Enospc)).on(WRITES).in_path(part)
}

#[test]
fn it_hears_of_each_change_once_and_before_the_call_returns() {
    let heard = Heard::default();
    let mut life = Life::begin(|vfs| heard.listen(options(vfs, 0)));
    life.write();
    assert_eq!(heard.letters(), "");
    life.vfs.arm(no_space(".log"));
    life.write();
    assert_eq!(heard.letters(), "R");
    life.write();
    assert_eq!(heard.letters(), "R", "nothing changed");
    life.resume().unwrap();
    assert_eq!(heard.letters(), "RH");
    life.vfs.arm(Fault::new(0, FaultKind::Error(FaultError::Eio)).on(Op::Write).in_path(".log"));
    life.write();
    assert_eq!(heard.letters(), "RHP");
    life.vfs.disarm();
    drop(life.db.resume().unwrap_err());
    assert_eq!(heard.letters(), "RHP");
}

#[test]
fn want_of_room_that_turns_out_to_be_worse_is_told_as_that() {
    let heard = Heard::default();
    let mut life = Life::begin(|vfs| heard.listen(options(vfs, 0)));
    life.write();
    life.vfs.arm(no_space(".log"));
    life.write();
    let eio = FaultKind::Error(FaultError::Eio);
    life.vfs.arm(Fault::new(0, eio).on(Op::Write).in_path(".manifest"));
    let resumed = life.db.resume();
    assert!(matches!(resumed, Err(Error::Stopped { .. })), "{resumed:?}");
    assert_eq!(heard.letters(), "RP");
    life.vfs.disarm();
    life.check_reads();
    assert!(matches!(life.db.resume(), Err(Error::Stopped { .. })));
    life.check_left(&life.vfs.process_death(), true);
}

/// Whatever call met the failure, no lock is held when the listener hears of it: here it looks at
/// everything and takes writes again at once.
#[test]
fn it_may_use_the_database_and_even_resume_whatever_failed() {
    type Call = fn(&Db) -> Result<(), Error>;
    let put_synced: Call = |db| {
        let mut batch = WriteBatch::new();
        batch.put(&db.default_keyspace(), "k", "v");
        db.write_with(batch, &WriteOptions::new().durability(Durability::Sync)).map(drop)
    };
    let calls: [(&str, Call); 8] = [
        (".log", |db| db.put("k", "v").map(drop)),
        (".log", put_synced),
        (".log", |db| db.sync()),
        (".log", |db| db.checkpoint("/copy")),
        (".manifest", |db| db.flush()),
        (".manifest", |db| db.compact_range(..)),
        (".manifest", |db| db.keyspace("another").map(drop)),
        (".manifest", |db| db.drop_keyspace("often")),
    ];
    for (number, (part, call)) in calls.into_iter().enumerate() {
        let told = aside(move || {
            let (vfs, user) = (SimVfs::new(1), Arc::new(Mutex::new(None::<Db>)));
            let (inside, states) = (Arc::clone(&user), Arc::new(Mutex::new(Vec::new())));
            let seen = Arc::clone(&states);
            let options = options(&vfs, 0).health_listener(move |health| {
                let db = inside.lock().unwrap().clone().unwrap();
                seen.lock().unwrap().push((health.takes_writes(), db.health().takes_writes()));
                assert_eq!(db.get("before").unwrap().as_deref(), Some(&b"1"[..]));
                assert!(db.snapshot().scan(&db, ..).unwrap().count() > 0);
                assert!(db.list_keyspaces().unwrap().contains(&"default".to_owned()));
                drop((db.metrics(), db.tree().unwrap(), db.find_keyspace("often").unwrap()));
                if !health.takes_writes() {
                    assert!(matches!(db.keyspace("third"), Err(Error::Stopped { .. })));
                    db.resume().unwrap();
                    db.put("inside", "2").unwrap();
                }
            });
            let db = options.open(DIR).unwrap();
            db.keyspace("often").unwrap();
            db.put("before", "1").unwrap();
            *user.lock().unwrap() = Some(db.clone());
            vfs.arm(no_space(part));
            let failed = call(&db);
            assert!(failed.is_err(), "call {number}");
            assert!(db.get("inside").unwrap().is_some(), "call {number}");
            *user.lock().unwrap() = None;
            db.close().unwrap();
            states.lock().unwrap().clone()
        });
        let told = told.recv_timeout(LONG).unwrap_or_else(|_| panic!("call {number} hangs"));
        assert_eq!(told, [(false, false), (true, true)], "call {number}");
    }
}

#[test]
fn a_panic_of_the_listener_is_its_own() {
    let mut life = Life::begin(|vfs| {
        options(vfs, 0).health_listener(|_| std::panic::resume_unwind(Box::new("listener")))
    });
    life.vfs.arm(no_space(".log"));
    life.write();
    assert!(matches!(life.db.health(), Health::ReadOnly(_)));
    life.resume().unwrap();
    life.write();
    assert_eq!(life.count(), 1);
}

#[test]
fn resume_does_nothing_where_nothing_is_to_be_done() {
    let mut life = Life::begin(|vfs| options(vfs, 0));
    life.write();
    let before = life.vfs.operations();
    life.db.resume().unwrap();
    assert_eq!(life.vfs.operations(), before, "a healthy database writes nothing");
    let full = FaultKind::NoSpace(FaultError::Enospc);
    life.vfs.arm(Fault::new(0, full).forever().on(Op::Create).in_path(".sst"));
    while matches!(life.db.health(), Health::Healthy) {
        life.write();
    }
    assert!(matches!(life.db.health(), Health::Stalled(_)));
    let before = life.vfs.operations();
    life.db.resume().unwrap();
    assert_eq!(life.vfs.operations(), before, "a stalled one neither");
    let reader = options(&life.vfs, 0).open_read_only(DIR).unwrap();
    assert!(matches!(reader.resume(), Err(Error::OpenedReadOnly)));
    life.db.close().unwrap();
    assert!(matches!(life.db.resume(), Err(Error::Closed)));
}
