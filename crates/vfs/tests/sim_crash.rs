//! What crashes leave of a simulated disk, by policy.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use siltstone_vfs::{
    AppendFile, CrashPolicy, FaultClass, LogWindow, Random, SeededRandom, SimVfs, Unwritten, Vfs,
};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const DIR: &str = "/db";
const SEEDS: u64 = 300;

fn fresh() -> SimVfs {
    let disk = SimVfs::new(0);
    disk.create_dir_all(Path::new(DIR)).unwrap();
    disk
}

fn path(name: &str) -> PathBuf {
    Path::new(DIR).join(name)
}

fn sync_dir(disk: &SimVfs) {
    disk.sync_dir(Path::new(DIR)).unwrap();
}

/// A file with a durable name and these durable bytes.
fn file(disk: &SimVfs, name: &str, bytes: &[u8]) -> Box<dyn AppendFile> {
    let mut file = disk.create_new(&path(name)).unwrap();
    file.append(bytes).unwrap();
    file.sync().unwrap();
    sync_dir(disk);
    file
}

/// A window with a durable name and so many durable bytes of 1.
fn window(disk: &SimVfs, bytes: usize) -> Arc<dyn LogWindow> {
    let window = disk.create_window(&path("log")).unwrap();
    window.allocate(bytes as u64).unwrap();
    window.write_at(&vec![1; bytes], 0).unwrap();
    window.sync().unwrap();
    sync_dir(disk);
    window
}

/// All that the file may be after a crash.
fn left(disk: &SimVfs, policy: CrashPolicy, name: &str) -> BTreeSet<Vec<u8>> {
    (0..SEEDS).map(|seed| disk.crash(policy, seed).read(path(name)).unwrap()).collect()
}

fn names(disk: &SimVfs) -> String {
    let entries = disk.list(Path::new(DIR)).unwrap();
    let names: Vec<_> = entries.iter().map(|entry| entry.name.to_str().unwrap()).collect();
    names.join(" ")
}

fn texts(all: &[&str]) -> BTreeSet<Vec<u8>> {
    all.iter().map(|text| text.as_bytes().to_vec()).collect()
}

#[test]
fn all_that_is_not_synced_is_lost() {
    let disk = fresh();
    file(&disk, "a", b"synced").append(b"+").unwrap();
    disk.create_new(&path("b")).unwrap().sync().unwrap();
    let after = disk.crash(CrashPolicy::LoseUnsynced, 0);
    assert_eq!((names(&after), after.read(path("a")).unwrap()), ("a".to_owned(), b"synced".into()));
    assert_ne!(after.boot_id(), disk.boot_id());
    assert!(after.lost_something());
}

#[test]
fn a_prefix_of_each_files_writes_survives_independently() {
    let disk = fresh();
    let mut files = ["a", "b"].map(|name| file(&disk, name, b"0"));
    for bytes in [b"1", b"2"] {
        for file in &mut files {
            file.append(bytes).unwrap();
        }
    }
    assert_eq!(left(&disk, CrashPolicy::Prefix, "a"), texts(&["0", "01", "012"]));
    let both = |seed| {
        let after = disk.crash(CrashPolicy::Prefix, seed);
        (after.read(path("a")).unwrap(), after.read(path("b")).unwrap())
    };
    assert_eq!((0..SEEDS).map(both).collect::<BTreeSet<_>>().len(), 9);
}

#[test]
fn every_cut_of_the_last_write_is_an_image_and_all_before_it_is_there() {
    let disk = fresh();
    let mut table = file(&disk, "table", b"ab");
    disk.create_new(&path("other")).unwrap().append(b"whole").unwrap();
    table.append(b"cd").unwrap();
    table.append(b"efg").unwrap();
    let images: Vec<_> = disk.crash_images().collect();
    let tables: Vec<_> = images.iter().map(|image| image.read(path("table")).unwrap()).collect();
    assert_eq!(tables, [&b"abcd"[..], b"abcde", b"abcdef", b"abcdefg"]);
    assert!(images.iter().all(|image| image.read(path("other")).unwrap() == b"whole"));
    let lost: Vec<bool> = images.iter().map(SimVfs::lost_something).collect();
    assert_eq!(lost, [true, true, true, false]);
}

