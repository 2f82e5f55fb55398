//! The bytes of a small log are those that were released, and are read back.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use common::{DATABASE, Log, path};
use siltstone_vfs::Vfs;
use siltstone_wal::{
    Batch, GroupHeader, KeyspaceId, LogEnd, LogIdentity, LogKind, LogWriter, ReplayContext,
    SegmentFile, SegmentId, decode_group, replay,
};

/// The group of the worked example in docs/formats.md.
fn group() -> Vec<u8> {
    let mut batch = Batch::new();
    batch.put(KeyspaceId(0), b"key", b"value");
    batch.delete(KeyspaceId(1), b"old");
    let header = GroupHeader { first_seqno: 7, ops: batch.len() };
    [&header.encode()[..], batch.bytes()].concat()
}

/// 16 bytes a line, up to the last that is not zero; `zeros N` stands for N lines of zeros.
fn hex(bytes: &[u8]) -> String {
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let line =
        |line: &[u8]| line.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
    let same = |a: &[u8], b: &[u8]| a == [0; 16] && b == [0; 16];
    let lines: Vec<&[u8]> = bytes[..end].chunks(16).collect();
    let text = |lines: &[&[u8]]| match lines {
        [one] => line(one) + "\n",
        zeros => format!("zeros {}\n", zeros.len()),
    };
    lines.chunk_by(|a, b| same(a, b)).map(text).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in text.lines() {
        if let Some(lines) = line.strip_prefix("zeros ") {
            let lines: usize = lines.parse().unwrap();
            bytes.resize(bytes.len() + 16 * lines, 0);
        } else {
            bytes.extend(line.split(' ').map(|byte| u8::from_str_radix(byte, 16).unwrap()));
        }
    }
    bytes
}

#[test]
fn two_segments_are_byte_for_byte_those_of_version_3() {
    let mut log = Log::new();
    log.append("a", &group()).unwrap();
    log.sync().unwrap();
    log.writer().witness().tell((7, 11)).unwrap();
    log.rotate().unwrap();
    log.append("b", b"second").unwrap();
    let bytes = |segment| hex(&log.vfs.read(path(SegmentId(segment))).unwrap());
    assert_eq!(bytes(1), include_str!("golden/log-1.hex"));
    assert_eq!(bytes(2), include_str!("golden/log-2.hex"));
}

#[test]
fn the_released_bytes_are_read_back() {
    let log = Log::drawn("|");
    for (segment, text) in
        [(1, include_str!("golden/log-1.hex")), (2, include_str!("golden/log-2.hex"))]
    {
        log.vfs.write(path(SegmentId(segment)), &unhex(text).repeat(1)).unwrap();
    }
    // The file ends with the last byte that is not zero: give it its padding back.
    log.change(SegmentId(2), |file| file.resize(file.len().next_multiple_of(8), 0));
    let (payloads, replayed) = log.replay().unwrap();
    assert_eq!(payloads, [group(), b"second".to_vec()]);
    assert_eq!((replayed.end, replayed.told), (LogEnd::Clean, (7, 11)));
    let (header, ops) = decode_group(&payloads[0]).unwrap();
    assert_eq!((header.first_seqno, header.ops, ops.count()), (7, 2, 2));
}

#[test]
fn a_manifest_is_byte_for_byte_that_of_version_3() {
    let log = Log::new();
    let (manifest, id) = (path(SegmentId(3)), SegmentId(3));
    let mut birth = common::birth(id, 1);
    birth.identity = LogIdentity { kind: LogKind::Manifest, database: DATABASE, segment: id };
    (birth.witness_number, birth.witness_records) = (0, 0);
    let window = log.vfs.create_window(&manifest).unwrap();
    let mut writer = LogWriter::create(window, birth, None, 4096).unwrap();
    writer.append(&[b"\x01\x00"]).unwrap();
    let bytes = log.vfs.read(&manifest).unwrap();
    assert_eq!(hex(&bytes), include_str!("golden/manifest.hex"));

    let file = log.vfs.open_read(&manifest).unwrap();
    let context =
        ReplayContext { kind: LogKind::Manifest, database: DATABASE, boot_id: 1, durable: None };
    let replayed = replay(&[SegmentFile { id, file, cut: None }], &context, |record| {
        assert_eq!(record.payload, b"\x01\x00");
        Ok::<(), ()>(())
    });
    assert_eq!(replayed.unwrap().records, 1);
}
