//! The record log and batches.

use crate::draw::Draw;
use crate::forge;
use siltstone_base::EntryKind;
use siltstone_vfs::{MemVfs, ReadFile, Vfs};
use siltstone_wal::{
    Batch, Birth, Error, GroupHeader, KeyspaceId, LogIdentity, LogKind, LogWriter, Ops,
    ReplayContext, ReplayError, Replayed, Salvaged, SegmentFile, SegmentId, decode_group, identify,
    inspect, replay, salvage,
};
use std::path::Path;
use std::sync::Arc;

const DATABASE: u128 = 42;
const PATH: &str = "/1.log";
const RECORDS_OFFSET: usize = 1536;

const fn identity(segment: u64) -> LogIdentity {
    LogIdentity { kind: LogKind::Log, database: DATABASE, segment: SegmentId(segment) }
}

fn birth(segment: u64, boot_id: u128) -> Birth {
    Birth { identity: identity(segment), boot_id, witness_number: 1, witness_records: 1 }
}

fn writer(vfs: &MemVfs) -> LogWriter {
    let window = vfs.create_window(Path::new(PATH)).expect("a window is made");
    let writer = LogWriter::create(window, birth(1, 1), None, 1 << 10);
    let mut writer = writer.expect("a segment is begun");
    // A segment is named only when its header is durable.
    writer.sync().expect("memory syncs");
    vfs.sync_dir(Path::new("/")).expect("names are synced");
    writer
}

/// A log of the payloads.
fn log(payloads: &[&[u8]]) -> Vec<u8> {
    let vfs = MemVfs::new();
    let mut writer = writer(&vfs);
    for payload in payloads {
        writer.append(&[payload]).expect("memory takes it");
    }
    writer.sync().expect("memory syncs");
    drop(writer);
    vfs.read(PATH).expect("the file is there")
}

fn file_of(bytes: &[u8]) -> Arc<dyn ReadFile> {
    let vfs = MemVfs::new();
    vfs.write(PATH, bytes).expect("memory takes it");
    vfs.open_read(Path::new(PATH)).expect("the file is there")
}

type Read = (Result<Replayed, ReplayError<Error>>, Vec<Vec<u8>>);

fn read(file: &Arc<dyn ReadFile>, cut: Option<u64>, boot_id: u128) -> Read {
    let segments = [SegmentFile { id: SegmentId(1), file: Arc::clone(file), cut }];
    let context = ReplayContext { kind: LogKind::Log, database: DATABASE, boot_id, durable: None };
    let mut payloads = Vec::new();
    let replayed = replay(&segments, &context, |record| {
        payloads.push(record.payload.to_vec());
        Ok::<(), Error>(())
    });
    (replayed, payloads)
}

/// Replays and salvages; what a replay takes, a salvage takes too.
fn check_file(bytes: &[u8], cut: Option<u64>) {
    let file = file_of(bytes);
    let mut saved = Vec::new();
    salvage(&*file, identity(1), cut, |found| {
        if let Salvaged::Record { payload, .. } = found {
            saved.push(payload.to_vec());
        }
        Ok::<(), Error>(())
    })
    .expect("no bytes are an error to a salvage");
    for boot_id in [1, 2] {
        let (replayed, payloads) = read(&file, cut, boot_id);
        if replayed.is_ok() {
            assert!(saved.starts_with(&payloads), "a salvage misses what a replay gave");
        }
        let again = read(&file, cut, boot_id);
        assert_eq!((again.0.is_ok(), again.1), (replayed.is_ok(), payloads), "it reads otherwise");
    }
    inspect(&*file, &identity(1)).expect("memory is read");
    identify(&*file, LogKind::Log).expect("memory is read");
}

pub(crate) fn read_raw(data: &[u8]) {
    check_file(data, None);
    check_file(data, Some(data.len() as u64 / 2));
}

/// Records with right sums: kinds, synced ends, gaps and padding are drawn.
pub(crate) fn read_fixed(data: &[u8]) {
    let mut draw = Draw::new(data);
    let mut bytes = log(&[b"first"]);
    let first = RECORDS_OFFSET + 32;
    bytes.truncate(first);
    bytes.resize(first.next_multiple_of(8), 0);
    let mixed = forge::identity(*b"SILTWLOG", DATABASE, 1);
    while !draw.is_empty() {
        let kind = if draw.one_in(8) { draw.byte() } else { 1 + draw.byte() % 3 };
        let offset = bytes.len() as u64;
        let synced_end =
            if draw.one_in(4) { draw.number() } else { u64::from(draw.word()).min(offset) / 8 * 8 };
        let payload = draw.bytes(80);
        bytes.extend(forge::record(mixed, offset, (kind, synced_end), payload));
        match draw.below(12) {
            0 => bytes.resize(bytes.len() + 8 * draw.below(40), 0),
            1 => {
                if let Some(last) = bytes.last_mut() {
                    *last ^= draw.byte();
                }
            }
            _ => {}
        }
    }
    let cut = bytes.len().is_multiple_of(5).then_some(bytes.len() as u64 / 2);
    check_file(&bytes, cut);
}