#[test]
fn the_images_of_a_rename_are_before_and_after_and_of_a_sync_one() {
    let disk = fresh();
    file(&disk, "a", b"");
    disk.rename(&path("a"), &path("b")).unwrap();
    assert_eq!(disk.crash_images().map(|image| names(&image)).collect::<Vec<_>>(), ["a", "b"]);
    sync_dir(&disk);
    assert!(disk.crash_images().all(|image| names(&image) == "b" && !image.lost_something()));
}

#[test]
fn the_images_of_an_allocation_go_by_blocks() {
    let disk = fresh();
    let window = window(&disk, 10);
    window.allocate(10_000).unwrap();
    let lengths = disk.crash_images().map(|image| image.read(path("log")).unwrap().len());
    assert_eq!(lengths.collect::<Vec<_>>(), [10, 4106, 8202, 10_000]);
}

#[test]
fn any_blocks_survive_and_holes_are_zeros() {
    let disk = fresh();
    file(&disk, "table", &[1; 100]).append(&[2; 3 * 4096 - 100]).unwrap();
    let mut patterns = BTreeSet::new();
    for bytes in left(&disk, CrashPolicy::Blocks, "table") {
        assert_eq!(bytes[..100], [1; 100]);
        let block = |at: usize| bytes.get(at).copied().unwrap_or(9);
        let probes = [100, 4096, 8192].map(block);
        for (start, first) in [100, 4096, 8192].into_iter().zip(probes) {
            let end = (start / 4096 + 1) * 4096;
            let rest = bytes.get(start..end.min(bytes.len())).unwrap_or_default();
            assert!(rest.iter().all(|byte| *byte == first), "a block is whole or lost");
        }
        patterns.insert(probes);
    }
    // 2 is there, 0 a hole, 9 behind the end.
    for pattern in [[2, 2, 2], [0, 2, 2], [2, 0, 2], [0, 0, 2], [9, 9, 9], [2, 9, 9], [0, 0, 0]] {
        assert!(patterns.contains(&pattern), "{pattern:?} is not among {patterns:?}");
    }
}

#[test]
fn sectors_of_a_block_are_torn_with_what_was_asked_for_between() {
    let disk = fresh();
    window(&disk, 4096).write_at(&[2; 2048], 1024).unwrap();
    for (unwritten, between) in
        [(Unwritten::Old, Some(1)), (Unwritten::Zeros, Some(0)), (Unwritten::Garbage, None)]
    {
        let mut seen = BTreeSet::new();
        let mut odd = 0;
        for bytes in left(&disk, CrashPolicy::Torn(unwritten), "log") {
            assert_eq!((&bytes[..1024], &bytes[3072..]), (&[1; 1024][..], &[1; 1024][..]));
            let written = |sector: &[u8]| sector.iter().all(|byte| *byte == 2);
            let lost = |sector: &[u8]| {
                between.is_none_or(|between| sector.iter().all(|byte| *byte == between))
            };
            let sectors: Vec<&[u8]> = bytes[1024..3072].chunks(512).collect();
            odd += usize::from(!sectors.iter().all(|sector| written(sector) || lost(sector)));
            seen.insert(sectors.iter().map(|sector| written(sector)).collect::<Vec<_>>());
        }
        assert_eq!(seen.len(), 16, "{unwritten:?}: every subset of four sectors");
        assert!(odd > 0 || between.is_none(), "{unwritten:?}: none was torn within a sector");
    }
}

#[test]
fn a_byte_prefix_of_the_tail_may_survive() {
    let disk = fresh();
    file(&disk, "log", b"ab").append(b"cdef").unwrap();
    let seen = left(&disk, CrashPolicy::Torn(Unwritten::Old), "log");
    for prefix in ["ab", "abc", "abcd", "abcde", "abcdef"] {
        assert!(seen.contains(prefix.as_bytes()), "{prefix} is missing");
    }
}

