//! The results on disk: one line for each workload that an engine finished.
//!
//! ```text
//! results.jsonl = header line  { (part, round, lane, workload) line | line of a run that went on }
//! ```
//! Always: a line is written whole, at once, when its workload is done. A run that was cut off
//! leaves at most one torn line at the end, which the next run drops.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::engine::Engine;
use super::machine::Machine;
use super::plan::{Part, Settings};

/// The first line: under which circumstances the others were measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Header {
    pub(crate) settings: Settings,
    pub(crate) engines: Vec<Engine>,
    /// The commit that this tree is at, `-dirty` behind it if files differ from it.
    #[serde(default)]
    pub(crate) revision: String,
    pub(crate) machine: Machine,
    /// How memory is limited, or why it is not.
    pub(crate) limit: String,
    /// A checksum for each program: another build is another engine.
    pub(crate) programs: BTreeMap<String, String>,
    /// Seconds that each build took.
    pub(crate) builds: BTreeMap<String, f64>,
    /// What makes the figures doubtful, if anything.
    #[serde(default)]
    pub(crate) doubts: Vec<String>,
}

/// One workload of one lane in one round.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) part: String,
    pub(crate) round: u64,
    pub(crate) lane: String,
    pub(crate) workload: String,
    /// Which run measured it: 0 is the first, 1 the one that went on from there.
    #[serde(default)]
    pub(crate) run: u64,
    /// Whether time ended it before its last operation.
    #[serde(default)]
    pub(crate) capped: bool,
    /// The most memory its process used in this round so far, the page cache included.
    #[serde(default)]
    pub(crate) peak_bytes: Option<u64>,
    /// The share of the processors that others took from the order to the report, if that was long
    /// enough to tell; see [`others`](super::others).
    #[serde(default)]
    pub(crate) others_share: Option<f64>,
    /// What the runner measured.
    #[serde(default)]
    pub(crate) report: Option<Value>,
    /// Why there is no report.
    #[serde(default)]
    pub(crate) error: Option<String>,
}

/// Stands in the place of a workload for the close of a store at the end of a round, where it
/// failed; a later line without an error says that it could be closed after all.
pub(crate) const CLOSE: &str = "close";
/// Stands in the place of a workload where another run went on; its report is a [`GoesOn`].
const GOES_ON: &str = "goes on";

/// The circumstances of a run that went on, where they may differ from those of the first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct GoesOn {
    pub(crate) date: String,
    pub(crate) doubts: Vec<String>,
}

impl Line {
    /// Without figures yet.
    pub(crate) fn new(part: &Part, round: u64, lane: &str, workload: &str) -> Self {
        Self {
            part: part.name.clone(),
            round,
            lane: lane.to_owned(),
            workload: workload.to_owned(),
            ..Self::default()
        }
    }
}

/// Whether the file at `path` begins as a file of results does.
pub(crate) fn is_ours(path: &Path) -> bool {
    let text = fs::read(path).unwrap_or_default();
    let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    serde_json::from_slice::<Header>(first).is_ok()
}

/// The file of results, open for more.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    pub(crate) header: Header,
    lines: Vec<Line>,
    /// The run that adds lines.
    run: u64,
}

