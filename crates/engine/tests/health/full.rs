//! A full disk stops writes and nothing else, and `resume` takes them again: at every operation at
//! which the disk may be full, cut at every operation of the resume, under every crash policy.

use crate::common::counters::Counters;
use crate::life::{DIR, Life, Seen, options};
use siltstone::vfs::{CrashPolicy, Fault, FaultError, FaultKind, Op, Ops, SimVfs, TraceLine, Vfs};
use siltstone::{Db, Health};
use std::collections::HashSet;
use std::path::Path;
use std::sync::OnceLock;

/// Where a full disk shows.
const FILL: Ops =
    Ops::of(&[Op::Create, Op::Rename, Op::SyncDir, Op::Append, Op::Write, Op::Allocate, Op::Sync]);

/// Lives of each kind that are looked at from all sides.
const LIVES: usize = 5;

/// The disk is full at one call, or from it on.
#[derive(Clone, Copy, Debug)]
enum Full {
    Once,
    Forever,
    /// The user's share of it, as the manifest finds.
    OfManifest,
}

impl Full {
    const ALL: [Self; 3] = [Self::Once, Self::Forever, Self::OfManifest];

    fn fault(self, at: u64) -> Fault {
        let error =
            if matches!(self, Self::OfManifest) { FaultError::Edquot } else { FaultError::Enospc };
        let fault = Fault::new(at, FaultKind::NoSpace(error)).on(FILL);
        match self {
            Self::Once => fault,
            Self::Forever => fault.forever(),
            Self::OfManifest => fault.in_path(".manifest"),
        }
    }
}

/// A life on a disk that is full at call `at`; nothing if it has fewer calls.
fn fill(full: Full, at: u64) -> Option<Life> {
    let mut life = Life::begin(|vfs| options(vfs, 0));
    life.vfs.arm(full.fault(at));
    life.write_all();
    let met = life.vfs.trace().iter().any(|line| line.fault.is_some());
    met.then_some(life)
}

/// The lives on a disk that is full at call 0, 1, .., and these numbers.
fn lives(full: Full) -> impl Iterator<Item = (u64, Life)> {
    (0..).map_while(move |at| Some((at, fill(full, at)?)))
}

/// Nothing is written or synced of a log or a manifest after a call on it failed.
pub(crate) fn check_nothing_follows(trace: &[TraceLine]) {
    let mut failed: HashSet<&Path> = HashSet::new();
    for line in trace {
        let is_log =
            matches!(line.path.extension().and_then(|it| it.to_str()), Some("log" | "manifest"));
        let touches = matches!(line.op, Op::Append | Op::Write | Op::Allocate | Op::Sync);
        if is_log && touches {
            assert!(!failed.contains(&*line.path), "after a failure: {line}");
            if line.fault.is_some() {
                failed.insert(&line.path);
            }
        }
    }
}

/// The files are those that the manifest names, one manifest and one log.
fn check_files(life: &Life) {
    let mut tables = 0;
    for keyspace in life.db.tree().unwrap() {
        tables += keyspace.runs.iter().map(|run| run.tables.len()).sum::<usize>();
    }
    let names = |extension: &str| {
        let entries = life.vfs.list(Path::new(DIR)).unwrap();
        entries
            .iter()
            .filter(|entry| Path::new(&entry.name).extension().is_some_and(|it| it == extension))
            .count()
    };
    assert_eq!(
        (names("sst"), names("manifest"), names("log")),
        (tables, 1, 1),
        "files that nobody names"
    );
}

#[test]
fn wherever_the_disk_is_full_reads_go_on_and_resume_takes_writes_again() {
    let (mut counters, mut read_only) = (Counters::default(), 0);
    for full in Full::ALL {
        for (at, mut life) in lives(full) {
            let what = format!("{full:?} at call {at}");
            life.check_reads();
            let health = life.db.health();
            assert!(!matches!(health, Health::Poisoned(_)), "{what}: {health:?}");
            let stopped = matches!(health, Health::ReadOnly(_));
            read_only += u64::from(stopped);
            assert!(life.vfs.trace().len() < 1_000, "the trace holds all of it");
            check_nothing_follows(&life.vfs.trace());
            life.resume().unwrap_or_else(|error| panic!("{what}: {error}"));
            life.check_reads();
            check_nothing_follows(&life.vfs.trace());
            if stopped {
                check_files(&life);
                let policy =
                    CrashPolicy::ALL[usize::try_from(at).unwrap() % CrashPolicy::ALL.len()];
                life.check_left(&life.vfs.crash(policy, at), true);
            }
            for _ in 0..6 {
                let before = life.count();
                life.write();
                assert_eq!(life.count(), before + 1, "{what}: writes go on");
            }
            life.check_reads();
            life.db.close().unwrap_or_else(|error| panic!("{what}: {error}"));
            life.check_left(&life.vfs.crash(CrashPolicy::LoseUnsynced, 0), true);
            counters.add("errors injected", 1);
        }
    }
    assert!(read_only > 100, "only {read_only} became read-only");
    counters.report("health_full");
}

/// Calls at which the disk becomes full that leave different things half done.
fn read_only_lives() -> &'static [(Full, u64)] {
    static LIVES: OnceLock<Vec<(Full, u64)>> = OnceLock::new();
    LIVES.get_or_init(|| Full::ALL.into_iter().flat_map(some_that_stop).collect())
}

