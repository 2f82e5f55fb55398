//! Writes a memtable as a table: the one thing in this crate that knows of memtables.

use crate::{Error, TableSummary, TableWriter};
use siltstone_base::{Cursor, Entry};
use siltstone_memtable::Memtable;
use std::sync::Arc;

/// Writes the entries of `memtable` for which `keep` says so, in order, and finishes the table;
/// `None` if there was none, when the writer's file is of no use.
///
/// The memtable must have its last entry already: entries that are inserted meanwhile may be
/// missing in the table.
pub fn write_memtable(
    memtable: &Arc<Memtable>,
    mut writer: TableWriter,
    keep: &mut dyn FnMut(&Entry<'_>) -> bool,
) -> Result<Option<TableSummary>, Error> {
    let mut cursor = memtable.cursor();
    let Ok(mut more) = cursor.seek_to_first();
    while more {
        let entry = cursor.entry();
        if keep(&entry) {
            writer.add(entry)?;
        }
        let Ok(moved) = cursor.next();
        more = moved;
    }
    if writer.entries() == 0 {
        return Ok(None);
    }
    writer.finish().map(Some)
}