pub(crate) fn roundtrip_ops(data: &[u8]) {
    let mut draw = Draw::new(data);
    let (mut batch, mut ops) = (Batch::new(), Vec::new());
    while !draw.is_empty() {
        let keyspace = KeyspaceId(u32::from(draw.word()));
        let key = draw.bytes(300).to_vec();
        if draw.one_in(3) {
            batch.delete(keyspace, &key);
            ops.push((keyspace, EntryKind::Delete, key, Vec::new()));
        } else {
            let value = draw.bytes(300).to_vec();
            batch.put(keyspace, &key, &value);
            ops.push((keyspace, EntryKind::Put, key, value));
        }
    }
    let header = GroupHeader { first_seqno: 7, ops: batch.len() };
    let payload = [&header.encode()[..], batch.bytes()].concat();
    let (found, decoded) = decode_group(&payload).expect("what was encoded is decoded");
    assert_eq!(found, header);
    let decoded = decoded.map(|op| {
        let op = op.expect("what was encoded is decoded");
        (op.keyspace, op.kind, op.key.to_vec(), op.value.to_vec())
    });
    assert_eq!(decoded.collect::<Vec<_>>(), ops);
}

/// What is decoded and encoded again is decoded the same.
pub(crate) fn batch_decode(data: &[u8]) {
    for ops in [Some(Ops::new(data)), decode_group(data).ok().map(|group| group.1)] {
        let Some(ops) = ops else { continue };
        let Ok(ops) = ops.collect::<Result<Vec<_>, _>>() else { continue };
        let mut batch = Batch::new();
        for op in &ops {
            match op.kind {
                EntryKind::Put => batch.put(op.keyspace, op.key, op.value),
                EntryKind::Delete => batch.delete(op.keyspace, op.key),
            }
        }
        let again = batch.ops().collect::<Result<Vec<_>, _>>();
        assert_eq!(again, Ok(ops), "it decodes otherwise");
    }
}

/// A power cut, and garbage where nothing was synced: what is read is a prefix with all that was.
pub(crate) fn tail_cut(data: &[u8]) {
    let mut draw = Draw::new(data);
    let vfs = MemVfs::new();
    let mut writer = writer(&vfs);
    let (mut payloads, mut synced) = (Vec::new(), 0);
    for _ in 0..draw.below(30) {
        let payload = draw.bytes(100).to_vec();
        writer.append(&[&payload]).expect("memory takes it");
        payloads.push(payload);
        if draw.one_in(4) {
            writer.sync().expect("memory syncs");
            synced = payloads.len();
        }
    }
    let synced_end = writer.synced_position();
    drop(writer);
    let vfs = vfs.power_cut_keeping(draw.number());
    let mut bytes = vfs.read(PATH).expect("the file is there");
    let unsynced = usize::try_from(synced_end).unwrap_or(usize::MAX);
    let unsynced = unsynced.max(RECORDS_OFFSET).min(bytes.len());
    for _ in 0..draw.below(8) {
        let open = bytes.len() - unsynced;
        if open > 0 {
            let at = unsynced + usize::from(draw.word()) % open;
            bytes[at] = draw.byte();
        }
    }
    let (replayed, found) = read(&file_of(&bytes), None, 2);
    if let Err(error) = replayed {
        panic!("a torn tail was taken for {error}");
    }
    assert!(found.len() >= synced, "{} of {synced} synced records are left", found.len());
    assert!(payloads.starts_with(&found), "what is left is no prefix");
}

pub(crate) fn seeds_raw() -> Vec<Vec<u8>> {
    vec![log(&[]), log(&[b"one"]), log(&[b"one", b"", &[7; 100], b"four"])]
}

pub(crate) fn seeds_batch() -> Vec<Vec<u8>> {
    let mut batch = Batch::new();
    batch.put(KeyspaceId(0), b"key", b"value");
    batch.delete(KeyspaceId(1), b"old");
    let header = GroupHeader { first_seqno: 7, ops: 2 };
    vec![batch.bytes().to_vec(), [&header.encode()[..], batch.bytes()].concat()]
}
