//! A memtable at work: versions, reads in the past, a scan, and what it weighs.

use siltstone_base::{Cursor, EntryKind, MAX_SEQNO};
use siltstone_memtable::Memtable;
use std::sync::Arc;

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
fn main() {
    let memtable = Arc::new(Memtable::new(b"rock:"));
    let rocks = [("rock:shale", "mud"), ("rock:gneiss", "granite"), ("rock:marble", "limestone")];
    for (seqno, (key, value)) in (1..).zip(rocks) {
        memtable.insert(key.as_bytes(), seqno, EntryKind::Put, value.as_bytes());
    }
    memtable.insert(b"rock:gneiss", 4, EntryKind::Put, b"granite or shale");
    memtable.insert(b"rock:shale", 5, EntryKind::Delete, b"");

    let now = memtable.get(b"rock:gneiss", MAX_SEQNO).expect("it was just written");
    let before = memtable.get(b"rock:gneiss", 3).expect("seqno 2 wrote it");
    println!("gneiss was made of {}", String::from_utf8_lossy(&before.value));
    println!("gneiss is made of {}", String::from_utf8_lossy(&now.value));
    assert_eq!((&*before.value, &*now.value), (&b"granite"[..], &b"granite or shale"[..]));

    let mut cursor = memtable.cursor();
    let mut met = Vec::new();
    let Ok(mut on_entry) = cursor.seek_to_first();
    while on_entry {
        let entry = cursor.entry();
        let key = String::from_utf8_lossy(entry.key).into_owned();
        println!("{key} {:?} by seqno {}", entry.kind, entry.seqno);
        met.push((key, entry.seqno));
        Ok(on_entry) = cursor.next();
    }
    let expected = [("gneiss", 4), ("gneiss", 2), ("marble", 3), ("shale", 5), ("shale", 1)];
    assert_eq!(met, expected.map(|(rock, seqno)| (format!("rock:{rock}"), seqno)));

    println!(
        "{} entries, {} bytes, seqnos {:?}",
        memtable.len(),
        memtable.bytes(),
        memtable.seqnos()
    );
    assert_eq!(memtable.sample_prefix(), b"rock:");
    assert_eq!(memtable.seqnos(), Some((1, 5)));
}
