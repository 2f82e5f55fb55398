//! Any bytes in the place of one file of a sound database, or damage in several.

use super::{DIR, State, options, state_of};
use crate::draw::Draw;
use crate::forge;
use siltstone::ReadMode;
use siltstone_vfs::{MemVfs, Vfs};
use siltstone_wal::{LogIdentity, LogKind, Salvaged, SegmentId, identify, salvage};
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// A small database with tables in two levels, a log, two keyspaces; its process died.
fn image() -> &'static (Files, State) {
    static IMAGE: OnceLock<(Files, State)> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let vfs = MemVfs::new();
        let built = (|| {
            let db = options(Arc::new(vfs.clone())).open(DIR)?;
            let other = db.keyspace("other")?;
            for number in 0..60u32 {
                db.put(format!("key {number:03}"), format!("value {number} ").repeat(3))?;
                other.put(format!("key {number:03}"), format!("other {number}"))?;
            }
            db.compact_range(..)?;
            for number in 0..20u32 {
                db.put(format!("key {:03}", number * 2), "again")?;
                other.delete(format!("key {number:03}"))?;
            }
            db.flush()?;
            db.put("last", "in the log")?;
            db.sync()?;
            state_of(&db)
        })();
        let state = built.expect("memory takes it");
        (Files::of(&vfs.process_death()), state)
    })
}

/// Names and bytes of the files of a database.
#[derive(Clone, Debug)]
struct Files(Vec<(String, Vec<u8>)>);

impl Files {
    fn of(vfs: &MemVfs) -> Self {
        let entries = vfs.list(Path::new(DIR)).expect("memory lists");
        let names = entries.into_iter().filter_map(|entry| entry.name.into_string().ok());
        let read = |name: &String| vfs.read(format!("{DIR}/{name}")).expect("memory reads");
        Self(names.map(|name| (name.clone(), read(&name))).collect())
    }

    fn disk(&self) -> MemVfs {
        let vfs = MemVfs::new();
        vfs.create_dir_all(Path::new(DIR)).expect("memory makes it");
        for (name, bytes) in &self.0 {
            vfs.write(format!("{DIR}/{name}"), bytes).expect("memory takes it");
        }
        vfs
    }

    /// The name of the first file that ends so.
    fn ending(&self, end: &str) -> &str {
        let mut names = self.0.iter().map(|(name, _)| name);
        names.find(|name| name.ends_with(end)).map_or("", |name| name)
    }

    fn replace(&mut self, name: &str, bytes: Vec<u8>) {
        if let Some(file) = self.0.iter_mut().find(|file| file.0 == name) {
            file.1 = bytes;
        }
    }
}

/// Opens in every way, reads and verifies everything, writes. Gives what was read, if anything.
fn use_all(disk: &MemVfs) -> Option<State> {
    let read_only = options(Arc::new(disk.process_death())).open_read_only(DIR);
    let before = read_only.and_then(|db| state_of(&db));
    let vfs = disk.process_death();
    let options = options(Arc::new(vfs)).read_mode(ReadMode::Pread);
    let db = options.create_if_missing(false).open(DIR).ok()?;
    drop(db.verify());
    let state = state_of(&db).ok()?;
    if let Ok(before) = before {
        assert!(before == state, "a read-only open shows something else");
    }
    let written = db.put("new", "value").and_then(|_| db.compact_range(..));
    if written.is_ok() {
        assert_eq!(db.get("new").ok().flatten().as_deref(), Some(&b"value"[..]));
    }
    drop(db.close());
    Some(state)
}

fn repair(disk: &MemVfs) -> Option<State> {
    let vfs: Arc<dyn Vfs> = Arc::new(disk.process_death());
    options(Arc::clone(&vfs)).repair(DIR, "/new", &mut |_| {}).ok()?;
    let db = options(vfs).create_if_missing(false).open("/new");
    let db = db.expect("a repaired database opens");
    let report = db.verify().expect("a repaired database is read");
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    Some(state_of(&db).expect("a repaired database is read"))
}

/// The bytes are CURRENT.
pub(crate) fn current(data: &[u8]) {
    let (mut files, state) = image().clone();
    files.replace("CURRENT", data.to_vec());
    if let Some(found) = use_all(&files.disk()) {
        assert!(found == state, "another CURRENT shows something else");
    }
}

/// The bytes are the manifest's file.
pub(crate) fn manifest_raw(data: &[u8]) {
    let mut files = image().0.clone();
    let name = files.ending(".manifest").to_owned();
    files.replace(&name, data.to_vec());
    use_all(&files.disk());
}

