//! Tables: write, open, get, filter, seek, scan.

use crate::meter::count;
use siltstone_base::{Cursor, MAX_SEQNO, checksum};
use siltstone_benches::{Tables, key, mixed};
use siltstone_sstable::{BlockCache, Compression, Table, TableCursor};
use std::hint::black_box;
use std::sync::Arc;

const ENTRIES: u64 = 20_000;
const GETS: u64 = 5_000;
const OPENS: u64 = 100;
const CACHE_BYTES: u64 = 64 << 20;

pub(crate) fn run() {
    let plain = write_and_open(Compression::None, "plain");
    let snap = write_and_open(Compression::Snap, "snap");
    get(&plain, "mapped");
    get(&snap, "cached");
    get_absent(&plain);
    let mut cursor = plain.cursor();
    count("sstable: seek", GETS, || {
        for turn in 0..GETS {
            let sought = mixed(turn) % (2 * ENTRIES - 1);
            assert!(cursor.seek(&key(sought), MAX_SEQNO).unwrap());
        }
    });
    count("sstable: step of a scan", ENTRIES, || scan(&mut plain.cursor(), true));
    count("sstable: step of a scan backward", ENTRIES, || scan(&mut plain.cursor(), false));
}

/// Even numbers are in the table, and all of its blocks have been used once.
fn write_and_open(compression: Compression, codec: &str) -> Arc<Table> {
    let mut tables = Tables::in_memory();
    let mut summary = None;
    count(&format!("sstable: write an entry, {codec}"), ENTRIES, || {
        summary = Some(tables.write((0..ENTRIES).map(|number| 2 * number), 1, compression));
    });
    let (summary, cache) = (summary.unwrap(), Arc::new(BlockCache::new(CACHE_BYTES)));
    count(&format!("sstable: open a table, {codec}"), OPENS, || {
        for _ in 0..OPENS {
            black_box(tables.open(&summary, &cache));
        }
    });
    let table = tables.open(&summary, &cache);
    count(&format!("sstable: first use of an entry, {codec}"), ENTRIES, || {
        scan(&mut table.cursor(), true);
    });
    // The filter is used here for the first time.
    assert!(table.get(&key(0), checksum::of(&key(0)), MAX_SEQNO, &mut ()).unwrap().is_some());
    table
}

fn get(table: &Arc<Table>, what: &str) {
    count(&format!("sstable: get a key that is there, {what}"), GETS, || {
        for turn in 0..GETS {
            let key = key(2 * (mixed(turn) % ENTRIES));
            let found = table.get(&key, checksum::of(&key), MAX_SEQNO, &mut ()).unwrap();
            assert!(black_box(found).is_some());
        }
    });
}

/// One in a hundred passes the filter and finds nothing in its block.
fn get_absent(table: &Arc<Table>) {
    count("sstable: get a key that is not there", GETS, || {
        for turn in 0..GETS {
            let key = key(2 * (mixed(turn) % (ENTRIES - 1)) + 1);
            let found = table.get(&key, checksum::of(&key), MAX_SEQNO, &mut ()).unwrap();
            assert!(black_box(found).is_none());
        }
    });
}

fn scan(cursor: &mut TableCursor, is_forward: bool) {
    let begun = if is_forward { cursor.seek_to_first() } else { cursor.seek_to_last() };
    let (mut more, mut entries) = (begun.unwrap(), 0);
    while more {
        entries += u64::from(!cursor.entry().value.is_empty());
        more = if is_forward { cursor.next() } else { cursor.prev() }.unwrap();
    }
    assert_eq!(entries, ENTRIES);
}
