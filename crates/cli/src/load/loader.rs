//! Pairs into batches into the database.

use super::Acks;
use crate::format::{InputError, Next, Pair, Source};
use anyhow::Result;
use indicatif::ProgressBar;
use siltstone::{Db, Durability, Keyspace, WriteBatch, WriteOptions};
use std::io::Write;
use std::time::{Duration, Instant};

/// When a batch is written: after so many pairs, ..
const BATCH_PAIRS: usize = 250;
/// .. so many bytes, ..
const BATCH_BYTES: usize = 1 << 20;
/// .. or so long after its first pair.
pub(super) const BATCH_AGE: Duration = Duration::from_millis(10);

/// What came of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// There is more.
    More,
    /// The source has ended and everything is stored.
    Done,
}

/// Stores what a source gives, in batches, and acknowledges.
#[derive(Debug)]
pub(crate) struct Loader<'a, W> {
    db: &'a Db,
    keyspace: &'a Keyspace,
    options: WriteOptions,
    acks: Acks<W>,
    batch: WriteBatch,
    batch_pairs_max: usize,
    batch_bytes: usize,
    batch_began: Instant,
    /// How many pairs are stored as durably as asked for.
    stored: u64,
    pair: Pair,
}

impl<'a, W: Write> Loader<'a, W> {
    pub(crate) fn new(db: &'a Db, keyspace: &'a Keyspace, acks: Acks<W>) -> Self {
        Self {
            db,
            keyspace,
            options: WriteOptions::new(),
            acks,
            batch: WriteBatch::new(),
            batch_pairs_max: BATCH_PAIRS,
            batch_bytes: 0,
            batch_began: Instant::now(),
            stored: 0,
            pair: Pair::default(),
        }
    }

    /// Acknowledges only what survives loss of power.
    pub(crate) fn synced(mut self) -> Self {
        self.options = self.options.durability(Durability::Sync);
        self
    }

    /// Writes at most `pairs` at once.
    pub(crate) const fn batch_pairs(mut self, pairs: usize) -> Self {
        self.batch_pairs_max = pairs;
        self
    }

    /// Stores everything that `source` gives and returns how many pairs that were. Where the source
    /// fails, what came before stays and is acknowledged.
    pub(crate) fn run(&mut self, source: &mut dyn Source, bar: &ProgressBar) -> Result<u64> {
        while self.step(source, bar)? == Step::More {}
        Ok(self.stored)
    }

    fn step(&mut self, source: &mut dyn Source, bar: &ProgressBar) -> Result<Step> {
        match source.next(&mut self.pair) {
            Ok(Next::Pair) => {
                self.add(bar);
                if self.is_due() {
                    self.commit()?;
                    self.acks.note(self.stored, self.batch_pairs_max as u64)?;
                }
                Ok(Step::More)
            }
            Ok(Next::Idle) => self.settle().map(|()| Step::More),
            Ok(Next::End) => self.settle().map(|()| Step::Done),
            Err(error) => self.give_up(error),
        }
    }

    fn add(&mut self, bar: &ProgressBar) {
        let Pair { key, value } = &mut self.pair;
        if self.batch.is_empty() {
            self.batch_began = Instant::now();
        }
        self.batch.put(self.keyspace, &key, &value);
        self.batch_bytes += key.len() + value.len();
        bar.inc((key.len() + value.len()) as u64);
        // One long value shall not hold its memory for the rest of the load.
        value.clear();
        value.shrink_to(BATCH_BYTES);
    }

    fn is_due(&self) -> bool {
        self.batch.len() >= self.batch_pairs_max
            || self.batch_bytes >= BATCH_BYTES
            || self.batch_began.elapsed() >= BATCH_AGE
    }

    fn commit(&mut self) -> Result<()> {
        if !self.batch.is_empty() {
            let batch = std::mem::take(&mut self.batch);
            let pairs = batch.len() as u64;
            self.batch_bytes = 0;
            self.db.write_with(batch, &self.options)?;
            self.stored += pairs;
        }
        Ok(())
    }

    /// Stores and acknowledges everything that came so far.
    fn settle(&mut self) -> Result<()> {
        self.commit()?;
        Ok(self.acks.finish(self.stored)?)
    }

    fn give_up(&mut self, error: InputError) -> Result<Step> {
        self.settle()?;
        Err(error.into())
    }
}
