//! Tables as they are on disk, byte for byte: format version 1.
//!
//! A change of these bytes is a change of the format: its version is raised and the files are
//! replaced, with what the failing test prints.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{ID, Row, in_order, open, write};
use siltstone_base::Cursor;
use siltstone_sstable::{Compression, ReadMode, TableOptions, TableSummary};
use std::fmt::Write;

fn rows() -> Vec<Row> {
    vec![
        Row::put("granite", 12, "igneous"),
        Row::put("granodiorite", 9, "igneous, too"),
        Row::delete("gravel", 11),
        Row::put("gravel", 10, ""),
    ]
}

fn more_rows() -> Vec<Row> {
    let versions = (1..6).map(|seqno| Row::put("gneiss", seqno, vec![b'g'; 60]));
    in_order(versions.chain(rows()).collect())
}

fn to_hex(bytes: &[u8]) -> String {
    let mut hex = String::new();
    for line in bytes.chunks(32) {
        for byte in line {
            write!(hex, "{byte:02x}").unwrap();
        }
        hex.push('\n');
    }
    hex
}

fn of_hex(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        hex.chars().filter_map(|c| c.to_digit(16)).map(|d| u8::try_from(d).unwrap()).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// Opens committed bytes, which say themselves how long they are and what their digest is.
fn check_reads(bytes: &[u8], summary: &TableSummary, rows: &[Row]) {
    let digest = u64::from_le_bytes(*bytes.last_chunk().unwrap());
    let summary = TableSummary { digest, file_bytes: bytes.len() as u64, ..summary.clone() };
    for mode in [ReadMode::Mmap, ReadMode::Pread] {
        let table = open(bytes, &summary, mode, 1 << 20).unwrap();
        let mut cursor = table.cursor();
        let mut more = cursor.seek_to_first().unwrap();
        for row in rows {
            assert!(more);
            assert_eq!(cursor.entry(), row.entry());
            more = cursor.next().unwrap();
        }
        assert!(!more);
        assert_eq!(table.id(), ID);
        table.verify(&mut |_| ()).unwrap();
    }
}

#[test]
fn a_table_is_written_and_read_as_ever() {
    let golden = include_str!("golden/table.hex");
    let (bytes, summary) = write(&rows(), TableOptions::default());
    let hex = to_hex(&bytes);
    assert!(hex == golden, "what is written now:\n{hex}");
    assert_eq!(of_hex(golden), bytes);
    check_reads(&bytes, &summary, &rows());
}

/// What a compressor writes may change with its version; what it wrote must be read for ever.
#[test]
fn a_compressed_table_of_several_partitions_is_read_as_ever() {
    let golden = include_str!("golden/table-snap.hex");
    let options = TableOptions {
        block_bytes: 160,
        compression: Compression::Snap,
        partition_bytes: 1,
        ..TableOptions::default()
    };
    let (bytes, summary) = write(&more_rows(), options);
    assert!(!golden.is_empty(), "what is written now:\n{}", to_hex(&bytes));
    check_reads(&of_hex(golden), &summary, &more_rows());
}
