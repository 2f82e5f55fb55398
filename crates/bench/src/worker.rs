//! One thread of a run: does operations, measures and verifies them.

use crate::chance::{Permutation, Seeded, Zipf};
use crate::keys::Keys;
use crate::length::Length;
use crate::live::Live;
use crate::recorder::{Kind, Recorder};
use crate::values::Values;
use crate::{Direction, Error, Op, Session, Workload};
use siltstone::vfs::Clock;
use std::ops::{ControlFlow, RangeInclusive};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// Keys in each batch of `fillbatch`.
pub(crate) const BATCH_KEYS: u64 = 100;
/// Of so many values that are read, one is verified to the last byte: more than 1 %, and cheap.
const VERIFY_EVERY: u64 = 16;
/// Operations between two looks at whether to stop and two reports of progress.
const ROUND: u64 = 256;

/// What the threads of one workload share.
pub(crate) struct Shared<'a> {
    pub(crate) workload: Workload,
    pub(crate) num: u64,
    pub(crate) generation: u64,
    pub(crate) keys: &'a Keys,
    pub(crate) values: &'a Values,
    pub(crate) live: &'a Live,
    pub(crate) order: &'a Permutation,
    pub(crate) zipf: Option<&'a Zipf>,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) length: Length,
    pub(crate) progress: &'a (dyn Fn(u64) + Sync),
    pub(crate) stop: AtomicBool,
    /// Threads that have not done their share yet.
    pub(crate) foreground: AtomicUsize,
}

/// A session, and what its thread needs at hand.
pub(crate) struct Worker<'a> {
    shared: &'a Shared<'a>,
    session: Box<dyn Session + 'a>,
    seeded: Seeded,
    recorder: Recorder,
    generations: RangeInclusive<u64>,
    key: Vec<u8>,
    value: Vec<u8>,
    /// Values seen so far, to choose which are verified.
    seen: u64,
}

/// Whether there is more to do.
type Flow = ControlFlow<()>;
const GO_ON: Flow = Flow::Continue(());

impl<'a> Worker<'a> {
    pub(crate) fn new(shared: &'a Shared<'a>, session: Box<dyn Session + 'a>, seed: u64) -> Self {
        Self {
            shared,
            session,
            seeded: Seeded::new(seed),
            recorder: Recorder::new(),
            generations: shared.live.oldest_generation..=shared.generation,
            key: Vec::new(),
            value: Vec::new(),
            seen: 0,
        }
    }

    /// Does the operations `from..to` of the workload.
    pub(crate) fn work(mut self, from: u64, to: u64) -> Result<Recorder, Error> {
        match self.shared.workload {
            Workload::ReadSeq => self.sweep(Direction::Forward)?,
            Workload::ReadReverse => self.sweep(Direction::Reverse)?,
            workload => {
                let mut begin = self.shared.clock.now();
                for position in from..to {
                    let Some(kind) = self.operate(workload, position)? else { break };
                    let end = self.shared.clock.now();
                    self.recorder.record(kind, begin, end);
                    begin = end;
                    if self.over(position - from, end) {
                        break;
                    }
                }
            }
        }
        Ok(self.recorder)
    }

    /// Overwrites random keys until the threads in the foreground are done.
    pub(crate) fn disturb(mut self) -> Result<Recorder, Error> {
        let shared = self.shared;
        let mut begin = shared.clock.now();
        while shared.foreground.load(Ordering::Relaxed) > 0 && !shared.stop.load(Ordering::Relaxed)
        {
            let number = self.seeded.below(shared.num);
            self.put(number)?;
            let end = shared.clock.now();
            self.recorder.record(Kind::Write, begin, end);
            begin = end;
        }
        Ok(self.recorder)
    }

