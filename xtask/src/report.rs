//! What became of each part of a run, and the table that closes it.

use std::fmt;
use std::time::Duration;

/// What became of one part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    /// Passed, with what it counted.
    Counted(String),
    Skipped(String),
    Failed(String),
}

/// The parts of a run in their order, with the time each took.
#[derive(Debug, Default)]
pub(crate) struct Report {
    lines: Vec<(String, Outcome, Duration)>,
}

impl Report {
    /// Notes that `part` ended with `outcome` after `time`.
    pub(crate) fn add(&mut self, part: impl Into<String>, outcome: Outcome, time: Duration) {
        self.lines.push((part.into(), outcome, time));
    }

    /// Whether no part failed. A skipped part is no failure, but it has its line.
    pub(crate) fn passed(&self) -> bool {
        !self.lines.iter().any(|(_, outcome, _)| matches!(outcome, Outcome::Failed(_)))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<14} {:>8}  result", "part", "seconds")?;
        for (part, outcome, time) in &self.lines {
            writeln!(f, "{part:<14} {:>8.1}  {outcome}", time.as_secs_f64())?;
        }
        let total: Duration = self.lines.iter().map(|(_, _, time)| *time).sum();
        let verdict = if self.passed() { "passed" } else { "FAILED" };
        write!(f, "{:<14} {:>8.1}  {verdict}", "all", total.as_secs_f64())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed => f.write_str("ok"),
            Self::Counted(what) => write!(f, "ok: {what}"),
            Self::Skipped(why) => write!(f, "skipped: {why}"),
            Self::Failed(why) => write!(f, "FAILED: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(outcomes: &[Outcome]) -> Report {
        let mut report = Report::default();
        for outcome in outcomes {
            report.add("a-part", outcome.clone(), Duration::from_millis(1_540));
        }
        report
    }

    #[test]
    fn the_table_has_a_line_for_each_part() {
        let report = report(&[
            Outcome::Passed,
            Outcome::Skipped("no tool".into()),
            Outcome::Failed("exit status: 1".into()),
        ]);
        let expected = "\
part            seconds  result
a-part              1.5  ok
a-part              1.5  skipped: no tool
a-part              1.5  FAILED: exit status: 1
all                 4.6  FAILED";
        assert_eq!(report.to_string(), expected);
    }

    #[test]
    fn only_a_failure_fails_the_run() {
        assert!(report(&[Outcome::Passed, Outcome::Skipped("why".into())]).passed());
        assert!(!report(&[Outcome::Failed("why".into()), Outcome::Passed]).passed());
    }
}
