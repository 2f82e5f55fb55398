//! Runs a script on a simulated disk, and keeps the history that the oracle asks.

mod calls;

use crate::common::history::{History, Spaces};
use crate::common::{Chance, State, state_of};
use crate::events::{Before, Events};
use crate::script::Call;
use siltstone::vfs::{Clock, ManualClock, SeededRandom, SimVfs};
use siltstone::{Db, Error, Leveled, NoThreads, Options, Runtime, Snapshot};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) const DIR: &str = "/db";

/// A number that the name alone decides (FNV-1a), with room to count from it.
fn seed_of(name: &str) -> u64 {
    let mix = |sum: u64, byte: u8| (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    name.bytes().fold(0xcbf2_9ce4_8422_2325, mix) >> 16
}

/// Who flushes and compacts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Jobs {
    /// The writing call, all there is, at once.
    Writer,
    /// Steps between the calls, drawn from this seed.
    Steps(u64),
}

/// Clock, chance without threads, and the seed of that chance: another one for each opening of a
/// database, so that its tables get names of their own.
pub(crate) fn runtime(clock: &Arc<ManualClock>, seed: u64) -> Runtime {
    let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(clock);
    Runtime { clock, random: Arc::new(SeededRandom::new(seed)), spawner: Arc::new(NoThreads) }
}

/// Options under which everything happens soon. Time stands still but for waits, which take none.
pub(crate) fn options(disk: &SimVfs, jobs: Jobs, runtime: Runtime) -> Options {
    let policy = Leveled::default().level0_runs(2).ratio(2).table_bytes(700).base_bytes(1_500);
    Options::new()
        .memory_budget(1 << 20)
        .memtable_bytes(1 << 10)
        .block_bytes(256)
        .filter_bits_per_key(4)
        .background_threads(usize::from(jobs != Jobs::Writer))
        .compaction(policy)
        .runtime(runtime)
        .vfs(Arc::new(disk.clone()))
}

/// When a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    /// At the first call that fails.
    AtFailure,
    /// With the script, whatever failed.
    WithScript,
}

/// A snapshot, and what it must show.
struct Held {
    snapshot: Snapshot,
    spaces: Spaces,
    state: State,
}

/// A script on its way.
pub(crate) struct Run {
    pub(crate) history: History,
    pub(crate) disk: SimVfs,
    pub(crate) events: Events,
    pub(crate) failures: Vec<String>,
    pub(crate) db: Option<Db>,
    jobs: Jobs,
    clock: Arc<ManualClock>,
    chance: Chance,
    held: Vec<Held>,
    next_number: u64,
    values: u64,
    /// Seed of the next opening.
    next_open: u64,
    /// Whether the script wants it open.
    is_open: bool,
}

impl Run {
    /// `name` gives the database an identity that no other workload's has.
    pub(crate) fn new(name: &str, disk: &SimVfs, jobs: Jobs) -> Self {
        let seed = match jobs {
            Jobs::Writer => 0,
            Jobs::Steps(seed) => seed,
        };
        let mut history = History::default();
        // It is there after the first open, and a crash before leaves it to the next.
        history.spaces.insert("default".into(), 0);
        Self {
            history,
            disk: disk.clone(),
            events: Events::default(),
            failures: Vec::new(),
            db: None,
            jobs,
            clock: Arc::new(ManualClock::new()),
            chance: Chance::new(seed),
            held: Vec::new(),
            next_number: 1,
            values: 0,
            next_open: seed_of(name),
            is_open: false,
        }
    }

    /// The same, with time that something else moves.
    pub(crate) fn with_clock(self, clock: Arc<ManualClock>) -> Self {
        Self { clock, ..self }
    }

    /// Makes the calls of `script`; the first one opens the database.
    pub(crate) fn go(&mut self, script: &[Call], ends: Ends) {
        for call in script {
            let failed = self.failures.len();
            self.take(call);
            self.note_synced();
            if self.failures.len() > failed {
                if ends == Ends::AtFailure {
                    return;
                }
                self.look_while_failing();
            }
        }
    }

