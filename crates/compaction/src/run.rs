//! A sorted run: tables that follow each other and share no user key.
//!
//! Always: never empty; spans rise strictly, so that a key lies in one table at most and a
//! binary search finds it.

use crate::{Error, TableMeta};
use siltstone_base::{Bounds, KeySpan};
use std::cmp::Reverse;
use std::fmt;
use std::sync::Arc;

/// Number of a run in its tree. Later runs have larger numbers, which orders runs of one level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub u64);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// Where a run stands in the order of all runs of a tree: smaller is newer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) level: u8,
    newest_first: Reverse<RunId>,
}

impl Place {
    pub(crate) const fn of(level: u8, run: RunId) -> Self {
        Self { level, newest_first: Reverse(run) }
    }

    /// Before every run that the level has.
    pub(crate) const fn new_in(level: u8) -> Self {
        Self::of(level, RunId(u64::MAX))
    }
}

/// A sorted run of tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    id: RunId,
    level: u8,
    tables: Vec<Arc<TableMeta>>,
    /// File bytes of the tables up to each one, itself included.
    bytes_through: Vec<u64>,
}

impl Run {
    /// The run of `tables`, in any order.
    ///
    /// # Errors
    ///
    /// [`Error::Misfit`] naming a table that shares a key with another.
    ///
    /// # Panics
    ///
    /// Without tables.
    pub fn new(id: RunId, level: u8, mut tables: Vec<Arc<TableMeta>>) -> Result<Self, Error> {
        assert!(!tables.is_empty(), "a run has tables");
        tables.sort_by(|a, b| a.span.first.cmp(&b.span.first));
        for pair in tables.windows(2) {
            if pair[0].span.last >= pair[1].span.first {
                return Err(Error::misfit(pair[1].id, "it shares keys with a table of its run"));
            }
        }
        let bytes_through = tables
            .iter()
            .scan(0u64, |bytes, table| {
                *bytes = bytes.saturating_add(table.file_bytes);
                Some(*bytes)
            })
            .collect();
        Ok(Self { id, level, tables, bytes_through })
    }

    /// Its number.
    pub const fn id(&self) -> RunId {
        self.id
    }

    /// Its level; 0 is where flushes arrive.
    pub const fn level(&self) -> u8 {
        self.level
    }

    /// Its tables by rising keys.
    pub fn tables(&self) -> &[Arc<TableMeta>] {
        &self.tables
    }

    /// Size of its files, in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes_before(self.tables.len())
    }

    /// From its first to its last key.
    pub fn span(&self) -> KeySpan {
        let (first, last) = (&self.tables[0], &self.tables[self.tables.len() - 1]);
        KeySpan::new(first.span.first.as_slice(), last.span.last.as_slice())
    }

    /// The table that may hold `key`.
    pub fn table_for(&self, key: &[u8]) -> Option<&Arc<TableMeta>> {
        let at = self.tables.partition_point(|table| table.span.last.as_slice() < key);
        self.tables.get(at).filter(|table| table.span.first.as_slice() <= key)
    }

    /// The tables that share a key with `span`.
    pub fn overlap(&self, span: &KeySpan) -> &[Arc<TableMeta>] {
        let (begin, end) = self.overlap_indexes(span);
        &self.tables[begin..end]
    }

    /// The tables that share a key with `bounds`.
    pub fn meeting(&self, bounds: &Bounds) -> &[Arc<TableMeta>] {
        let begin = self.tables.partition_point(|table| bounds.is_below(&table.span.last));
        let end = self.tables.partition_point(|table| !bounds.is_above(&table.span.first));
        &self.tables[begin..end.max(begin)]
    }

    /// File bytes of the tables that share a key with `span`.
    pub fn bytes_in(&self, span: &KeySpan) -> u64 {
        let (begin, end) = self.overlap_indexes(span);
        self.bytes_before(end) - self.bytes_before(begin)
    }

    pub(crate) const fn place(&self) -> Place {
        Place::of(self.level, self.id)
    }

    fn overlap_indexes(&self, span: &KeySpan) -> (usize, usize) {
        let begin = self.tables.partition_point(|table| table.span.last < span.first);
        let end = self.tables.partition_point(|table| table.span.first <= span.last);
        (begin, end)
    }

    fn bytes_before(&self, end: usize) -> u64 {
        end.checked_sub(1).map_or(0, |last| self.bytes_through[last])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture;
    use std::ops::Bound;

    /// The numbers of the tables.
    fn numbers(tables: &[Arc<TableMeta>]) -> Vec<u64> {
        tables.iter().map(|table| table.id.number).collect()
    }

    #[test]
    fn overlap_is_found_at_both_ends_and_in_gaps() {
        let version = picture::version(&["", "1[b-d] 2[f-f]*3 3[h-k]"]);
        let run = &version.runs()[0];
        let check = |first: &str, last: &str, expected: &[u64]| {
            let span = KeySpan::new(first, last);
            assert_eq!(numbers(run.overlap(&span)), expected, "{first}-{last}");
            let overlap = run.overlap(&span).iter().map(|table| table.file_bytes).sum::<u64>();
            assert_eq!(run.bytes_in(&span), overlap);
        };
        check("a", "a", &[]);
        check("a", "b", &[1]);
        check("d", "f", &[1, 2]);
        check("e", "e", &[]);
        check("g", "z", &[3]);
        check("k\0", "z", &[]);
        check("", "z", &[1, 2, 3]);
        assert_eq!(run.span(), KeySpan::new("b", "k"));
    }

    #[test]
    fn a_key_lies_in_one_table_or_none() {
        let version = picture::version(&["", "1[b-d] 2[f-f] 3[h-k]"]);
        let table = |key: &str| version.runs()[0].table_for(key.as_bytes()).map(|t| t.id.number);
        let found = ["a", "b", "d", "e", "f", "k", "l"].map(table);
        assert_eq!(found, [None, Some(1), Some(1), None, Some(2), Some(3), None]);
    }

    #[test]
    fn bounds_meet_what_they_include() {
        let version = picture::version(&["", "1[b-d] 2[f-f] 3[h-k]"]);
        let check = |lower: Bound<&str>, upper: Bound<&str>, expected: &[u64]| {
            let bounds = Bounds::new(lower.map(Into::into), upper.map(Into::into));
            assert_eq!(numbers(version.runs()[0].meeting(&bounds)), expected, "{bounds:?}");
        };
        check(Bound::Unbounded, Bound::Unbounded, &[1, 2, 3]);
        check(Bound::Excluded("d"), Bound::Excluded("h"), &[2]);
        check(Bound::Included("d"), Bound::Included("h"), &[1, 2, 3]);
        check(Bound::Included("z"), Bound::Excluded("a"), &[]);
    }
}
