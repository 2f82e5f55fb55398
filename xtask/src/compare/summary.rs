//! What the rounds came to: medians with their spreads, and ratios.
//!
//! Always: a ratio is of two lanes in the same round, workload and part. What was measured in
//! different rounds is never divided.

use serde::{Deserialize, Serialize};

use super::engine::Engine;
use super::journal::{CLOSE, GoesOn, Header, Journal, Line};
use super::others;
use super::plan::Part;
use super::runs::{Cell, Ratio, Runs};

/// The whole comparison; `compare.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Summary {
    pub(crate) header: Header,
    /// The runs that went on from the first.
    #[serde(default)]
    pub(crate) went_on: Vec<GoesOn>,
    pub(crate) parts: Vec<PartSummary>,
    /// Stores that could not be closed, a sentence each.
    pub(crate) unclosed: Vec<String>,
}

/// One part.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PartSummary {
    pub(crate) name: String,
    pub(crate) num: u64,
    /// Whether lanes are shapes of keys: then ratios are of a lane to the first one.
    pub(crate) of_shapes: bool,
    /// The lanes; others are compared with the first.
    pub(crate) lanes: Vec<LaneSummary>,
    pub(crate) workloads: Vec<String>,
    pub(crate) cells: Vec<Cell>,
    pub(crate) ratios: Vec<Ratio>,
}

/// A column.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LaneSummary {
    pub(crate) name: String,
    pub(crate) engine: String,
    pub(crate) keys: String,
    /// Whether its buffered writes did not survive SIGKILL, so that it is no equal.
    pub(crate) apart: bool,
}

impl Summary {
    /// Of all that is in the journal.
    pub(crate) fn of(journal: &Journal) -> Self {
        let header = journal.header.clone();
        let parts = header.settings.parts();
        let parts = parts.iter().map(|part| {
            let lines = journal.lines().filter(|line| line.part == part.name);
            PartSummary::of(part, &header, &lines.collect::<Vec<_>>())
        });
        let closes = journal.lines().filter(|line| line.workload == CLOSE);
        let unclosed = closes.filter_map(|line| {
            let Line { part, round, lane, error, .. } = line;
            let error = error.as_ref()?;
            Some(format!("{part}, close of round {round}, {lane}: {error}"))
        });
        let went_on = journal.runs_that_went_on();
        Self { parts: parts.collect(), unclosed: unclosed.collect(), went_on, header }
    }

    /// What others disturbed, a sentence each.
    pub(crate) fn disturbed(&self) -> Vec<String> {
        let cells =
            self.parts.iter().flat_map(|part| part.cells.iter().map(move |cell| (part, cell)));
        let sentence = |(part, cell): (&PartSummary, &Cell)| {
            let doubt = others::doubt(cell.others_share)?;
            Some(format!("{}, {}, {}: {doubt}", part.name, cell.workload, cell.lane))
        };
        cells.filter_map(sentence).collect()
    }

    /// What failed, a sentence each: writes that a kill lost, stores that could not be closed,
    /// what was not measured.
    pub(crate) fn failures(&self) -> Vec<String> {
        let lost = self.header.engines.iter().filter_map(Engine::kill_failure);
        let mut failures: Vec<_> = lost.chain(self.unclosed.iter().cloned()).collect();
        for part in &self.parts {
            for cell in &part.cells {
                for error in &cell.errors {
                    failures
                        .push(format!("{}, {}, {}: {error}", part.name, cell.workload, cell.lane));
                }
            }
        }
        failures
    }
}

impl PartSummary {
    fn of(part: &Part, header: &Header, journal: &[&Line]) -> Self {
        let apart = |name: &str| {
            let engine = header.engines.iter().find(|engine| engine.name == name);
            engine.is_some_and(|engine| !engine.survives())
        };
        let lanes = part.lanes.iter().map(|lane| LaneSummary {
            name: lane.name.clone(),
            engine: lane.engine.clone(),
            keys: lane.keys.clone(),
            apart: apart(&lane.engine),
        });
        let mut cells = Vec::new();
        let mut ratios = Vec::new();
        for workload in &part.workloads {
            for (index, lane) in part.lanes.iter().enumerate() {
                let of_lane = |lane| Runs::of(journal, workload.name, lane);
                let runs = of_lane(lane);
                if index > 0 {
                    let base = of_lane(&part.lanes[0]);
                    ratios.extend(runs.beside(&base, part.of_shapes));
                }
                cells.push(runs.cell());
            }
        }
        Self {
            name: part.name.clone(),
            num: part.num,
            of_shapes: part.of_shapes,
            lanes: lanes.collect(),
            workloads: part.workloads.iter().map(|workload| workload.name.to_owned()).collect(),
            cells,
            ratios,
        }
    }

