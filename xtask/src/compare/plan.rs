//! What is compared: parts, each with its lanes and workloads, and how long all that takes.
//!
//! ```text
//! part  = so many keys; lanes side by side; workloads one after the other; rounds
//! lane  = an engine with one shape of keys, a process of its own in each round
//! ```
//! The first lane of a part is the one that the others are compared with.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use super::Args;
use super::table::precise;
use super::workload::{self, Workload};

/// The engine that the others are compared with.
pub(crate) const OURS: &str = "siltstone";
/// Everything there is to compare, ours first.
pub(crate) const ENGINES: [&str; 7] =
    [OURS, "rocksdb", "fjall", "lmdb", "lmdb-writemap", "redb", "sled"];
const QUICK_ENGINES: [&str; 5] = [OURS, "rocksdb", "fjall", "lmdb", "lmdb-writemap"];
/// The shape of keys that all engines get, and those that it is compared with.
const DIGITS: &str = "digits";
const SHAPES: [&str; 3] = [DIGITS, "random", "prefixed"];
const SHAPE_WORKLOADS: [&str; 2] = ["fillrandom", "readrandom"];
/// More than this, a year, is a slip of the hand, and clocks would overflow.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);
/// Operations per second of a slow engine, for the estimate of time.
const SLOW: f64 = 100_000.0;

/// All that decides about the figures. A run goes on from another only with the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) engines: Vec<String>,
    pub(crate) workloads: Vec<String>,
    pub(crate) rounds: u64,
    /// Numbers of keys; each is a part of its own.
    pub(crate) num: Vec<u64>,
    pub(crate) threads: u64,
    /// For workloads that time ends.
    pub(crate) seconds: f64,
    /// For workloads that a count ends: the longest they may take.
    pub(crate) cap_seconds: f64,
    pub(crate) keys: String,
    pub(crate) value_bytes: u64,
    /// What every write survives but those of `fillsync`.
    pub(crate) durability: String,
    pub(crate) compression: String,
    /// What an engine may use for buffers and caches.
    pub(crate) memory_bytes: u64,
    /// What its process may use altogether, the page cache included.
    pub(crate) limit_bytes: u64,
    /// Whether shapes of keys are compared too.
    pub(crate) shapes: bool,
    pub(crate) seed: u64,
}

/// Lanes that alternate over the same workloads.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) num: u64,
    pub(crate) lanes: Vec<Lane>,
    pub(crate) workloads: Vec<Workload>,
    /// Whether its lanes differ in their keys and not in their engines.
    pub(crate) of_shapes: bool,
}

/// An engine with one shape of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lane {
    pub(crate) engine: String,
    pub(crate) keys: String,
    /// In tables and results.
    pub(crate) name: String,
}

