//! The whole database: its directory as any bytes, and its operations against a model, with
//! faults and power cuts.

mod files;
mod life;

pub(crate) use files::{
    current, manifest_fixed, manifest_raw, open_dir, repair_dir, seeds_current,
    seeds_manifest_fixed, seeds_manifest_raw,
};
pub(crate) use life::{db_ops_crash, db_ops_model};

use crate::draw::Draw;
use siltstone::{Compression, Db, Error, Leveled, Options, Runtime};
use siltstone_base::checksum;
use siltstone_vfs::{ManualClock, MemVfs, SeededRandom, Vfs};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

const DIR: &str = "/db";
const NAMES: [&str; 2] = ["default", "other"];

/// Contents of both keyspaces.
type State = [BTreeMap<Vec<u8>, Vec<u8>>; 2];

fn options(vfs: Arc<dyn Vfs>) -> Options {
    // Two opens of one directory must not draw the same numbers.
    let entries = vfs.list(Path::new(DIR)).unwrap_or_default();
    let names: Vec<_> = entries.iter().map(|entry| entry.name.to_string_lossy()).collect();
    let runtime = Runtime {
        clock: Arc::new(ManualClock::new()),
        random: Arc::new(SeededRandom::new(checksum::of(names.concat().as_bytes()))),
        ..Runtime::default()
    };
    Options::new()
        .vfs(vfs)
        .runtime(runtime)
        .background_threads(0)
        .memory_budget(1 << 20)
        .memtable_bytes(1 << 10)
        .block_bytes(128)
        .compaction(Leveled::default().level0_runs(2).table_bytes(2 << 10).base_bytes(4 << 10))
}

fn state_of(db: &Db) -> Result<State, Error> {
    let mut state = State::default();
    for (name, pairs) in NAMES.into_iter().zip(&mut state) {
        let Some(keyspace) = db.find_keyspace(name)? else { continue };
        for pair in keyspace.scan(..)? {
            let (key, value) = pair?;
            pairs.insert(key.to_vec(), value.to_vec());
        }
    }
    Ok(state)
}

/// Any values of the options: they open or are refused, and then hold what is written.
pub(crate) fn options_any(data: &[u8]) {
    let mut draw = Draw::new(data);
    // Sizes are drawn around their limits; beyond a few MiB they only cost time.
    let size = |draw: &mut Draw<'_>, usual: u64| match draw.below(4) {
        0 => draw.number() >> (40 + draw.below(24)),
        1 => usual + u64::from(draw.word()),
        _ => usual,
    };
    let options = options(Arc::new(MemVfs::new()))
        .memory_budget(size(&mut draw, 1 << 20))
        .memtable_bytes(size(&mut draw, 1 << 10))
        .block_bytes(u32::try_from(size(&mut draw, 64)).unwrap_or(u32::MAX))
        .filter_bits_per_key(draw.byte() % 36)
        .compression(if draw.one_in(2) { Compression::Snap } else { Compression::None });
    match options.clone().open(DIR) {
        Err(Error::InvalidOption { .. }) => {}
        Err(error) => panic!("{options:?}: {error}"),
        Ok(db) => {
            for number in 0..50u32 {
                db.put(number.to_le_bytes(), draw.bytes(100)).expect("memory takes it");
            }
            db.flush().expect("memory takes it");
            let state = state_of(&db).expect("it is read");
            assert_eq!(state[0].len(), 50);
            db.close().expect("memory takes it");
            let db = options.open(DIR).expect("what opened once opens again");
            assert!(state_of(&db).expect("it is read") == state, "a restart lost something");
        }
    }
}
