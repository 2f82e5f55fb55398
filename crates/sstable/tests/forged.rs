//! Tables whose bytes are wrong under right sums: a decoder must not rely on a sum.
//!
//! A table is taken apart by docs/formats.md alone, some of its payload bytes are changed, and
//! every sum up to the digest is made good again. Whatever comes of that may be refused or read,
//! but never panics, overflows, or takes memory that the file does not account for.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{ID, Row, in_order, open, write};
use proptest::prelude::*;
use siltstone_base::{Cursor, MAX_SEQNO, Reader, checksum};
use siltstone_sstable::{Compression, Error, ReadMode, Table, TableOptions, TableSummary};
use std::ops::Range;
use std::sync::Arc;

const FOOTER_BYTES: usize = 104;

/// Where everything is in a good table.
#[derive(Clone, Debug)]
struct Anatomy {
    /// Payloads of blocks, without trailers.
    blocks: Vec<Range<usize>>,
    /// Payloads of filter and index partitions.
    partitions: Vec<Range<usize>>,
    directory: Range<usize>,
    properties: Range<usize>,
}

fn number(bytes: &[u8], at: usize) -> usize {
    usize::try_from(u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())).unwrap()
}

fn dissect(bytes: &[u8]) -> Anatomy {
    let footer = bytes.len() - FOOTER_BYTES;
    let part = |at: usize| number(bytes, at)..number(bytes, at) + number(bytes, at + 8);
    let (directory, properties) = (part(footer), part(footer + 24));
    let mut reader = Reader::new(&bytes[directory.clone()], "directory");
    let (mut blocks, mut partitions) = (Vec::new(), Vec::new());
    for _ in 0..reader.u32().unwrap() {
        reader.prefixed().unwrap();
        assert_eq!(reader.varint_usize().unwrap(), blocks.len());
        let mut handle = || {
            let start = reader.varint_usize().unwrap();
            let length = reader.varint_usize().unwrap();
            reader.u64().unwrap();
            start..start + length
        };
        let (index, filter) = (handle(), handle());
        blocks.extend(blocks_of(&bytes[index.clone()]));
        partitions.extend([filter, index]);
    }
    assert!(reader.is_empty());
    Anatomy { blocks, partitions, directory, properties }
}

fn blocks_of(index: &[u8]) -> Vec<Range<usize>> {
    let count = u32::from_le_bytes(index[..4].try_into().unwrap()) as usize;
    let common = usize::from(u16::from_le_bytes(index[4..6].try_into().unwrap()));
    let handles = 8 + common + 8 * count + 4 * (count + 1);
    let block = |at: usize| {
        let start = number(index, handles + 16 * at);
        let stored = u32::from_le_bytes(index[handles + 16 * at + 8..][..4].try_into().unwrap());
        start..start + stored as usize
    };
    (0..count).map(block).collect()
}

/// Makes the sum of the part whose payload is here good, and puts it where `was` is in `above`.
fn reseal(bytes: &mut [u8], payload: &Range<usize>, above: Option<Range<usize>>) {
    let sum_at = payload.end + 1;
    let was: [u8; 8] = bytes[sum_at..sum_at + 8].try_into().unwrap();
    let summed = &bytes[payload.start..sum_at];
    let sum = checksum::of_part(ID.as_u128(), payload.start as u64, summed).to_le_bytes();
    bytes[sum_at..sum_at + 8].copy_from_slice(&sum);
    let Some(above) = above else { return };
    // Where the change hit a sum itself, there is nothing to make good.
    let place = bytes[above.clone()].windows(8).position(|window| window == was);
    if let Some(place) = place {
        bytes[above.start + place..][..8].copy_from_slice(&sum);
    }
}

/// Makes every sum of a changed table good and returns its digest.
fn reseal_all(bytes: &mut [u8], anatomy: &Anatomy) -> u64 {
    let footer = bytes.len() - FOOTER_BYTES;
    for block in &anatomy.blocks {
        reseal(bytes, block, None);
    }
    for partition in &anatomy.partitions {
        reseal(bytes, partition, Some(anatomy.directory.clone()));
    }
    for part in [&anatomy.directory, &anatomy.properties] {
        reseal(bytes, part, Some(footer..footer + 48));
    }
    let pieces = [&bytes[footer..footer + 96], &bytes[..48]];
    let digest = checksum::of_pieces(ID.as_u128(), footer as u64, &pieces);
    bytes[footer + 96..].copy_from_slice(&digest.to_le_bytes());
    digest
}

fn rows() -> Vec<Row> {
    let mut rows = vec![Row::put("", 3, "empty"), Row::delete("apple", 9)];
    rows.extend((1..30u64).map(|n| Row::put("apple", 10 * n, format!("version {n} of it"))));
    rows.extend((0..40u64).map(|n| Row::put(format!("berry{n:02}"), n + 1, format!("v{n}"))));
    rows.push(Row::put("quince", 8, vec![5; 700]));
    in_order(rows)
}

