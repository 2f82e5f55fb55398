use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::super::journal::tests::header;
use super::super::summary::Summary;
use super::*;

/// Says what it is asked, and notes it where all can be seen in their order. An engine fails
/// where a file `fail-WORKLOAD-ENGINE` lies.
const RUNNER: &str = r#"#!/bin/sh
here=$(dirname "$0"); engine=$3; keys=$5
while read name length; do
echo "$name $engine $keys $length" >> "$here/asked"
if [ -e "$here/fail-$name-$engine" ]; then exit 9; fi
verified=$(cat "$here/verified" 2>/dev/null || echo 10)
echo "{\"workload\":\"$name\",\"ops\":1000,\"ops_per_second\":7,\"seconds\":1,
\"entries_read\":1000,\"verified\":$verified}" | tr -d '\n'
echo
done
if [ -e "$here/fail-close-$engine" ]; then exit 9; fi
"#;

struct Stage {
    folder: tempfile::TempDir,
    programs: Programs,
    journal: Journal,
}

impl Stage {
    fn new(command: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("runner");
        fs::write(&program, RUNNER).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let programs = Programs::both(program);
        let journal = Journal::create(&folder.path().join("r"), header(command)).unwrap();
        Self { folder, programs, journal }
    }

    /// Runs the first part and returns what was asked of whom, since the last time.
    fn run(&mut self) -> Result<Vec<String>> {
        let part = self.journal.header.settings.parts().remove(0);
        let stores = self.folder.path().join("stores");
        let rounds = Rounds { programs: &self.programs, groups: None, folder: &stores };
        rounds.run(&part, &mut self.journal)?;
        let asked = self.folder.path().join("asked");
        let text = fs::read_to_string(&asked).unwrap_or_default();
        drop(fs::remove_file(asked));
        Ok(text.lines().map(str::to_owned).collect())
    }
}

const COMMAND: &str = "--engines fjall --num 1000 --seconds 2 --cap 9 --rounds 2 \
    --workloads fillseq,overwrite,readseq";

#[test]
fn lanes_take_turns_and_rounds_begin_with_another() {
    let mut stage = Stage::new(COMMAND);
    let asked = stage.run().unwrap();
    let expected = [
        "fillseq siltstone digits <9",
        "fillseq fjall digits <9",
        "overwrite siltstone digits <9",
        "overwrite fjall digits <9",
        "readseq siltstone digits 2",
        "readseq fjall digits 2",
        "fillseq fjall digits <9",
        "fillseq siltstone digits <9",
    ];
    assert_eq!(asked[..8], expected);
    assert_eq!(asked.len(), 12);
    assert_eq!(stage.journal.lines().count(), 12);
    assert!(stage.journal.lines().all(|line| line.report.is_some() && !line.capped));
    // All is there: nothing is started.
    assert_eq!(stage.run().unwrap(), Vec::<String>::new());
}

#[test]
fn a_lane_that_fails_is_noted_and_goes_on_where_it_was_when_resumed() {
    let mut stage = Stage::new(&COMMAND.replace("--rounds 2", "--rounds 1"));
    let broken = stage.folder.path().join("fail-overwrite-fjall");
    fs::write(&broken, "").unwrap();
    let asked = stage.run().unwrap();
    assert!(asked.contains(&"readseq siltstone digits 2".to_owned()));
    assert!(!asked.contains(&"readseq fjall digits 2".to_owned()), "{asked:?}");
    let failed: Vec<_> = stage.journal.lines().filter_map(|line| line.error.as_deref()).collect();
    assert_eq!(failed, ["ended with exit status: 9", "left out: its store is gone"]);

    fs::remove_file(broken).unwrap();
    let asked = stage.run().unwrap();
    let expected =
        ["fillseq fjall digits <9", "overwrite fjall digits <9", "readseq fjall digits 2"];
    assert_eq!(asked, expected);
    assert!(stage.journal.lines().all(|line| line.error.is_none()));
}

#[test]
fn a_lane_that_verified_too_little_has_failed() {
    let mut stage = Stage::new(COMMAND);
    fs::write(stage.folder.path().join("verified"), "9").unwrap();
    stage.run().unwrap();
    let failures = Summary::of(&stage.journal).failures();
    assert!(
        failures.contains(&"1000 keys, fillseq, fjall: verified 9 of its answers only".to_owned()),
        "{failures:?}"
    );
    assert!(stage.journal.lines().all(|line| line.report.is_none()));
}

#[test]
fn a_store_that_cannot_be_closed_is_a_failure_and_the_others_go_on() {
    let mut stage = Stage::new("--engines fjall --num 9 --rounds 2 --workloads fillseq");
    fs::write(stage.folder.path().join("fail-close-fjall"), "").unwrap();
    assert_eq!(stage.run().unwrap().len(), 4);
    let failures = Summary::of(&stage.journal).failures();
    let expected =
        |round| format!("9 keys, close of round {round}, fjall: ended with exit status: 9");
    assert_eq!(failures, [expected(1), expected(2)]);

    // Run again it closes: the failure is gone, and then there is nothing left to run.
    fs::remove_file(stage.folder.path().join("fail-close-fjall")).unwrap();
    let again = stage.run().unwrap();
    assert_eq!(again, ["fillseq fjall digits <120", "fillseq fjall digits <120"]);
    assert_eq!(Summary::of(&stage.journal).failures(), Vec::<String>::new());
    assert_eq!(stage.run().unwrap(), Vec::<String>::new());
}

#[test]
fn a_count_that_time_ended_is_marked() {
    let mut stage = Stage::new("--engines fjall --num 1001 --rounds 1 --workloads fillseq");
    stage.run().unwrap();
    assert!(stage.journal.lines().all(|line| line.capped));
}
