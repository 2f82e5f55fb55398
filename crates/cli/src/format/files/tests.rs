use super::super::{InputError, Pair, Source, all_of};
use super::*;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

fn tree(root: &Path, files: &[(&str, &str)]) {
    for (name, contents) in files {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }
}

fn keys(source: &mut dyn Source) -> Vec<String> {
    let pairs = all_of(source).unwrap();
    pairs.iter().map(|Pair { key, .. }| String::from_utf8_lossy(key).into_owned()).collect()
}

#[test]
fn every_regular_file_comes_in_key_order_and_links_are_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    tree(root, &[("a/b", "1"), ("a.b", "2"), ("a-b", "3"), (".hidden/.x", "4"), ("z", "")]);
    fs::write(root.join(".gitignore"), "*").unwrap();
    fs::create_dir(root.join("empty")).unwrap();
    symlink(root.join("z"), root.join("link")).unwrap();
    symlink(root, root.join("loop")).unwrap();
    let found = keys(&mut FilesReader::new(root).unwrap());
    assert_eq!(found, [".gitignore", ".hidden/.x", "a-b", "a.b", "a/b", "z"]);
    let mut sorted = found.clone();
    sorted.sort();
    assert_eq!(found, sorted);
}

#[test]
fn a_tree_comes_back_from_its_pairs() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("deep/to"));
    tree(&from, &[("a/b/c", "1"), ("a/b-c", "2"), ("a/b/d", "3"), ("b", "4"), ("a/c/b/c", "5")]);
    let pairs = all_of(&mut FilesReader::new(&from).unwrap()).unwrap();
    let mut writer = FilesWriter::new(&to).unwrap();
    for Pair { key, value } in &pairs {
        assert_eq!(writer.write(key, value, false).unwrap(), Written::Yes);
    }
    assert_eq!(all_of(&mut FilesReader::new(&to).unwrap()).unwrap(), pairs);
}

#[test]
fn keys_that_are_no_path_below_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = FilesWriter::new(&dir.path().join("to")).unwrap();
    let long = format!("a/{}", "x".repeat(256));
    for key in
        ["", "/", "/etc/x", "a//b", "a/", ".", "./a", "a/.", "..", "../x", "a/../b", "a\0b", &long]
    {
        let written = writer.write(key.as_bytes(), b"v", false).unwrap();
        assert!(matches!(written, Written::No(_)), "{key:?}");
    }
    for key in ["../x", "a/../b", "a/.."] {
        let written = writer.write(key.as_bytes(), b"v", false).unwrap();
        assert_eq!(written, Written::No("it has a part ..".to_owned()), "before any is tried");
    }
    let very_deep = "d/".repeat(4000) + "f";
    assert!(matches!(writer.write(very_deep.as_bytes(), b"v", false).unwrap(), Written::No(_)));
    assert!(matches!(writer.write(b"folder", b"v", true).unwrap(), Written::No(_)));
    for key in ["...", "..a", "e/a..b", "f/\n", &"x".repeat(255)] {
        assert_eq!(writer.write(key.as_bytes(), b"v", false).unwrap(), Written::Yes, "{key:?}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing was written beside");
}

#[test]
fn a_link_in_the_way_is_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let (to, outside) = (dir.path().join("to"), dir.path().join("outside"));
    fs::create_dir(&outside).unwrap();
    let mut writer = FilesWriter::new(&to).unwrap();
    symlink(&outside, to.join("folder")).unwrap();
    symlink(outside.join("new"), to.join("file")).unwrap();
    assert!(matches!(writer.write(b"file", b"v", false).unwrap(), Written::No(_)));
    assert!(matches!(writer.write(b"folder/x", b"v", false).unwrap(), Written::No(_)));
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}

#[test]
fn only_a_new_or_empty_directory_is_written_to() {
    let dir = tempfile::tempdir().unwrap();
    tree(dir.path(), &[("x", "")]);
    assert!(FilesWriter::new(dir.path()).is_err());
    assert!(FilesWriter::new(&dir.path().join("x")).is_err());
}

#[test]
fn a_file_that_vanished_is_named() {
    let dir = tempfile::tempdir().unwrap();
    tree(dir.path(), &[("a", "1"), ("b", "2")]);
    let mut reader = FilesReader::new(dir.path()).unwrap();
    fs::remove_file(dir.path().join("b")).unwrap();
    let error = all_of(&mut reader).unwrap_err();
    assert!(
        matches!(&error, InputError::Unreadable { place, .. } if place.ends_with("/b")),
        "{error}"
    );
}
