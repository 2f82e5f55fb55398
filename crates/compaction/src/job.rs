//! The merge that carries out a plan: entries of the inputs in order, less those that nobody
//! needs, into new tables.
//!
//! 1. The next entry comes from the merge of the input runs.
//! 2. [`Retention`] says whether it stays.
//! 3. Before a user key that is new to the output, [`Cutter`] says whether it begins a table.
//! 4. The entry is written; a table that is complete is made durable and handed over.
//!
//! Always: nothing is replaced here. The inputs stay as they are, and the outputs are nobody's
//! until the caller installs them; after an error or a cancellation it deletes them instead.

use crate::cutter::Cutter;
use crate::merge::MergeCursor;
use crate::retention::{BottomRule, Retention, Verdict};
use siltstone_base::{Cursor, Entry, Sabotage};
use siltstone_sstable::{TableSummary, TableWriter};
use std::ops::ControlFlow;

#[cfg(test)]
mod tests;

/// Progress is told at least this often, in bytes of keys and values ..
const REPORT_BYTES: u64 = 256 << 10;
/// .. and in entries.
const REPORT_ENTRIES: u64 = 4096;

/// Where a merge puts its tables: its caller names and opens the files.
pub trait Outputs {
    /// What making a file can fail with.
    type Error: From<siltstone_sstable::Error>;

    /// The writer of a new table.
    fn create(&mut self) -> Result<TableWriter, Self::Error>;

    /// Takes a table that is complete and whose bytes are durable (its name is not yet).
    fn finished(&mut self, summary: TableSummary);
}

/// What a merge did. Bytes are those of keys and values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MergeStats {
    /// Entries read.
    pub entries_in: u64,
    /// Entries written.
    pub entries_out: u64,
    /// Entries dropped because every reader sees a newer version of their key.
    pub dropped_shadowed: u64,
    /// Tombstones dropped because nothing is left to hide.
    pub dropped_tombstones: u64,
    /// Bytes read.
    pub bytes_in: u64,
    /// Bytes written.
    pub bytes_out: u64,
}

/// How a merge ended, when nothing failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the outputs of a cancelled merge must not be installed"]
pub enum Merged {
    /// All entries were read: the outputs replace the inputs.
    Finished(MergeStats),
    /// The caller wanted no more: the outputs are a part only, and to be deleted.
    Cancelled,
}

/// Merges `input` into tables, of which there may be none.
///
/// `progress` is told how many bytes of keys and values were read since it was told before, and
/// breaks to cancel.
///
/// # Errors
///
/// Those of the inputs, of the writers and of `outputs`. The tables that were handed over before
/// are as after [`Merged::Cancelled`].
pub fn merge_tables<C, B, O>(
    mut input: MergeCursor<C>,
    retention: &mut Retention<B>,
    cutter: &mut Cutter,
    outputs: &mut O,
    progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<Merged, O::Error>
where
    C: Cursor<Error = siltstone_sstable::Error>,
    B: BottomRule,
    O: Outputs,
{
    let mut output = Output { cutter, outputs, writer: None, end: None };
    let mut stats = MergeStats::default();
    let mut pace = Pace::default();
    let mut more = input.seek_to_first()?;
    while more {
        let entry = input.entry();
        stats.read(&entry);
        match retention.judge(&entry) {
            Verdict::Keep => {
                output.write(entry)?;
                stats.wrote(&entry);
            }
            Verdict::Shadowed => stats.dropped_shadowed += 1,
            Verdict::SpentTombstone => stats.dropped_tombstones += 1,
        }
        if pace.is_due(&entry) && progress(pace.take()).is_break() {
            return Ok(Merged::Cancelled);
        }
        more = input.next()?;
    }
    output.finish_table()?;
    stats.assert_complete();
    if progress(pace.take()).is_break() {
        return Ok(Merged::Cancelled);
    }
    Ok(Merged::Finished(stats))
}

/// The tables that are being written, one at a time.
struct Output<'a, O> {
    cutter: &'a mut Cutter,
    outputs: &'a mut O,
    writer: Option<TableWriter>,
    /// Last key of the last complete table.
    end: Option<Vec<u8>>,
}

impl<O: Outputs> Output<'_, O> {
    fn write(&mut self, entry: Entry<'_>) -> Result<(), O::Error> {
        let written = self.writer.as_ref();
        let is_new_key = written.and_then(TableWriter::last_key) != Some(entry.key);
        if is_new_key || Sabotage::KeySplitOverTables.is_on() {
            let table_bytes = written.map(TableWriter::estimated_bytes);
            if self.cutter.cut_before(entry.key, table_bytes) {
                self.finish_table()?;
                if Sabotage::EntryLostAtCut.is_on() {
                    return Ok(());
                }
            }
        }
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => {
                let apart = self.end.as_ref().is_none_or(|end| end.as_slice() < entry.key);
                assert!(apart, "the tables of a merge are disjoint");
                none.insert(self.outputs.create()?)
            }
        };
        Ok(writer.add(entry)?)
    }

    fn finish_table(&mut self) -> Result<(), O::Error> {
        if let Some(writer) = self.writer.take() {
            self.end = writer.last_key().map(<[u8]>::to_vec);
            self.outputs.finished(writer.finish()?);
        }
        Ok(())
    }
}

impl MergeStats {
    fn read(&mut self, entry: &Entry<'_>) {
        self.entries_in += 1;
        self.bytes_in += raw_bytes(entry);
    }

    fn wrote(&mut self, entry: &Entry<'_>) {
        self.entries_out += 1;
        self.bytes_out += raw_bytes(entry);
    }

    fn assert_complete(&self) {
        let accounted = self.entries_out + self.dropped_shadowed + self.dropped_tombstones;
        assert_eq!(accounted, self.entries_in, "each entry is written or dropped for a reason");
    }
}

/// When to tell how far the merge is.
#[derive(Default)]
struct Pace {
    bytes: u64,
    entries: u64,
}

impl Pace {
    fn is_due(&mut self, entry: &Entry<'_>) -> bool {
        self.bytes += raw_bytes(entry);
        self.entries += 1;
        self.bytes >= REPORT_BYTES || self.entries >= REPORT_ENTRIES
    }

    fn take(&mut self) -> u64 {
        std::mem::take(self).bytes
    }
}

fn raw_bytes(entry: &Entry<'_>) -> u64 {
    (entry.key.len() + entry.value.len()) as u64
}
