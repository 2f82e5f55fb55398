//! Crashes small databases on a simulated disk, opens what is left, checks all contents, closes:
//! so many rounds a second as a test of crashes can do on one core.
//!
//! `cargo run --release -p siltstone --example rounds -- 10` does so for ten seconds; without a
//! number it is one.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]
#![expect(clippy::disallowed_methods, reason = "it looks at its own time from outside")]

use siltstone::vfs::{CrashPolicy, ManualClock, Random, SeededRandom, SimVfs};
use siltstone::{
    Compression, Db, Durability, Error, Leveled, Options, ReadMode, Runtime, ThreadSpawner,
    WriteBatch, WriteOptions,
};
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

const DIR: &str = "/db";
const SEEDS: u64 = 8;
const CUTS_PER_SEED: usize = 8;
const WRITES: usize = 160;
const SPACES: [&str; 2] = ["default", "second"];
/// Holds the number of the last write; every batch replaces it.
const COUNT_KEY: &[u8] = b"count";
/// The clock is looked at each time so many rounds were done.
const LOOK_EVERY: u64 = 64;

/// Contents of both keyspaces.
type State = [BTreeMap<Vec<u8>, Vec<u8>>; 2];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let seconds = std::env::args().nth(1).map_or(Ok(1.0), |seconds| seconds.parse())?;
    let lives: Vec<Life> = (0..SEEDS).flat_map(lives_of).collect();
    let mut tally = Tally::default();
    let (began, busy_before) = (Instant::now(), busy());
    let random = SeededRandom::new(0);
    let mut elapsed = Duration::ZERO;
    while elapsed < Duration::from_secs_f64(seconds) {
        for _ in 0..LOOK_EVERY {
            round(&lives[below(&random, lives.len())], random.next_u64(), &mut tally)?;
        }
        elapsed = began.elapsed();
    }
    // Others may have the processor meanwhile: what counts is what this process got of it.
    let busy = busy().zip(busy_before).map_or(elapsed, |(now, before)| now.saturating_sub(before));
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = tally.rounds as f64 / busy.as_secs_f64();
    println!("{tally}");
    println!("{rate:.0} rounds a second and core, {:.0} us each", 1e6 / rate);
    assert!(tally.lost_something > 0 && tally.replayed_records > 0 && tally.tables > 0);
    Ok(())
}

/// Processor time that this process took so far, where the system tells.
fn busy() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

/// What was met, to know that the rounds are worth their name.
#[derive(Default)]
struct Tally {
    rounds: u64,
    lost_something: u64,
    /// Fingerprints of what the crashes left.
    images: HashSet<u64>,
    replayed_records: u64,
    tables: u64,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rounds, lost_something, images, replayed_records, tables } = self;
        write!(f, "{rounds} rounds, {lost_something} of them lost something; {} ", images.len())?;
        write!(f, "different images, {replayed_records} records, {tables} tables")
    }
}

/// A database that was cut off in the middle of something.
struct Life {
    seed: u64,
    disk: SimVfs,
    /// Contents before the first write and after each.
    states: Vec<State>,
    /// So many writes are durable.
    synced: usize,
}

/// Crashes, opens, checks, closes.
fn round(life: &Life, seed: u64, tally: &mut Tally) -> Result<(), Error> {
    let random = SeededRandom::new(seed);
    let policy = CrashPolicy::ALL[below(&random, CrashPolicy::ALL.len())];
    let disk = life.disk.crash(policy, seed);
    tally.lost_something += u64::from(disk.lost_something());
    tally.images.insert(disk.fingerprint());
    let db = options(life.seed, random.next_u64(), &disk).open(DIR)?;
    let metrics = db.metrics();
    tally.rounds += 1;
    tally.replayed_records += metrics.recovery.replayed_records;
    let found = state_of(&db)?;
    let writes = found[0].get(COUNT_KEY).map_or(0, |count| number(count));
    assert!(writes >= life.synced, "{policy:?}, seed {}: lost what was synced", life.seed);
    assert!(found == life.states[writes], "{policy:?}, seed {}: other contents", life.seed);
    for keyspace in &metrics.keyspaces {
        tally.tables += keyspace.levels.iter().map(|level| level.tables).sum::<u64>();
    }
    db.close()
}

