//! Rot and foreign hands between two processes: the right answer, or an error that
//! names the file. This takes each kind of damage to a few disks; the test of bit rot takes every
//! byte of every file of some.

use crate::case::{Case, Wanted};
use crate::common::counters::Counters;
use crate::common::history::History;
use crate::common::{State, files, state_of};
use crate::oracle::options_for_look;
use crate::run::{DIR, Ends, Jobs, Run};
use crate::script::parse;
use crate::workloads::Workload;
use siltstone::Error;
use siltstone::vfs::{Rot, SimVfs};
use std::fmt;

/// Every so many operations a disk is spoiled.
const STRIDE: usize = 60;

/// What is done to one file.
#[derive(Clone, Copy, Debug)]
enum Damage {
    Rots(Rot),
    IsCut,
    IsGone,
    IsDoubled,
    /// Its bytes and those of another file of its kind change places.
    IsSwapped,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rots(rot) => write!(f, "{rot:?}"),
            other => write!(f, "{other:?}"),
        }
    }
}

const DAMAGES: [Damage; 8] = [
    Damage::Rots(Rot::BitFlip),
    Damage::Rots(Rot::ZeroSector),
    Damage::Rots(Rot::StaleSector),
    Damage::Rots(Rot::Misdirected),
    Damage::IsCut,
    Damage::IsGone,
    Damage::IsDoubled,
    Damage::IsSwapped,
];

impl Damage {
    /// Does it to the file `name`; whether anything is another way now.
    fn do_to(self, disk: &SimVfs, name: &str, seed: u64) -> bool {
        let path = format!("{DIR}/{name}");
        let bytes = disk.read(&path).unwrap().len();
        match self {
            Self::Rots(rot) => return disk.rot(&path, rot, seed).unwrap(),
            Self::IsCut => disk.truncate(&path, bytes / 2).unwrap(),
            Self::IsGone => disk.remove(&path).unwrap(),
            Self::IsDoubled => {
                let (first, rest) = name.split_at(1);
                let digit = if first == "7" { "8" } else { "7" };
                disk.duplicate(&path, format!("{DIR}/{digit}{rest}")).unwrap();
            }
            Self::IsSwapped => {
                let Some(other) = tables(disk).into_iter().find(|other| other != name) else {
                    return false;
                };
                disk.swap(&path, disk, format!("{DIR}/{other}")).unwrap();
            }
        }
        true
    }
}

fn tables(disk: &SimVfs) -> Vec<String> {
    let names = files(disk, DIR).into_iter().map(|(name, _)| name);
    names.filter(|name| is_table(name)).collect()
}

fn is_table(file: &str) -> bool {
    file.rsplit_once('.').is_some_and(|(_, kind)| kind == "sst")
}

/// Spoils what dead processes leave of `workload`: its tables in every way, logs, manifest and CURRENT
/// by single bits.
pub(crate) fn enumerate(workload: &Workload, jobs: Jobs) {
    let wanted = Wanted::from_env();
    let name = format!("spoil-{}", workload.name);
    if !wanted.has(&[&name]) {
        return;
    }
    let script = parse(workload.script);
    let whole = SimVfs::new(0);
    Run::new(&name, &whole, jobs).go(&script, Ends::AtFailure);
    let mut counters = Counters::default();
    for operation in (0..=whole.operations()).step_by(STRIDE) {
        let disk = SimVfs::new(0);
        disk.cut_after(operation);
        let mut run = Run::new(&name, &disk, jobs);
        run.go(&script, Ends::AtFailure);
        // A power cut may lose the beacon that tells a rotten end of the log from a torn one; the
        // death of the process does not.
        let image = disk.process_death();
        drop(run.db.take());
        for (file, _) in files(&image, DIR) {
            for damage in DAMAGES {
                if is_meant(&file, damage) && wanted.has(&[&name, &operation, &file, &damage]) {
                    let _case = Case::new(&image, &[&name, &operation, &file, &damage]);
                    spoil(&image, &run.history, (&file, damage), operation, &mut counters);
                }
            }
        }
        counters.add_faults(&disk.counts());
    }
    if wanted.is_all() {
        assert!(counters.of("rot refused") > 0 && counters.of("rot right") > 0, "{counters}");
        counters.report(&format!("enumerate {name}"));
    }
}

fn is_meant(file: &str, damage: Damage) -> bool {
    is_table(file) || (file != "LOCK" && matches!(damage, Damage::Rots(Rot::BitFlip)))
}

fn spoil(
    image: &SimVfs,
    history: &History,
    (file, damage): (&str, Damage),
    seed: u64,
    counters: &mut Counters,
) {
    let disk = image.process_death();
    if !damage.do_to(&disk, file, seed) {
        return;
    }
    counters.add("rot cases", 1);
    match read_all(&disk) {
        Ok(found) => {
            history.assert_prefix(&found, history.synced);
            counters.add("rot right", 1);
        }
        Err(error) => {
            let message = error.to_string();
            assert!(names_a_file(&message), "the error names no file: {message}");
            counters.add("rot refused", 1);
        }
    }
}

fn read_all(disk: &SimVfs) -> Result<State, Error> {
    let db = options_for_look(disk, 301).create_if_missing(false).open(DIR)?;
    state_of(&db)
}

fn names_a_file(message: &str) -> bool {
    let kinds = [".sst", ".log", ".manifest", "CURRENT"];
    message.contains(DIR) && kinds.iter().any(|kind| message.contains(kind))
}