impl Journal {
    /// A new file with this header. One that is there is replaced.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub(crate) fn create(path: &Path, header: Header) -> Result<Self> {
        let file = File::create(path).with_context(|| format!("create {}", path.display()))?;
        let mut journal = Self { file, header, lines: Vec::new(), run: 0 };
        let text = serde_json::to_string(&journal.header)?;
        journal.write(text)?;
        Ok(journal)
    }

    /// Goes on with the file at `path`.
    ///
    /// # Errors
    ///
    /// When there is none, or a line of it but a torn last one cannot be read.
    pub(crate) fn resume(path: &Path) -> Result<Self> {
        let name = path.display();
        let text = fs::read(path).with_context(|| format!("read {name}"))?;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let mut lines = text[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let header = lines.next().with_context(|| format!("{name} has no first line"))?;
        let header = serde_json::from_slice(header)
            .with_context(|| format!("{name}: the first line is of another version"))?;
        let lines = lines.enumerate().map(|(index, line)| {
            serde_json::from_slice(line).with_context(|| format!("{name}: line {}", index + 2))
        });
        let lines: Vec<Line> = lines.collect::<Result<_>>()?;
        let run = lines.iter().map(|line| line.run + 1).max().unwrap_or(1);
        let file = OpenOptions::new().append(true).open(path).context("open the results")?;
        file.set_len(whole as u64).context("drop a torn line")?;
        Ok(Self { file, header, lines, run })
    }

    /// Makes sure that what is measured under `now` may stand beside what is here, and notes what
    /// may differ.
    ///
    /// # Errors
    ///
    /// What must not differ, or when the note cannot be written.
    pub(crate) fn go_on(&mut self, now: &Header) -> Result<()> {
        self.check(now)?;
        let goes_on = GoesOn { date: now.machine.date.clone(), doubts: now.doubts.clone() };
        self.add(Line {
            round: self.run,
            workload: GOES_ON.to_owned(),
            run: self.run,
            report: Some(serde_json::to_value(goes_on)?),
            ..Line::default()
        })
    }

    /// The runs that went on, in their order.
    pub(crate) fn runs_that_went_on(&self) -> Vec<GoesOn> {
        let lines = self.lines.iter().filter(|line| line.workload == GOES_ON);
        lines.filter_map(|line| GoesOn::deserialize(line.report.as_ref()?).ok()).collect()
    }

    fn check(&self, now: &Header) -> Result<()> {
        let then = &self.header;
        ensure!(
            then.settings == now.settings,
            "--resume needs the settings of the first run:\n{}\nnow they are\n{}",
            serde_json::to_string(&then.settings)?,
            serde_json::to_string(&now.settings)?
        );
        let unchecked = |engines: &[Engine]| {
            let engines = engines.iter().map(|engine| Engine { kill: None, ..engine.clone() });
            engines.collect::<Vec<_>>()
        };
        ensure!(unchecked(&then.engines) == unchecked(&now.engines), "other engines were measured");
        ensure!(then.programs == now.programs, "the programs were built from something else");
        ensure!(then.machine.cpu == now.machine.cpu, "it was measured on {}", then.machine.cpu);
        ensure!(then.limit == now.limit, "memory was limited otherwise: {}", then.limit);
        Ok(())
    }

    /// Adds a line.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub(crate) fn add(&mut self, line: Line) -> Result<()> {
        let line = Line { run: self.run, ..line };
        let text = serde_json::to_string(&line)?;
        self.lines.push(line);
        self.write(text)
    }

    fn write(&mut self, mut line: String) -> Result<()> {
        line.push('\n');
        self.file.write_all(line.as_bytes()).context("write the results")
    }

    /// Whether the last close of this lane at the end of `round` failed.
    pub(crate) fn unclosed(&self, part: &str, round: u64, lane: &str) -> bool {
        let mut closes = self.lines().filter(|line| line.workload == CLOSE);
        closes.any(|line| {
            (&*line.part, line.round, &*line.lane) == (part, round, lane) && line.error.is_some()
        })
    }

    /// Whether this was measured, by whatever run.
    pub(crate) fn has(&self, part: &str, round: u64, lane: &str, workload: &str) -> bool {
        self.lines.iter().any(|line| {
            (&*line.part, line.round, &*line.lane, &*line.workload) == (part, round, lane, workload)
                && line.report.is_some()
        })
    }

    /// All lines. What failed and was measured by a later run is there as measured only.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &Line> {
        let same = |a: &Line, b: &Line| {
            (&a.part, a.round, &a.lane, &a.workload) == (&b.part, b.round, &b.lane, &b.workload)
        };
        self.lines.iter().enumerate().filter_map(move |(index, line)| {
            let again = self.lines[index + 1..].iter().any(|later| same(line, later));
            (!again).then_some(line)
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::super::engine;
    use super::super::plan;
    use super::*;

    pub(crate) fn header(command: &str) -> Header {
        let settings = plan::tests::settings(command).unwrap();
        Header {
            engines: settings.engines.iter().map(|name| engine::tests::engine(name, 9)).collect(),
            settings,
            revision: "0123456".to_owned(),
            machine: Machine::default(),
            limit: "none".to_owned(),
            programs: BTreeMap::new(),
            builds: BTreeMap::new(),
            doubts: Vec::new(),
        }
    }

    pub(crate) fn line(part: &str, round: u64, lane: &str, workload: &str, ops: f64) -> Line {
        Line {
            part: part.to_owned(),
            round,
            lane: lane.to_owned(),
            workload: workload.to_owned(),
            report: Some(json!({ "ops_per_second": ops, "ops": 100, "seconds": 1.0 })),
            ..Line::default()
        }
    }

    #[test]
    fn a_run_goes_on_behind_a_torn_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.jsonl");
        let header = header("--quick");
        let mut journal = Journal::create(&path, header.clone()).unwrap();
        journal.add(line("p", 1, "a", "fillseq", 5.0)).unwrap();
        let whole = fs::read(&path).unwrap();
        journal.add(line("p", 1, "b", "fillseq", 6.0)).unwrap();
        let both = fs::read(&path).unwrap();
        for end in whole.len()..both.len() {
            fs::write(&path, &both[..end]).unwrap();
            let mut journal = Journal::resume(&path).unwrap();
            assert_eq!(journal.header, header);
            assert!(journal.has("p", 1, "a", "fillseq"), "{end}");
            assert!(!journal.has("p", 1, "b", "fillseq"), "{end}");
            assert!(!journal.has("p", 2, "a", "fillseq") && !journal.has("p", 1, "a", "readseq"));
            journal.add(line("p", 1, "b", "fillseq", 6.0)).unwrap();
            // Only the number of the run is new.
            let expected = String::from_utf8(both.clone()).unwrap();
            let (before, after) = expected.split_at(whole.len());
            let expected = format!("{before}{}", after.replace("\"run\":0", "\"run\":1"));
            assert_eq!(fs::read_to_string(&path).unwrap(), expected, "{end}");
        }
    }

    #[test]
    fn a_run_that_goes_on_says_when_and_what_was_doubtful() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r");
        let mut now = header("");
        drop(Journal::create(&path, now.clone()).unwrap());
        for (day, run) in [("2000-02-29", 1), ("2000-03-01", 2)] {
            now.machine.date = day.to_owned();
            now.doubts = vec!["the machine is busy".to_owned()];
            let mut journal = Journal::resume(&path).unwrap();
            journal.go_on(&now).unwrap();
            journal.add(line("p", run, "a", "fillseq", 5.0)).unwrap();
            assert!(journal.lines().all(|line| line.round == line.run));
        }
        let days: Vec<_> = Journal::resume(&path)
            .unwrap()
            .runs_that_went_on()
            .into_iter()
            .map(|run| (run.date, run.doubts.len()))
            .collect();
        assert_eq!(days, [("2000-02-29".to_owned(), 1), ("2000-03-01".to_owned(), 1)]);
    }

    #[test]
    fn a_bad_line_in_the_middle_is_no_torn_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.jsonl");
        drop(Journal::create(&path, header("")).unwrap());
        let mut text = fs::read_to_string(&path).unwrap();
        assert!(Journal::resume(&path).is_ok());
        text.push_str("{\"part\":\"p\"\n");
        fs::write(&path, &text).unwrap();
        assert!(format!("{:#}", Journal::resume(&path).unwrap_err()).contains("line 2"));
        fs::write(&path, "{}").unwrap();
        assert!(Journal::resume(&path).is_err());
        assert!(Journal::resume(&folder.path().join("none")).is_err());
    }

    #[test]
    fn another_run_cannot_be_gone_on_with() {
        let folder = tempfile::tempdir().unwrap();
        let first = header("--quick");
        let journal = Journal::create(&folder.path().join("r"), first.clone()).unwrap();
        assert!(journal.check(&first).is_ok());
        let mut unchecked = first.clone();
        unchecked.engines[0].kill = None;
        unchecked.builds.insert("siltstone".to_owned(), 3.0);
        assert!(journal.check(&unchecked).is_ok());
        for (change, why) in [
            (Header { settings: header("--quick --seed 9").settings, ..first.clone() }, "settings"),
            (Header { engines: Vec::new(), ..first.clone() }, "engines"),
            (Header { programs: [("a".into(), "b".into())].into(), ..first.clone() }, "built"),
            (Header { limit: "other".into(), ..first.clone() }, "limited"),
        ] {
            assert!(journal.check(&change).unwrap_err().to_string().contains(why), "{why}");
        }
    }

    #[test]
    fn what_failed_is_tried_again_and_then_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::create(&folder.path().join("r"), header("")).unwrap();
        let measured = line("p", 1, "a", "fillseq", 5.0);
        let failed = Line { report: None, error: Some("no room".into()), ..measured.clone() };
        journal.add(failed.clone()).unwrap();
        assert!(!journal.has("p", 1, "a", "fillseq"));
        assert_eq!(journal.lines().collect::<Vec<_>>(), [&failed]);
        journal.add(measured.clone()).unwrap();
        assert!(journal.has("p", 1, "a", "fillseq"));
        assert_eq!(journal.lines().collect::<Vec<_>>(), [&measured]);
    }
}
