//! A memtable written as a table.
#![cfg(feature = "flush")]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{ID, MemAppend, open};
use siltstone_base::{Cursor, Entry, EntryKind};
use siltstone_memtable::Memtable;
use siltstone_sstable::{
    Compression, Origin, ReadMode, TableOptions, TableSummary, TableWriter, write_memtable,
};
use std::sync::Arc;

fn flush(
    memtable: &Arc<Memtable>,
    keep: &mut dyn FnMut(&Entry<'_>) -> bool,
) -> (Vec<u8>, Option<TableSummary>) {
    let file = MemAppend::default();
    let options = TableOptions { compression: Compression::Snap, ..TableOptions::default() };
    let writer = TableWriter::new(Box::new(file.clone()), ID, options, Origin::default()).unwrap();
    let summary = write_memtable(memtable, writer, keep).unwrap();
    let bytes = std::mem::take(&mut *file.0.lock().unwrap());
    (bytes, summary)
}

fn memtable() -> Arc<Memtable> {
    let memtable = Memtable::new(b"key");
    for n in 0..500u64 {
        // Neither keys nor seqnos come in the order of the table.
        let key = format!("key{:03}", n * 7 % 100);
        let kind = if n % 5 == 0 { EntryKind::Delete } else { EntryKind::Put };
        let value = if n % 5 == 0 { String::new() } else { format!("value {n}") };
        memtable.insert(key.as_bytes(), n + 1, kind, value.as_bytes());
    }
    Arc::new(memtable)
}

#[test]
fn the_table_holds_what_the_memtable_held_and_was_kept() {
    let memtable = memtable();
    for keep in [|_: &Entry<'_>| true, |entry: &Entry<'_>| !entry.seqno.is_multiple_of(3)] {
        let (bytes, summary) = flush(&memtable, &mut { keep });
        let table = open(&bytes, &summary.unwrap(), ReadMode::Mmap, 1 << 20).unwrap();
        let (mut from, mut to) = (memtable.cursor(), table.cursor());
        let Ok(mut more) = from.seek_to_first();
        assert!(to.seek_to_first().unwrap());
        while more {
            if keep(&from.entry()) {
                assert_eq!(to.entry(), from.entry());
                to.next().unwrap();
            }
            let Ok(moved) = from.next();
            more = moved;
        }
        assert!(!to.valid());
    }
}

#[test]
fn a_memtable_of_which_nothing_is_kept_gives_no_table() {
    let (_, summary) = flush(&memtable(), &mut |_| false);
    assert_eq!(summary, None);
    let (_, summary) = flush(&Arc::new(Memtable::new(b"")), &mut |_| true);
    assert_eq!(summary, None);
}
