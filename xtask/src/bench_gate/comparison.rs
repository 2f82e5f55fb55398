//! Counts beside recorded counts: what became more, what less, what has no counterpart. Pure.

use std::fmt;

use super::baseline::{Baseline, Made};
use super::callgrind::Counted;
use crate::report::Outcome;

/// How much more an operation may take before it fails, and how much less before the baseline is
/// out of date. Two runs of one build differ by less than a thousandth.
const TOLERANCE: f64 = 0.03;

/// As [`TOLERANCE`], where compiler, C library or processor family are others than those of the
/// recording, which alone moves most operations by some percent.
const TOLERANCE_ELSEWHERE: f64 = 0.25;

/// Every operation that was counted or recorded.
#[derive(Debug)]
pub(crate) struct Comparison {
    lines: Vec<Line>,
    /// What is different here from where the baseline was recorded.
    elsewhere: Option<String>,
}

#[derive(Debug)]
struct Line {
    name: String,
    was: Option<f64>,
    is: Option<f64>,
    profile: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Same,
    More,
    Less,
    NotRecorded,
    Gone,
}

impl Comparison {
    /// Compares what was `counted` by what is `made` here with the baseline.
    pub(crate) fn new(baseline: &Baseline, made: &Made, counted: &[Counted]) -> Self {
        let now = counted.iter().map(|one| Line {
            name: one.name.clone(),
            was: baseline.instructions.get(&one.name).copied(),
            is: Some(one.instructions),
            profile: one.profile.clone(),
        });
        let gone = baseline
            .instructions
            .iter()
            .filter(|(name, _)| counted.iter().all(|one| one.name != **name))
            .map(|(name, was)| Line {
                name: name.clone(),
                was: Some(*was),
                is: None,
                profile: String::new(),
            });
        Self { lines: now.chain(gone).collect(), elsewhere: baseline.made.differs(made) }
    }

    /// Fails for every operation that takes more or has no counterpart.
    pub(crate) fn outcome(&self) -> Outcome {
        let unmatched = [Verdict::NotRecorded, Verdict::Gone];
        let fails = |line: &&Line| match line.verdict() {
            Verdict::More => self.elsewhere.is_none() || line.is_more_by(TOLERANCE_ELSEWHERE),
            verdict => unmatched.contains(&verdict),
        };
        let failed: Vec<String> = self.lines.iter().filter(fails).map(Line::finding).collect();
        if !failed.is_empty() {
            return Outcome::Failed(failed.join("; "));
        }
        let count = self.lines.len();
        if let Some(why) = &self.elsewhere {
            let (more, tolerance) = (self.count(Verdict::More), TOLERANCE_ELSEWHERE * 100.0);
            return Outcome::Counted(format!(
                "{count} operations within {tolerance:.0} %, {more} of them more expensive; {why}"
            ));
        }
        let less = self.count(Verdict::Less);
        let due = if less > 0 {
            format!(", {less} cheaper: `cargo xtask bench-gate --record` is due")
        } else {
            String::new()
        };
        Outcome::Counted(format!("{count} operations within {:.0} %{due}", TOLERANCE * 100.0))
    }

    fn count(&self, verdict: Verdict) -> usize {
        self.lines.iter().filter(|line| line.verdict() == verdict).count()
    }
}

impl Line {
    /// How much more it is, as a share of what it was.
    fn change(&self) -> Option<f64> {
        self.was.zip(self.is).map(|(was, is)| (is - was) / was)
    }

    /// A count that is no number cannot be compared, so it must not pass for the same.
    fn is_more_by(&self, tolerance: f64) -> bool {
        self.change().is_some_and(|change| change > tolerance || change.is_nan())
    }

    fn verdict(&self) -> Verdict {
        match (self.was, self.change()) {
            (None, _) => Verdict::NotRecorded,
            (_, None) => Verdict::Gone,
            (_, Some(_)) if self.is_more_by(TOLERANCE) => Verdict::More,
            (_, Some(change)) if change < -TOLERANCE => Verdict::Less,
            (_, Some(_)) => Verdict::Same,
        }
    }

