//! Every fuzz target on its committed corpus, its seeds, damaged seeds, and bytes from nowhere:
//! no input makes it panic. This is what `cargo xtask fuzz` does, without a fuzzer.
//!
//! `SILTSTONE_SEEDS` says how many inputs are drawn for each target, `SILTSTONE_TARGET` names one,
//! `SILTSTONE_INPUT` a file of which the target is shown the bytes.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use siltstone_fuzz::{TARGETS, Target};
use siltstone_vfs::{Random, SeededRandom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{env, fs};

/// Inputs drawn for one target ..
const DRAWN: u64 = 3000;
/// .. but none is begun after so long.
const TIME_MAX: Duration = Duration::from_millis(700);

fn number(random: &SeededRandom, below: usize) -> usize {
    usize::try_from(random.next_u64() % below.max(1) as u64).unwrap()
}

/// An input: a seed with some damage, pieces of two, or anything.
fn draw(target: &Target, seeds: &[Vec<u8>], seed: u64) -> Vec<u8> {
    let random = SeededRandom::new(seed);
    let mut input = match number(&random, 3) {
        0 => Vec::new(),
        _ => seeds.get(number(&random, seeds.len())).cloned().unwrap_or_default(),
    };
    match number(&random, 4) {
        0 => input.truncate(number(&random, input.len() + 1)),
        1 => {
            let more = number(&random, target.max_len);
            input.extend((0..more).map(|_| random.next_u64().to_le_bytes()[0]));
        }
        _ => {}
    }
    for _ in 0..number(&random, 8) {
        if !input.is_empty() {
            let at = number(&random, input.len());
            input[at] = match number(&random, 3) {
                0 => 0xff,
                1 => input[at] ^ 1 << number(&random, 8),
                _ => random.next_u64().to_le_bytes()[0],
            };
        }
    }
    input.truncate(target.max_len);
    input
}

fn check(target: &Target, input: &[u8], what: &str) {
    let started = Instant::now();
    let done = catch_unwind(AssertUnwindSafe(|| target.run(input)));
    assert!(done.is_ok(), "{} fails on {what}, {} bytes: {input:?}", target.name, input.len());
    assert!(started.elapsed() < Duration::from_secs(20), "{} hangs on {what}", target.name);
}

fn corpus(target: &Target) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
    let Ok(files) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn no_input_makes_a_target_fail() {
    let only = env::var("SILTSTONE_TARGET").ok();
    let drawn = env::var("SILTSTONE_SEEDS").ok().map(|number| number.parse::<u64>().unwrap());
    let mut inputs = 0u64;
    for target in
        TARGETS.iter().filter(|target| only.as_deref().is_none_or(|only| only == target.name))
    {
        if let Ok(path) = env::var("SILTSTONE_INPUT") {
            check(target, &fs::read(&path).unwrap(), &path);
            continue;
        }
        let started = Instant::now();
        let before = inputs;
        for path in corpus(target) {
            check(target, &fs::read(&path).unwrap(), &path.display().to_string());
            inputs += 1;
        }
        let seeds = target.seeds();
        for seed in &seeds {
            check(target, seed, "a good input");
            inputs += 1;
        }
        for seed in 0..drawn.unwrap_or(DRAWN) {
            if drawn.is_none() && started.elapsed() > TIME_MAX {
                break;
            }
            check(target, &draw(target, &seeds, seed), &format!("seed {seed}"));
            inputs += 1;
        }
        eprintln!("{}: {} inputs in {:?}", target.name, inputs - before, started.elapsed());
    }
    report(inputs);
}

/// Prints how many inputs there were and leaves it for `cargo xtask ci`.
fn report(inputs: u64) {
    eprintln!("corpus: corpus inputs {inputs}");
    let Some(folder) = env::var_os("SILTSTONE_COUNTERS") else { return };
    fs::write(Path::new(&folder).join("corpus.tsv"), format!("corpus inputs\t{inputs}\n")).unwrap();
}

#[test]
fn every_target_has_its_program() {
    let manifest = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap();
    for target in &TARGETS {
        assert!(manifest.contains(&format!("name = \"{}\"\n", target.name)), "{}", target.name);
        let program = format!("{}/fuzz_targets/{}.rs", env!("CARGO_MANIFEST_DIR"), target.name);
        let text = fs::read_to_string(&program).unwrap();
        assert!(text.contains(&format!("run(\"{}\", data)", target.name)), "{program}");
    }
    assert_eq!(manifest.matches("[[bin]]").count(), TARGETS.len());
}
