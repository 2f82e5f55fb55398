//! A reader finishes while a writer stands still in the middle of its insert.
//!
//! The writer is stopped where nothing but the skiplist's own code is on its stack: inside a
//! comparison of two stored entries. An insert compares while it looks for its place, and again
//! while it builds the tower of an entry that is linked already; it is stopped at each of them in
//! turn.

use crate::Memtable;
use siltstone_base::{Cursor, EntryKind, MAX_SEQNO, Seqno};
use std::cell::RefCell;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

thread_local! {
    /// Called by this thread at each comparison of stored entries.
    static AT_COMPARISON: RefCell<Option<Box<dyn FnMut()>>> = const { RefCell::new(None) };
}

/// Two stored entries are being compared.
pub(crate) fn compared() {
    AT_COMPARISON.with_borrow_mut(|hook| {
        if let Some(hook) = hook {
            hook();
        }
    });
}

/// Longer than any reader needs; a reader that waits for the writer would need for ever.
const PATIENCE: Duration = Duration::from_secs(20);

/// The even numbers below `2 * count` as keys, with their number plus one as seqno.
fn table(count: u64) -> Arc<Memtable> {
    let memtable = Arc::new(Memtable::new(b""));
    for number in (0..count).map(|index| (index * 37 % count) * 2) {
        memtable.insert(&key(number), number + 1, EntryKind::Put, b"old");
    }
    memtable
}

fn key(number: u64) -> [u8; 8] {
    number.swap_bytes().to_le_bytes()
}

/// Gets every old entry, then scans up and down; returns the seqnos in the order of keys.
fn read(memtable: &Arc<Memtable>, count: u64) -> Vec<Seqno> {
    for number in (0..count).map(|index| index * 2) {
        let found = memtable.get(&key(number), MAX_SEQNO).expect("an old entry is there");
        assert_eq!((found.seqno, &*found.value), (number + 1, &b"old"[..]));
    }
    let mut cursor = memtable.cursor();
    let mut up = Vec::new();
    let Ok(mut on_entry) = cursor.seek_to_first();
    // The bounds are for a cursor that does not get on.
    while on_entry && up.len() <= memtable.len() {
        up.push(cursor.entry().seqno);
        Ok(on_entry) = cursor.next();
    }
    let mut down = Vec::new();
    let Ok(mut on_entry) = cursor.seek_to_last();
    while on_entry && down.len() <= memtable.len() {
        down.push(cursor.entry().seqno);
        Ok(on_entry) = cursor.prev();
    }
    down.reverse();
    assert_eq!(up, down);
    up
}

/// What a reader saw while the insert of `new` stood at its comparison number `stop`; `None` if
/// it was through before.
fn seen_at(memtable: &Arc<Memtable>, count: u64, new: u64, stop: usize) -> Option<Vec<Seqno>> {
    let (stopped, is_stopped) = mpsc::channel();
    let (go, may_go) = mpsc::channel::<()>();
    let (done, is_done) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut comparisons = 0;
            AT_COMPARISON.set(Some(Box::new(move || {
                comparisons += 1;
                if comparisons == stop {
                    stopped.send(()).unwrap();
                    // Ends when the other side is dropped, whatever became of the reader.
                    let _gone = may_go.recv();
                }
            })));
            memtable.insert(&key(new), new + 1, EntryKind::Put, b"new");
            AT_COMPARISON.set(None);
        });
        is_stopped.recv().ok()?;
        scope.spawn(move || done.send(read(memtable, count)));
        let seen = is_done.recv_timeout(PATIENCE);
        drop(go);
        Some(seen.expect("a reader waits for a writer that stands still"))
    })
}

#[test]
fn a_reader_finishes_while_a_writer_stands_still() {
    let (mut before_link, mut after_link) = (0, 0);
    // Different counts give the new entry towers of different heights.
    for count in 20..36 {
        let new = count | 1;
        let old: Vec<_> = (0..count).map(|index| index * 2 + 1).collect();
        let mut both = [&old[..], &[new + 1]].concat();
        both.sort_unstable();
        for stop in 1.. {
            let memtable = table(count);
            let Some(seen) = seen_at(&memtable, count, new, stop) else { break };
            assert!(seen == old || seen == both, "count {count}, stop {stop}: {seen:?}");
            *(if seen == old { &mut before_link } else { &mut after_link }) += 1;
            assert_eq!(read(&memtable, count), both, "the insert came through in the end");
        }
    }
    assert!(
        before_link > 0 && after_link > 0,
        "stopped {before_link} times before, {after_link} after"
    );
}
