//! What every file system does alike, checked against each.
//!
//! A property is a function of a fresh directory. To check another file system, write how to make
//! such a directory of it and add its line to `conformance!`.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use siltstone_vfs::{
    AppendFile, DirEntry, DiskVfs, FileKind, LockError, MemVfs, Metadata, Random, SeededRandom, Vfs,
};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::TempDir;

/// An empty directory on some file system.
struct Place {
    vfs: Arc<dyn Vfs>,
    root: PathBuf,
    _dir: Option<TempDir>,
}

impl Place {
    fn on_disk() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { vfs: Arc::new(DiskVfs::new()), root: dir.path().to_owned(), _dir: Some(dir) }
    }

    fn in_memory() -> Self {
        let (vfs, root) = (MemVfs::new(), PathBuf::from("/place"));
        vfs.create_dir_all(&root).unwrap();
        Self { vfs: Arc::new(vfs), root, _dir: None }
    }

    #[cfg(feature = "sim")]
    fn simulated() -> Self {
        let (vfs, root) = (siltstone_vfs::SimVfs::new(1), PathBuf::from("/place"));
        vfs.create_dir_all(&root).unwrap();
        Self { vfs: Arc::new(vfs), root, _dir: None }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn create(&self, name: &str) -> Box<dyn AppendFile> {
        self.vfs.create_new(&self.path(name)).unwrap()
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        self.create(name).append(bytes).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        let file = self.vfs.open_read(&self.path(name)).unwrap();
        let mut bytes = vec![0; usize::try_from(file.bytes().unwrap()).unwrap()];
        file.read_exact_at(&mut bytes, 0).unwrap();
        bytes
    }

    fn names(&self) -> Vec<String> {
        let name = |entry: DirEntry| entry.name.into_string().unwrap();
        self.vfs.list(&self.root).unwrap().into_iter().map(name).collect()
    }

    fn missing(&self, name: &str) -> bool {
        match self.vfs.metadata(&self.path(name)) {
            Ok(_) => false,
            Err(error) => error.kind() == ErrorKind::NotFound,
        }
    }
}

macro_rules! conformance {
    ($($property:ident)*) => {
        conformance!(@on disk, on_disk: $($property)*);
        conformance!(@on memory, in_memory: $($property)*);
        #[cfg(feature = "sim")]
        conformance!(@on simulated, simulated: $($property)*);
    };
    (@on $name:ident, $make:ident: $($property:ident)*) => {
        mod $name {
            $(#[test]
            fn $property() {
                super::$property(&super::Place::$make());
            })*
        }
    };
}

conformance! {
    a_created_file_reads_back_what_was_appended
    nothing_is_created_over_a_name
    a_read_is_short_only_at_the_end
    a_read_of_nothing_names_its_reason
    a_window_holds_zeros_until_it_is_written
    a_window_refuses_writes_outside_it
    an_allocation_that_cannot_be_is_an_error
    a_rename_replaces_and_readers_keep_what_they_had
    an_unlinked_file_lives_on_with_its_readers_and_maps
    a_link_is_the_same_bytes_and_outlives_its_first_name
    a_map_is_the_whole_file
    a_list_is_sorted_and_says_what_is_what
    directories_are_made_from_the_top_and_stay
    a_directory_is_no_file
    a_file_is_no_directory
    a_lock_is_held_once_and_leaves_a_note
    a_lock_note_replaces_a_longer_one
    a_look_at_a_lock_changes_nothing
    a_look_at_a_lock_is_in_nobodys_way
    a_file_is_synced_by_name
    handles_pass_between_threads
    the_machine_answers
    random_files_agree_with_a_model
}

fn a_created_file_reads_back_what_was_appended(place: &Place) {
    let mut file = place.create("table");
    file.append(b"block one, ").unwrap();
    file.append(b"").unwrap();
    file.append(b"block two").unwrap();
    assert_eq!(place.read("table"), b"block one, block two", "before the sync");
    file.sync().unwrap();
    place.vfs.sync_dir(&place.root).unwrap();
    drop(file);
    assert_eq!(place.read("table"), b"block one, block two");
    let metadata = place.vfs.metadata(&place.path("table")).unwrap();
    assert_eq!(metadata, Metadata { kind: FileKind::File, bytes: 20 });
}