    /// The workload `workload` on `lane`.
    pub(crate) fn cell(&self, workload: &str, lane: &str) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.workload == workload && cell.lane == lane)
    }

    /// The ratio to `lane` in `workload`.
    pub(crate) fn ratio(&self, workload: &str, lane: &str) -> Option<&Ratio> {
        self.ratios.iter().find(|ratio| ratio.workload == workload && ratio.lane == lane)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::journal::tests::{header, line};
    use super::super::runs::Spread;
    use super::*;

    /// The summary of `lines` under the settings of `command`.
    pub(crate) fn summary(command: &str, lines: Vec<Line>) -> Summary {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::create(&folder.path().join("r"), header(command)).unwrap();
        for line in lines {
            journal.add(line).unwrap();
        }
        Summary::of(&journal)
    }

    pub(crate) const COMMAND: &str =
        "--engines rocksdb,sled --num 1000 --rounds 3 --workloads fillrandom,readseq";

    #[test]
    fn ratios_are_of_one_round_only() {
        let at = |round, lane, ops| line("1000 keys", round, lane, "fillrandom", ops);
        let summary = summary(
            COMMAND,
            vec![
                at(1, "siltstone", 100.0),
                at(1, "rocksdb", 50.0),
                // The machine was slow in this round: both were, and the ratio stays.
                at(2, "siltstone", 20.0),
                at(2, "rocksdb", 10.0),
                // One of the two is missing: no ratio comes of the other.
                at(3, "rocksdb", 1.0),
                at(3, "sled", 4.0),
                // Another part, another workload.
                line("9 keys", 3, "siltstone", "fillrandom", 1e9),
                line("1000 keys", 3, "siltstone", "readseq", 1e9),
            ],
        );
        let part = &summary.parts[0];
        let ratio = part.ratio("fillrandom", "rocksdb").unwrap();
        assert_eq!(ratio.spread, Spread { median: 2.0, min: 2.0, max: 2.0 });
        assert_eq!(ratio.rounds, 2);
        assert_eq!(part.ratio("fillrandom", "sled"), None);
        let cell = part.cell("fillrandom", "rocksdb").unwrap();
        assert_eq!(cell.ops_per_second, Some(Spread { median: 10.0, min: 1.0, max: 50.0 }));
        assert_eq!(cell.rounds, 3);
    }

    #[test]
    fn what_two_runs_measured_of_one_round_is_marked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r");
        let at = |round, lane| line("1000 keys", round, lane, "fillrandom", 5.0);
        let mut journal = Journal::create(&path, header(COMMAND)).unwrap();
        for done in [at(1, "siltstone"), at(1, "rocksdb"), at(2, "siltstone")] {
            journal.add(done).unwrap();
        }
        let mut journal = Journal::resume(&path).unwrap();
        journal.go_on(&header(COMMAND)).unwrap();
        for done in [at(2, "rocksdb"), at(3, "siltstone"), at(3, "sled")] {
            journal.add(done).unwrap();
        }
        let summary = Summary::of(&journal);
        let part = &summary.parts[0];
        let of_two_runs = |lane| part.ratio("fillrandom", lane).unwrap().of_two_runs;
        assert!(of_two_runs("rocksdb") && !of_two_runs("sled"));
        assert_eq!((summary.went_on.len(), summary.failures().len()), (1, 0));
    }

    #[test]
    fn what_was_capped_or_failed_shows() {
        let mut capped = line("1000 keys", 1, "sled", "fillrandom", 5.0);
        capped.capped = true;
        let mut failed = line("1000 keys", 1, "rocksdb", "fillrandom", 5.0);
        (failed.report, failed.error) = (None, Some("no room".to_owned()));
        let ours = line("1000 keys", 1, "siltstone", "fillrandom", 5.0);
        let summary = summary(COMMAND, vec![ours, capped, failed]);
        let part = &summary.parts[0];
        assert!(part.ratio("fillrandom", "sled").unwrap().capped);
        assert_eq!(part.cell("fillrandom", "sled").unwrap().capped, 1);
        assert_eq!(summary.failures(), ["1000 keys, fillrandom, rocksdb: no room"]);
    }

    #[test]
    fn what_others_disturbed_shows() {
        let at = |round, share| {
            let ours = line("1000 keys", round, "siltstone", "fillrandom", 5.0);
            Line { others_share: share, ..ours }
        };
        let summary = summary(COMMAND, vec![at(1, Some(0.25)), at(2, Some(0.0)), at(3, None)]);
        let expected = "1000 keys, fillrandom, siltstone: others took 25 % of the processors";
        assert_eq!(summary.disturbed(), [expected]);
    }

    #[test]
    fn a_shape_of_keys_that_is_far_from_digits_is_marked() {
        for (ops, beyond) in
            [(100.0, false), (78.0, false), (76.0, true), (129.0, false), (131.0, true)]
        {
            let name = "shapes of 1000 keys";
            let lines = vec![
                line(name, 1, "digits", "readrandom", 100.0),
                line(name, 1, "random", "readrandom", ops),
            ];
            let summary = summary("--num 1000 --engines fjall", lines);
            let shapes = summary.parts.last().unwrap();
            let ratio = shapes.ratio("readrandom", "random").unwrap();
            assert_eq!((ratio.spread.median, ratio.beyond), (ops / 100.0, beyond));
        }
    }

    #[test]
    fn an_engine_that_loses_acknowledged_writes_is_shown_apart() {
        let folder = tempfile::tempdir().unwrap();
        let mut header = header(COMMAND);
        header.engines[2] = super::super::engine::tests::engine("sled", 8);
        let journal = Journal::create(&folder.path().join("r"), header).unwrap();
        let summary = Summary::of(&journal);
        let apart: Vec<_> = summary.parts[0].lanes.iter().map(|l| l.apart).collect();
        assert_eq!(apart, [false, false, true]);
        // This one says that they survive.
        assert_eq!(summary.failures(), ["sled, acknowledged writes after SIGKILL: 8 of 9 found"]);
    }
}