fn table(compression: Compression) -> (Vec<u8>, TableSummary, Anatomy) {
    let options =
        TableOptions { block_bytes: 300, compression, partition_bytes: 100, ..Default::default() };
    let (bytes, summary) = write(&rows(), options);
    let anatomy = dissect(&bytes);
    assert_eq!(anatomy.blocks.len() as u64, summary.properties.data_blocks);
    assert!(anatomy.partitions.len() >= 4);
    (bytes, summary, anatomy)
}

/// Calls everything there is. Whether it succeeds does not matter; that it returns does.
fn exercise(table: &Arc<Table>) {
    let most = 10_000;
    for mut cursor in [table.cursor(), table.scan_input(500)] {
        let mut steps = 0;
        let mut more = cursor.seek_to_first();
        while matches!(more, Ok(true)) && steps < most {
            let entry = cursor.entry();
            assert!(entry.key.len() <= 65_535 && entry.seqno <= MAX_SEQNO);
            steps += 1;
            more = cursor.next();
        }
        more = cursor.seek_to_last();
        while matches!(more, Ok(true)) && steps < 2 * most {
            let _ = (cursor.entry(), cursor.pin_value());
            steps += 1;
            more = cursor.prev();
        }
        for row in rows().iter().step_by(7) {
            let _ = cursor.seek(&row.key, row.seqno);
            let _ = cursor.next();
            let _ = cursor.seek_for_prev(&row.key, row.seqno);
            let _ = cursor.prev();
        }
    }
    for row in rows().iter().step_by(3) {
        for seqno in [0, row.seqno, MAX_SEQNO] {
            let _ = table.get(&row.key, checksum::of(&row.key), seqno, &mut ());
        }
        let _ = table.approximate_offset(&row.key);
    }
    let _ = table.get(b"zebra", 7, 7, &mut ());
    let _ = table.approximate_splits(5);
    let _ = table.verify(&mut |_| ());
}

#[test]
fn resealing_an_unchanged_table_changes_nothing() {
    for compression in [Compression::None, Compression::Snap] {
        let (mut bytes, summary, anatomy) = table(compression);
        let before = bytes.clone();
        assert_eq!(reseal_all(&mut bytes, &anatomy), summary.digest);
        assert!(bytes == before);
    }
}

/// Where the entries of a block of narrow offsets are.
struct Block {
    offsets: Vec<u16>,
    entries_at: usize,
}

impl Block {
    fn of(bytes: &[u8], range: &Range<usize>) -> Self {
        let block = &bytes[range.clone()];
        let count = u32::from_le_bytes(block[..4].try_into().unwrap()) as usize;
        let common = usize::from(u16::from_le_bytes(block[6..8].try_into().unwrap()));
        let offsets_at = 16 + common + 4 * count;
        let offset =
            |at: usize| u16::from_le_bytes(block[offsets_at + 2 * at..][..2].try_into().unwrap());
        let entries_at = range.start + offsets_at + 2 * (count + 1);
        Self { offsets: (0..=count).map(offset).collect(), entries_at }
    }

    fn entry(&self, at: usize) -> usize {
        self.entries_at + usize::from(self.offsets[at])
    }
}

/// Where the first byte of a property is.
fn property(bytes: &[u8], anatomy: &Anatomy, tag: u64) -> usize {
    let mut reader = Reader::new(&bytes[anatomy.properties.clone()], "properties");
    loop {
        let found = reader.varint().unwrap();
        let field = reader.prefixed().unwrap();
        if found == tag {
            return anatomy.properties.start + reader.offset() - field.len();
        }
    }
}

#[test]
fn what_does_not_fit_together_is_found_by_verify_though_every_sum_is_right() {
    let forged = |change: &dyn Fn(&mut [u8], &Anatomy)| {
        let (mut bytes, mut summary, anatomy) = table(Compression::None);
        change(&mut bytes, &anatomy);
        summary.digest = reseal_all(&mut bytes, &anatomy);
        open(&bytes, &summary, ReadMode::Mmap, 1 << 20).unwrap()
    };
    let refused = |change: &dyn Fn(&mut [u8], &Anatomy)| {
        assert!(forged(change).verify(&mut |_| ()).unwrap_err().is_corruption());
    };
    forged(&|_, _| ()).verify(&mut |_| ()).unwrap();
    // Every count and bound of one byte.
    for tag in [1, 2, 6, 7] {
        refused(&|bytes, anatomy| bytes[property(bytes, anatomy, tag)] ^= 1);
    }
    // A filter that knows nothing.
    refused(&|bytes, anatomy| bytes[anatomy.partitions[0].clone()][8..].fill(0));
    // A head.
    let first = |anatomy: &Anatomy| anatomy.blocks[anatomy.blocks.len() - 2].start;
    refused(&|bytes, anatomy| {
        let common = usize::from(bytes[first(anatomy) + 6]);
        bytes[first(anatomy) + 16 + common] ^= 1;
    });
    // The seqno of a version, which then is not below the one before.
    refused(&|bytes, anatomy| {
        let block = Block::of(bytes, &anatomy.blocks[1]);
        bytes[block.entry(1)] = bytes[block.entry(0)];
        bytes[block.entry(1) + 1] = bytes[block.entry(0) + 1];
    });
    // A head of the index, and then the separator itself: its last byte ends the index.
    refused(&|bytes, anatomy| {
        let index = anatomy.partitions[1].start;
        bytes[index + 8 + usize::from(bytes[index + 4])] ^= 1;
    });
    refused(&|bytes, anatomy| bytes[anatomy.partitions[1].end - 1] ^= 1);
    // The directory's copy of the last separator.
    refused(&|bytes, anatomy| {
        let directory = &mut bytes[anatomy.directory.clone()];
        let last = directory.windows(6).rposition(|window| window == b"quince").unwrap();
        directory[last + 5] = b'z';
    });
}

