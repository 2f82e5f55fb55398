//! What crashes leave of a `MemVfs`.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use siltstone_vfs::{LockError, LogWindow, MemVfs, Random, ReadFile, SeededRandom, Vfs};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

const DIR: &str = "/db";

fn fresh() -> MemVfs {
    let vfs = MemVfs::new();
    vfs.create_dir_all(Path::new(DIR)).unwrap();
    vfs
}

fn path(name: &str) -> std::path::PathBuf {
    Path::new(DIR).join(name)
}

fn sync_dir(vfs: &MemVfs) {
    vfs.sync_dir(Path::new(DIR)).unwrap();
}

/// Creates a file whose name and bytes are durable.
fn put_durable(vfs: &MemVfs, name: &str, bytes: &[u8]) {
    let mut file = vfs.create_new(&path(name)).unwrap();
    file.append(bytes).unwrap();
    file.sync().unwrap();
    sync_dir(vfs);
}

/// All files of the directory.
fn picture(vfs: &MemVfs) -> BTreeMap<String, Vec<u8>> {
    let entries = vfs.list(Path::new(DIR)).unwrap();
    let names = entries.into_iter().map(|entry| entry.name.into_string().unwrap());
    names.map(|name| (name.clone(), vfs.read(path(&name)).unwrap())).collect()
}

fn pictured(files: &[(&str, &[u8])]) -> BTreeMap<String, Vec<u8>> {
    files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect()
}

#[test]
fn a_power_cut_takes_unsynced_bytes_and_names() {
    let vfs = fresh();
    put_durable(&vfs, "table", b"synced");
    let mut nameless = vfs.create_new(&path("nameless")).unwrap();
    nameless.append(b"synced bytes, unsynced name").unwrap();
    nameless.sync().unwrap();
    let after = vfs.power_cut();
    assert_eq!(picture(&after), pictured(&[("table", b"synced")]));

    sync_dir(&vfs);
    nameless.append(b" and an unsynced end").unwrap();
    let expected = [("nameless", &b"synced bytes, unsynced name"[..]), ("table", b"synced")];
    assert_eq!(picture(&vfs.power_cut()), pictured(&expected));
    assert_eq!(picture(&after), pictured(&[("table", b"synced")]), "an earlier cut stays");
}

#[test]
fn a_name_may_be_durable_before_its_bytes_are() {
    let vfs = fresh();
    let mut file = vfs.create_new(&path("table")).unwrap();
    sync_dir(&vfs);
    file.append(b"bytes").unwrap();
    assert_eq!(picture(&vfs.power_cut()), pictured(&[("table", b"")]));
}

#[test]
fn renames_links_and_unlinks_wait_for_the_directory() {
    let vfs = fresh();
    put_durable(&vfs, "CURRENT", b"old");
    put_durable(&vfs, "dead", b"table");
    put_durable(&vfs, "CURRENT.new", b"new");
    let before = picture(&vfs);
    vfs.rename(&path("CURRENT.new"), &path("CURRENT")).unwrap();
    vfs.unlink(&path("dead")).unwrap();
    vfs.link_or_copy(&path("CURRENT"), &path("link")).unwrap();
    let expected = pictured(&[("CURRENT", b"new"), ("link", b"new")]);
    assert_eq!(picture(&vfs), expected);
    assert_eq!(picture(&vfs.power_cut()), before);
    sync_dir(&vfs);
    assert_eq!(picture(&vfs.power_cut()), expected);
}

#[test]
fn a_synced_window_survives_with_its_zeros_and_loses_later_overwrites() {
    let vfs = fresh();
    let window = vfs.create_window(&path("log")).unwrap();
    sync_dir(&vfs);
    window.allocate(8).unwrap();
    assert_eq!(vfs.power_cut().read(path("log")).unwrap(), b"", "the length too needs a sync");
    window.write_at(b"one", 0).unwrap();
    window.sync().unwrap();
    window.write_at(b"TWO", 2).unwrap();
    window.allocate(16).unwrap();
    window.write_at(b"three", 6).unwrap();
    assert_eq!(vfs.power_cut().read(path("log")).unwrap(), b"one\0\0\0\0\0");
    assert_eq!(vfs.read(path("log")).unwrap(), b"onTWO\0three\0\0\0\0\0");
    window.sync().unwrap();
    assert_eq!(vfs.power_cut().read(path("log")).unwrap(), b"onTWO\0three\0\0\0\0\0");
}

