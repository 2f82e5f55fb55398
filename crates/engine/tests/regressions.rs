//! Losses that other engines had, as tests by their names: each plays what went wrong there.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{files_of_kind, state_of};
use siltstone::vfs::{
    CrashPolicy, Fault, FaultError, FaultKind, ManualClock, MemVfs, Op, Ops, Pages, SeededRandom,
    SimVfs, Vfs,
};
use siltstone::{
    Db, Durability, Error, Leveled, Options, Runtime, Snapshot, ThreadSpawner, WriteBatch,
    WriteOptions,
};
use siltstone_wal::{
    Birth, LogIdentity, LogKind, LogWriter, ReplayContext, SegmentFile, SegmentId, replay,
};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

const DIR: &str = "/db";

/// Leveled, with tables and levels so small that a few hundred writes fill several.
fn small_levels() -> Leveled {
    Leveled::default().level0_runs(2).ratio(2).table_bytes(500).base_bytes(1_000)
}

fn options(vfs: &SimVfs, seed: u64) -> Options {
    let runtime = Runtime {
        clock: Arc::new(ManualClock::new()),
        random: Arc::new(SeededRandom::new(seed)),
        spawner: Arc::new(ThreadSpawner),
    };
    Options::new()
        .vfs(Arc::new(vfs.clone()))
        .runtime(runtime)
        .memory_budget(1 << 20)
        .memtable_bytes(1_024)
        .block_bytes(128)
        .background_threads(0)
        .compaction(small_levels())
}

fn open(vfs: &SimVfs, seed: u64) -> Db {
    options(vfs, seed).open(DIR).unwrap()
}

fn put_synced(db: &Db, key: &str, value: &str) -> Result<(), Error> {
    let mut batch = WriteBatch::new();
    batch.put(&db.default_keyspace(), key, value);
    db.write_with(batch, &WriteOptions::new().durability(Durability::Sync)).map(drop)
}

/// The value at a number of writes, for which the key tells the rest.
fn value(number: usize) -> String {
    format!("{number:05} ").repeat(12)
}

fn put(db: &Db, keys: usize, number: usize) {
    db.put(format!("key {:03}", number * 7 % keys), value(number)).unwrap();
}

/// fjall 304: the error of an append to the journal was swallowed, and the write acknowledged. It
/// was gone after the next start.
#[test]
fn fjall_304_the_error_of_an_append_reaches_the_writer() {
    for at in 0..20 {
        for kind in [FaultKind::Error(FaultError::Eio), FaultKind::Short] {
            let vfs = SimVfs::new(at);
            let db = open(&vfs, 1);
            vfs.arm(Fault::new(at, kind).on(Op::Write).in_path(".log"));
            let taken: Vec<_> =
                (0..30).filter(|n| db.put(format!("{n:02}"), value(*n)).is_ok()).collect();
            assert!(taken.len() < 30, "write {at} failed, and nobody was told");
            let left = open(&vfs.process_death(), 2);
            for number in taken {
                assert!(left.contains_key(format!("{number:02}")).unwrap(), "{number} is lost");
            }
        }
    }
}

/// fjall 308: after an append that failed half way the journal took more. A batch synced later
/// stood behind half a record, and the next start cut it off.
#[test]
fn fjall_308_nothing_is_acknowledged_behind_half_a_record() {
    for at in 0..20 {
        let vfs = SimVfs::new(at);
        let db = open(&vfs, 1);
        let all = Ops::of(&[Op::Write, Op::Allocate]);
        vfs.arm(Fault::new(at, FaultKind::Error(FaultError::Eio)).on(all).in_path(".log"));
        let synced: Vec<_> = (0..20)
            .map(|number| format!("synced {number}"))
            .filter(|key| {
                drop(db.put("buffered", value(7)));
                put_synced(&db, key, "v").is_ok()
            })
            .collect();
        assert!(synced.len() < 20, "the log failed at its call {at}");
        for left in [vfs.crash(CrashPolicy::LoseUnsynced, 0), vfs.process_death()] {
            let left = open(&left, 2);
            for key in &synced {
                assert!(left.contains_key(key).unwrap(), "{key} was synced and is lost");
            }
        }
    }
}

