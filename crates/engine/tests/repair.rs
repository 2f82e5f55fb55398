//! A repair of a sound database gives all of it; of a damaged one, all that is not in the damaged
//! part, and a report that names the part. It changes nothing in the damaged database, and no
//! bytes make it panic.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::counters::Counters;
use common::{Chance, State, contents, files_of_kind, from_env, state_of};
use siltstone::vfs::MemVfs;
use siltstone::{Compression, Db, Error, Options, RepairReport};
use std::collections::BTreeSet;
use std::sync::Arc;

const DIR: &str = "/db";
const NEW: &str = "/new";

fn options(vfs: &MemVfs, compression: Compression) -> Options {
    let options = Options::new().vfs(Arc::new(vfs.clone())).background_threads(0);
    let options = options.memory_budget(1 << 20).memtable_bytes(4 << 10).block_bytes(256);
    options.compression(compression)
}

fn repair(vfs: &MemVfs) -> Result<RepairReport, Error> {
    options(vfs, Compression::None).repair(DIR, NEW, &mut |_| {})
}

/// What a database may hold after damage: every key with all values it ever had.
type Versions = BTreeSet<(String, Vec<u8>, Vec<u8>)>;

/// A database of two keyspaces, tables in several levels and a log, whose process died.
fn build(seed: u64, compression: Compression) -> (MemVfs, State, Versions) {
    let vfs = MemVfs::new();
    let mut versions = Versions::new();
    let chance = Chance::new(seed);
    let mut write = |db: &Db, rounds: u64| {
        let spaces = [db.default_keyspace(), db.keyspace("users").unwrap()];
        for _ in 0..rounds {
            let keyspace = &spaces[chance.below(2)];
            let key = format!("key {:03}", chance.below(120));
            if chance.below(6) == 0 {
                keyspace.delete(&key).unwrap();
                continue;
            }
            let length = chance.below(4);
            let value = format!("value {} ", chance.below(1000)).repeat(length);
            keyspace.put(&key, &value).unwrap();
            versions.insert((keyspace.name().to_owned(), key.into_bytes(), value.into_bytes()));
        }
    };
    let db = options(&vfs, compression).open(DIR).unwrap();
    write(&db, 300);
    db.compact_range(..).unwrap();
    write(&db, 200);
    db.flush().unwrap();
    db.close().unwrap();
    let db = options(&vfs, compression).open(DIR).unwrap();
    write(&db, 150);
    db.flush().unwrap();
    write(&db, 40);
    db.sync().unwrap();
    let state = state_of(&db).unwrap();
    let dead = vfs.process_death();
    assert!(files_of_kind(&dead, DIR, ".sst").len() >= 4, "some tables are needed");
    assert!(!files_of_kind(&dead, DIR, ".log").is_empty(), "a log is needed");
    (dead, state, versions)
}

fn repaired(vfs: &MemVfs) -> State {
    let db = options(vfs, Compression::None).create_if_missing(false).open(NEW).unwrap();
    let report = db.verify().unwrap();
    assert!(report.findings.is_empty(), "the new database: {:?}", report.findings);
    let state = state_of(&db).unwrap();
    db.put("after", "all").unwrap();
    db.close().unwrap();
    state
}

fn without_lock(vfs: &MemVfs) -> Vec<(String, Vec<u8>)> {
    contents(vfs, DIR).into_iter().filter(|(name, _)| name != "LOCK").collect()
}

fn seeds() -> std::ops::Range<u64> {
    0..from_env("SILTSTONE_SEEDS").unwrap_or(2)
}

const BOTH: [Compression; 2] = [Compression::None, Compression::Snap];

#[test]
fn a_sound_database_is_saved_whole_and_stays_as_it_is() {
    for seed in seeds() {
        for compression in BOTH {
            let (vfs, state, _) = build(seed, compression);
            let before = without_lock(&vfs);
            let mut last = None;
            let report = options(&vfs, compression)
                .repair(DIR, NEW, &mut |progress| last = Some(progress))
                .unwrap();
            assert!(report.losses.is_empty(), "seed {seed}: {:?}", report.losses);
            assert!(report.findings.is_empty(), "seed {seed}: {:?}", report.findings);
            assert!(without_lock(&vfs) == before, "seed {seed}: the source changed");
            assert_eq!(repaired(&vfs), state, "seed {seed}");
            let keys: usize = state.values().map(std::collections::BTreeMap::len).sum();
            assert_eq!(report.keys, keys as u64, "seed {seed}");
            let last = last.unwrap();
            assert!(last.done_bytes > 0 && last.done_bytes <= last.total_bytes, "{last:?}");
        }
    }
}

