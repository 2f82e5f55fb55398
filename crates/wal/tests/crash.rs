//! Whatever crash: what is found is a prefix of what was appended, and holds all that was synced.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use common::{Log, path};
use proptest::collection::vec;
use proptest::prelude::*;
use siltstone_vfs::{MemVfs, Vfs};
use siltstone_wal::{Error, SegmentId};

/// What happens to a log.
#[derive(Clone, Debug)]
enum Step {
    Append(usize),
    Sync,
    Rotate,
    /// The oldest segment is needed no more.
    FreeOldest,
    Crash(Crash),
}

#[derive(Clone, Copy, Debug)]
enum Crash {
    ProcessDeath,
    PowerCut,
    PowerCutKeeping(u64),
}

impl Crash {
    fn of(self, vfs: &MemVfs) -> MemVfs {
        match self {
            Self::ProcessDeath => vfs.process_death(),
            Self::PowerCut => vfs.power_cut(),
            Self::PowerCutKeeping(seed) => vfs.power_cut_keeping(seed),
        }
    }
}

/// A log, and what it must hold.
#[derive(Debug)]
struct Model {
    log: Log,
    /// Segment and payload of everything that was tried, in order.
    tried: Vec<(SegmentId, Vec<u8>)>,
    /// How many of them must survive the death of the process ..
    acknowledged: usize,
    /// .. and loss of power.
    synced: usize,
    appends: u32,
}

impl Model {
    fn new() -> Self {
        Self { log: Log::new(), tried: Vec::new(), acknowledged: 0, synced: 0, appends: 0 }
    }

    fn run(&mut self, step: &Step) -> Result<(), Error> {
        match step {
            Step::Append(bytes) => self.append(*bytes),
            Step::Sync => {
                self.log.sync()?;
                self.synced = self.acknowledged;
                Ok(())
            }
            Step::Rotate => self.log.rotate(),
            Step::FreeOldest => {
                self.free_oldest();
                Ok(())
            }
            Step::Crash(crash) => self.crash(*crash),
        }
    }

    fn append(&mut self, bytes: usize) -> Result<(), Error> {
        self.appends += 1;
        let mut payload = self.appends.to_le_bytes().to_vec();
        payload.resize(4 + bytes, 0x5a);
        self.tried.push((self.log.writer().segment(), payload.clone()));
        self.log.append("x", &payload)?;
        self.acknowledged += 1;
        Ok(())
    }

    fn free_oldest(&mut self) {
        let oldest = *self.log.named.keys().next().unwrap();
        if self.log.named.len() == 1 {
            return;
        }
        self.log.named.remove(&oldest);
        drop(self.log.vfs.unlink(&path(oldest)));
        let freed = self.tried.iter().take_while(|(segment, _)| *segment == oldest).count();
        self.tried.drain(..freed);
        self.acknowledged -= freed;
        self.synced = self.synced.saturating_sub(freed);
    }

    /// Crashes, checks what is found, and goes on from there.
    fn crash(&mut self, crash: Crash) -> Result<(), Error> {
        let mut log = self.log.found_in(crash.of(&self.log.vfs));
        let (found, replayed) = log.replay().unwrap_or_else(|error| panic!("{crash:?}: {error}"));
        self.check(crash, &found);
        log.recover(replayed)?;
        self.log = log;
        self.tried.truncate(found.len());
        (self.acknowledged, self.synced) = (found.len(), found.len());
        Ok(())
    }

    fn check(&self, crash: Crash, found: &[Vec<u8>]) {
        let owed =
            if matches!(crash, Crash::ProcessDeath) { self.acknowledged } else { self.synced };
        assert!(found.len() >= owed, "{crash:?}: {owed} of {} are owed", found.len());
        assert!(found.len() <= self.tried.len(), "{crash:?}: more than was appended");
        let tried = self.tried.iter().map(|(_, payload)| payload);
        assert!(found.iter().eq(tried.take(found.len())), "{crash:?}: not what was appended");
    }
}

fn crash() -> impl Strategy<Value = Crash> {
    prop_oneof![
        1 => Just(Crash::ProcessDeath),
        1 => Just(Crash::PowerCut),
        3 => any::<u64>().prop_map(Crash::PowerCutKeeping),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..300_usize).prop_map(Step::Append),
        2 => Just(Step::Sync),
        2 => Just(Step::Rotate),
        1 => Just(Step::FreeOldest),
        2 => crash().prop_map(Step::Crash),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]
    #[test]
    fn any_history_keeps_a_prefix_with_all_that_was_synced(steps in vec(step(), 1..40), last in crash()) {
        let mut model = Model::new();
        for step in &steps {
            model.run(step).unwrap();
        }
        model.crash(last).unwrap();
    }
}

/// One history, stopped before each of its operations, and crashed there in many ways.
#[test]
fn a_crash_at_any_operation_keeps_a_prefix_with_all_that_was_synced() {
    use Step::{Append, FreeOldest, Rotate, Sync};
    let history = [
        Append(20),
        Append(700),
        Sync,
        Append(3),
        Rotate,
        Append(90),
        Append(0),
        Sync,
        Rotate,
        Rotate,
        Append(600),
        Append(9),
        FreeOldest,
        Rotate,
        Sync,
        Append(30),
        Rotate,
        Append(40),
    ];
    let (mut stopped, mut crashes) = (true, 0);
    for operations in 5.. {
        if !stopped {
            break;
        }
        let seeds = (0..12).map(Crash::PowerCutKeeping);
        for crash in [Crash::ProcessDeath, Crash::PowerCut].into_iter().chain(seeds) {
            let mut model = Model::new();
            model.log.vfs.cut_after(operations);
            stopped = history.iter().any(|step| model.run(step).is_err());
            model.crash(crash).unwrap();
            model.append(1).unwrap();
            model.crash(Crash::ProcessDeath).unwrap();
            crashes += 1;
        }
    }
    assert!(crashes > 400, "{crashes}");
}
