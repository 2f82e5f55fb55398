//! The fuzzer's program for this target.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| siltstone_fuzz::run("repair_dir", data));