    /// The same, looking at everything after each call.
    pub(crate) fn go_and_look(&mut self, script: &[Call]) {
        for call in script {
            let before = Before::look(&self.disk, self.db.as_ref());
            self.take(call);
            self.note_synced();
            self.events.end(&before, call, &self.disk, self.db.as_ref());
            assert!(self.failures.is_empty(), "{call:?}: {:?}", self.failures);
            self.check_reads();
        }
    }

    /// Whatever failed: acknowledged writes are read, and no others; snapshots show what they
    /// did.
    pub(crate) fn check_reads(&self) {
        let Some(db) = &self.db else { return };
        let is_right = self.history.is_now(&state_of(db).unwrap());
        assert!(is_right, "what is read is not what was acknowledged, {:?}", self.failures);
        for held in &self.held {
            self.check_snapshot(db, held);
        }
    }

    /// While the disk fails, a read gives what was acknowledged, or an error.
    fn look_while_failing(&self) {
        let Some(Ok(found)) = self.db.as_ref().map(state_of) else { return };
        assert!(self.history.is_now(&found), "a wrong answer while the disk fails");
    }

    fn check_snapshot(&self, db: &Db, held: &Held) {
        for (name, number) in &held.spaces {
            if self.history.spaces.get(name) != Some(number) {
                continue;
            }
            let Some(keyspace) = db.find_keyspace(name).unwrap() else { continue };
            let pairs = held.snapshot.scan(&keyspace, ..).unwrap();
            let found: BTreeMap<Vec<u8>, Vec<u8>> = pairs
                .map(|pair| pair.map(|(key, value)| (key.into_vec(), value.into_vec())))
                .collect::<Result<_, _>>()
                .unwrap();
            assert!(found == held.state[name], "a snapshot of {name} shows another state");
        }
    }

    fn take(&mut self, call: &Call) {
        match call {
            Call::Open => return self.open(),
            Call::ReadOnly => return self.open_read_only(),
            Call::Step(count) => return self.step(*count),
            _ => {}
        }
        if self.db.is_none() && self.is_open {
            // It did not open before; perhaps the disk was mended.
            self.open();
        }
        let Some(db) = self.db.clone() else { return };
        match call {
            Call::Write { ops, synced } => self.write(&db, ops, *synced),
            Call::Sync => self.makes_durable("sync", db.sync()),
            Call::Flush(None) => self.makes_durable("flush", db.flush()),
            Call::Flush(Some(name)) => self.flush(&db, name),
            Call::Compact(name) => {
                self.on_keyspace(&db, name, |keyspace| keyspace.compact_range(..));
            }
            Call::Create(name) => self.create(&db, name),
            Call::Drop(name) => self.drop_keyspace(&db, name),
            Call::Snapshot => self.hold(&db),
            Call::Release => drop((!self.held.is_empty()).then(|| self.held.remove(0))),
            Call::Checkpoint(dir) => self.checkpoint(&db, dir),
            Call::Close => self.close(&db),
            Call::Open | Call::ReadOnly | Call::Step(_) => unreachable!("taken above"),
        }
        if let Jobs::Steps(_) = self.jobs {
            self.step(self.chance.below(3));
        }
    }

    fn note(&mut self, what: &str, outcome: Result<(), Error>) -> bool {
        match outcome {
            Ok(()) => true,
            Err(error) => {
                self.failures.push(format!("{what}: {error}"));
                false
            }
        }
    }

    /// What the database says is durable must be.
    fn note_synced(&mut self) {
        if let Some(db) = &self.db {
            let synced = db.metrics().synced_seqno;
            self.history.sync_to(self.history.count_through(synced), "what metrics say");
        }
    }

    fn makes_durable(&mut self, what: &'static str, outcome: Result<(), Error>) {
        if self.note(what, outcome) {
            self.history.sync_by(what);
        }
    }
}
