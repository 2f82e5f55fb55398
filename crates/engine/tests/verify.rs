//! `verify` finds what went wrong after the open: in tables, in logs, in the manifest; and names
//! files that nobody names.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{contents, files_of_kind};
use siltstone::vfs::MemVfs;
use siltstone::{Db, Options};
use std::sync::Arc;

const DIR: &str = "/db";

fn options(vfs: &MemVfs) -> Options {
    let options = Options::new().vfs(Arc::new(vfs.clone())).background_threads(0);
    options.memory_budget(1 << 20).memtable_bytes(4 << 10).block_bytes(256)
}

fn build() -> (MemVfs, Db) {
    let vfs = MemVfs::new();
    let db = options(&vfs).open(DIR).unwrap();
    for number in 0..300u32 {
        db.put(format!("key {number:03}"), format!("value {number}")).unwrap();
    }
    db.flush().unwrap();
    for number in 0..20u32 {
        db.put(format!("key {number:03}"), "again").unwrap();
    }
    (vfs, db)
}

#[test]
fn a_sound_database_has_no_findings_while_it_is_written_and_read_only() {
    let (vfs, db) = build();
    for db in [&db, &options(&vfs).open_read_only(DIR).unwrap()] {
        let report = db.verify().unwrap();
        assert!(report.findings.is_empty(), "{:?}", report.findings);
        assert!(report.unnamed.is_empty(), "{:?}", report.unnamed);
        assert!(report.log_records >= 20 && report.entries >= 300, "{report:?}");
    }
    db.put("more", "after the first look").unwrap();
    assert!(db.verify().unwrap().findings.is_empty());
}

#[test]
fn every_rotten_byte_of_a_log_is_found_and_no_byte_behind_its_end() {
    let (vfs, db) = build();
    db.sync().unwrap();
    let dead = vfs.process_death();
    let reader = options(&dead).open_read_only(DIR).unwrap();
    let sound = reader.verify().unwrap();
    let log = files_of_kind(&dead, DIR, ".log").pop().unwrap();
    let path = format!("{DIR}/{log}");
    let bytes = dead.read(&path).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    assert!(sound.findings.is_empty() && end > 1000, "{sound:?}");
    // Between header and records stand notes about the manifest, each with a sum of its own: one
    // that is damaged vouches for nothing, and nothing hangs on it.
    let covered = (0..=end).step_by(7).filter(|at| !(128..1536).contains(at));
    for at in covered {
        let mut rotten = bytes.clone();
        rotten[at] ^= 0x20;
        dead.write(&path, &rotten).unwrap();
        let report = reader.verify().unwrap();
        // The last beacon stands behind what was acknowledged.
        if at + 24 < end {
            assert!(
                report.findings.iter().any(|f| f.path.ends_with(&log)),
                "byte {at}: {report:?}"
            );
        }
    }
    dead.write(&path, &bytes[..end / 2]).unwrap();
    assert!(!reader.verify().unwrap().findings.is_empty(), "a log that was cut");
    dead.write(&path, &bytes).unwrap();
    assert!(reader.verify().unwrap().findings.is_empty(), "as it was");
}

#[test]
fn a_missing_file_is_a_finding_and_one_too_many_is_listed() {
    let (vfs, db) = build();
    db.close().unwrap();
    let reader = options(&vfs).open_read_only(DIR).unwrap();
    let (name, bytes) = contents(&vfs, DIR)
        .into_iter()
        .find(|(name, _)| {
            std::path::Path::new(name).extension().is_some_and(|extension| extension == "sst")
        })
        .unwrap();
    let stray = name.replace("-0", "-f");
    vfs.write(format!("{DIR}/{stray}"), &bytes).unwrap();
    let report = reader.verify().unwrap();
    assert!(report.findings.is_empty() && report.unnamed.len() == 1, "{report:?}");
    assert!(report.unnamed[0].ends_with(&stray), "{report:?}");
    vfs.remove(format!("{DIR}/{name}")).unwrap();
    let report = reader.verify().unwrap();
    assert!(report.findings.iter().any(|found| found.path.ends_with(&name)), "{report:?}");
    let longer = [&bytes[..], &[0]].concat();
    vfs.write(format!("{DIR}/{name}"), &longer).unwrap();
    let report = reader.verify().unwrap();
    assert!(report.findings.iter().any(|found| found.path.ends_with(&name)), "{report:?}");
}