impl Settings {
    /// What `args` ask for.
    ///
    /// # Errors
    ///
    /// When they name what there is not, or nothing is left to compare.
    pub(crate) fn new(args: &Args) -> Result<Self> {
        let own = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let chosen = |given: &Vec<String>, quick: &[&str], full: &[&str]| match given.as_slice() {
            [] => own(if args.quick { quick } else { full }),
            given => given.to_vec(),
        };
        let full = workload::ALL.map(|workload| workload.name);
        let settings = Self {
            engines: ours_first(chosen(&args.engines, &QUICK_ENGINES, &ENGINES)),
            workloads: chosen(&args.workloads, &workload::QUICK, &full),
            rounds: args.rounds.unwrap_or(if args.quick { 2 } else { 3 }),
            num: match (args.num.as_slice(), args.quick) {
                ([], true) => vec![1_000_000],
                ([], false) => vec![1_000_000, 10_000_000],
                (given, _) => given.to_vec(),
            },
            threads: args.threads,
            seconds: args.seconds.unwrap_or(if args.quick { 5.0 } else { 10.0 }),
            cap_seconds: args.cap.unwrap_or(if args.quick { 60.0 } else { 120.0 }),
            keys: args.keys.clone().unwrap_or_else(|| DIGITS.to_owned()),
            value_bytes: args.value_bytes,
            durability: "buffered".to_owned(),
            compression: args.compression.clone(),
            memory_bytes: args.memory,
            limit_bytes: args.limit,
            // With other keys somebody already looks at one shape.
            shapes: args.keys.is_none() && !args.no_shapes,
            seed: args.seed,
        };
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> Result<()> {
        for engine in &self.engines {
            let known = ENGINES.contains(&engine.as_str());
            ensure!(known, "there is no engine {engine:?}; there are {}", ENGINES.join(", "));
        }
        for name in &self.workloads {
            workload::named(name).map_err(anyhow::Error::msg)?;
        }
        ensure!(SHAPES.contains(&self.keys.as_str()), "--keys: {}", SHAPES.join(", "));
        ensure!(self.rounds > 0, "--rounds: at least 1");
        ensure!(!self.num.contains(&0), "--num: at least 1");
        ensure!(self.threads > 0, "--threads: at least 1");
        for (name, seconds) in [("seconds", self.seconds), ("cap", self.cap_seconds)] {
            let can_be = Duration::try_from_secs_f64(seconds)
                .is_ok_and(|time| !time.is_zero() && time <= LONGEST);
            ensure!(can_be, "--{name}: more than 0, at most {}", LONGEST.as_secs());
        }
        ensure!(
            self.memory_bytes <= self.limit_bytes,
            "--memory: no more than --limit, which holds the page cache too"
        );
        Ok(())
    }

    /// The parts in their order: every number of keys, then the shapes of keys.
    pub(crate) fn parts(&self) -> Vec<Part> {
        let lane = |engine: &String| Lane {
            engine: engine.clone(),
            keys: self.keys.clone(),
            name: engine.clone(),
        };
        let workloads: Vec<_> =
            self.workloads.iter().filter_map(|name| workload::named(name).ok()).collect();
        let mut parts: Vec<Part> = Vec::new();
        for &num in &self.num {
            parts.push(Part {
                name: format!("{num} keys"),
                num,
                lanes: self.engines.iter().map(lane).collect(),
                workloads: workloads.clone(),
                of_shapes: false,
            });
        }
        if let Some(&num) = self.num.first().filter(|_| self.shapes) {
            let lane = |&keys: &&str| Lane {
                engine: OURS.to_owned(),
                keys: keys.to_owned(),
                name: keys.to_owned(),
            };
            let named = SHAPE_WORKLOADS.iter().filter_map(|name| workload::named(name).ok());
            parts.push(Part {
                name: format!("shapes of {num} keys"),
                num,
                lanes: SHAPES.iter().map(lane).collect(),
                workloads: named.collect(),
                of_shapes: true,
            });
        }
        parts
    }

    /// About how long all takes, in seconds: what the workloads take, and half of that again for
    /// settling, starting and verifying.
    pub(crate) fn estimate(&self) -> f64 {
        let parts = self.parts();
        let seconds: f64 = parts.iter().map(|part| self.round_seconds(part)).sum();
        1.5 * seconds * precise(self.rounds)
    }

    fn round_seconds(&self, part: &Part) -> f64 {
        let one = |workload: &Workload| match workload.ops(part.num) {
            Some(ops) => (precise(ops) / SLOW).min(self.cap_seconds),
            None => self.seconds,
        };
        let workloads: f64 = part.workloads.iter().map(one).sum();
        workloads * precise(part.lanes.len() as u64)
    }
}

impl Part {
    /// The lanes in the order of `round`, which begins with 1. An even round has the order of the
    /// one before it, reversed, so that no lane always comes behind the same other one; each pair
    /// of rounds begins one lane further on.
    pub(crate) fn order(&self, round: u64) -> Vec<&Lane> {
        let mut lanes: Vec<_> = self.lanes.iter().collect();
        if let Some(turn) = ((round - 1) / 2).checked_rem(lanes.len() as u64) {
            lanes.rotate_left(usize::try_from(turn).unwrap_or(0));
        }
        if round.is_multiple_of(2) {
            lanes.reverse();
        }
        lanes
    }
}

/// `engines` with ours in front, whether it was named or not, each once.
fn ours_first(engines: Vec<String>) -> Vec<String> {
    let mut ordered = vec![OURS.to_owned()];
    for engine in engines {
        if !ordered.contains(&engine) {
            ordered.push(engine);
        }
    }
    ordered
}

#[cfg(test)]
pub(super) mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    /// The settings of a command line.
    pub(crate) fn settings(line: &str) -> Result<Settings> {
        let words = std::iter::once("compare").chain(line.split_whitespace());
        Settings::new(&Line::try_parse_from(words)?.args)
    }

