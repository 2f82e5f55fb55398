//! What is done: one operation of each workload, and the writes.

use super::{BATCH_KEYS, Worker};
use crate::recorder::Kind;
use crate::{Error, Op, Workload};

impl Worker<'_> {
    /// One operation.
    pub(super) fn operate(&mut self, workload: Workload, position: u64) -> Result<Kind, Error> {
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
                let number = shared.live.reserve().ok_or_else(no_key_is_left)?;
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
                if both { self.put(number).map(write) } else { Ok(Kind::Read) }
            }
            Workload::ReadSeq | Workload::ReadReverse => unreachable!("a sweep is no operation"),
        }
    }

    fn read_or_update(&mut self, read_percent: u64) -> Result<Kind, Error> {
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
        self.shared.popularity.at(rank)
    }

    pub(super) fn put(&mut self, number: u64) -> Result<(), Error> {
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
    pub(super) fn batch(&mut self, position: u64) -> Result<(), Error> {
        let shared = self.shared;
        let end = shared.num.min(position + BATCH_KEYS);
        let mut batch = std::mem::take(&mut self.batch);
        batch.clear();
        for position in position..end {
            let number = shared.order.at(position);
            shared.keys.present(number, &mut self.key);
            shared.values.make(number, shared.generation, &mut self.value);
            batch.extend_from_slice(&self.key);
            batch.extend_from_slice(&self.value);
        }
        let key_bytes = shared.keys.bytes();
        let entries = batch.chunks_exact(key_bytes + shared.values.bytes());
        let ops: Vec<_> = entries
            .map(|entry| entry.split_at(key_bytes))
            .map(|(key, value)| Op::Put(key, value))
            .collect();
        self.session.write(&ops)?;
        for position in position..end {
            shared.live.set(shared.order.at(position));
            self.count_written(key_bytes + shared.values.bytes());
        }
        self.batch = batch;
        Ok(())
    }

    fn count_written(&mut self, bytes: usize) {
        self.recorder.entries_written += 1;
        self.recorder.user_bytes_written += bytes as u64;
    }
}

const fn read((): ()) -> Kind {
    Kind::Read
}

const fn write((): ()) -> Kind {
    Kind::Write
}

/// A workload that ended for it would look like any other.
fn no_key_is_left() -> Error {
    let why = "so few keys leave no room for the inserts of so long a run".to_owned();
    Error::Invalid { option: "num", why }
}