#[test]
fn an_index_with_another_number_of_blocks_than_the_table_is_refused_by_every_read() {
    let (mut bytes, mut summary, anatomy) = table(Compression::None);
    let blocks = property(&bytes, &anatomy, 10);
    bytes[blocks] += 1;
    summary.digest = reseal_all(&mut bytes, &anatomy);
    let table = open(&bytes, &summary, ReadMode::Mmap, 1 << 20).unwrap();
    let get = table.get(b"quince", checksum::of(b"quince"), MAX_SEQNO, &mut ());
    assert!(get.unwrap_err().is_corruption());
    assert!(table.cursor().seek_to_last().unwrap_err().is_corruption());
    assert!(table.verify(&mut |_| ()).unwrap_err().is_corruption());
}

#[derive(Clone, Copy, Debug)]
enum Target {
    Block,
    Partition,
    Directory,
    Properties,
    Footer,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn wrong_bytes_under_right_sums_never_panic(
        target in prop_oneof![
            Just(Target::Block), Just(Target::Partition), Just(Target::Partition),
            Just(Target::Directory), Just(Target::Properties), Just(Target::Footer),
        ],
        which in any::<prop::sample::Index>(),
        changes in proptest::collection::vec(
            (
                // Fixed fields lie at the beginning: change those as often as all others.
                prop_oneof![(0usize..24).boxed(), any::<usize>().boxed()],
                prop_oneof![Just(0u8), Just(1), Just(0x7f), Just(0x80), Just(255), any::<u8>()],
            ),
            1..4,
        ),
        snap in any::<bool>(),
        mapped in any::<bool>(),
    ) {
        let compression = if snap { Compression::Snap } else { Compression::None };
        let (mut bytes, mut summary, anatomy) = table(compression);
        let footer = bytes.len() - FOOTER_BYTES;
        let range = match target {
            Target::Block => which.get(&anatomy.blocks).clone(),
            Target::Partition => which.get(&anatomy.partitions).clone(),
            Target::Directory => anatomy.directory.clone(),
            Target::Properties => anatomy.properties.clone(),
            Target::Footer => footer..footer + 48,
        };
        for (at, byte) in changes {
            bytes[range.start + at % range.len()] = byte;
        }
        summary.digest = reseal_all(&mut bytes, &anatomy);
        let mode = if mapped { ReadMode::Mmap } else { ReadMode::Pread };
        match open(&bytes, &summary, mode, 5000) {
            Ok(table) => exercise(&table),
            Err(Error::Corrupt { .. } | Error::Unsupported { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn any_file_with_a_matching_digest_is_refused_or_read(
        mut bytes in proptest::collection::vec(any::<u8>(), 170..400),
        numbers in proptest::array::uniform4(0u64..400),
    ) {
        let (good, mut summary, _) = table(Compression::None);
        bytes[..48].copy_from_slice(&good[..48]);
        let footer = bytes.len() - FOOTER_BYTES;
        bytes[footer..].copy_from_slice(&good[good.len() - FOOTER_BYTES..]);
        for (number, at) in numbers.iter().zip([0, 8, 24, 32]) {
            bytes[footer + at..][..8].copy_from_slice(&number.to_le_bytes());
        }
        summary.file_bytes = bytes.len() as u64;
        bytes[footer + 64..][..8].copy_from_slice(&summary.file_bytes.to_le_bytes());
        let pieces = [&bytes[footer..footer + 96], &bytes[..48]];
        summary.digest = checksum::of_pieces(ID.as_u128(), footer as u64, &pieces);
        bytes[footer + 96..].copy_from_slice(&summary.digest.to_le_bytes());
        prop_assert!(open(&bytes, &summary, ReadMode::Mmap, 0).unwrap_err().is_corruption());
    }
}
