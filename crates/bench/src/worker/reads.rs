//! Reads, and whether what they return is what was written.

use super::{Flow, GO_ON, Shared, VERIFY_EVERY, Worker};
use crate::{Direction, Error};
use std::ops::RangeInclusive;

impl Worker<'_> {
    /// Reads a key; it must be there if it was before, and must not if nobody writes.
    pub(super) fn get(&mut self, number: u64) -> Result<(), Error> {
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
    pub(super) fn get_absent(&mut self) -> Result<(), Error> {
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
    pub(super) fn scan(&mut self, number: u64, len: u64) -> Result<(), Error> {
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
}

/// Checks that `value` is one of `key`.
pub(super) fn verify_entry(
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