    /// Puts the keys that are not there, in batches and in the order of `fillrandom`.
    pub(crate) fn fill_gaps(mut self) -> Result<(), Error> {
        let shared = self.shared;
        for batch in 0..shared.num.div_ceil(BATCH_KEYS) {
            let position = batch * BATCH_KEYS;
            let end = shared.num.min(position + BATCH_KEYS);
            if !(position..end).all(|position| shared.live.has(shared.order.at(position))) {
                self.batch(position)?;
            }
        }
        Ok(())
    }

    /// Whether it is time to stop after the operation `done`, which ended at `now`.
    fn over(&self, done: u64, now: Duration) -> bool {
        let late = self.shared.length.deadline().is_some_and(|deadline| now >= deadline);
        if done % ROUND == ROUND - 1 {
            (self.shared.progress)(ROUND);
            return late || self.shared.stop.load(Ordering::Relaxed);
        }
        late
    }

    /// One operation; `None` if there is no room for another key.
    fn operate(&mut self, workload: Workload, position: u64) -> Result<Option<Kind>, Error> {
        let shared = self.shared;
        match workload {
            Workload::FillSeq => self.put(position).map(write),
            Workload::FillRandom | Workload::FillSync => {
                self.put(shared.order.at(position)).map(write)
            }
            Workload::FillBatch => self.batch(position * BATCH_KEYS).map(write),
            Workload::Overwrite => {
                let number = self.seeded.below(shared.num);
                self.put(number).map(write)
            }
            Workload::DeleteRandom => {
                let number = self.seeded.below(shared.num);
                self.delete(number).map(write)
            }
            Workload::ReadRandom | Workload::ReadWhileWriting => {
                let number = self.seeded.below(shared.num);
                self.get(number).map(read)
            }
            Workload::ReadRandomZipf | Workload::YcsbC => {
                let number = self.popular();
                self.get(number).map(read)
            }
            Workload::ReadMissing => self.get_absent().map(read),
            Workload::SeekRandom10 => {
                let number = self.seeded.below(shared.num);
                self.scan(number, 10).map(read)
            }
            Workload::SeekRandom100 => {
                let number = self.seeded.below(shared.num);
                self.scan(number, 100).map(read)
            }
            Workload::YcsbA => self.read_or_update(50),
            Workload::YcsbB => self.read_or_update(95),
            Workload::YcsbD | Workload::YcsbE if self.seeded.below(100) < 5 => {
                let Some(number) = shared.live.reserve() else { return Ok(None) };
                self.put(number).map(write)
            }
            Workload::YcsbD => {
                let newest = shared.live.end() - 1;
                let number = newest.saturating_sub(self.rank());
                self.get(number).map(read)
            }
            Workload::YcsbE => {
                let (number, len) = (self.popular(), 1 + self.seeded.below(100));
                self.scan(number, len).map(read)
            }
            Workload::YcsbF => {
                let number = self.popular();
                let both = self.seeded.below(100) < 50;
                self.get(number)?;
                if both { self.put(number).map(write) } else { Ok(read(())) }
            }
            Workload::ReadSeq | Workload::ReadReverse => unreachable!("a sweep is no operation"),
        }
    }

    fn read_or_update(&mut self, read_percent: u64) -> Result<Option<Kind>, Error> {
        let number = self.popular();
        if self.seeded.below(100) < read_percent {
            self.get(number).map(read)
        } else {
            self.put(number).map(write)
        }
    }

    /// A rank after Zipf.
    fn rank(&mut self) -> u64 {
        self.shared.zipf.map_or(0, |zipf| zipf.draw(&mut self.seeded))
    }

    /// A key after Zipf; the popular ones are scattered.
    fn popular(&mut self) -> u64 {
        let rank = self.rank();
        self.shared.order.at(rank)
    }

    fn put(&mut self, number: u64) -> Result<(), Error> {
        let shared = self.shared;
        shared.keys.present(number, &mut self.key);
        shared.values.make(number, shared.generation, &mut self.value);
        self.session.put(&self.key, &self.value)?;
        shared.live.set(number);
        self.count_written(self.key.len() + self.value.len());
        Ok(())
    }