/// `RocksDB` 4990: the sync of the manifest failed, the new tables were deleted, but the record
/// had reached the disk. The next start found a manifest that named missing files.
#[test]
fn rocksdb_4990_a_failed_manifest_sync_deletes_nothing() {
    for pages in [Pages::Kept, Pages::Half, Pages::Dropped] {
        for at in 0..40 {
            let vfs = SimVfs::new(at);
            let db = open(&vfs, 1);
            vfs.arm(Fault::new(at, FaultKind::FailedSync(pages)).in_path(".manifest"));
            let taken =
                (0..400).take_while(|n| db.put(format!("{n:03}"), value(*n)).is_ok()).count();
            drop((db.flush(), db.compact_range(..)));
            if vfs.armed() > 0 {
                assert!(at > 20, "the manifest was synced only {at} times");
                break;
            }
            let dead = vfs.process_death();
            drop(db.close());
            for left in [vfs.crash(CrashPolicy::LoseUnsynced, 0), dead.clone()] {
                let left = options(&left, 2).open(DIR);
                let left = left.unwrap_or_else(|error| panic!("{pages:?}, sync {at}: {error}"));
                assert!(left.verify().unwrap().findings.is_empty());
            }
            let left = open(&dead, 3);
            assert!(left.keys(..).unwrap().count() >= taken, "{pages:?}, sync {at}");
        }
    }
}

/// redb 1276: the file had grown, the header that needed it was durable, the growth was not. The
/// database could not be opened any more.
#[test]
fn redb_1276_what_is_durable_needs_no_growth_that_is_not() {
    let run = |vfs: &SimVfs| {
        let mut synced = 0;
        let Ok(db) = options(vfs, 1).open(DIR) else { return synced };
        for number in 1..=60_usize {
            if number.is_multiple_of(6) && put_synced(&db, &format!("{number:03}"), "v").is_ok() {
                synced = number;
            }
            drop(db.put(format!("grow {number}"), vec![7; 700]));
        }
        synced
    };
    let whole = SimVfs::new(1);
    run(&whole);
    for operations in (0..whole.operations()).step_by(4) {
        let vfs = SimVfs::new(1);
        vfs.cut_after(operations);
        let synced = run(&vfs);
        for policy in
            [CrashPolicy::SizeWithoutData, CrashPolicy::DataWithoutSize, CrashPolicy::Blocks]
        {
            let left = options(&vfs.crash(policy, operations), 2).open(DIR);
            let left = left.unwrap_or_else(|error| panic!("{policy:?} at {operations}: {error}"));
            for number in (6..=synced).step_by(6) {
                let there = left.contains_key(format!("{number:03}")).unwrap();
                assert!(there, "{policy:?} at {operations}: {number} was synced and is lost");
            }
        }
    }
}

/// Writes the log or manifest `name` anew, with `change` made to one payload and every sum right;
/// whether there is such a payload and it is another now.
fn forge(
    vfs: &MemVfs,
    name: &str,
    database: u128,
    number: usize,
    change: impl Fn(&mut Vec<u8>),
) -> bool {
    let path = Path::new(DIR).join(name);
    let (stem, extension) = name.split_once('.').unwrap();
    let segment = SegmentId(u64::from_str_radix(stem, 16).unwrap());
    let kind = if extension == "log" { LogKind::Log } else { LogKind::Manifest };
    let file = vfs.open_read(&path).unwrap();
    let context = ReplayContext { kind, database, boot_id: vfs.boot_id(), durable: None };
    let mut payloads = Vec::new();
    replay(&[SegmentFile { id: segment, file, cut: None }], &context, |record| {
        payloads.push(record.payload.to_vec());
        Ok::<(), Error>(())
    })
    .unwrap();
    let Some(payload) = payloads.get_mut(number) else { return false };
    let before = payload.clone();
    change(payload);
    if *payload == before {
        return false;
    }
    vfs.unlink(&path).unwrap();
    let identity = LogIdentity { kind, database, segment };
    let birth = Birth { identity, boot_id: vfs.boot_id(), witness_number: 0, witness_records: 0 };
    let window = vfs.create_window(&path).unwrap();
    let mut writer = LogWriter::create(window, birth, None, 4 << 10).unwrap();
    for payload in &payloads {
        writer.append(&[payload]).unwrap();
    }
    writer.close().unwrap();
    true
}