#[test]
fn size_and_data_part() {
    let disk = fresh();
    let window = window(&disk, 4);
    window.write_at(&[2], 1).unwrap();
    window.allocate(8).unwrap();
    window.write_at(&[2; 2], 3).unwrap();
    let only = |policy| Vec::from_iter(left(&disk, policy, "log"));
    assert_eq!(only(CrashPolicy::SizeWithoutData), [[1, 1, 1, 1, 0, 0, 0, 0]]);
    assert_eq!(only(CrashPolicy::DataWithoutSize), [[1, 2, 1, 2]]);
}

#[test]
fn each_change_of_a_name_is_kept_or_lost_by_itself_and_a_rename_as_a_whole() {
    let disk = fresh();
    file(&disk, "a", b"");
    file(&disk, "z", b"");
    disk.unlink(&path("z")).unwrap();
    disk.create_new(&path("b")).unwrap();
    disk.rename(&path("a"), &path("c")).unwrap();
    let seen: BTreeSet<String> =
        (0..SEEDS).map(|seed| names(&disk.crash(CrashPolicy::Names, seed))).collect();
    let all = ["a", "a b", "a b z", "a z", "b c", "b c z", "c", "c z"].map(str::to_owned);
    assert_eq!(seen, BTreeSet::from(all));
}

/// What a model knows of one window.
struct Modelled {
    window: Arc<dyn LogWindow>,
    now: Vec<u8>,
    synced: Vec<u8>,
    /// Whether the byte was written since.
    dirty: Vec<bool>,
}

/// Writes of any size at any place, so that synced bytes share sectors with unsynced ones.
#[test]
fn no_policy_changes_a_byte_that_was_synced() {
    for seed in 0..12 {
        let random = SeededRandom::new(seed);
        let draw = |bound: usize| usize::try_from(random.next_u64()).unwrap() % bound;
        let disk = fresh();
        let mut model = Modelled {
            window: window(&disk, 9000),
            now: vec![1; 9000],
            synced: vec![1; 9000],
            dirty: vec![false; 9000],
        };
        for step in 0..30_u8 {
            change(&mut model, draw(8), (draw(9000), draw(3000)), step + 2);
            for policy in CrashPolicy::ALL {
                let left = disk.crash(policy, random.next_u64()).read(path("log")).unwrap();
                check_synced(&model, &left, &format!("seed {seed}, step {step}, {policy:?}"));
            }
            for image in [0, 1, 511, 512, 1000] {
                let policy = CrashPolicy::CutLast { bytes: image };
                let left = disk.crash(policy, 0).read(path("log")).unwrap();
                check_synced(&model, &left, &format!("seed {seed}, step {step}, {policy:?}"));
            }
        }
    }
}

fn change(model: &mut Modelled, what: usize, (offset, count): (usize, usize), byte: u8) {
    match what {
        0 => {
            model.window.sync().unwrap();
            model.synced.clone_from(&model.now);
            model.dirty = vec![false; model.now.len()];
        }
        1 => {
            model.now.resize(model.now.len() + count, 0);
            model.window.allocate(model.now.len() as u64).unwrap();
        }
        _ => {
            let end = (offset + count).min(model.now.len());
            model.window.write_at(&vec![byte; end - offset], offset as u64).unwrap();
            model.now[offset..end].fill(byte);
            let dirty_end = end.min(model.dirty.len());
            model.dirty[offset.min(dirty_end)..dirty_end].fill(true);
        }
    }
}

fn check_synced(model: &Modelled, left: &[u8], message: &str) {
    assert!(left.len() >= model.synced.len(), "{message}: shorter than what was synced");
    assert!(left.len() <= model.now.len(), "{message}: longer than what was written");
    for (index, dirty) in model.dirty.iter().enumerate() {
        assert!(*dirty || left[index] == model.synced[index], "{message}: byte {index}");
    }
}