    #[test]
    fn quick_is_a_million_keys_twelve_workloads_and_two_rounds() {
        let quick = settings("--quick").unwrap();
        assert_eq!((quick.num.as_slice(), quick.threads, quick.rounds), (&[1_000_000][..], 1, 2));
        assert_eq!(quick.workloads.len(), 12);
        assert_eq!(quick.engines, QUICK_ENGINES);
        // Under 30 minutes on two cores.
        assert!(quick.estimate() < 25.0 * 60.0, "{}", quick.estimate());
    }

    #[test]
    fn without_an_option_everything_is_compared() {
        let full = settings("").unwrap();
        assert_eq!(full.num, [1_000_000, 10_000_000]);
        assert_eq!((full.engines.len(), full.workloads.len(), full.rounds), (7, 20, 3));
        let parts = full.parts();
        let names: Vec<_> = parts.iter().map(|part| part.name.as_str()).collect();
        assert_eq!(names, ["1000000 keys", "10000000 keys", "shapes of 1000000 keys"]);
    }

    #[test]
    fn ours_is_always_there_and_first() {
        let chosen = settings("--engines fjall,siltstone,rocksdb,fjall").unwrap();
        assert_eq!(chosen.engines, ["siltstone", "fjall", "rocksdb"]);
    }

    #[test]
    fn what_there_is_not_is_refused() {
        for wrong in [
            "--engines leveldb",
            "--workloads fill",
            "--rounds 0",
            "--num 0",
            "--threads 0",
            "--seconds 0",
            "--cap -1",
            "--seconds 1e30",
            "--seconds 1e-30",
            "--seconds nan",
            "--cap 1e15",
            "--keys odd",
            "--memory 2GiB --limit 1GiB",
        ] {
            assert!(settings(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn even_rounds_have_the_order_reversed_and_pairs_move_on() {
        let settings = settings("--engines rocksdb,fjall --num 9").unwrap();
        let parts = settings.parts();
        let order =
            |round| parts[0].order(round).iter().map(|lane| &*lane.name).collect::<Vec<_>>();
        assert_eq!(order(1), ["siltstone", "rocksdb", "fjall"]);
        assert_eq!(order(2), ["fjall", "rocksdb", "siltstone"]);
        assert_eq!(order(3), ["rocksdb", "fjall", "siltstone"]);
        assert_eq!(order(4), ["siltstone", "fjall", "rocksdb"]);
        assert_eq!(order(7), order(1));
    }

    #[test]
    fn shapes_of_keys_are_lanes_of_ours() {
        let settings = settings("--num 5,7").unwrap();
        let parts = settings.parts();
        let shapes = parts.last().unwrap();
        assert!(shapes.of_shapes && shapes.num == 5);
        let lanes: Vec<_> = shapes.lanes.iter().map(|lane| (&*lane.engine, &*lane.keys)).collect();
        assert_eq!(
            lanes,
            [("siltstone", "digits"), ("siltstone", "random"), ("siltstone", "prefixed")]
        );
        let with_keys = self::settings("--keys random").unwrap().parts();
        assert!(with_keys.iter().all(|part| !part.of_shapes && part.lanes[0].keys == "random"));
    }
}
