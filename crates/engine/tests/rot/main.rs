//! A file that rots gives the right answer or an error that names it; never wrong data, a loss in
//! silence, a panic, a hang, or an allocation by a forged length.
//!
//! 1. Small databases are made, each in another state: see `lives`. All they hold is durable.
//! 2. Every file of each is damaged in every way of `damage`: one bit of every byte, every sector
//!    of zeros, gone, empty, cut at each length, replaced by its namesake of another database, of
//!    an older state of the same one, or by a sibling.
//! 3. Each time it is opened, for writing and for reading only, mapped or not, and everything is
//!    read, verified, written on and read again: see `trial`.
//!
//! `SILTSTONE_CUTS=1` cuts at every length; without it tables, which are refused by their length
//! alone, and the zeros behind what was written are cut at each thirteenth one.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../common/mod.rs"]
mod common;
mod damage;
mod lives;
mod memory;
mod trial;
mod watchdog;

use common::counters::Counters;
use damage::{After, Damage};
use lives::{DIR, Life};
use std::collections::BTreeMap;
use trial::{Mode, Outcome};

/// What came of the cases of one kind.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    right: u64,
    refused: u64,
    wrong: u64,
}

/// Damages every file of the life in every way and looks at what comes of it.
fn check(name: &str, life_of: impl Fn(u64) -> Life) {
    let (life, other) = (life_of(1), life_of(2));
    trial::silence_panics();
    let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
    let mut wrong = Vec::new();
    let mut number = 0;
    watchdog::beside(name, |at_work| {
        for (file, bytes) in common::contents(&life.left, DIR) {
            for damage in damage::of_file(&life, &other, &file, &bytes) {
                let after = damage.of(&life, &other, &file, &bytes);
                if after == After::Same {
                    continue;
                }
                let modes = [Mode::writing(number), Mode::reading(number)];
                // Behind all that was written one byte is as good as the next.
                let modes = match damage.is_flip_behind(damage::written_end(&bytes)) {
                    true if number.is_multiple_of(2) => &modes[..1],
                    true => &modes[1..],
                    false => &modes[..],
                };
                for &mode in modes {
                    at_work(&file, damage);
                    let outcome = trial::run(&life, &file, &after, damage, mode);
                    let tally = tallies.entry(damage.kind()).or_default();
                    match outcome {
                        Outcome::Right => tally.right += 1,
                        Outcome::Refused => tally.refused += 1,
                        Outcome::Wrong(why) => {
                            tally.wrong += 1;
                            let case = format!("{file}: {damage:?}, {mode:?}: {why}");
                            wrong.push((format!("{file} {}", damage.kind()), case));
                        }
                    }
                }
                number += 1;
            }
        }
    });
    report(name, &tallies);
    for case in of_each_kind(&wrong) {
        eprintln!("{name}: {case}");
    }
    assert!(wrong.is_empty(), "{name}: {} cases are wrong", wrong.len());
}

/// The first few cases of each file and kind.
fn of_each_kind(wrong: &[(String, String)]) -> impl Iterator<Item = &str> {
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    wrong.iter().filter_map(move |(kind, case)| {
        let count = seen.entry(kind).or_default();
        *count += 1;
        (*count <= 3).then_some(case.as_str())
    })
}

fn report(name: &str, tallies: &BTreeMap<&str, Tally>) {
    let mut counters = Counters::default();
    for (kind, Tally { right, refused, wrong }) in tallies {
        let cases = right + refused + wrong;
        eprintln!("{name}: {kind}: {cases} cases, {right} right, {refused} refused, {wrong} wrong");
        counters.add("rot cases", cases);
        counters.add("rot right", *right);
        counters.add("rot refused", *refused);
        counters.add("rot wrong", *wrong);
        if *kind == Damage::FLIP {
            counters.add("flips", cases);
        }
    }
    let (memory, step) = (memory::peak() >> 10, damage::cuts_step());
    eprintln!("{name}: at most {memory} KiB of memory; every {step}th cut where all are alike");
    counters.report(&format!("rot-{}", name.replace(' ', "-")));
}

#[test]
fn live_logs_of_a_process_that_died() {
    check("live logs", lives::live_logs);
}

#[test]
fn live_logs_of_a_machine_that_was_started_again() {
    check("live logs after a restart", |seed| lives::live_logs(seed).restarted());
}

#[test]
fn a_database_that_was_closed_with_log_left() {
    check("closed", lives::closed);
}

#[test]
fn tables_on_several_levels() {
    check("tables", lives::tables);
}

#[test]
fn large_values_in_several_segments() {
    check("large values", lives::large_values);
}

#[test]
fn a_checkpoint() {
    check("checkpoint", lives::checkpoint);
}