fn nothing_is_created_over_a_name(place: &Place) {
    place.put("taken", b"first");
    place.vfs.create_dir_all(&place.path("dir")).unwrap();
    place.put("other", b"other");
    for name in ["taken", "dir"] {
        let path = place.path(name);
        let errors = [
            place.vfs.create_new(&path).unwrap_err(),
            place.vfs.create_window(&path).unwrap_err(),
            place.vfs.link_or_copy(&place.path("other"), &path).unwrap_err(),
        ];
        assert!(errors.iter().all(|error| error.kind() == ErrorKind::AlreadyExists), "{errors:?}");
    }
    assert_eq!(place.read("taken"), b"first");
}

fn a_read_is_short_only_at_the_end(place: &Place) {
    place.put("file", b"0123456789");
    let file = place.vfs.open_read(&place.path("file")).unwrap();
    for (offset, count, expected) in [
        (0, 4, &b"0123"[..]),
        (8, 4, b"89"),
        (10, 4, b""),
        (1 << 40, 4, b""),
        (u64::MAX, 4, b""),
        (3, 0, b""),
    ] {
        let mut buffer = vec![0xff; count];
        let done = file.read_at(&mut buffer, offset).unwrap();
        assert_eq!(&buffer[..done], expected, "{count} bytes at {offset}");
    }
    let error = file.read_exact_at(&mut [0; 4], 8).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    assert_eq!(file.bytes().unwrap(), 10);
}