#[test]
fn process_death_keeps_every_write_and_frees_the_lock() {
    let vfs = fresh();
    let guard = vfs.lock(&path("LOCK"), "first").unwrap();
    vfs.create_new(&path("log")).unwrap().append(b"unsynced").unwrap();
    let after = vfs.process_death();
    assert_eq!(picture(&after), pictured(&[("LOCK", b"first"), ("log", b"unsynced")]));
    drop(after.lock(&path("LOCK"), "second").unwrap());
    assert!(matches!(vfs.lock(&path("LOCK"), "third"), Err(LockError::Held(_))));
    drop(guard);
}

#[test]
fn only_a_power_cut_starts_the_machine_anew() {
    let vfs = fresh();
    assert_ne!(vfs.boot_id(), 0);
    assert_eq!(vfs.process_death().boot_id(), vfs.boot_id());
    assert_ne!(vfs.power_cut().boot_id(), vfs.boot_id());
    assert_ne!(vfs.power_cut_keeping(1).boot_id(), vfs.boot_id());
}

#[test]
fn old_handles_do_not_reach_the_file_system_after_a_crash() {
    let vfs = fresh();
    let window = vfs.create_window(&path("log")).unwrap();
    window.allocate(4).unwrap();
    window.sync().unwrap();
    sync_dir(&vfs);
    let reader = vfs.open_read(&path("log")).unwrap();
    let afters = [vfs.power_cut(), vfs.process_death(), vfs.power_cut_keeping(3)];
    window.write_at(b"late", 0).unwrap();
    window.sync().unwrap();
    vfs.unlink(&path("log")).unwrap();
    sync_dir(&vfs);
    for after in &afters {
        assert_eq!(picture(after), pictured(&[("log", &[0; 4])]));
    }
    let mut bytes = [0; 4];
    reader.read_exact_at(&mut bytes, 0).unwrap();
    assert_eq!(&bytes, b"late", "the old one goes on");
}

#[test]
fn names_of_one_file_stay_names_of_one_file() {
    let vfs = fresh();
    put_durable(&vfs, "a", b"bytes");
    vfs.link_or_copy(&path("a"), &path("b")).unwrap();
    sync_dir(&vfs);
    let after = vfs.power_cut();
    after.write(path("a"), b"rotten").unwrap();
    assert_eq!(after.read(path("b")).unwrap(), b"rotten");
    assert_eq!(vfs.read(path("b")).unwrap(), b"bytes");
}

#[test]
fn rot_is_durable_at_once_and_no_operation() {
    let vfs = fresh();
    let mut file = vfs.create_new(&path("table")).unwrap();
    file.append(b"fine bytes").unwrap();
    sync_dir(&vfs);
    let operations = vfs.operations();
    vfs.write(path("table"), b"rotten").unwrap();
    vfs.write(path("foreign"), b"file").unwrap();
    let expected = pictured(&[("foreign", b"file"), ("table", b"rotten")]);
    assert_eq!(picture(&vfs), expected);
    assert_eq!(picture(&vfs.power_cut()), expected);
    file.append(b", more").unwrap();
    assert_eq!(vfs.read(path("table")).unwrap(), b"rotten, more");

    vfs.remove(path("foreign")).unwrap();
    vfs.create_new(&path("young")).unwrap();
    vfs.remove(path("young")).unwrap();
    for seed in 0..20 {
        let names: Vec<String> = picture(&vfs.power_cut_keeping(seed)).into_keys().collect();
        assert_eq!(names, ["table"], "seed {seed}");
    }
    assert_eq!(vfs.operations(), operations + 2);
}

/// Three files and every kind of operation; stops at the first error.
fn script(vfs: &MemVfs) -> std::io::Result<()> {
    vfs.create_dir_all(Path::new(DIR))?;
    let window = vfs.create_window(&path("log"))?;
    window.allocate(8)?;
    vfs.sync_dir(Path::new(DIR))?;
    window.write_at(b"rec", 0)?;
    window.sync()?;
    let mut file = vfs.create_new(&path("new"))?;
    file.append(b"a")?;
    file.append(b"b")?;
    file.sync()?;
    vfs.rename(&path("new"), &path("table"))?;
    vfs.link_or_copy(&path("table"), &path("link"))?;
    vfs.sync_dir(Path::new(DIR))?;
    vfs.unlink(&path("log"))
}

