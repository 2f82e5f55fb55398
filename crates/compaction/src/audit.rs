//! Whether the tables of a run hold what they say.
//!
//! Sums find bytes that changed. This finds bytes that were wrong when they were written: entries
//! that do not rise, more or fewer of them than the table says. A merge would write them anew
//! under good sums, and nobody could find them any more.

use siltstone_base::{Corruption, Entry, Seqno, internal_cmp};
use siltstone_sstable::{Error, TableId};

/// Follows a walk over a run from its first entry to its last.
#[derive(Debug, Default)]
pub(crate) struct Audit {
    /// The entry before, of this table or the one before it.
    last: Option<(Vec<u8>, Seqno)>,
    seen: u64,
}

impl Audit {
    /// Sees the next entry, which is of `table`.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if it does not come after the one before.
    #[inline]
    pub(crate) fn see(&mut self, table: TableId, entry: &Entry<'_>) -> Result<(), Error> {
        self.seen += 1;
        let Some((key, seqno)) = &mut self.last else {
            self.last = Some((entry.key.to_vec(), entry.seqno));
            return Ok(());
        };
        if internal_cmp((key, *seqno), (entry.key, entry.seqno)).is_ge() {
            return Err(corrupt(table, "its entries do not rise"));
        }
        *seqno = entry.seqno;
        key.clear();
        key.extend_from_slice(entry.key);
        Ok(())
    }

    /// `table` has no more entries, and says that it holds `entries`.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if there were more or fewer.
    pub(crate) fn end(&mut self, table: TableId, entries: u64) -> Result<(), Error> {
        if std::mem::take(&mut self.seen) == entries {
            return Ok(());
        }
        Err(corrupt(table, "it holds another number of entries than it says"))
    }
}

fn corrupt(table: TableId, why: &'static str) -> Error {
    Error::Corrupt { table, corruption: Corruption { what: "table", offset: 0, why } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use siltstone_base::EntryKind;

    const TABLE: TableId = TableId { epoch: 1, number: 2 };

    /// Walks over entries given as key and seqno, `|` between tables; each must hold as many as
    /// it says.
    fn check(run: &str, says: &[u64], expected: &str) {
        let mut audit = Audit::default();
        let mut walk = || {
            for (table, says) in run.split('|').zip(says) {
                for item in table.split_whitespace() {
                    let (key, seqno) = item.split_at(1);
                    let (key, seqno) = (key.as_bytes(), seqno.parse().unwrap());
                    audit.see(TABLE, &Entry { key, seqno, kind: EntryKind::Put, value: b"" })?;
                }
                audit.end(TABLE, *says)?;
            }
            Ok(())
        };
        let found = match walk() {
            Ok(()) => "",
            Err(Error::Corrupt { table: TABLE, corruption }) => corruption.why,
            Err(other) => panic!("{other}"),
        };
        assert!(found.contains(expected) && found.is_empty() == expected.is_empty(), "{found}");
    }

    #[test]
    fn a_run_that_rises_and_counts_right_passes() {
        check("a9 a3 b5|c7 c1|d1", &[3, 2, 1], "");
        check("", &[0], "");
    }

    #[test]
    fn entries_that_do_not_rise_are_found() {
        check("a3 a9", &[2], "do not rise");
        check("b1 a2", &[2], "do not rise");
        check("a1 a1", &[2], "do not rise");
        check("a1 b1|b1", &[2, 1], "do not rise");
    }

    #[test]
    fn entries_too_many_and_too_few_are_found() {
        check("a1 b1", &[1], "another number");
        check("a1 b1", &[3], "another number");
        check("a1 b1|c1", &[2, 2], "another number");
    }
}