fn a_read_of_nothing_names_its_reason(place: &Place) {
    let missing = [place.path("missing"), place.path("no/dir")];
    for path in missing {
        let errors = [
            place.vfs.open_read(&path).unwrap_err(),
            place.vfs.metadata(&path).unwrap_err(),
            place.vfs.list(&path).unwrap_err(),
            place.vfs.unlink(&path).unwrap_err(),
            place.vfs.sync_dir(&path).unwrap_err(),
            place.vfs.rename(&path, &place.path("to")).unwrap_err(),
            place.vfs.link_or_copy(&path, &place.path("to")).unwrap_err(),
        ];
        assert!(errors.iter().all(|error| error.kind() == ErrorKind::NotFound), "{errors:?}");
    }
    let error = place.vfs.create_new(&place.path("no/dir")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(place.names(), [""; 0]);
}

fn a_window_holds_zeros_until_it_is_written(place: &Place) {
    let window = place.vfs.create_window(&place.path("log")).unwrap();
    assert_eq!(place.read("log"), b"");
    window.allocate(16).unwrap();
    assert_eq!(place.read("log"), [0; 16]);
    window.write_at(b"record", 4).unwrap();
    window.write_at(b"RE", 4).unwrap();
    window.allocate(8).unwrap();
    assert_eq!(place.read("log"), b"\0\0\0\0REcord\0\0\0\0\0\0", "never shrinks");
    window.allocate(20).unwrap();
    window.write_at(b"end", 17).unwrap();
    window.sync().unwrap();
    assert_eq!(place.read("log"), b"\0\0\0\0REcord\0\0\0\0\0\0\0end");
}

fn a_window_refuses_writes_outside_it(place: &Place) {
    let window = place.vfs.create_window(&place.path("log")).unwrap();
    window.allocate(8).unwrap();
    for (count, offset) in [(1, 8), (9, 0), (4, 5), (1, u64::MAX), (2, u64::MAX)] {
        let error = window.write_at(&vec![1; count], offset).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{count} bytes at {offset}");
    }
    window.write_at(b"", 8).unwrap();
    assert_eq!(place.read("log"), [0; 8]);
}

fn an_allocation_that_cannot_be_is_an_error(place: &Place) {
    let window = place.vfs.create_window(&place.path("log")).unwrap();
    window.allocate(4).unwrap();
    window.allocate(1 << 62).unwrap_err();
    window.allocate(u64::MAX).unwrap_err();
    window.write_at(b"well", 0).unwrap();
    assert_eq!(&place.read("log")[..4], b"well");
}

fn a_rename_replaces_and_readers_keep_what_they_had(place: &Place) {
    place.put("CURRENT", b"old");
    let reader = place.vfs.open_read(&place.path("CURRENT")).unwrap();
    place.put("CURRENT.new", b"new");
    place.vfs.rename(&place.path("CURRENT.new"), &place.path("CURRENT")).unwrap();
    assert_eq!(place.names(), ["CURRENT"]);
    assert_eq!(place.read("CURRENT"), b"new");
    let mut old = [0; 3];
    reader.read_exact_at(&mut old, 0).unwrap();
    assert_eq!(&old, b"old");
    place.vfs.create_dir_all(&place.path("dir")).unwrap();
    place.vfs.rename(&place.path("CURRENT"), &place.path("dir/CURRENT")).unwrap();
    assert_eq!(place.names(), ["dir"]);
    assert_eq!(place.read("dir/CURRENT"), b"new");
    place.vfs.rename(&place.path("dir/CURRENT"), &place.path("dir/CURRENT")).unwrap();
    assert_eq!(place.read("dir/CURRENT"), b"new");
}

fn an_unlinked_file_lives_on_with_its_readers_and_maps(place: &Place) {
    place.put("table", b"bytes");
    let reader = place.vfs.open_read(&place.path("table")).unwrap();
    let map = reader.map().unwrap();
    place.vfs.unlink(&place.path("table")).unwrap();
    assert!(place.missing("table"));
    place.put("table", b"others");
    let mut bytes = [0; 5];
    reader.read_exact_at(&mut bytes, 0).unwrap();
    assert_eq!(&bytes, b"bytes");
    drop(reader);
    assert!(map.is_none_or(|map| *map == b"bytes"[..]));
}

fn a_link_is_the_same_bytes_and_outlives_its_first_name(place: &Place) {
    place.put("table", b"bytes");
    place.vfs.create_dir_all(&place.path("checkpoint")).unwrap();
    let link = place.path("checkpoint/table");
    place.vfs.link_or_copy(&place.path("table"), &link).unwrap();
    place.vfs.unlink(&place.path("table")).unwrap();
    assert_eq!(place.read("checkpoint/table"), b"bytes");
}

fn a_map_is_the_whole_file(place: &Place) {
    let bytes: Vec<u8> = (0..100_000u32).map(|i| (i % 253) as u8).collect();
    for (name, bytes) in [("empty", &[][..]), ("one", b"1"), ("many", &bytes)] {
        place.put(name, bytes);
        let reader = place.vfs.open_read(&place.path(name)).unwrap();
        let map = reader.map().unwrap().expect("these file systems have maps");
        assert!(*map == *bytes, "{name}");
        let clone = map.clone();
        drop((map, reader));
        assert!(clone.as_ref() == bytes, "{name}: the clone keeps the bytes");
    }
}

fn a_list_is_sorted_and_says_what_is_what(place: &Place) {
    for name in ["b", "a", "b.new", "\u{e9}", "B"] {
        place.put(name, name.as_bytes());
    }
    place.vfs.create_dir_all(&place.path("aa/deeper")).unwrap();
    let file = |name: &str| DirEntry {
        name: name.into(),
        metadata: Metadata { kind: FileKind::File, bytes: name.len() as u64 },
    };
    let dir = DirEntry { name: "aa".into(), metadata: Metadata { kind: FileKind::Dir, bytes: 0 } };
    let expected = [file("B"), file("a"), dir, file("b"), file("b.new"), file("\u{e9}")];
    assert_eq!(place.vfs.list(&place.root).unwrap(), expected);
}

fn directories_are_made_from_the_top_and_stay(place: &Place) {
    let deep = place.path("a/b/c");
    place.vfs.create_dir_all(&deep).unwrap();
    place.put("a/b/c/file", b"x");
    place.vfs.create_dir_all(&deep).unwrap();
    place.vfs.create_dir_all(&place.path("a/b/d")).unwrap();
    assert_eq!(place.read("a/b/c/file"), b"x");
    let dir = Metadata { kind: FileKind::Dir, bytes: 0 };
    assert_eq!(place.vfs.metadata(&place.path("a/b/d")).unwrap(), dir);
}

fn a_directory_is_no_file(place: &Place) {
    let dir = place.path("dir");
    place.vfs.create_dir_all(&dir).unwrap();
    place.put("file", b"x");
    assert_eq!(place.vfs.open_read(&dir).unwrap_err().kind(), ErrorKind::IsADirectory);
    place.vfs.unlink(&dir).unwrap_err();
    place.vfs.rename(&place.path("file"), &dir).unwrap_err();
    place.vfs.link_or_copy(&dir, &place.path("link")).unwrap_err();
    assert!(matches!(place.vfs.lock(&dir, "me"), Err(LockError::Io(_))));
    assert_eq!(place.names(), ["dir", "file"]);
}

fn a_file_is_no_directory(place: &Place) {
    let file = place.path("file");
    place.put("file", b"x");
    let below = file.join("below");
    let errors = [
        place.vfs.create_dir_all(&file).unwrap_err(),
        place.vfs.create_dir_all(&below).unwrap_err(),
        place.vfs.create_new(&below).unwrap_err(),
        place.vfs.open_read(&below).unwrap_err(),
        place.vfs.list(&file).unwrap_err(),
        place.vfs.sync_dir(&file).unwrap_err(),
    ];
    assert!(errors.iter().all(|error| error.kind() == ErrorKind::NotADirectory), "{errors:?}");
    assert_eq!(place.read("file"), b"x");
}

fn a_lock_is_held_once_and_leaves_a_note(place: &Place) {
    let path = place.path("LOCK");
    let guard = place.vfs.lock(&path, "process 7").unwrap();
    for _ in 0..2 {
        match place.vfs.lock(&path, "process 8") {
            Err(LockError::Held(note)) => assert_eq!(note, "process 7"),
            other => panic!("not held: {other:?}"),
        }
    }
    let other = place.vfs.lock(&place.path("OTHER"), "").unwrap();
    drop(guard);
    assert_eq!(place.read("LOCK"), b"process 7", "the file stays");
    drop(place.vfs.lock(&path, "process 8").unwrap());
    drop(other);
}

fn a_lock_note_replaces_a_longer_one(place: &Place) {
    place.put("LOCK", b"somebody with a long name");
    let _guard = place.vfs.lock(&place.path("LOCK"), "me").unwrap();
    match place.vfs.lock(&place.path("LOCK"), "you") {
        Err(LockError::Held(note)) => assert_eq!(note, "me"),
        other => panic!("not held: {other:?}"),
    }
}

fn a_look_at_a_lock_changes_nothing(place: &Place) {
    let path = place.path("LOCK");
    assert!(!place.vfs.is_locked(&path).unwrap());
    assert!(place.missing("LOCK"));
    let guard = place.vfs.lock(&path, "me").unwrap();
    assert!(place.vfs.is_locked(&path).unwrap());
    assert_eq!(place.read("LOCK"), b"me");
    drop(guard);
    assert!(!place.vfs.is_locked(&path).unwrap());
}

/// One thread looks at a lock all the time while another takes and releases it.
fn a_look_at_a_lock_is_in_nobodys_way(place: &Place) {
    let path = place.path("LOCK");
    let done = AtomicBool::new(false);
    let take_often = || {
        for round in 0..300 {
            place.vfs.lock(&path, "me").map(drop).map_err(|error| format!("{round}: {error:?}"))?;
        }
        Ok::<(), String>(())
    };
    let outcome = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                place.vfs.is_locked(&path).unwrap();
            }
        });
        let result = take_often();
        done.store(true, Ordering::Relaxed);
        result
    });
    outcome.unwrap();
}