/// A few files and every kind of change.
fn script(disk: &SimVfs) -> std::io::Result<()> {
    disk.create_dir_all(Path::new(DIR))?;
    let window = disk.create_window(&path("log"))?;
    window.allocate(8192)?;
    disk.sync_dir(Path::new(DIR))?;
    window.write_at(&[1; 5000], 100)?;
    window.sync()?;
    let mut table = disk.create_new(&path("new"))?;
    table.append(&[2; 700])?;
    table.append(&[3; 5000])?;
    table.sync()?;
    disk.rename(&path("new"), &path("table"))?;
    window.write_at(&[4; 600], 4000)?;
    disk.sync_dir(Path::new(DIR))?;
    disk.unlink(&path("log"))
}

#[test]
fn a_seed_leaves_the_same_every_time_and_others_leave_others() {
    let mut prints = BTreeSet::new();
    for cut in 0..14 {
        let run = || {
            let disk = SimVfs::new(0);
            disk.cut_after(cut);
            let _ = script(&disk);
            disk
        };
        let (one, two) = (run(), run());
        for policy in CrashPolicy::ALL {
            for seed in 0..20 {
                let print = one.crash(policy, seed).fingerprint();
                assert_eq!(print, two.crash(policy, seed).fingerprint(), "{cut} {policy:?} {seed}");
                prints.insert(print);
            }
        }
    }
    assert!(prints.len() > 100, "only {} images", prints.len());
}

#[test]
fn a_crash_that_loses_nothing_says_so_and_counts_nothing() {
    let disk = fresh();
    let mut table = file(&disk, "table", b"synced");
    for policy in CrashPolicy::ALL {
        assert!(!disk.crash(policy, 1).lost_something(), "{policy:?}");
    }
    assert_eq!(disk.counts(), SimVfs::new(0).counts());
    table.append(b"more").unwrap();
    for policy in CrashPolicy::ALL {
        let lost = (0..20).filter(|seed| disk.crash(policy, *seed).lost_something()).count();
        assert!(lost > 0, "{policy:?}");
    }
    assert_eq!(disk.counts().of(FaultClass::LoseUnsynced), 20);
}

#[test]
fn a_crash_after_a_crash_is_counted_and_old_handles_do_not_reach_it() {
    let disk = fresh();
    let mut table = file(&disk, "table", b"synced");
    let after = disk.crash(CrashPolicy::LoseUnsynced, 0);
    table.append(b"late").unwrap();
    table.sync().unwrap();
    assert_eq!(after.read(path("table")).unwrap(), b"synced");
    assert_eq!(disk.counts().of(FaultClass::CrashAgain), 0);
    let again = after.crash(CrashPolicy::Names, 0);
    assert_eq!((again.crashes(), again.counts().of(FaultClass::CrashAgain)), (2, 1));
}

#[test]
fn process_death_keeps_all_and_the_boot() {
    let disk = fresh();
    disk.create_new(&path("a")).unwrap().append(b"unsynced").unwrap();
    let guard = disk.lock(&path("LOCK"), "me").unwrap();
    let after = disk.process_death();
    assert_eq!(after.read(path("a")).unwrap(), b"unsynced");
    assert_eq!((after.boot_id(), after.crashes()), (disk.boot_id(), 0));
    drop(after.lock(&path("LOCK"), "you").unwrap());
    drop(guard);
}

#[test]
fn what_a_dead_process_left_unsynced_waits_for_the_next_one_to_sync_it() {
    let disk = fresh();
    let log = window(&disk, 4);
    log.write_at(b"left", 0).unwrap();
    disk.create_new(&path("table")).unwrap();
    let next = disk.process_death();
    log.write_at(b"late", 0).unwrap();
    let durable = |disk: &SimVfs| {
        let after = disk.crash(CrashPolicy::LoseUnsynced, 0);
        (names(&after), after.read(path("log")).unwrap())
    };
    assert_eq!(durable(&next), ("log".to_owned(), vec![1; 4]));
    next.sync_file(&path("log")).unwrap();
    assert_eq!(durable(&next), ("log".to_owned(), b"left".to_vec()));
    sync_dir(&next);
    assert_eq!(durable(&next).0, "log table");
    assert_eq!(durable(&disk), ("log".to_owned(), vec![1; 4]), "the old one goes on alone");
}