fn state_of(db: &Db) -> Result<State, Error> {
    let mut state = State::default();
    for (name, state) in SPACES.iter().zip(&mut state) {
        let Some(space) = db.find_keyspace(name)? else { continue };
        for pair in space.scan(..)? {
            let (key, value) = pair?;
            state.insert(key.into_vec(), value.into_vec());
        }
    }
    Ok(state)
}

fn below(random: &SeededRandom, bound: usize) -> usize {
    usize::try_from(random.next_u64() % bound as u64).unwrap_or(0)
}

fn number(count: &[u8]) -> usize {
    usize::try_from(u64::from_le_bytes(count.try_into().unwrap_or_default())).unwrap_or(usize::MAX)
}

/// The same life, cut at several places.
fn lives_of(seed: u64) -> impl Iterator<Item = Life> {
    let whole = SimVfs::new(seed);
    let left = live(seed, whole.clone());
    assert_eq!(left.states.len(), WRITES + 1, "seed {seed}: a whole life fails nowhere");
    let (random, operations) = (SeededRandom::new(seed), whole.operations());
    (0..CUTS_PER_SEED).map(move |_| {
        let disk = SimVfs::new(seed);
        // The second half: before, there is little to open.
        disk.cut_after(operations / 2 + random.next_u64() % (operations / 2));
        live(seed, disk)
    })
}

/// Writes until the disk is cut off.
fn live(seed: u64, disk: SimVfs) -> Life {
    let mut life = Life { seed, disk, states: vec![State::default()], synced: 0 };
    // Where it was cut, some call failed: a write, or the close behind the last one.
    drop(write_all(&mut life));
    life
}

fn write_all(life: &mut Life) -> Result<(), Error> {
    let random = SeededRandom::new(life.seed);
    let db = options(life.seed, random.next_u64(), &life.disk).open(DIR)?;
    let spaces = [db.default_keyspace(), db.keyspace(SPACES[1])?];
    let mut state = State::default();
    for count in 1..=WRITES as u64 {
        let mut batch = WriteBatch::new();
        put(&mut batch, (&spaces[0], &mut state[0]), COUNT_KEY, &count.to_le_bytes());
        let space = below(&random, 2);
        let key = format!("key {:02}", below(&random, 40)).into_bytes();
        let value = count.to_le_bytes().repeat(3 + below(&random, 12));
        put(&mut batch, (&spaces[space], &mut state[space]), &key, &value);
        let sync = below(&random, 20) == 0;
        let durability = if sync { Durability::Sync } else { Durability::Buffered };
        // If it fails it may be there all the same: it was handed over.
        life.states.push(state.clone());
        db.write_with(batch, &WriteOptions::new().durability(durability))?;
        if sync {
            life.synced = life.states.len() - 1;
        }
    }
    Ok(())
}

fn put(
    batch: &mut WriteBatch,
    (space, state): (&siltstone::Keyspace, &mut BTreeMap<Vec<u8>, Vec<u8>>),
    key: &[u8],
    value: &[u8],
) {
    batch.put(space, key, value);
    state.insert(key.to_vec(), value.to_vec());
}

/// Everything small; the calling thread does all jobs, and time stands still.
fn options(life: u64, seed: u64, disk: &SimVfs) -> Options {
    let runtime = Runtime {
        clock: Arc::new(ManualClock::new()),
        random: Arc::new(SeededRandom::new(seed)),
        spawner: Arc::new(ThreadSpawner),
    };
    let modes = [ReadMode::Mmap, ReadMode::Pread];
    let mode = modes[usize::from(life % 2 == 1)];
    let policy = Leveled::default().level0_runs(2).ratio(3).table_bytes(2_000).base_bytes(4_000);
    Options::new()
        .memory_budget(2 << 20)
        .memtable_bytes(4 << 10)
        .block_bytes(512)
        .compression(Compression::None)
        .read_mode(mode)
        .background_threads(0)
        .compaction(policy)
        .runtime(runtime)
        .vfs(Arc::new(disk.clone()))
}