fn a_file_is_synced_by_name(place: &Place) {
    place.put("log", b"bytes");
    place.vfs.sync_file(&place.path("log")).unwrap();
    assert_eq!(place.read("log"), b"bytes");
    let missing = place.vfs.sync_file(&place.path("missing")).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
}

/// One writer fills a window while readers, which never see a byte that was not written, read it.
fn handles_pass_between_threads(place: &Place) {
    let window = place.vfs.create_window(&place.path("log")).unwrap();
    window.allocate(1000).unwrap();
    let reader = place.vfs.open_read(&place.path("log")).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for offset in 0..1000 {
                window.write_at(&[1], offset).unwrap();
            }
        });
        for _ in 0..2 {
            scope.spawn(|| {
                let mut bytes = [9; 1000];
                for _ in 0..50 {
                    reader.read_exact_at(&mut bytes, 0).unwrap();
                    assert!(bytes.iter().all(|byte| *byte <= 1));
                }
            });
        }
    });
    assert_eq!(place.read("log"), [1; 1000]);
}

fn the_machine_answers(place: &Place) {
    assert!(place.vfs.free_bytes(&place.root).unwrap() > 0);
    place.vfs.free_bytes(&place.path("missing")).unwrap_err();
    assert_eq!(place.vfs.boot_id(), place.vfs.boot_id());
    // Both answers are right somewhere; that it comes is what can be said here.
    let _ = place.vfs.maps_are_safe(&place.root);
}