fn some_that_stop(full: Full) -> Vec<(Full, u64)> {
    let stops = |life: &Life| matches!(life.db.health(), Health::ReadOnly(_));
    let stopping = lives(full).filter(|(_, life)| stops(life)).map(|(at, _)| (full, at));
    let stopping: Vec<_> = stopping.collect();
    let step = stopping.len().div_ceil(LIVES).max(1);
    stopping.into_iter().step_by(step).collect()
}

#[test]
fn a_crash_anywhere_in_a_resume_leaves_what_was_acknowledged() {
    let mut seen = Seen::default();
    for &(full, at) in read_only_lives() {
        for operations in 0.. {
            let mut life = fill(full, at).unwrap();
            life.vfs.disarm();
            life.vfs.cut_after(life.vfs.operations() + operations);
            let resumed = life.resume();
            life.check_reads();
            let what = format!("{full:?} at call {at}, cut after {operations} operations");
            let mut count = HashSet::new();
            let left = life.vfs.process_death();
            count.insert(life.check_left(&left, true));
            for policy in CrashPolicy::ALL {
                let left = life.vfs.crash(policy, operations);
                count.extend(life.check_crash(&left, resumed.is_ok(), &mut seen));
            }
            if resumed.is_ok() {
                assert_eq!(count.len(), 1, "{what}: the refused batch is absent for good");
                break;
            }
        }
    }
    assert!(seen.counters.of("crash points") > 1_000, "{}", seen.counters);
    seen.counters.report("health_crash_in_resume");
}

#[test]
fn a_resume_that_finds_no_room_can_be_called_again() {
    for &(full, at) in read_only_lives() {
        for call in 0.. {
            let mut life = fill(full, at).unwrap();
            life.vfs.disarm();
            life.vfs.arm(Full::Forever.fault(call));
            let what = format!("{full:?} at call {at}, full again at call {call} of the resume");
            let Err(error) = life.db.resume() else { break };
            assert!(error.is_out_of_space(), "{what}: {error}");
            assert!(matches!(life.db.health(), Health::ReadOnly(_)), "{what}");
            let again = life.db.resume().unwrap_err();
            assert!(again.is_out_of_space(), "{what}: {again}");
            life.write();
            life.check_reads();
            for policy in [CrashPolicy::LoseUnsynced, CrashPolicy::Prefix, CrashPolicy::Names] {
                life.check_left(&life.vfs.crash(policy, call), false);
            }
            life.check_left(&life.vfs.process_death(), true);
            life.resume().unwrap_or_else(|error| panic!("{what}: {error}"));
            life.check_reads();
            check_files(&life);
            check_nothing_follows(&life.vfs.trace());
            life.write();
            life.check_reads();
            life.check_left(&life.vfs.process_death(), true);
        }
    }
}

/// Several memtables wait when the disk is full for tables before it is for the log. What the
/// older ones hold must stay hidden, and what was read before must still be read.
#[test]
fn a_resume_keeps_deletes_snapshots_and_cursors() {
    for hold in [true, false] {
        let vfs = SimVfs::new(1);
        let db = options(&vfs, 0).open(DIR).unwrap();
        let fill = |round: u32| {
            for number in 0..6 {
                db.put(format!("fill {round} {number}"), [7; 300]).unwrap();
            }
        };
        vfs.arm(Full::Forever.fault(0).on(Op::Create).in_path(".sst"));
        db.put("deleted", "1").unwrap();
        db.put("older", "1").unwrap();
        fill(1);
        // Without them nothing but the memtable below keeps the tombstone.
        let held = hold.then(|| (db.snapshot(), db.cursor().unwrap()));
        db.delete("deleted").unwrap();
        db.put("older", "2").unwrap();
        fill(2);
        assert!(db.metrics().keyspaces[0].immutable_memtables > 2, "several wait");
        vfs.arm(Full::Once.fault(0).in_path(".log"));
        assert!(db.put("refused", "3").unwrap_err().is_out_of_space());
        vfs.disarm();
        db.resume().unwrap();
        check_contents(&db);
        db.compact_range(..).unwrap();
        check_contents(&db);
        if let Some((snapshot, mut cursor)) = held {
            assert_eq!(snapshot.get(&db, "deleted").unwrap().as_deref(), Some(&b"1"[..]));
            assert_eq!(snapshot.get(&db, "older").unwrap().as_deref(), Some(&b"1"[..]));
            assert!(cursor.seek("deleted").unwrap());
            assert_eq!((cursor.key(), cursor.value().unwrap()), (&b"deleted"[..], &b"1"[..]));
        }
        check_contents(&options(&vfs.crash(CrashPolicy::LoseUnsynced, 0), 0).open(DIR).unwrap());
    }
}

fn check_contents(db: &Db) {
    assert!(db.get("deleted").unwrap().is_none(), "a delete was lost");
    assert_eq!(db.get("older").unwrap().as_deref(), Some(&b"2"[..]));
    assert!(db.get("refused").unwrap().is_none());
    assert_eq!(db.keys(..).unwrap().count(), 13);
}

/// Nothing more is synced then, so some `Buffered` writes may not be durable: close says so. They
/// are with the operating system all the same.
#[test]
fn close_of_a_database_that_is_full_says_so_and_leaves_it_whole() {
    for &(full, at) in read_only_lives() {
        let life = fill(full, at).unwrap();
        let closed = life.db.close();
        let told = matches!(&closed, Err(error) if error.is_out_of_space());
        assert!(told, "{full:?} at call {at}: {closed:?}");
        check_nothing_follows(&life.vfs.trace());
        life.vfs.disarm();
        life.check_left(&life.vfs, true);
    }
}