    fn delete(&mut self, number: u64) -> Result<(), Error> {
        self.shared.keys.present(number, &mut self.key);
        self.session.delete(&self.key)?;
        self.shared.live.clear(number);
        self.count_written(self.key.len());
        Ok(())
    }

    /// Puts the keys of the order from `position` on in one batch.
    fn batch(&mut self, position: u64) -> Result<(), Error> {
        let shared = self.shared;
        let end = shared.num.min(position + BATCH_KEYS);
        let entries: Vec<_> = (position..end)
            .map(|position| {
                let number = shared.order.at(position);
                let (mut key, mut value) = (Vec::new(), Vec::new());
                shared.keys.present(number, &mut key);
                shared.values.make(number, shared.generation, &mut value);
                (number, key, value)
            })
            .collect();
        let ops: Vec<_> = entries.iter().map(|(_, key, value)| Op::Put(key, value)).collect();
        self.session.write(&ops)?;
        for (number, key, value) in &entries {
            shared.live.set(*number);
            self.count_written(key.len() + value.len());
        }
        Ok(())
    }

    fn count_written(&mut self, bytes: usize) {
        self.recorder.entries_written += 1;
        self.recorder.user_bytes_written += bytes as u64;
    }

    /// Reads a key; it must be there if it was before, and must not if nobody writes.
    fn get(&mut self, number: u64) -> Result<(), Error> {
        let shared = self.shared;
        shared.keys.present(number, &mut self.key);
        let expected = shared.live.has(number);
        let verify = self.seen.is_multiple_of(VERIFY_EVERY);
        let (mut bytes, mut verdict) = (0, Ok(number));
        let found = self.session.get(&self.key, &mut |value| {
            bytes = value.len();
            if verify {
                verdict = shared.values.verify(value, &self.generations);
            }
        })?;
        if found {
            self.seen += 1;
            self.recorder.found += 1;
            self.recorder.entries_read += 1;
            self.recorder.user_bytes_read += (self.key.len() + bytes) as u64;
            self.recorder.verified += u64::from(verify);
        }
        match verdict {
            Err(why) => Err(self.mismatch(&self.key, why)),
            Ok(other) if other != number => Err(self.mismatch(&self.key, of_another(other))),
            Ok(_) if expected && !found => Err(self.mismatch(&self.key, "it is lost".to_owned())),
            Ok(_) if found && !expected && shared.workload.only_reads() => {
                Err(self.mismatch(&self.key, "it should not be there".to_owned()))
            }
            Ok(_) => Ok(()),
        }
    }

    /// Reads a key that was never written.
    fn get_absent(&mut self) -> Result<(), Error> {
        let number = self.seeded.below(self.shared.num);
        self.shared.keys.absent(number, &mut self.key);
        let found = self.session.get(&self.key, &mut |_| {})?;
        self.recorder.verified += 1;
        if found {
            return Err(self.mismatch(&self.key, "it was never written".to_owned()));
        }
        Ok(())
    }

    /// Seeks to a key and reads `len` entries.
    fn scan(&mut self, number: u64, len: u64) -> Result<(), Error> {
        let shared = self.shared;
        shared.keys.present(number, &mut self.key);
        let expected = shared.live.has(number);
        let (mut count, mut bytes, mut verified) = (0, 0, 0);
        let mut wrong = None;
        let mut last = Vec::new();
        self.session.scan(Some(&self.key), Direction::Forward, &mut |key, value| {
            count += 1;
            bytes += (key.len() + value.len()) as u64;
            if count == 1 && (key < &self.key[..] || expected && key != self.key) {
                wrong = Some((self.key.clone(), "a seek went past it".to_owned()));
            }
            if self.seen.is_multiple_of(VERIFY_EVERY) {
                verified += 1;
                wrong = wrong.take().or_else(|| {
                    verify_entry(shared, key, value, &self.generations)
                        .err()
                        .map(|why| (key.to_vec(), why))
                });
            }
            self.seen += 1;
            if count > 1 && key <= &last[..] {
                wrong = Some((key.to_vec(), "it is out of order".to_owned()));
            }
            last.clear();
            last.extend_from_slice(key);
            if count == len || wrong.is_some() { Flow::Break(()) } else { GO_ON }
        })?;
        if let Some((key, why)) = wrong {
            return Err(self.mismatch(&key, why));
        }
        if expected && count == 0 {
            return Err(self.mismatch(&self.key, "a seek found nothing".to_owned()));
        }
        self.recorder.found += u64::from(count > 0);
        self.recorder.entries_read += count;
        self.recorder.user_bytes_read += bytes;
        self.recorder.verified += verified;
        Ok(())
    }

