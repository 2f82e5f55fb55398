//! `cargo xtask ci`: everything a change must pass.
//!
//! All parts run, also after one failed: one run tells everything that is wrong. There are three
//! build configurations and no more, because each costs minutes on a fresh machine: what checks
//! share (clippy, docs), the optimised dev profile with debug assertions and overflow checks
//! (tests and examples), and the release program.

use std::time::Instant;

use crate::cargo::Cargo;
use crate::part::Part;
use crate::report::{Outcome, Report};
use crate::workspace::Workspace;

/// Which parts to run; all but the long ones without an option.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Args {
    /// Run these parts only
    #[arg(long, value_name = "PART", value_delimiter = ',')]
    only: Vec<Part>,
    /// Leave these parts out
    #[arg(long, value_name = "PART", value_delimiter = ',')]
    skip: Vec<Part>,
    /// Run the long parts too
    #[arg(long)]
    all: bool,
}

/// Runs the parts and prints the table; returns whether none failed.
pub(crate) fn run(args: &Args, workspace: &Workspace, cargo: &Cargo) -> bool {
    let mut report = Report::default();
    for part in Part::ALL {
        let started = Instant::now();
        let outcome = match args.why_not(part) {
            Some(why) => Outcome::Skipped(why.to_owned()),
            None => run_part(part, workspace, cargo),
        };
        report.add(part.name(), outcome, started.elapsed());
    }
    println!("\n{report}");
    report.passed()
}

/// Runs one part between a headline and, when it failed, the reason.
fn run_part(part: Part, workspace: &Workspace, cargo: &Cargo) -> Outcome {
    println!("\n== {}: {}", part.name(), part.about());
    let outcome = match part.run(workspace, cargo) {
        Ok(outcome) => outcome,
        Err(error) => Outcome::Failed(format!("{error:#}")),
    };
    if outcome != Outcome::Passed {
        println!("== {}: {outcome}", part.name());
    }
    outcome
}

impl Args {
    /// Why `part` is left out, if it is.
    fn why_not(&self, part: Part) -> Option<&'static str> {
        if self.skip.contains(&part) {
            Some("left out by --skip")
        } else if !self.only.is_empty() && !self.only.contains(&part) {
            Some("not named by --only")
        } else if part.is_long() && !self.all && self.only.is_empty() {
            Some("long: by --all, or by its name")
        } else if part == Part::Covered && self.why_not(Part::Tests).is_some() {
            Some("the tests did not run")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_an_option_all_parts_run_but_the_long_ones() {
        let args = Args::default();
        assert!(Part::ALL.iter().all(|part| args.why_not(*part).is_some() == part.is_long()));
        let args = Args { all: true, ..args };
        assert!(Part::ALL.iter().all(|part| args.why_not(*part).is_none()));
    }

    #[test]
    fn what_the_tests_covered_is_known_only_if_they_ran() {
        let args = Args { skip: vec![Part::Tests], ..Args::default() };
        assert_eq!(args.why_not(Part::Covered), Some("the tests did not run"));
        assert_eq!(args.why_not(Part::Demo), None);
    }

    #[test]
    fn a_part_left_out_says_why() {
        let args = Args { only: vec![Part::Fmt, Part::Tests], skip: vec![Part::Tests], all: true };
        assert_eq!(args.why_not(Part::Fmt), None);
        assert_eq!(args.why_not(Part::Tests), Some("left out by --skip"));
        assert_eq!(args.why_not(Part::Docs), Some("not named by --only"));
    }
}
