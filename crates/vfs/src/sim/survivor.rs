//! Chooses what a power cut leaves, as a [`CrashPolicy`] says and a seed draws.

use super::plan::Last;
use super::policy::{CrashPolicy, Unwritten};
use crate::mem::bytes::FileBytes;
use crate::mem::directory::{Directory, Names};
use crate::mem::inode::Content;
use crate::mem::seam::{History, Survivor};
use crate::{Random, SeededRandom};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;

const BLOCK_BYTES: usize = 4096;
pub(super) const SECTOR_BYTES: usize = 512;

/// The choices of one crash.
pub(super) struct Choice<'a> {
    pub(super) policy: CrashPolicy,
    pub(super) random: SeededRandom,
    pub(super) last: &'a Last,
    /// Whether something is gone that a mere process death would have left.
    pub(super) lost: Cell<bool>,
}

impl Survivor for Choice<'_> {
    fn names(&self, path: &Path, dir: &Directory) -> Names {
        let count = dir.unsynced_count();
        let first = match self.policy {
            CrashPolicy::LoseUnsynced => 0,
            CrashPolicy::Names => {
                return dir.names_keeping(|_| {
                    let keeps = self.random.below(2) == 0;
                    self.note(!keeps);
                    keeps
                });
            }
            CrashPolicy::CutLast { bytes: 0 } if self.last.named(path) => count.saturating_sub(1),
            CrashPolicy::CutLast { .. } => count,
            // Half of the time all: names that are gone hide what became of the bytes.
            _ if self.random.below(2) == 0 => count,
            _ => self.random.below(count + 1),
        };
        self.note(first < count);
        dir.names_keeping(|number| number < first)
    }

    fn bytes(&self, number: u64, content: &Content) -> FileBytes {
        let history = content.history();
        let bytes = self.left(number, &history);
        self.note(bytes != content.bytes);
        bytes
    }
}

impl Choice<'_> {
    fn note(&self, lost: bool) {
        self.lost.set(self.lost.get() || lost);
    }

    fn left(&self, number: u64, history: &History) -> FileBytes {
        let count = history.writes.len();
        match self.policy {
            CrashPolicy::LoseUnsynced => history.disk.clone(),
            CrashPolicy::Prefix | CrashPolicy::Names => {
                history.prefix(self.random.below(count + 1))
            }
            CrashPolicy::CutLast { bytes } if self.last.wrote(number) && count > 0 => {
                self.cut(history, count - 1, bytes, Unwritten::Old)
            }
            CrashPolicy::CutLast { .. } => history.latest(),
            CrashPolicy::Blocks => self.mixed(history, BLOCK_BYTES, Unwritten::Old),
            CrashPolicy::Torn(unwritten) if self.random.below(2) == 0 => {
                self.mixed(history, SECTOR_BYTES, unwritten)
            }
            CrashPolicy::Torn(unwritten) => {
                let whole = self.random.below(count + 1);
                let next = history.writes.get(whole).map_or(0, |write| write.bytes.len());
                self.cut(history, whole, self.random.below(next + 1), unwritten)
            }
            CrashPolicy::SizeWithoutData => {
                let mut bytes = history.disk.clone();
                bytes.resize(history.latest_len());
                bytes
            }
            CrashPolicy::DataWithoutSize => {
                let mut bytes = history.latest();
                bytes.resize(history.disk.len());
                bytes
            }
        }
    }

    /// The first `whole` writes, the first `bytes` of the next, and `unwritten` for its rest.
    fn cut(
        &self,
        history: &History,
        whole: usize,
        bytes: usize,
        unwritten: Unwritten,
    ) -> FileBytes {
        let mut image = history.prefix(whole);
        if let Some(next) = history.writes.get(whole) {
            let head = bytes.min(next.bytes.len());
            image.put_piece(next.offset, &next.bytes, 0..head);
            self.fill(&mut image, next.offset + head, next.bytes.len() - head, unwritten);
        }
        image
    }

    /// Of each unit of the file some first writes, and `unwritten` where the others would be.
    fn mixed(&self, history: &History, unit_bytes: usize, unwritten: Unwritten) -> FileBytes {
        let mut image = history.disk.clone();
        let count = history.writes.len();
        let mut kept_by_unit = BTreeMap::new();
        for (index, write) in history.writes.iter().enumerate() {
            let mut done = 0;
            while done < write.bytes.len() {
                let offset = write.offset + done;
                let unit = offset / unit_bytes;
                let in_unit = ((unit + 1) * unit_bytes - offset).min(write.bytes.len() - done);
                let kept = *kept_by_unit.entry(unit).or_insert_with(|| self.draw_kept(count));
                if index < kept {
                    image.put_piece(offset, &write.bytes, done..done + in_unit);
                } else {
                    self.fill(&mut image, offset, in_unit, unwritten);
                }
                done += in_unit;
            }
        }
        // The length may have arrived without the blocks at the end.
        let length = history.latest_len();
        if image.len() < length && self.random.below(2) == 0 {
            image.resize(length);
        }
        image
    }

    /// None, all, or a number between, each as likely.
    fn draw_kept(&self, count: usize) -> usize {
        match self.random.below(3) {
            0 => 0,
            1 => count,
            _ => self.random.below(count + 1),
        }
    }

    fn fill(&self, image: &mut FileBytes, offset: usize, count: usize, unwritten: Unwritten) {
        match unwritten {
            Unwritten::Old => {}
            Unwritten::Zeros => image.put_zeros(offset, count),
            Unwritten::Garbage => {
                let garbage: Vec<u8> =
                    (0..count).map(|_| self.random.next_u64().to_le_bytes()[0]).collect();
                image.put(offset, &garbage);
            }
        }
    }
}
