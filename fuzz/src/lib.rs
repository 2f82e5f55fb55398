//! What the fuzzers do, as plain functions: `cargo xtask fuzz` gives them to libFuzzer, and
//! `tests/corpus.rs` calls them with the committed corpus and with bytes drawn from seeds.
//!
//! - `_raw`: the bytes are the file. Sums refuse nearly all of it.
//! - `_fixed`: the bytes are the content, and the sums around them are made right, so that the
//!   decoders behind are reached.
//! - the others read their input as decisions (`draw`) and compare with a model.
//!
//! A panic is a finding, and so are five seconds or 512 MiB for one input.

mod compaction;
mod draw;
mod engine;
mod forge;
mod memtable;
mod sstable;
mod wal;

/// One thing to fuzz.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, which is that of its program and of its folder of the corpus.
    pub name: &'static str,
    /// Longest input that is worth trying, in bytes.
    pub max_len: usize,
    body: fn(&[u8]),
    seeds: fn() -> Vec<Vec<u8>>,
}

impl Target {
    /// Does with `data` what the target does; panics if that shows a defect.
    pub fn run(&self, data: &[u8]) {
        (self.body)(data);
    }

    /// Good inputs to begin with.
    pub fn seeds(&self) -> Vec<Vec<u8>> {
        (self.seeds)()
    }
}

const fn target(
    name: &'static str,
    max_len: usize,
    body: fn(&[u8]),
    seeds: fn() -> Vec<Vec<u8>>,
) -> Target {
    Target { name, max_len, body, seeds }
}

/// All of them, by layer.
pub const TARGETS: [Target; 30] = [
    target("wal_read_raw", 2048, wal::read_raw, wal::seeds_raw),
    target("wal_read_fixed", 1024, wal::read_fixed, mixed),
    target("wal_roundtrip_ops", 2048, wal::roundtrip_ops, mixed),
    target("wal_tail_cut", 1024, wal::tail_cut, mixed),
    target("wal_batch_decode", 512, wal::batch_decode, wal::seeds_batch),
    target("memtable_model", 1024, memtable::model, mixed),
    target("table_block_raw", 64, sstable::block_raw, mixed),
    target("table_block_fixed", 512, sstable::block_fixed, sstable::seeds_block),
    target("table_index_fixed", 512, sstable::index_fixed, sstable::seeds_parts),
    target("table_filter_fixed", 512, sstable::filter_fixed, sstable::seeds_parts),
    target("table_directory_fixed", 512, sstable::directory_fixed, sstable::seeds_parts),
    target("table_properties_fixed", 512, sstable::properties_fixed, sstable::seeds_parts),
    target("table_open_raw", 2048, sstable::open_raw, sstable::seeds_table),
    target("table_open_fixed", 512, sstable::open_fixed, mixed),
    target("table_roundtrip", 2048, sstable::roundtrip, mixed),
    target("table_salvage", 2048, sstable::salvage, mixed),
    target("table_compression_bomb", 512, sstable::compression_bomb, sstable::seeds_bomb),
    target("merge_model", 1024, compaction::merge_model, mixed),
    target("retention_model", 512, compaction::retention_model, mixed),
    target("picker_invariants", 512, compaction::picker, mixed),
    target("version_edit", 512, compaction::version_edit, compaction::seeds_edit),
    target("policy_state", 512, compaction::policy_state, mixed),
    target("current", 128, engine::current, engine::seeds_current),
    target("manifest_raw", 4096, engine::manifest_raw, engine::seeds_manifest_raw),
    target("manifest_fixed", 2048, engine::manifest_fixed, engine::seeds_manifest_fixed),
    target("options", 256, engine::options_any, mixed),
    target("open_dir", 128, engine::open_dir, mixed),
    target("repair_dir", 128, engine::repair_dir, mixed),
    target("db_ops_model", 1024, engine::db_ops_model, mixed),
    target("db_ops_crash", 1024, engine::db_ops_crash, mixed),
];

/// Runs the target `name`; a program of the fuzzer calls it.
///
/// # Panics
///
/// For a defect, and for a name that is none.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    target.unwrap_or_else(|| panic!("there is no target {name}")).run(data);
}

/// Inputs for targets that read decisions: none, and some of each kind.
fn mixed() -> Vec<Vec<u8>> {
    let scattered = |step: u8| (0..=255u8).map(move |at| at.wrapping_mul(step)).collect();
    vec![Vec::new(), scattered(7), scattered(73), scattered(151)]
}
