//! What must be in the database after each thread wrote so many batches.
//!
//! Batch `n` of a thread, over two keyspaces:
//! ```text
//! ledger   put    thread/n            -> value(thread, n)
//!          delete thread/(n - window)
//! latest   put    thread/slot n % 16  -> n and a short value
//!          put    thread/count        -> n
//! ```
//! Of half a batch, of one that is missing before another, or of one that came back, something
//! would be there that follows from no number.

use crate::Failure;
use crate::settings::Settings;
use siltstone::{Db, Error, Keyspace, Snapshot, WriteBatch};
use std::collections::BTreeMap;

const SLOTS: u64 = 16;
/// Each so many-th value is large, so that records cross segments and blocks.
const LARGE_EVERY: u64 = 61;

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

/// The two keyspaces.
#[derive(Clone, Debug)]
pub(crate) struct Books {
    ledger: Keyspace,
    latest: Keyspace,
}

impl Books {
    /// Opens or creates both.
    pub(crate) fn open(db: &Db) -> Result<Self, Error> {
        Ok(Self { ledger: db.keyspace("ledger")?, latest: db.keyspace("latest")? })
    }

    /// Those of a database that may have been killed before it had both.
    fn find(db: &Db) -> Result<Option<Self>, Error> {
        let (ledger, latest) = (db.find_keyspace("ledger")?, db.find_keyspace("latest")?);
        Ok(ledger.zip(latest).map(|(ledger, latest)| Self { ledger, latest }))
    }

    /// Batch `number` of `thread`.
    pub(crate) fn batch(&self, settings: &Settings, thread: u64, number: u64) -> WriteBatch {
        let mut batch = WriteBatch::new();
        batch.put(&self.ledger, key(thread, number), value(settings, thread, number));
        if settings.window > 0 && number > settings.window {
            batch.delete(&self.ledger, key(thread, number - settings.window));
        }
        batch.put(&self.latest, slot(thread, number), latest(thread, number));
        batch.put(&self.latest, count(thread), number.to_le_bytes());
        batch
    }
}

/// How many batches of each thread are there, after everything there was compared with what must
/// be there.
pub(crate) fn look(db: &Db, settings: &Settings) -> Result<Vec<u64>, Failure> {
    let Some(books) = Books::find(db)? else {
        return Ok(vec![0; usize::try_from(settings.threads).unwrap_or(0)]);
    };
    let snapshot = db.snapshot();
    let counts: Vec<u64> = (0..settings.threads)
        .map(|thread| counted(&snapshot, &books, thread))
        .collect::<Result<_, _>>()?;
    let (ledger, latest) = expected(settings, &counts);
    compare("ledger", &snapshot, &books.ledger, &ledger)?;
    compare("latest", &snapshot, &books.latest, &latest)?;
    Ok(counts)
}

fn counted(snapshot: &Snapshot, books: &Books, thread: u64) -> Result<u64, Failure> {
    let Some(value) = snapshot.get(&books.latest, count(thread))? else { return Ok(0) };
    let bytes: [u8; 8] = value[..]
        .try_into()
        .map_err(|_| Failure::Wrong(format!("the count of {thread} is no number")))?;
    Ok(u64::from_le_bytes(bytes))
}

fn expected(settings: &Settings, counts: &[u64]) -> (Map, Map) {
    let (mut ledger, mut slots) = (Map::new(), Map::new());
    for (thread, &number) in (0..).zip(counts).filter(|(_, number)| **number > 0) {
        let kept = if settings.window == 0 { number } else { settings.window };
        for number in number.saturating_sub(kept) + 1..=number {
            ledger.insert(key(thread, number), value(settings, thread, number));
        }
        for number in number.saturating_sub(SLOTS) + 1..=number {
            slots.insert(slot(thread, number), latest(thread, number));
        }
        slots.insert(count(thread), number.to_le_bytes().to_vec());
    }
    (ledger, slots)
}

/// Both directions, and each key by itself.
fn compare(
    name: &str,
    snapshot: &Snapshot,
    keyspace: &Keyspace,
    expected: &Map,
) -> Result<(), Failure> {
    let wrong = |what: &str, key: &[u8]| {
        Err(Failure::Wrong(format!("{name}: {what} at key {}", key.escape_ascii())))
    };
    let mut wanted = expected.iter();
    for item in snapshot.scan(keyspace, ..)? {
        let (key, value) = item?;
        match wanted.next() {
            Some((k, v)) if k[..] == key[..] && v[..] == value[..] => {}
            Some((k, _)) if k[..] < key[..] => return wrong("a missing entry", k),
            Some((k, _)) if k[..] == key[..] => return wrong("another value", k),
            _ => return wrong("an entry too many", &key),
        }
    }
    if let Some((key, _)) = wanted.next() {
        return wrong("a missing entry", key);
    }
    let mut wanted = expected.keys().rev();
    for item in snapshot.keys(keyspace, ..)?.rev() {
        let key = item?;
        if wanted.next().is_none_or(|wanted| wanted[..] != key[..]) {
            return wrong("a difference, backwards,", &key);
        }
    }
    for (key, value) in expected.iter().step_by(7) {
        if snapshot.get(keyspace, key)?.as_deref() != Some(&value[..]) {
            return wrong("another value by get", key);
        }
    }
    Ok(())
}

fn key(thread: u64, number: u64) -> Vec<u8> {
    format!("{thread:02}/{number:010}").into_bytes()
}

fn slot(thread: u64, number: u64) -> Vec<u8> {
    format!("{thread:02}/slot {:02}", number % SLOTS).into_bytes()
}

fn count(thread: u64) -> Vec<u8> {
    format!("{thread:02}/count").into_bytes()
}

fn latest(thread: u64, number: u64) -> Vec<u8> {
    filled(thread, number, 24)
}

fn value(settings: &Settings, thread: u64, number: u64) -> Vec<u8> {
    let most = if number.is_multiple_of(LARGE_EVERY) { 20_000 } else { settings.value_bytes };
    filled(thread, number, mixed(number ^ thread << 40) % (most + 1))
}

/// `bytes` bytes that no other thread or number has.
fn filled(thread: u64, number: u64, bytes: u64) -> Vec<u8> {
    let seed = mixed(thread << 48 ^ number);
    let words = (0..bytes.div_ceil(8)).flat_map(|word| mixed(seed ^ word).to_le_bytes());
    words.take(usize::try_from(bytes).unwrap_or(0)).collect()
}

/// `SplitMix64`, Steele, Lea and Flood 2014.
const fn mixed(index: u64) -> u64 {
    let mut mixed = index.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
