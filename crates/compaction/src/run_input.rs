//! The tables of one run as one input of a merge.
//!
//! Tables of a run share no user key, so one after the other they are one sorted run, and one
//! entrant of the merge instead of many. Only the table under the cursor holds a buffer.
//!
//! Blocks come by positioned reads, with their sums verified. A walk from the first entry to the
//! last, which is what a merge does, is audited as well: order, and the count of each table.

use crate::audit::Audit;
use siltstone_base::{Cursor, Entry, PinnedBytes, Seqno};
use siltstone_sstable::{Error, Table, TableCursor};
use std::sync::Arc;

#[cfg(test)]
mod tests;

/// A cursor over the tables of one run, made for merges.
#[derive(Debug)]
pub struct RunInput {
    tables: Vec<Arc<Table>>,
    read_ahead_bytes: usize,
    /// Which table `cursor` is in.
    at: usize,
    /// `None` while the cursor stands on no entry.
    cursor: Option<TableCursor>,
    /// While every entry so far was met, from the first one on.
    audit: Option<Audit>,
}

impl RunInput {
    /// Reads `tables`, those of one run in order, in pieces of about `read_ahead_bytes`. It
    /// stands on no entry yet.
    pub fn new(tables: Vec<Arc<Table>>, read_ahead_bytes: usize) -> Self {
        Self { tables, read_ahead_bytes, at: 0, cursor: None, audit: None }
    }

    /// Stays where it is if that is an entry (`valid`), or else goes to the first one behind the
    /// current table.
    fn settle_forward(&mut self, mut valid: bool) -> Result<bool, Error> {
        while !valid && self.at < self.tables.len() {
            self.cursor = None;
            self.audit_end()?;
            valid = self.enter(self.at + 1, TableCursor::seek_to_first)?;
        }
        self.audit_entry()?;
        Ok(valid)
    }

    /// Goes to where `seek` leads in the table before `end`, or else to the nearest entry in an
    /// earlier one.
    fn backward_from(
        &mut self,
        end: usize,
        seek: impl FnOnce(&mut TableCursor) -> Result<bool, Error>,
    ) -> Result<bool, Error> {
        self.cursor = None;
        self.audit = None;
        let Some(at) = end.checked_sub(1) else { return Ok(false) };
        let mut valid = self.enter(at, seek)?;
        while !valid && self.at > 0 {
            valid = self.enter(self.at - 1, TableCursor::seek_to_last)?;
        }
        Ok(valid)
    }

    /// Opens a cursor in table `at`, and keeps it if `seek` finds an entry.
    fn enter(
        &mut self,
        at: usize,
        seek: impl FnOnce(&mut TableCursor) -> Result<bool, Error>,
    ) -> Result<bool, Error> {
        self.cursor = None;
        self.at = at;
        let Some(table) = self.tables.get(at) else { return Ok(false) };
        let mut cursor = table.scan_input(self.read_ahead_bytes);
        let valid = seek(&mut cursor)?;
        self.cursor = valid.then_some(cursor);
        Ok(valid)
    }

    /// Shows the current entry to the audit, if there is one of both.
    #[inline]
    fn audit_entry(&mut self) -> Result<(), Error> {
        let (Some(audit), Some(cursor)) = (&mut self.audit, &self.cursor) else { return Ok(()) };
        let seen = audit.see(self.tables[self.at].id(), &cursor.entry());
        if seen.is_err() {
            self.cursor = None;
        }
        seen
    }

    /// Tells the audit that the current table has no more entries.
    fn audit_end(&mut self) -> Result<(), Error> {
        let (Some(audit), Some(table)) = (&mut self.audit, self.tables.get(self.at)) else {
            return Ok(());
        };
        audit.end(table.id(), table.properties().entries)
    }
}

impl Cursor for RunInput {
    type Error = Error;

    #[inline]
    fn valid(&self) -> bool {
        self.cursor.is_some()
    }

    fn seek_to_first(&mut self) -> Result<bool, Error> {
        self.audit = Some(Audit::default());
        let valid = self.enter(0, TableCursor::seek_to_first)?;
        self.settle_forward(valid)
    }

    fn seek_to_last(&mut self) -> Result<bool, Error> {
        self.backward_from(self.tables.len(), TableCursor::seek_to_last)
    }

    fn seek(&mut self, key: &[u8], seqno: Seqno) -> Result<bool, Error> {
        self.audit = None;
        let ends_before = |table: &Arc<Table>| table.properties().last_key.as_slice() < key;
        let at = self.tables.partition_point(ends_before);
        let valid = self.enter(at, |cursor| cursor.seek(key, seqno))?;
        self.settle_forward(valid)
    }

    fn seek_for_prev(&mut self, key: &[u8], seqno: Seqno) -> Result<bool, Error> {
        let begins_by = |table: &Arc<Table>| table.properties().first_key.as_slice() <= key;
        let end = self.tables.partition_point(begins_by);
        self.backward_from(end, |cursor| cursor.seek_for_prev(key, seqno))
    }

    #[inline]
    fn next(&mut self) -> Result<bool, Error> {
        let Some(cursor) = &mut self.cursor else { return Ok(false) };
        match cursor.next() {
            Ok(true) => self.audit_entry().map(|()| true),
            Ok(false) => self.settle_forward(false),
            Err(error) => {
                self.cursor = None;
                Err(error)
            }
        }
    }

    fn prev(&mut self) -> Result<bool, Error> {
        self.audit = None;
        let Some(cursor) = &mut self.cursor else { return Ok(false) };
        match cursor.prev() {
            Ok(true) => Ok(true),
            Ok(false) => self.backward_from(self.at, TableCursor::seek_to_last),
            Err(error) => {
                self.cursor = None;
                Err(error)
            }
        }
    }

    #[inline]
    fn entry(&self) -> Entry<'_> {
        self.under().entry()
    }

    fn pin_value(&self) -> PinnedBytes {
        self.under().pin_value()
    }
}

impl RunInput {
    #[inline]
    fn under(&self) -> &TableCursor {
        #[expect(clippy::expect_used, reason = "callers ask valid() first: see Cursor")]
        self.cursor.as_ref().expect("the cursor stands on no entry")
    }
}
