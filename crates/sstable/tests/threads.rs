//! One table, read by many threads at once.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Row, assert_found, expected, get, open, write};
use siltstone_base::Cursor;
use siltstone_sstable::{Compression, ReadMode, TableOptions};

#[test]
fn many_threads_read_one_table_right_whatever_the_cache_holds() {
    let rows: Vec<Row> = (0..2000u64)
        .map(|n| Row::put(format!("k{n:05}"), n + 1, n.to_le_bytes().repeat(6)))
        .collect();
    for mode in [ReadMode::Mmap, ReadMode::Pread] {
        for cache_bytes in [0, 20_000, 1 << 20] {
            let options = TableOptions {
                block_bytes: 512,
                compression: Compression::Snap,
                partition_bytes: 1000,
                ..TableOptions::default()
            };
            let (bytes, summary) = write(&rows, options);
            let table = open(&bytes, &summary, mode, cache_bytes).unwrap();
            std::thread::scope(|scope| {
                for thread in 0..4usize {
                    let (table, rows) = (&table, &rows);
                    scope.spawn(move || {
                        for step in 0..500 {
                            let row = &rows[(step * 7919 + thread * 31) % rows.len()];
                            let found = get(table, &row.key, row.seqno).unwrap();
                            assert_found(found, expected(rows, &row.key, row.seqno));
                        }
                        let mut cursor = table.cursor();
                        let mut more = cursor.seek_to_first().unwrap();
                        for row in rows {
                            assert!(more);
                            assert_eq!(cursor.entry(), row.entry());
                            more = cursor.next().unwrap();
                        }
                    });
                }
            });
        }
    }
}
