//! The workloads, and what each needs and does to a store.
//!
//! `siltstone-bench` owns them; this program knows only what decides how long each runs and what
//! must be done again before it.

use std::fmt;

/// A workload by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
}

/// What a workload does to a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Begins with a new one; ends with its last key.
    Fill,
    /// Only writes: as often as there are keys, so that every engine does the same.
    Change,
    /// Reads and writes, for a time.
    Mix,
    /// Only reads, for a time.
    Read,
}

/// All of them, in an order in which they can be run.
pub(crate) const ALL: [Workload; 20] = [
    of("fillseq", Kind::Fill),
    of("fillbatch", Kind::Fill),
    of("fillsync", Kind::Fill),
    of("fillrandom", Kind::Fill),
    of("overwrite", Kind::Change),
    of("readrandom", Kind::Read),
    of("readrandom-zipf", Kind::Read),
    of("readmissing", Kind::Read),
    of("readseq", Kind::Read),
    of("readreverse", Kind::Read),
    of("seekrandom-10", Kind::Read),
    of("seekrandom-100", Kind::Read),
    of("readwhilewriting", Kind::Mix),
    of("ycsb-a", Kind::Mix),
    of("ycsb-b", Kind::Mix),
    of("ycsb-c", Kind::Read),
    of("ycsb-d", Kind::Mix),
    of("ycsb-e", Kind::Mix),
    of("ycsb-f", Kind::Mix),
    of("deleterandom", Kind::Change),
];

/// The twelve that tell most: every path of a store once.
pub(crate) const QUICK: [&str; 12] = [
    "fillseq",
    "fillbatch",
    "fillsync",
    "fillrandom",
    "overwrite",
    "readrandom",
    "readmissing",
    "readseq",
    "seekrandom-10",
    "readwhilewriting",
    "ycsb-a",
    "ycsb-e",
];

const fn of(name: &'static str, kind: Kind) -> Workload {
    Workload { name, kind }
}

/// The one called `name`.
///
/// # Errors
///
/// A sentence that names all, if there is none.
pub(crate) fn named(name: &str) -> Result<Workload, String> {
    ALL.into_iter().find(|workload| workload.name == name).ok_or_else(|| {
        let names = ALL.map(|workload| workload.name).join(", ");
        format!("there is no workload {name:?}; there are {names}")
    })
}

impl Workload {
    /// Whether a number of operations ends it, and not a time.
    pub(crate) fn is_counted(self) -> bool {
        matches!(self.kind, Kind::Fill | Kind::Change)
    }

    /// How many operations it has, if it is counted.
    pub(crate) fn ops(self, num: u64) -> Option<u64> {
        match self.name {
            "fillsync" => Some((num / 100).max(1)),
            _ => self.is_counted().then_some(num),
        }
    }

    /// The line that asks a runner for it: for `seconds`, or its count in `cap` seconds at most.
    pub(crate) fn order(self, seconds: f64, cap: f64) -> String {
        if self.is_counted() {
            format!("{} <{cap}", self.name)
        } else {
            format!("{} {seconds}", self.name)
        }
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}

/// What must run before `workloads[index]` on a store that is not there yet, so that it is as if
/// all had run: the last fill before it, and what wrote since.
pub(crate) fn before(workloads: &[Workload], index: usize) -> Vec<Workload> {
    if workloads[index].kind == Kind::Fill {
        return Vec::new();
    }
    written(&workloads[..index])
}

/// What wrote into the store that is there after `workloads`: their last fill and what came then.
pub(crate) fn written(workloads: &[Workload]) -> Vec<Workload> {
    let fill = workloads.iter().rposition(|workload| workload.kind == Kind::Fill).unwrap_or(0);
    let writes = workloads[fill..].iter().filter(|workload| workload.kind != Kind::Read);
    writes.copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn these_are_the_workloads_of_the_runner() {
        let theirs = include_str!("../../../crates/bench/src/workload.rs");
        let names = theirs.lines().filter_map(|line| line.trim().split_once(" => \""));
        let mut theirs: Vec<_> =
            names.map(|(_, name)| name.trim_end_matches("\",").to_owned()).collect();
        let mut ours = ALL.map(|workload| workload.name.to_owned()).to_vec();
        theirs.sort();
        ours.sort();
        assert_eq!(ours, theirs);
        assert!(QUICK.iter().all(|name| named(name).is_ok()));
    }

    #[test]
    fn fills_and_changes_are_counted_and_capped_the_rest_takes_its_time() {
        let order = |name| named(name).unwrap().order(5.0, 120.0);
        assert_eq!(order("fillrandom"), "fillrandom <120");
        assert_eq!(order("overwrite"), "overwrite <120");
        assert_eq!(order("ycsb-a"), "ycsb-a 5");
        assert_eq!(named("fillsync").unwrap().ops(1_000_000), Some(10_000));
        assert_eq!(named("fillbatch").unwrap().ops(7), Some(7));
        assert_eq!(named("readseq").unwrap().ops(7), None);
        assert!(named("fill").unwrap_err().contains("ycsb-f"));
    }

    #[test]
    fn what_wrote_since_the_last_fill_comes_again() {
        let names = |text: &str| -> Vec<Workload> {
            text.split_whitespace().map(|name| named(name).unwrap()).collect()
        };
        let all = names("fillseq overwrite fillrandom readrandom overwrite readseq ycsb-b");
        let again = |index| before(&all, index);
        assert_eq!(again(0), []);
        assert_eq!(again(1), names("fillseq"));
        assert_eq!(again(2), []);
        assert_eq!(again(3), names("fillrandom"));
        assert_eq!(again(6), names("fillrandom overwrite"));
        // The runner fills a store by itself where no fill was asked for.
        assert_eq!(before(&names("overwrite readseq"), 1), names("overwrite"));
    }
}
