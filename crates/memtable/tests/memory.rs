//! What the table says of its memory, against an allocator that counts.

use siltstone_base::{Cursor, EntryKind};
use siltstone_memtable::Memtable;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

thread_local! {
    /// Bytes this thread has allocated and not freed; what other threads do does not disturb it.
    static LIVE: Cell<isize> = const { Cell::new(0) };
}

struct Counting;

fn count(bytes: usize, sign: isize) {
    // Fails only while the thread ends, when nobody measures any more.
    let _ended = LIVE.try_with(|live| live.set(live.get() + sign * bytes.cast_signed()));
}

#[expect(unsafe_code, reason = "an allocator cannot be counted from safe code")]
// SAFETY: every call goes to the system allocator unchanged; the counter allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 1);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        count(layout.size(), -1);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn live() -> isize {
    LIVE.get()
}

/// `count` entries with keys in no order.
fn fill(memtable: &Memtable, count: u32, key_bytes: usize, value_bytes: usize) {
    let mut key = vec![0; key_bytes];
    let value = vec![7; value_bytes];
    for number in 0..count {
        let scattered = number.wrapping_mul(0x9e37_79b1).to_le_bytes();
        let taken = key_bytes.min(4);
        key[..taken].copy_from_slice(&scattered[..taken]);
        memtable.insert(&key, u64::from(number) + 1, EntryKind::Put, &value);
    }
}

/// Lets the epochs of crossbeam make what they keep for each thread.
fn warm_up() {
    fill(&Memtable::new(b""), 1, 1, 1);
}

#[test]
fn bytes_are_within_5_percent_of_the_allocators_count() {
    warm_up();
    for (key_bytes, value_bytes, count) in [
        (0, 0, 20_000),
        (8, 0, 20_000),
        (16, 100, 20_000),
        (17, 101, 20_000),
        (100, 1_000, 5_000),
        (16, 65_536, 200),
        (65_535, 1, 200),
        (16, 64 << 20, 1),
        (16, 100, 0),
    ] {
        let before = live();
        let memtable = Arc::new(Memtable::new(b"a prefix"));
        fill(&memtable, count, key_bytes, value_bytes);
        let allocated = (live() - before).cast_unsigned();
        let off = memtable.bytes().abs_diff(allocated);
        assert!(
            off * 20 <= allocated,
            "{count} entries of {key_bytes} + {value_bytes} bytes: {allocated} allocated, {} said",
            memtable.bytes()
        );
    }
}

#[test]
fn a_dropped_table_frees_everything_whatever_was_read_from_it() {
    warm_up();
    let before = live();
    let memtable = Arc::new(Memtable::new(b""));
    fill(&memtable, 2_000, 16, 100);
    {
        let mut cursor = memtable.cursor();
        let Ok(mut on_entry) = cursor.seek_to_first();
        for _ in 0..memtable.len() {
            assert!(on_entry);
            let found = memtable.get(cursor.entry().key, u64::MAX).unwrap();
            assert_eq!(&*found.value, &*cursor.pin_value());
            Ok(on_entry) = cursor.next();
        }
        let Ok(mut on_entry) = cursor.seek_for_prev(&[0x80; 16], 1);
        for _ in 0..300 {
            if on_entry {
                Ok(on_entry) = cursor.prev();
            }
        }
        assert!(memtable.get(b"absent", 1).is_none() && memtable.sample_prefix().is_empty());
    }
    drop(memtable);
    assert_eq!(live() - before, 0);
}

#[test]
fn a_held_value_keeps_its_own_entry_alive_and_nothing_else() {
    warm_up();
    let memtable = Memtable::new(b"");
    fill(&memtable, 1_000, 4, 1_000);
    let before_get = live();
    let found = memtable.get(&0u32.to_le_bytes(), u64::MAX).unwrap();
    assert_eq!(live(), before_get, "a get allocates nothing");
    drop(memtable);
    let held = live();
    drop(found);
    let freed = held - live();
    assert!((1_000..1_100).contains(&freed), "the value held {freed} bytes");
}