#[test]
fn a_cut_stops_everything_that_changes_at_any_operation() {
    let whole = MemVfs::new();
    script(&whole).unwrap();
    let operations = whole.operations();
    assert_eq!(operations, 14);
    let mut pictures = BTreeSet::new();
    for cut in 0..operations {
        let vfs = MemVfs::new();
        vfs.cut_after(cut);
        script(&vfs).unwrap_err();
        assert_eq!(vfs.operations(), cut);
        if cut == 0 {
            vfs.list(Path::new(DIR)).unwrap_err();
            continue;
        }
        let picture_at_cut = picture(&vfs);
        script(&vfs).unwrap_err();
        vfs.sync_dir(Path::new(DIR)).unwrap_err();
        assert!(matches!(vfs.lock(&path("LOCK"), "me"), Err(LockError::Io(_))));
        assert_eq!(picture(&vfs), picture_at_cut, "cut after {cut}");
        assert_eq!(vfs.process_death().operations(), 0);
        script(&vfs.power_cut_keeping(cut)).ok();
        pictures.insert(picture_at_cut);
    }
    assert!(pictures.len() >= 8, "the cuts fall at different places: {}", pictures.len());
    let last = MemVfs::new();
    last.cut_after(operations);
    script(&last).unwrap();
}

#[test]
fn every_prefix_of_writes_and_every_tear_can_be_what_is_left() {
    let vfs = fresh();
    let mut file = vfs.create_new(&path("table")).unwrap();
    file.append(b"ab").unwrap();
    file.sync().unwrap();
    sync_dir(&vfs);
    file.append(b"cd").unwrap();
    file.append(b"").unwrap();
    file.append(b"ef").unwrap();
    let seen: BTreeSet<Vec<u8>> =
        (0..200).map(|seed| vfs.power_cut_keeping(seed).read(path("table")).unwrap()).collect();
    let prefixes: BTreeSet<Vec<u8>> = (2..=6).map(|end| b"abcdef"[..end].to_vec()).collect();
    assert_eq!(seen, prefixes);
}

#[test]
fn a_torn_overwrite_leaves_new_bytes_before_old_ones() {
    let vfs = fresh();
    let window = vfs.create_window(&path("log")).unwrap();
    window.allocate(4).unwrap();
    window.write_at(b"old!", 0).unwrap();
    window.sync().unwrap();
    sync_dir(&vfs);
    window.write_at(b"NEW", 0).unwrap();
    window.write_at(b"?", 3).unwrap();
    let seen: BTreeSet<Vec<u8>> =
        (0..200).map(|seed| vfs.power_cut_keeping(seed).read(path("log")).unwrap()).collect();
    let possible = [&b"old!"[..], b"Nld!", b"NEd!", b"NEW!", b"NEW?"].map(<[u8]>::to_vec);
    assert_eq!(seen, BTreeSet::from(possible));
}

#[test]
fn each_change_of_a_name_is_kept_or_lost_by_itself() {
    let vfs = fresh();
    put_durable(&vfs, "a", b"");
    vfs.create_new(&path("b")).unwrap();
    vfs.rename(&path("a"), &path("c")).unwrap();
    let seen: BTreeSet<String> = (0..100)
        .map(|seed| picture(&vfs.power_cut_keeping(seed)).into_keys().collect::<Vec<_>>().join(" "))
        .collect();
    let possible = ["a", "a b", "b c", "c"].map(str::to_owned);
    assert_eq!(seen, BTreeSet::from(possible), "a rename is never half done");
}

#[test]
fn a_seed_leaves_the_same_every_time() {
    let run = |seed| {
        let vfs = MemVfs::new();
        vfs.cut_after(9);
        script(&vfs).unwrap_err();
        picture(&vfs.power_cut_keeping(seed))
    };
    for seed in 0..50 {
        assert_eq!(run(seed), run(seed), "seed {seed}");
    }
}

/// A file of the model: its bytes now, and how many of them are synced.
#[derive(Default)]
struct Modelled {
    bytes: Vec<u8>,
    synced_bytes: usize,
}

/// Random appends, syncs, creations and removals, against a model that keeps what is durable.
#[test]
fn random_crashes_agree_with_a_model() {
    for seed in 0..40 {
        check_against_model(seed);
    }
}