/// redb 1331: a length in the file was believed before it was held against anything, and a forged
/// one asked for 8 TiB. Here every byte of every record is forged, with the sums set right, so
/// that only the bounds are left to refuse it; an allocation of such size aborts the test.
#[test]
fn redb_1331_a_forged_length_allocates_nothing() {
    let vfs = MemVfs::new();
    let set = |vfs: &MemVfs| {
        Options::new().vfs(Arc::new(vfs.clone())).memory_budget(1 << 20).background_threads(0)
    };
    let db = set(&vfs).open(DIR).unwrap();
    db.put("in a table", "v".repeat(300)).unwrap();
    db.flush().unwrap();
    let mut batch = WriteBatch::new();
    batch.put(&db.default_keyspace(), "in the log", "v".repeat(300));
    batch.delete(&db.default_keyspace(), "in a table");
    db.write(batch).unwrap();
    let dead = vfs.process_death();
    let current = dead.read(Path::new(DIR).join("CURRENT")).unwrap();
    let database = u128::from_le_bytes(current[32..48].try_into().unwrap());
    let (logs, manifests) =
        (files_of_kind(&dead, DIR, ".log"), files_of_kind(&dead, DIR, ".manifest"));
    let (mut refused, mut forged) = (0, 0);
    for name in logs.into_iter().chain(manifests) {
        for record in 0..3 {
            for at in (0..120).step_by(2) {
                // All that a varint, a u32 or a u64 may hold, and an 8 TiB varint.
                for filler in [vec![0xff; 9], vec![0x7f], vec![0x80; 6], vec![0xff; 4]] {
                    let vfs = dead.process_death();
                    let change = |payload: &mut Vec<u8>| {
                        let end = (at + filler.len()).min(payload.len());
                        if at < end {
                            payload[at..end].copy_from_slice(&filler[..end - at]);
                        }
                    };
                    if !forge(&vfs, &name, database, record, change) {
                        continue;
                    }
                    forged += 1;
                    let opened = set(&vfs).open(DIR).and_then(|db| state_of(&db).map(drop));
                    refused += usize::from(opened.is_err());
                }
            }
        }
    }
    assert!(forged > 600 && refused > forged / 4, "{refused} of {forged} were refused");
}

/// badger 2278: the base level was chosen past a level that held tables. Tombstones were dropped
/// there as if nothing lay below, and deleted keys came back.
#[test]
fn badger_2278_a_tombstone_outlives_every_value_below_it() {
    for seed in 0..8 {
        let vfs = SimVfs::new(seed);
        let db = open(&vfs, seed);
        for number in 0..200 {
            put(&db, 100, number);
        }
        db.compact_range(..).unwrap();
        db.close().unwrap();
        // Other sizes put the base level elsewhere than the tables are.
        let base = [300, 4_000, 60_000][usize::try_from(seed % 3).unwrap()];
        let policy = small_levels().base_bytes(base).ratio(2 + u32::try_from(seed % 4).unwrap());
        let db = options(&vfs, seed).compaction(policy).open(DIR).unwrap();
        for number in 0..50 {
            db.delete(format!("key {:03}", number * 2)).unwrap();
            put(&db, 100, number * 2 + 1);
            if number % 10 == 9 {
                db.flush().unwrap();
            }
            for gone in (0..=number).map(|number| number * 2) {
                let key = format!("key {gone:03}");
                let written_on = (0..=number).any(|n| (n * 2 + 1) * 7 % 100 == gone);
                let found = db.contains_key(&key).unwrap();
                assert!(!found || written_on, "seed {seed}: {key} is back");
            }
        }
        for bounds in [.."key 030", .."key 060", .."key 100"] {
            db.compact_range(bounds).unwrap();
            let even = db.keys(..).unwrap().map(|key| key.unwrap().into_vec());
            let even = even.filter(|key| (key[6] - b'0').is_multiple_of(2)).count();
            assert_eq!(even, 0, "seed {seed}: deleted keys are back");
        }
    }
}

/// A snapshot and what it must show.
type Held = (Snapshot, BTreeMap<Vec<u8>, Vec<u8>>);

/// Snapshots of a history of writes.
fn history(db: &Db, keys: usize, writes: usize) -> Vec<Held> {
    let (mut held, mut map) = (Vec::new(), BTreeMap::new());
    for number in 0..writes {
        put(db, keys, number);
        map.insert(
            format!("key {:03}", number * 7 % keys).into_bytes(),
            value(number).into_bytes(),
        );
        if number % 9 == 0 {
            held.push((db.snapshot(), map.clone()));
        }
    }
    held
}

fn assert_history(db: &Db, held: &[Held], what: &str) {
    for (number, (snapshot, map)) in held.iter().enumerate() {
        let found: BTreeMap<Vec<u8>, Vec<u8>> = snapshot
            .scan(db, ..)
            .unwrap()
            .map(|pair| pair.map(|(key, value)| (key.into_vec(), value.into_vec())).unwrap())
            .collect();
        assert!(found == *map, "{what}: snapshot {number} shows another state");
        for (key, value) in map {
            let found = snapshot.get(db, key).unwrap();
            assert_eq!(found.as_deref(), Some(&value[..]), "{what}: snapshot {number}");
        }
    }
}