/// Repairs after `change` and checks what holds for every single damage: nothing is made up, the
/// report names the file if anything is missing or different.
fn check_damage(
    (vfs, state, versions): &(MemVfs, State, Versions),
    name: &str,
    what: &str,
    change: impl FnOnce(&MemVfs, &str),
) -> (RepairReport, State) {
    let vfs = vfs.process_death();
    change(&vfs, &format!("{DIR}/{name}"));
    let before = without_lock(&vfs);
    let report = repair(&vfs).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(without_lock(&vfs) == before, "{what}: the source changed");
    let saved = repaired(&vfs);
    let all = report.losses.iter().map(|loss| loss.path.display().to_string());
    let named: Vec<String> =
        all.chain(report.findings.iter().map(|found| found.path.display().to_string())).collect();
    if saved == *state {
        return (report, saved);
    }
    assert!(!report.losses.is_empty(), "{what}: a silent loss");
    assert!(named.iter().any(|path| path.ends_with(name)), "{what}: {named:?} misses {name}");
    for (keyspace, pairs) in &saved {
        for (key, value) in pairs {
            // A keyspace whose name is lost still has nothing that was never written.
            let known = if state.contains_key(keyspace) {
                versions.contains(&(keyspace.clone(), key.clone(), value.clone()))
            } else {
                versions.iter().any(|(_, k, v)| k == key && v == value)
            };
            assert!(known, "{what}: {keyspace} {key:?} = {value:?} was never written");
        }
    }
    (report, saved)
}

#[test]
fn every_file_damaged_cut_or_missing_costs_only_what_was_in_it() {
    let mut counters = Counters::default();
    for seed in seeds() {
        for compression in BOTH {
            let built = build(seed, compression);
            let state = &built.1;
            for (name, bytes) in contents(&built.0, DIR) {
                if name == "LOCK" {
                    continue;
                }
                let chance = Chance::new(seed ^ bytes.len() as u64);
                let length = bytes.len();
                let case = |what: &str| format!("seed {seed}, {compression:?}, {name} {what}");
                let (report, saved) = check_damage(&built, &name, &case("missing"), |vfs, path| {
                    vfs.remove(path).unwrap();
                });
                assert!(
                    report.findings.iter().any(|f| f.path.ends_with(&name))
                        || report.losses.iter().any(|l| l.path.ends_with(&name))
                        || name.ends_with(".manifest"),
                    "{name} missing: {report:?}"
                );
                if name == "CURRENT" {
                    assert_eq!(&saved, state, "a lost CURRENT costs nothing");
                }
                counters.add("rot cases", 1);
                for _ in 0..6 {
                    let at = chance.below(length);
                    let bit = 1 << chance.below(8);
                    check_damage(&built, &name, &case(&format!("flipped at {at}")), |vfs, path| {
                        let mut bytes = bytes.clone();
                        bytes[at] ^= bit;
                        vfs.write(path, &bytes).unwrap();
                    });
                    check_damage(&built, &name, &case(&format!("cut at {at}")), |vfs, path| {
                        vfs.write(path, &bytes[..at]).unwrap();
                    });
                    let end = (at + 512).min(bytes.len());
                    check_damage(&built, &name, &case(&format!("zeros at {at}")), |vfs, path| {
                        let mut bytes = bytes.clone();
                        bytes[at..end].fill(0);
                        vfs.write(path, &bytes).unwrap();
                    });
                    counters.add("rot cases", 3);
                }
            }
        }
    }
    counters.report("repair");
}

#[test]
fn one_bad_block_of_a_table_costs_no_key_of_another() {
    for compression in BOTH {
        let vfs = MemVfs::new();
        let db = options(&vfs, compression).memtable_bytes(64 << 10).open(DIR).unwrap();
        for number in 0..500u32 {
            db.put(format!("key {number:04}"), format!("value {number} ").repeat(3)).unwrap();
        }
        db.flush().unwrap();
        let state = state_of(&db).unwrap();
        db.close().unwrap();
        // The log goes, which would give back what the table loses.
        options(&vfs, compression).open(DIR).unwrap().close().unwrap();
        let table = files_of_kind(&vfs, DIR, ".sst").pop().unwrap();
        let path = format!("{DIR}/{table}");
        let bytes = vfs.read(&path).unwrap();
        let whole = [&[][..], &[bytes.len() - 300][..], &[bytes.len() - 1], &[40]];
        // Also with the footer, the properties or the header gone, so that no index helps.
        for more in whole {
            let copy = vfs.process_death();
            let mut damaged = bytes.clone();
            damaged[2000] ^= 4;
            for &at in more {
                damaged[at] ^= 1;
            }
            copy.write(&path, &damaged).unwrap();
            let report = repair(&copy).unwrap();
            let saved = repaired(&copy);
            let gone: Vec<_> = state["default"]
                .keys()
                .filter(|key| !saved["default"].contains_key(*key))
                .cloned()
                .collect();
            assert!((1..30).contains(&gone.len()), "{compression:?} {more:?}: {}", gone.len());
            let loss = report.losses.iter().find(|loss| loss.offset < 2000 + 300).unwrap();
            assert!(loss.offset <= 2000 && loss.offset + loss.bytes > 2000, "{loss:?}");
            let (first, last) = loss.keys.as_ref().unwrap();
            for key in &gone {
                assert!(first <= key && key <= last, "{key:?} is not in {loss:?}");
            }
            if let Some(entries) = loss.entries {
                assert_eq!(entries, gone.len() as u64, "{loss:?}");
            }
        }
    }
}

