//! Short scans, and whether they met each entry they had to.
//!
//! Entries rise and begin at the key or behind it, each of 16 values is compared. What is left to
//! an engine is to leave entries out. Where keys are in the order of numbers, the last entry is
//! known beforehand: it is the one of the `len`-th number from there on that is there. Where they
//! are not, only a scan that ends early can be judged, by the greatest keys.

use super::reads::verify_entry;
use super::{Flow, GO_ON, VERIFY_EVERY, Worker};
use crate::{Direction, Error};

impl Worker<'_> {
    /// Seeks to a key and reads `len` entries.
    pub(super) fn scan(&mut self, number: u64, len: u64) -> Result<(), Error> {
        let shared = self.shared;
        shared.keys.present(number, &mut self.key);
        let expected = shared.live.has(number);
        let least = self.least(number, len);
        let (mut count, mut bytes, mut verified) = (0, 0, 0);
        let mut wrong = None;
        self.last.clear();
        self.session.scan(Some(&self.key), Direction::Forward, &mut |key, value| {
            count += 1;
            bytes += (key.len() + value.len()) as u64;
            if count == 1 && (key < &self.key[..] || expected && key != self.key) {
                wrong = Some((self.key.clone(), "a seek went past it".to_owned()));
            }
            if self.seen.is_multiple_of(VERIFY_EVERY) {
                verified += 1;
                wrong = wrong.take().or_else(|| {
                    let buffer = &mut self.buffer;
                    verify_entry(shared, key, value, &self.generations, buffer)
                        .err()
                        .map(|why| (key.to_vec(), why))
                });
            }
            self.seen += 1;
            if count > 1 && key <= &self.last[..] {
                wrong = Some((key.to_vec(), "it is out of order".to_owned()));
            }
            self.last.clear();
            self.last.extend_from_slice(key);
            if count == len || wrong.is_some() { Flow::Break(()) } else { GO_ON }
        })?;
        if let Some((key, why)) = wrong {
            return Err(self.mismatch(&key, why));
        }
        if expected && count == 0 {
            return Err(self.mismatch(&self.key, "a seek found nothing".to_owned()));
        }
        self.complete(count, len, least)?;
        self.recorder.found += u64::from(count > 0);
        self.recorder.entries_read += count;
        self.recorder.user_bytes_read += bytes;
        self.recorder.verified += verified;
        Ok(())
    }

    /// How many of `len` entries a scan from here must meet at least, and makes the key of the
    /// last of them; `None` if numbers do not tell. Who scans deletes nothing.
    fn least(&mut self, number: u64, len: u64) -> Option<u64> {
        let shared = self.shared;
        self.last_expected.clear();
        if !shared.keys.are_ordered() {
            return None;
        }
        let (least, number) = shared.live.reach(number, len);
        if let Some(number) = number {
            shared.keys.present(number, &mut self.last_expected);
        }
        Some(least)
    }

    /// Checks that a scan of `len` entries, which met `count`, left none out; if nobody writes,
    /// that it met none that should not be there either.
    fn complete(&self, count: u64, len: u64, least: Option<u64>) -> Result<(), Error> {
        let still = self.shared.workload.only_reads();
        let right = match (least, &self.shared.tail) {
            (Some(least), _) if still => count == least && self.last == self.last_expected,
            (Some(least), _) => count > least || count == least && self.last <= self.last_expected,
            (None, Some(tail)) if count < len => {
                let behind = tail.from(&self.key).min(len);
                count >= behind && (count == behind || !still)
            }
            (None, _) => true,
        };
        if right {
            return Ok(());
        }
        let why = format!("the {count} entries from here are not those that are there");
        Err(self.mismatch(&self.key, why))
    }
}