    /// Reads everything, again and again if only time ends it.
    fn sweep(&mut self, direction: Direction) -> Result<(), Error> {
        let expected = self.shared.live.count();
        loop {
            let (count, finished) = self.sweep_once(direction)?;
            if finished && count != expected {
                let why = format!("{count} entries instead of {expected}");
                return Err(self.mismatch(b"", why));
            }
            let again = !self.shared.length.is_counted();
            if !finished || !again || count == 0 {
                return Ok(());
            }
        }
    }

    /// Returns how many entries there were, and whether they were all.
    fn sweep_once(&mut self, direction: Direction) -> Result<(u64, bool), Error> {
        let shared = self.shared;
        let mut begin = shared.clock.now();
        let (mut count, mut finished, mut wrong) = (0_u64, true, None);
        self.session.scan(None, direction, &mut |key, value| {
            let in_order = match direction {
                Direction::Forward => self.key.as_slice() < key,
                Direction::Reverse => self.key.as_slice() > key,
            };
            if count > 0 && !in_order {
                wrong = Some((key.to_vec(), "it is out of order".to_owned()));
                return Flow::Break(());
            }
            self.key.clear();
            self.key.extend_from_slice(key);
            if count % VERIFY_EVERY == 0 {
                self.recorder.verified += 1;
                if let Err(why) = verify_entry(shared, key, value, &self.generations) {
                    wrong = Some((key.to_vec(), why));
                    return Flow::Break(());
                }
            }
            count += 1;
            self.recorder.found += 1;
            self.recorder.entries_read += 1;
            self.recorder.user_bytes_read += (key.len() + value.len()) as u64;
            let end = shared.clock.now();
            self.recorder.record(Kind::Read, begin, end);
            begin = end;
            let late = shared.length.deadline().is_some_and(|deadline| end >= deadline);
            if count % ROUND == 0 {
                (shared.progress)(ROUND);
            }
            if late || count % ROUND == 0 && shared.stop.load(Ordering::Relaxed) {
                finished = false;
                return Flow::Break(());
            }
            GO_ON
        })?;
        match wrong {
            Some((key, why)) => Err(self.mismatch(&key, why)),
            None => Ok((count, finished)),
        }
    }

    fn mismatch(&self, key: &[u8], why: String) -> Error {
        let workload = self.shared.workload.name();
        Error::Mismatch { workload, key: key.escape_ascii().to_string(), why }
    }
}

/// Checks that `value` is one of `key`.
fn verify_entry(
    shared: &Shared<'_>,
    key: &[u8],
    value: &[u8],
    generations: &RangeInclusive<u64>,
) -> Result<(), String> {
    let number = shared.values.verify(value, generations)?;
    let mut expected = Vec::new();
    shared.keys.present(number, &mut expected);
    if key == expected { Ok(()) } else { Err(of_another(number)) }
}

fn of_another(number: u64) -> String {
    format!("its value is that of key number {number}")
}

#[expect(clippy::unnecessary_wraps, reason = "as `operate` returns it")]
const fn read((): ()) -> Option<Kind> {
    Some(Kind::Read)
}

#[expect(clippy::unnecessary_wraps, reason = "as `operate` returns it")]
const fn write((): ()) -> Option<Kind> {
    Some(Kind::Write)
}