/// The bytes are records of the manifest, under right sums.
pub(crate) fn manifest_fixed(data: &[u8]) {
    let mut files = image().0.clone();
    let name = files.ending(".manifest").to_owned();
    let Some((_, good)) = files.0.iter().find(|file| file.0 == name) else { return };
    let mut bytes = good[..1536].to_vec();
    let database = database_of(good);
    let number = u64::from_str_radix(name.trim_end_matches(".manifest"), 16).unwrap_or(0);
    let mixed = forge::identity(*b"SILTMANI", database, number);
    for payload in split(data) {
        let offset = bytes.len() as u64;
        bytes.extend(forge::record(mixed, offset, (1, 0), payload));
    }
    files.replace(&name, bytes);
    use_all(&files.disk());
    repair(&files.disk());
}

fn database_of(header: &[u8]) -> u128 {
    let id = header.get(32..48).and_then(|id| id.try_into().ok());
    id.map_or(0, u128::from_le_bytes)
}

/// Pieces, each behind its length as two bytes.
fn split(mut data: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    while let Some((length, rest)) = data.split_first_chunk::<2>() {
        let length = usize::from(u16::from_le_bytes(*length)).min(rest.len());
        let (piece, left) = rest.split_at(length);
        pieces.push(piece);
        data = left;
    }
    pieces
}

/// Files of a sound database are damaged: the right answer or an error. Damage at rest may not
/// show anything else, except where a tail of the log was torn off that nobody can vouch for.
pub(crate) fn open_dir(data: &[u8]) {
    let mut draw = Draw::new(data);
    let (mut files, state) = image().clone();
    let damaged_log = damage(&mut draw, &mut files);
    if let Some(found) = use_all(&files.disk()) {
        assert!(damaged_log || found == state, "damage was taken for data");
    }
}

/// Files of a sound database are damaged: a repair makes nothing up.
pub(crate) fn repair_dir(data: &[u8]) {
    let mut draw = Draw::new(data);
    let (mut files, state) = image().clone();
    damage(&mut draw, &mut files);
    let Some(saved) = repair(&files.disk()) else { return };
    for (saved, state) in saved.iter().zip(&state) {
        for (key, value) in saved {
            let text = String::from_utf8_lossy(value);
            let number = String::from_utf8_lossy(key).trim_start_matches("key ").parse::<u32>();
            let number = number.map_or(0, |number| number);
            let known = state.get(key) == Some(value)
                || text == format!("value {number} ").repeat(3)
                || text == format!("other {number}");
            assert!(known, "{key:?} = {text} was never written");
        }
    }
}

/// Changes some files; returns whether one of them is a log.
fn damage(draw: &mut Draw<'_>, files: &mut Files) -> bool {
    let mut log = false;
    for _ in 0..=draw.below(3) {
        if files.0.is_empty() {
            break;
        }
        let at = draw.below(files.0.len());
        log |= Path::new(&files.0[at].0).extension().is_some_and(|kind| kind == "log");
        match draw.below(8) {
            0 => drop(files.0.remove(at)),
            1 => files.0[at].1.clear(),
            2 => {
                let other = draw.below(files.0.len());
                files.0[at].1 = files.0[other].1.clone();
            }
            _ => draw.damage(&mut files.0[at].1),
        }
    }
    log
}

pub(crate) fn seeds_current() -> Vec<Vec<u8>> {
    image().0.0.iter().filter(|file| file.0 == "CURRENT").map(|file| file.1.clone()).collect()
}

pub(crate) fn seeds_manifest_raw() -> Vec<Vec<u8>> {
    let files = &image().0;
    let name = files.ending(".manifest");
    let manifests = files.0.iter().filter(|file| file.0 == name);
    manifests.map(|file| file.1[..file.1.len().min(4096)].to_vec()).collect()
}

/// The records of the image's manifest, each behind its length.
pub(crate) fn seeds_manifest_fixed() -> Vec<Vec<u8>> {
    let vfs = image().0.disk();
    let path = format!("{DIR}/{}", image().0.ending(".manifest"));
    let file = vfs.open_read(Path::new(&path)).expect("memory reads");
    let identity: LogIdentity = identify(&*file, LogKind::Manifest)
        .expect("memory reads")
        .unwrap_or(LogIdentity { kind: LogKind::Manifest, database: 0, segment: SegmentId(0) });
    let mut seed = Vec::new();
    let saved = salvage(&*file, identity, None, |found| {
        if let Salvaged::Record { payload, .. } = found {
            seed.extend(u16::try_from(payload.len()).unwrap_or(u16::MAX).to_le_bytes());
            seed.extend(payload);
        }
        Ok::<(), siltstone_wal::Error>(())
    });
    saved.expect("memory reads");
    vec![seed]
}
