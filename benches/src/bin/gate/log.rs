//! The record log: append, replay.

use crate::meter::count;
use siltstone_benches::{key, value};
use siltstone_vfs::{MemVfs, Vfs};
use siltstone_wal::{
    Batch, Birth, GroupHeader, KeyspaceId, LogIdentity, LogKind, LogWriter, ReplayContext,
    ReplayError, SegmentFile, SegmentId, decode_group, replay,
};
use std::hint::black_box;
use std::path::Path;

const RECORDS: u64 = 1_000;
const DATABASE: u128 = 7;

pub(crate) fn run() {
    let (vfs, path) = (MemVfs::new(), Path::new("/1.log"));
    let identity = LogIdentity { kind: LogKind::Log, database: DATABASE, segment: SegmentId(1) };
    let boot_id = vfs.boot_id();
    let birth = Birth { identity, boot_id, witness_number: 1, witness_records: 1 };
    let window = vfs.create_window(path).unwrap();
    let mut writer = LogWriter::create(window, birth, None, 1 << 20).unwrap();
    let payload = group();
    writer.append(&[&payload]).unwrap();
    count("wal: append a record of 150 bytes", RECORDS, || {
        for _ in 0..RECORDS {
            writer.append(&[black_box(&payload)]).unwrap();
        }
    });
    let file = vfs.open_read(path).unwrap();
    let segments = [SegmentFile { id: SegmentId(1), file, cut: None }];
    let context = ReplayContext { kind: LogKind::Log, database: DATABASE, boot_id, durable: None };
    count("wal: replay a record of 150 bytes", RECORDS + 1, || {
        let mut bytes = 0;
        let replayed: Result<_, ReplayError<siltstone_base::DecodeError>> =
            replay(&segments, &context, |record| {
                for op in decode_group(record.payload)?.1 {
                    bytes += op?.value.len();
                }
                Ok(())
            });
        assert_eq!(replayed.unwrap().records, RECORDS + 1);
        black_box(bytes);
    });
}

/// One put, as the engine would log it; its record has 150 bytes and a few.
fn group() -> Vec<u8> {
    let mut batch = Batch::new();
    batch.put(KeyspaceId(0), &key(1), &value(1));
    let header = GroupHeader { first_seqno: 1, ops: batch.len() }.encode();
    [&header[..], batch.bytes()].concat()
}