#[test]
fn without_a_manifest_keyspaces_stay_apart_and_nothing_is_lost() {
    let (vfs, state, _) = build(9, Compression::None);
    for name in files_of_kind(&vfs, DIR, ".manifest") {
        vfs.remove(format!("{DIR}/{name}")).unwrap();
    }
    vfs.remove(format!("{DIR}/CURRENT")).unwrap();
    let report = repair(&vfs).unwrap();
    assert_eq!(report.keyspaces, ["default", "keyspace-1"]);
    assert!(report.losses[0].why.contains("list of files"), "{:?}", report.losses);
    let saved = repaired(&vfs);
    assert_eq!(saved["default"], state["default"]);
    assert_eq!(saved["keyspace-1"], state["users"]);
}

#[test]
fn a_damaged_manifest_still_tells_the_names() {
    let (vfs, state, _) = build(10, Compression::None);
    let name = files_of_kind(&vfs, DIR, ".manifest").pop().unwrap();
    let path = format!("{DIR}/{name}");
    let mut bytes = vfs.read(&path).unwrap();
    // The header goes; every record behind it is still there.
    bytes[60] ^= 1;
    vfs.write(&path, &bytes).unwrap();
    repair(&vfs).unwrap();
    assert_eq!(repaired(&vfs), state);
}

#[test]
fn what_a_recovery_cut_off_does_not_come_back() {
    let vfs = MemVfs::new();
    let db = options(&vfs, Compression::None).open(DIR).unwrap();
    db.put("kept", "1").unwrap();
    db.sync().unwrap();
    db.put("torn", "2").unwrap();
    let log = files_of_kind(&vfs, DIR, ".log").pop().unwrap();
    let vfs = vfs.power_cut();
    drop(db);
    let db = options(&vfs, Compression::None).open(DIR).unwrap();
    assert!(db.get("torn").unwrap().is_none());
    let state = state_of(&db).unwrap();
    let dead = vfs.process_death();
    let report = repair(&dead).unwrap();
    assert!(report.losses.is_empty(), "{log}: {:?}", report.losses);
    assert_eq!(repaired(&dead), state);
}

#[test]
fn it_refuses_a_database_in_use_a_full_directory_and_no_database() {
    let vfs = MemVfs::new();
    let db = options(&vfs, Compression::None).open(DIR).unwrap();
    db.put("k", "v").unwrap();
    assert!(matches!(repair(&vfs), Err(Error::Locked { .. })));
    db.close().unwrap();
    let options = || options(&vfs, Compression::None);
    let full = options().repair(DIR, DIR, &mut |_| {});
    assert!(matches!(full, Err(Error::InvalidOption { .. })), "{full:?}");
    let inside = options().repair(DIR, "/db/inside", &mut |_| {});
    assert!(matches!(inside, Err(Error::InvalidOption { .. })), "{inside:?}");
    assert!(matches!(options().repair("/nowhere", NEW, &mut |_| {}), Err(Error::NotFound { .. })));
    repair(&vfs).unwrap();
    assert!(matches!(repair(&vfs), Err(Error::NotEmpty { .. })), "it is not written over");
    assert_eq!(repaired(&vfs)["default"].len(), 1);
}

#[test]
fn no_bytes_make_it_panic() {
    let rounds = from_env("SILTSTONE_ROUNDS").unwrap_or(150);
    for seed in 0..rounds {
        let chance = Chance::new(seed);
        let compression = BOTH[chance.below(2)];
        let built = build(seed % 3, compression);
        let vfs = built.0;
        for (name, mut bytes) in contents(&vfs, DIR) {
            if name == "LOCK" || chance.below(2) == 0 {
                continue;
            }
            match chance.below(4) {
                0 => bytes.iter_mut().for_each(|byte| *byte = chance.next().to_le_bytes()[0]),
                1 => bytes.truncate(chance.below(bytes.len())),
                2 => bytes.rotate_left(8),
                _ => {
                    for _ in 0..chance.below(20) {
                        let at = chance.below(bytes.len());
                        bytes[at] = chance.next().to_le_bytes()[0];
                    }
                }
            }
            vfs.write(format!("{DIR}/{name}"), &bytes).unwrap();
        }
        match repair(&vfs) {
            Ok(_) => drop(repaired(&vfs)),
            Err(error) => panic!("seed {seed}: {error}"),
        }
    }
}
