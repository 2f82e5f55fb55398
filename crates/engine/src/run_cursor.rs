//! Cursors over what a tree is made of: a memtable, or a run of tables opened one after another.

use crate::Error;
use crate::tables::Tables;
use crate::tree::TreeState;
use siltstone_base::{Bounds, Cursor, Entry, PinnedBytes, Seqno, key};
use siltstone_compaction::{MergeCursor, Run};
use siltstone_memtable::MemtableCursor;
use siltstone_sstable::TableCursor;
use std::sync::Arc;

/// The merged runs of one tree, newest first.
pub(crate) type TreeCursor = MergeCursor<PartCursor>;

/// A cursor over everything in `state` that may lie within `bounds`, as far as it is there now:
/// whoever reads at a seqno registers it before.
///
/// An empty memtable is left out: what it takes from now on is newer than any registered seqno,
/// and after a flush most reads then merge one run less.
pub(crate) fn tree_cursor(tables: &Arc<Tables>, state: &TreeState, bounds: &Bounds) -> TreeCursor {
    let memtables = state.memtables().filter(|memtable| !memtable.table.is_empty());
    let memtables = memtables.map(|memtable| PartCursor::Memtable(memtable.table.cursor()));
    let runs = state.version.runs().iter().filter(|run| !run.meeting(bounds).is_empty());
    let runs = runs.map(|run| PartCursor::Run(RunCursor::new(Arc::clone(tables), Arc::clone(run))));
    MergeCursor::new(memtables.chain(runs).collect()).expecting_prefix(common_prefix(state))
}

/// What the keys of all parts begin with, about: what the active memtable expects, as far as the
/// others agree. Were it longer, all heads of a part that does not agree would be alike.
fn common_prefix(state: &TreeState) -> &[u8] {
    let expected = state.active.table.common_prefix();
    let agrees = |key: &[u8]| key::common_prefix_bytes(expected, key);
    let memtables = state.immutables.iter().map(|memtable| agrees(memtable.table.common_prefix()));
    let runs = state.version.runs().iter().filter_map(|run| {
        let (first, last) = (run.tables().first()?, run.tables().last()?);
        Some(agrees(&first.span.first).min(agrees(&last.span.last)))
    });
    &expected[..memtables.chain(runs).min().unwrap_or(expected.len())]
}

/// One sorted part of a tree.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one per run, never moved while in use")]
pub(crate) enum PartCursor {
    Memtable(MemtableCursor),
    Run(RunCursor),
}

/// What a memtable cursor gave, which never is an error.
fn sure<T>(result: Result<T, std::convert::Infallible>) -> T {
    match result {
        Ok(value) => value,
        Err(never) => match never {},
    }
}

macro_rules! each {
    ($self:ident, $cursor:ident => $memtable:expr, $run:expr) => {
        match $self {
            Self::Memtable($cursor) => $memtable,
            Self::Run($cursor) => $run,
        }
    };
}

impl Cursor for PartCursor {
    type Error = Error;

    fn valid(&self) -> bool {
        each!(self, cursor => cursor.valid(), cursor.valid())
    }

    fn seek_to_first(&mut self) -> Result<bool, Error> {
        each!(self, cursor => Ok(sure(cursor.seek_to_first())), cursor.seek_to_first())
    }

    fn seek_to_last(&mut self) -> Result<bool, Error> {
        each!(self, cursor => Ok(sure(cursor.seek_to_last())), cursor.seek_to_last())
    }

    fn seek(&mut self, key: &[u8], seqno: Seqno) -> Result<bool, Error> {
        each!(self, cursor => Ok(sure(cursor.seek(key, seqno))), cursor.seek(key, seqno))
    }

    fn seek_for_prev(&mut self, key: &[u8], seqno: Seqno) -> Result<bool, Error> {
        each!(self, cursor => Ok(sure(cursor.seek_for_prev(key, seqno))), cursor.seek_for_prev(key, seqno))
    }

    fn next(&mut self) -> Result<bool, Error> {
        each!(self, cursor => Ok(sure(cursor.next())), cursor.next())
    }

    fn prev(&mut self) -> Result<bool, Error> {
        each!(self, cursor => Ok(sure(cursor.prev())), cursor.prev())
    }

