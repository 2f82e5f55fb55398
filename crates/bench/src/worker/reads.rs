//! Reads, and whether what they return is what was written.

use super::{Shared, VERIFY_EVERY, Worker};
use crate::Error;
use std::ops::RangeInclusive;

impl Worker<'_> {
    /// Reads a key; it must be there if it was before, and must not if nobody writes.
    pub(super) fn get(&mut self, number: u64) -> Result<(), Error> {
        let verify = self.seen.is_multiple_of(VERIFY_EVERY);
        self.get_checked(number, verify, self.shared.workload.only_reads())
    }

    /// Reads a key; its value is compared if `verify` says so. If the store is `still`, for nobody
    /// writes, it must not be there if it was not before.
    pub(super) fn get_checked(
        &mut self,
        number: u64,
        verify: bool,
        still: bool,
    ) -> Result<(), Error> {
        let shared = self.shared;
        shared.keys.present(number, &mut self.key);
        let expected = shared.live.has(number);
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
            Ok(_) if found && !expected && still => {
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
}

/// Checks that `value` is one of `key`, with the help of `buffer`.
pub(super) fn verify_entry(
    shared: &Shared<'_>,
    key: &[u8],
    value: &[u8],
    generations: &RangeInclusive<u64>,
    buffer: &mut Vec<u8>,
) -> Result<(), String> {
    let number = shared.values.verify(value, generations)?;
    shared.keys.present(number, buffer);
    if key == buffer { Ok(()) } else { Err(of_another(number)) }
}

fn of_another(number: u64) -> String {
    format!("its value is that of key number {number}")
}