/// Random creations, renames, links and removals, against a map of names to bytes.
fn random_files_agree_with_a_model(place: &Place) {
    let seed = 0x5117;
    eprintln!("seed {seed:#x}");
    let random = SeededRandom::new(seed);
    let draw = |bound: u64| random.next_u64() % bound;
    let mut model: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for step in 0..600u32 {
        let (name, other) = (format!("f{}", draw(8)), format!("f{}", draw(8)));
        let (path, other_path) = (place.path(&name), place.path(&other));
        match draw(4) {
            0 => {
                let bytes = step.to_le_bytes().repeat(usize::try_from(draw(50)).unwrap());
                let created = place.vfs.create_new(&path);
                assert_eq!(created.is_ok(), !model.contains_key(&name), "step {step}");
                if let Ok(mut file) = created {
                    file.append(&bytes).unwrap();
                    model.insert(name, bytes);
                }
            }
            1 => {
                let renamed = place.vfs.rename(&path, &other_path);
                assert_eq!(renamed.is_ok(), model.contains_key(&name), "step {step}");
                rename_in_model(&mut model, &name, other, place);
            }
            2 => {
                let linked = place.vfs.link_or_copy(&path, &other_path);
                let expected = model.contains_key(&name) && !model.contains_key(&other);
                assert_eq!(linked.is_ok(), expected, "step {step}");
                if linked.is_ok() {
                    model.insert(other, model[&name].clone());
                }
            }
            _ => {
                let unlinked = place.vfs.unlink(&path);
                assert_eq!(unlinked.is_ok(), model.remove(&name).is_some(), "step {step}");
            }
        }
        let names: Vec<String> = model.keys().cloned().collect();
        assert_eq!(place.names(), names, "step {step}");
        for (name, bytes) in &model {
            assert_eq!(place.read(name), *bytes, "step {step}, {name}");
        }
    }
}

/// A rename between two names of one file leaves both, which only the file system knows to be one:
/// the model asks whether the old name stayed, and insists that the bytes were equal.
fn rename_in_model(model: &mut BTreeMap<String, Vec<u8>>, from: &str, to: String, place: &Place) {
    let Some(bytes) = model.get(from).cloned() else { return };
    if place.missing(from) {
        model.remove(from);
    } else {
        assert_eq!(model.get(&to), Some(&bytes), "{from} stayed beside {to}");
    }
    model.insert(to, bytes);
}

#[test]
fn both_kinds_of_place_start_empty() {
    for place in [Place::on_disk(), Place::in_memory()] {
        assert_eq!(place.names(), [""; 0]);
        assert!(place.root.starts_with(Path::new("/")));
    }
}
