//! What only the machine's own files can show: links, pipes, devices, modes.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![expect(
    clippy::disallowed_methods,
    reason = "foreign files are made behind the file system's back"
)]

use rustix::fs::{CWD, FileType, Mode};
use siltstone_vfs::{DiskVfs, FileKind, LockError, Vfs};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

/// Nothing opens, locks, links or replaces `path`, which is there and no regular file.
fn check_refused(path: &Path) {
    let vfs = DiskVfs::new();
    assert_eq!(vfs.metadata(path).unwrap().kind, FileKind::Other);
    assert_eq!(vfs.open_read(path).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(vfs.create_new(path).unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(vfs.create_window(path).unwrap_err().kind(), ErrorKind::AlreadyExists);
    let link = path.with_extension("link");
    assert_eq!(vfs.link_or_copy(path, &link).unwrap_err().kind(), ErrorKind::InvalidInput);
    match vfs.lock(path, "me") {
        Err(LockError::Io(error)) => assert_eq!(error.kind(), ErrorKind::InvalidInput),
        other => panic!("locked: {other:?}"),
    }
}

#[test]
fn symbolic_links_are_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("target");
    fs::write(&target, b"precious").unwrap();
    for (name, to) in [("link", target.as_path()), ("dangling", &dir.path().join("nothing"))] {
        let link = dir.path().join(name);
        symlink(to, &link).unwrap();
        check_refused(&link);
    }
    assert_eq!(fs::read(&target).unwrap(), b"precious");
    assert!(!dir.path().join("nothing").exists());
    DiskVfs::new().unlink(&dir.path().join("link")).unwrap();
    assert!(target.exists(), "the link went, not what it names");
}

#[test]
fn a_pipe_is_refused_without_waiting_for_its_other_end() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    rustix::fs::mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    check_refused(&pipe);
}

#[test]
fn a_socket_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    check_refused(&socket);
}

#[test]
fn a_device_is_refused() {
    let error = DiskVfs::new().open_read(Path::new("/dev/null")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_database_may_lie_behind_a_linked_directory() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("volume")).unwrap();
    let link = dir.path().join("db");
    symlink(dir.path().join("volume"), &link).unwrap();
    let vfs = DiskVfs::new();
    vfs.create_dir_all(&link).unwrap();
    vfs.create_new(&link.join("file")).unwrap();
    vfs.sync_dir(&link).unwrap();
    assert_eq!(vfs.list(&link).unwrap().len(), 1);
}

#[test]
fn what_is_created_is_its_owners_alone() {
    let dir = tempfile::tempdir().unwrap();
    let vfs = DiskVfs::new();
    let db = dir.path().join("above/db");
    vfs.create_dir_all(&db).unwrap();
    vfs.create_new(&db.join("table")).unwrap();
    vfs.create_window(&db.join("log")).unwrap();
    let _guard = vfs.lock(&db.join("LOCK"), "me").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&db), mode(db.parent().unwrap())), (0o700, 0o700));
    for name in ["table", "log", "LOCK"] {
        assert_eq!(mode(&db.join(name)), 0o600, "{name}");
    }
}

#[test]
fn a_window_has_its_space_reserved() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let window = DiskVfs::new().create_window(&path).unwrap();
    window.allocate(1 << 20).unwrap();
    let metadata = fs::metadata(&path).unwrap();
    assert_eq!(metadata.len(), 1 << 20);
    assert!(metadata.blocks() * 512 >= 1 << 20, "a hole of {} blocks", metadata.blocks());
}

#[test]
fn a_link_on_one_file_system_copies_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    fs::write(&from, b"bytes").unwrap();
    DiskVfs::new().link_or_copy(&from, &to).unwrap();
    assert_eq!(fs::metadata(&from).unwrap().ino(), fs::metadata(&to).unwrap().ino());
}

#[test]
fn a_foreign_lock_file_gives_a_bounded_note() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("LOCK");
    fs::write(&path, vec![0xff; 1 << 20]).unwrap();
    let holder = fs::File::open(&path).unwrap();
    holder.lock().unwrap();
    match DiskVfs::new().lock(&path, "me") {
        Err(LockError::Held(note)) => assert_eq!(note.chars().count(), 4096),
        other => panic!("not held: {other:?}"),
    }
    assert_eq!(fs::metadata(&path).unwrap().len(), 1 << 20, "only the holder writes");
}

#[test]
fn proc_is_no_place_for_surprises() {
    // A file system with fixed names: the error is passed on, whatever it is.
    DiskVfs::new().create_new(Path::new("/proc/siltstone")).unwrap_err();
    DiskVfs::new().create_dir_all(Path::new("/proc/siltstone/db")).unwrap_err();
}