    fn entry(&self) -> Entry<'_> {
        each!(self, cursor => cursor.entry(), cursor.entry())
    }

    fn pin_value(&self) -> PinnedBytes {
        each!(self, cursor => cursor.pin_value(), cursor.pin_value())
    }
}

/// A cursor over the tables of one run; at most one of them is in use.
#[derive(Debug)]
pub(crate) struct RunCursor {
    tables: Arc<Tables>,
    run: Arc<Run>,
    /// The table in use and its cursor.
    at: Option<(usize, TableCursor)>,
}

impl RunCursor {
    pub(crate) const fn new(tables: Arc<Tables>, run: Arc<Run>) -> Self {
        Self { tables, run, at: None }
    }

    /// Uses table `index`, unless it is in use; without such a table none is, and this is `false`.
    fn open(&mut self, index: Option<usize>) -> Result<bool, Error> {
        let table = index.and_then(|index| Some((index, self.run.tables().get(index)?)));
        if let Some((index, meta)) = table
            && self.at.as_ref().is_none_or(|(at, _)| *at != index)
        {
            self.at = None;
            self.at = Some((index, self.tables.get(meta)?.cursor()));
        }
        if table.is_none() {
            self.at = None;
        }
        Ok(table.is_some())
    }

    /// Moves within the table in use, in place: a cursor is too large to be handed about for each
    /// entry. After an error none is in use.
    fn step(
        &mut self,
        step: impl FnOnce(&mut TableCursor) -> Result<bool, siltstone_sstable::Error>,
    ) -> Result<bool, Error> {
        let Some((_, cursor)) = &mut self.at else { return Ok(false) };
        let moved = step(cursor).map_err(|error| self.tables.error(error));
        if moved.is_err() {
            self.at = None;
        }
        moved
    }

    /// Goes on from table to table until one has an entry.
    fn go_on(&mut self, forward: bool) -> Result<bool, Error> {
        while let Some((at, _)) = &self.at {
            let next = if forward { at.checked_add(1) } else { at.checked_sub(1) };
            let begin =
                if forward { TableCursor::seek_to_first } else { TableCursor::seek_to_last };
            if self.open(next)? && self.step(begin)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Goes to table `index` and moves there; on to its neighbours while it has nothing.
    fn go(
        &mut self,
        index: usize,
        forward: bool,
        first_move: impl FnOnce(&mut TableCursor) -> Result<bool, siltstone_sstable::Error>,
    ) -> Result<bool, Error> {
        Ok(self.open(Some(index))? && (self.step(first_move)? || self.go_on(forward)?))
    }
}

impl Cursor for RunCursor {
    type Error = Error;

    fn valid(&self) -> bool {
        self.at.as_ref().is_some_and(|(_, cursor)| cursor.valid())
    }

    fn seek_to_first(&mut self) -> Result<bool, Error> {
        self.go(0, true, TableCursor::seek_to_first)
    }

    fn seek_to_last(&mut self) -> Result<bool, Error> {
        let last = self.run.tables().len().saturating_sub(1);
        self.go(last, false, TableCursor::seek_to_last)
    }

    fn seek(&mut self, key: &[u8], seqno: Seqno) -> Result<bool, Error> {
        let index = self.run.tables().partition_point(|table| table.span.last.as_slice() < key);
        self.go(index, true, |cursor| cursor.seek(key, seqno))
    }

    fn seek_for_prev(&mut self, key: &[u8], seqno: Seqno) -> Result<bool, Error> {
        let behind = self.run.tables().partition_point(|table| table.span.first.as_slice() <= key);
        let Some(index) = behind.checked_sub(1) else {
            self.at = None;
            return Ok(false);
        };
        self.go(index, false, |cursor| cursor.seek_for_prev(key, seqno))
    }

    fn next(&mut self) -> Result<bool, Error> {
        Ok(self.step(TableCursor::next)? || self.go_on(true)?)
    }

    fn prev(&mut self) -> Result<bool, Error> {
        Ok(self.step(TableCursor::prev)? || self.go_on(false)?)
    }

    fn entry(&self) -> Entry<'_> {
        let (_, cursor) = self.at.as_ref().unwrap_or_else(|| panic!("the cursor stands on none"));
        cursor.entry()
    }

    fn pin_value(&self) -> PinnedBytes {
        let (_, cursor) = self.at.as_ref().unwrap_or_else(|| panic!("the cursor stands on none"));
        cursor.pin_value()
    }
}