/// `LevelDB` 320: versions of one key, kept for a snapshot, were split over two tables of a level.
/// A compaction took the newer one down, and the older one was read.
#[test]
fn leveldb_320_versions_of_a_key_stay_in_one_table_of_a_level() {
    for keys in [1, 2, 5, 30] {
        let vfs = SimVfs::new(1);
        let db = open(&vfs, 1);
        let mut held = history(&db, keys, 150);
        let check = |held: &[Held], what: &str| {
            for run in db.tree().unwrap().iter().flat_map(|keyspace| &keyspace.runs) {
                let apart = run.tables.windows(2).all(|pair| pair[0].last < pair[1].first);
                assert!(apart, "{keys} keys, {what}: two tables of a run share a key");
            }
            assert_history(&db, held, &format!("{keys} keys, {what}"));
        };
        check(&held, "written");
        db.compact_range(.."key 003").unwrap();
        check(&held, "compacted in part");
        for number in 200..240 {
            put(&db, keys, number);
        }
        check(&held, "written on");
        let mut number = 0;
        held.retain(|_| {
            number += 1;
            number % 2 == 0
        });
        db.compact_range(..).unwrap();
        check(&held, "compacted");
        assert!(db.verify().unwrap().findings.is_empty());
    }
}

/// Pebble 984: a crash, a recovery that crashed as well, and another one: numbers of files that
/// the first two had used were given out again, and files of one were taken for those of another.
#[test]
fn pebble_984_no_file_number_is_used_twice_however_often_recovery_crashes() {
    let write = |db: &Db, from: usize| {
        (from..from + 25).filter(|n| db.put(format!("{n:04}"), value(*n)).is_ok()).count()
    };
    for seed in 0..150_u64 {
        // The same chance each time: an id must differ by more than luck.
        let first = SimVfs::new(seed);
        first.cut_after(30 + seed * 3 % 90);
        if let Ok(db) = options(&first, 1).open(DIR) {
            write(&db, 0);
            drop((db.flush(), put_synced(&db, "synced", "1")));
        }
        let policy = CrashPolicy::ALL[usize::try_from(seed).unwrap() % CrashPolicy::ALL.len()];
        let second = first.crash(policy, seed);
        second.cut_after(second.operations() + seed % 23);
        if let Ok(db) = options(&second, 2).open(DIR) {
            write(&db, 100);
            drop(db.flush());
        }
        let third = second.crash(policy, !seed);
        let db = options(&third, 3).open(DIR);
        let db = db.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        let before = state_of(&db).unwrap();
        assert_eq!(write(&db, 200), 25, "seed {seed}: a number was taken");
        db.flush().unwrap();
        db.compact_range(..).unwrap();
        db.sync().unwrap();
        let fourth = third.crash(CrashPolicy::LoseUnsynced, 0);
        let db = open(&fourth, 4);
        let after = state_of(&db).unwrap();
        for (key, value) in &before["default"] {
            assert_eq!(after["default"].get(key), Some(value), "seed {seed}");
        }
        assert!(db.verify().unwrap().findings.is_empty(), "seed {seed}");
    }
}

/// `SlateDB` 1769: a compaction that was taken up again where an output ended lost entries of the
/// key at that boundary.
#[test]
fn slatedb_1769_a_compaction_that_is_begun_again_loses_nothing_at_a_boundary() {
    let mut broken_off = 0;
    for at in 0..36 {
        let vfs = SimVfs::new(at);
        let db = open(&vfs, 1);
        let held = history(&db, 12, 90);
        let broken = [Op::Append, Op::Create, Op::Sync][usize::try_from(at % 3).unwrap()];
        let fault = Fault::new(at / 3, FaultKind::Error(FaultError::Eio)).on(broken);
        vfs.arm(fault.times(2).in_path(".sst"));
        let failed = (0..3).map(|_| db.compact_range(..)).filter(Result::is_err).count();
        broken_off += failed;
        vfs.disarm();
        assert_history(&db, &held, &format!("call {at}, {failed} times failed"));
        db.compact_range(..).unwrap();
        assert_history(&db, &held, &format!("call {at}, at last"));
        let now = state_of(&db).unwrap();
        drop((held, db.close()));
        let again = open(&vfs.process_death(), 2);
        assert!(state_of(&again).unwrap() == now, "call {at}: another state after a start");
        assert!(again.verify().unwrap().findings.is_empty());
    }
    assert!(broken_off > 20, "only {broken_off} compactions were broken off");
}
