//! The skiplist: insert, get, scan.

use crate::meter::count;
use siltstone_base::{Cursor, EntryKind, MAX_SEQNO};
use siltstone_benches::{key, mixed, shuffled, value};
use siltstone_memtable::Memtable;
use std::hint::black_box;
use std::sync::Arc;

const ENTRIES: u64 = 20_000;
const GETS: u64 = 5_000;

pub(crate) fn run() {
    let memtable = Arc::new(Memtable::new(b"00000000000"));
    let numbers = shuffled(ENTRIES);
    count("memtable: insert in random order", ENTRIES, || {
        for (&number, seqno) in numbers.iter().zip(1..) {
            memtable.insert(&key(2 * number), seqno, EntryKind::Put, &value(number));
        }
    });
    let rising = Arc::new(Memtable::new(b"00000000000"));
    count("memtable: insert in rising order", ENTRIES, || {
        for number in 0..ENTRIES {
            rising.insert(&key(number), number + 1, EntryKind::Put, &value(number));
        }
    });
    count("memtable: get a key that is there", GETS, || {
        for turn in 0..GETS {
            let found = memtable.get(&key(2 * (mixed(turn) % ENTRIES)), MAX_SEQNO);
            assert!(black_box(found).is_some());
        }
    });
    count("memtable: get a key that is not there", GETS, || {
        for turn in 0..GETS {
            let found = memtable.get(&key(2 * (mixed(turn) % ENTRIES) + 1), MAX_SEQNO);
            assert!(black_box(found).is_none());
        }
    });
    count("memtable: step of a scan", ENTRIES, || {
        let mut cursor = memtable.cursor();
        let Ok(mut more) = cursor.seek_to_first();
        let mut bytes = 0;
        while more {
            bytes += cursor.entry().value.len();
            Ok(more) = cursor.next();
        }
        assert_eq!(bytes as u64, ENTRIES * siltstone_benches::VALUE_BYTES as u64);
    });
    let mut shares = vec![rising];
    count("memtable: drop an entry", ENTRIES, || shares.clear());
}