    /// What is wrong with it, as the table of `ci` says it.
    fn finding(&self) -> String {
        let number =
            |count: Option<f64>| count.map_or("-".to_owned(), |count| format!("{count:.1}"));
        match self.verdict() {
            Verdict::NotRecorded => format!("{} is not recorded", self.name),
            Verdict::Gone => format!("{} is recorded and was not counted", self.name),
            _ => format!(
                "{}: was {}, is {}, {:+.1} %: callgrind_annotate --threshold=100 {}",
                self.name,
                number(self.was),
                number(self.is),
                self.change().unwrap_or(f64::NAN) * 100.0,
                self.profile
            ),
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (head, was, is) = ("instructions of one operation", "was", "is");
        write!(f, "{head:<50} {was:>10} {is:>10} {:>8}", "%")?;
        for line in &self.lines {
            let number = |count: Option<f64>| match count {
                Some(count) => format!("{count:.1}"),
                None => "-".to_owned(),
            };
            let (was, is) = (number(line.was), number(line.is));
            let change = line.change().map_or("-".to_owned(), |by| format!("{:+.1}", by * 100.0));
            let word = match line.verdict() {
                Verdict::Same => "",
                Verdict::More => "  MORE",
                Verdict::Less => "  less",
                Verdict::NotRecorded => "  not recorded",
                Verdict::Gone => "  not counted",
            };
            write!(f, "\n{:<50} {was:>10} {is:>10} {change:>8}{word}", line.name)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(rustc: &str) -> Made {
        let [libc, family, valgrind] = ["libc", "x86_64", "valgrind-3"].map(str::to_owned);
        Made { rustc: rustc.to_owned(), libc, family, valgrind }
    }

    /// Compares `was` (recorded by `recorder`) with `is` (counted by `rustc 1`).
    fn compare(recorder: &str, was: &[(&str, f64)], is: &[(&str, f64)]) -> Comparison {
        let counted = |&(name, instructions): &(&str, f64)| Counted {
            name: name.to_owned(),
            instructions,
            profile: "target/gate/profile.1".to_owned(),
        };
        let counted = |all: &[(&str, f64)]| all.iter().map(counted).collect::<Vec<_>>();
        let baseline = Baseline::new(made(recorder), &counted(was));
        Comparison::new(&baseline, &made("rustc 1"), &counted(is))
    }

    #[test]
    fn the_same_within_the_tolerance_passes() {
        let comparison = compare("rustc 1", &[("put", 1000.0)], &[("put", 1029.0)]);
        let expected = Outcome::Counted("1 operations within 3 %".to_owned());
        assert_eq!(comparison.outcome(), expected);
    }

    #[test]
    fn more_instructions_fail_with_both_numbers_and_where_to_look() {
        let was = [("put", 1000.0), ("get", 500.0)];
        let comparison = compare("rustc 1", &was, &[("put", 1000.0), ("get", 520.0)]);
        let why = "get: was 500.0, is 520.0, +4.0 %: callgrind_annotate --threshold=100 target/gate/profile.1";
        assert_eq!(comparison.outcome(), Outcome::Failed(why.to_owned()));
        let table = comparison.to_string();
        assert!(table.lines().nth(2).unwrap().ends_with("+4.0  MORE"), "{table}");
    }

    #[test]
    fn another_compiler_has_a_wider_tolerance_and_still_one() {
        let comparison = compare("rustc 0", &[("put", 1000.0)], &[("put", 1240.0)]);
        let Outcome::Counted(why) = comparison.outcome() else { panic!("{comparison:?}") };
        assert!(why.starts_with("1 operations within 25 %, 1 of them more expensive"), "{why}");
        assert!(why.ends_with("recorded with rustc 0, this is rustc 1"), "{why}");
        assert!(comparison.to_string().contains("MORE"));
        let comparison = compare("rustc 0", &[("put", 1000.0)], &[("put", 1260.0)]);
        assert!(matches!(comparison.outcome(), Outcome::Failed(_)), "{comparison:?}");
    }

    #[test]
    fn fewer_instructions_ask_for_a_recording_and_pass() {
        let comparison = compare("rustc 1", &[("put", 1000.0)], &[("put", 900.0)]);
        let Outcome::Counted(what) = comparison.outcome() else { panic!("{comparison:?}") };
        assert!(what.ends_with("1 cheaper: `cargo xtask bench-gate --record` is due"), "{what}");
    }

    #[test]
    fn an_operation_without_a_counterpart_fails_whatever_the_compiler() {
        for recorder in ["rustc 0", "rustc 1"] {
            let new = compare(recorder, &[("put", 1.0)], &[("put", 1.0), ("get", 1.0)]);
            assert_eq!(new.outcome(), Outcome::Failed("get is not recorded".to_owned()));
            let gone = compare(recorder, &[("put", 1.0), ("get", 1.0)], &[("put", 1.0)]);
            let why = "get is recorded and was not counted";
            assert_eq!(gone.outcome(), Outcome::Failed(why.to_owned()));
        }
    }

    #[test]
    fn a_baseline_of_nothing_is_no_baseline() {
        let comparison = compare("rustc 1", &[("put", 0.0)], &[("put", 0.0)]);
        assert!(matches!(comparison.outcome(), Outcome::Failed(_)));
    }
}