fn check_against_model(seed: u64) {
    let random = SeededRandom::new(seed);
    let draw = |bound: u64| usize::try_from(random.next_u64() % bound).unwrap();
    let vfs = fresh();
    let (mut handles, mut files) = (Vec::new(), Vec::new());
    // Positions in `files`, by name.
    let (mut names, mut synced_names) = (BTreeMap::new(), BTreeMap::new());
    for step in 0..120 {
        let name = format!("f{}", draw(5));
        let open = names.get(&name).copied();
        match (draw(8), open) {
            (0..=2, None) => {
                handles.push(vfs.create_new(&path(&name)).unwrap());
                names.insert(name, files.len());
                files.push(Modelled::default());
            }
            (0..=3, Some(file)) => {
                let bytes = vec![u8::try_from(step).unwrap(); draw(20)];
                handles[file].append(&bytes).unwrap();
                files[file].bytes.extend(bytes);
            }
            (4, Some(file)) => {
                handles[file].sync().unwrap();
                files[file].synced_bytes = files[file].bytes.len();
            }
            (5, Some(_)) => {
                vfs.unlink(&path(&name)).unwrap();
                names.remove(&name);
            }
            (6, _) => {
                sync_dir(&vfs);
                synced_names.clone_from(&names);
            }
            _ => continue,
        }
        let durable = |(name, file): (&String, &usize)| {
            let file: &Modelled = &files[*file];
            (name.clone(), file.bytes[..file.synced_bytes].to_vec())
        };
        let expected: BTreeMap<_, _> = synced_names.iter().map(durable).collect();
        assert_eq!(picture(&vfs.power_cut()), expected, "seed {seed}, step {step}");
        let kept = picture(&vfs.power_cut_keeping(random.next_u64()));
        for (name, bytes) in kept {
            let is_it = |file: &Modelled| {
                file.bytes.starts_with(&bytes) && bytes.len() >= file.synced_bytes
            };
            assert!(files.iter().any(is_it), "seed {seed}, step {step}: {name} holds {bytes:?}");
        }
    }
}

/// A crash falls between two operations: what one thread wrote second is never there without what
/// it wrote first.
#[test]
fn a_crash_beside_a_writer_keeps_the_order_of_its_writes() {
    let vfs = fresh();
    let windows: [Arc<dyn LogWindow>; 2] =
        ["a", "b"].map(|name| vfs.create_window(&path(name)).unwrap());
    for window in &windows {
        window.allocate(1).unwrap();
        window.sync().unwrap();
    }
    sync_dir(&vfs);
    let first = |vfs: &MemVfs, name: &str| vfs.read(path(name)).unwrap()[0];
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for round in 1..=200 {
                for window in &windows {
                    window.write_at(&[round], 0).unwrap();
                    window.sync().unwrap();
                }
            }
        });
        while !writer.is_finished() {
            let after = vfs.power_cut();
            let (a, b) = (first(&after, "a"), first(&after, "b"));
            assert!(a == b || a == b + 1, "b was written after a: {a} {b}");
        }
    });
}

#[test]
fn a_reader_of_a_file_sees_it_grow() {
    let vfs = fresh();
    let mut file = vfs.create_new(&path("table")).unwrap();
    let reader: Arc<dyn ReadFile> = vfs.open_read(&path("table")).unwrap();
    let early = reader.map().unwrap().unwrap();
    file.append(b"later").unwrap();
    assert_eq!((reader.bytes().unwrap(), early.len()), (5, 0));
}

/// As POSIX has it, and the disk does: otherwise a rename would tell links from copies.
#[test]
fn a_rename_between_two_names_of_one_file_leaves_both() {
    let vfs = fresh();
    put_durable(&vfs, "a", b"bytes");
    vfs.link_or_copy(&path("a"), &path("b")).unwrap();
    vfs.rename(&path("a"), &path("b")).unwrap();
    assert_eq!(picture(&vfs), pictured(&[("a", b"bytes"), ("b", b"bytes")]));
}

#[test]
fn paths_mean_the_same_with_and_without_root_and_dots() {
    let vfs = fresh();
    vfs.create_new(Path::new("db/./table")).unwrap();
    assert_eq!(vfs.read("/db/table").unwrap(), b"");
    vfs.create_new(Path::new("/db/../table")).unwrap_err();
    vfs.open_read(Path::new("/")).unwrap_err();
    assert_eq!(vfs.list(Path::new("")).unwrap().len(), 1);
}

#[test]
fn a_file_synced_by_name_keeps_what_another_process_left() {
    let vfs = MemVfs::new();
    let mut file = vfs.create_new("/log".as_ref()).unwrap();
    file.append(b"left unsynced").unwrap();
    vfs.sync_dir("/".as_ref()).unwrap();
    assert_eq!(vfs.power_cut().read("/log").unwrap(), b"");
    vfs.sync_file("/log".as_ref()).unwrap();
    assert_eq!(vfs.power_cut().read("/log").unwrap(), b"left unsynced");
}
