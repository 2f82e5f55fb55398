//! Files whose content is anything and whose sums are right, so that what is behind the sums is
//! reached. By docs/formats.md alone.

use siltstone_base::{FileHeader, checksum, key::head8, varint};
use siltstone_sstable::TableId;

pub(crate) const TABLE: TableId = TableId { epoch: 3, number: 9 };
const HEADER_BYTES: usize = 48;

/// A block as it is stored, with what the index says of it.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) stored: Vec<u8>,
    pub(crate) codec: u8,
    pub(crate) raw_bytes: u32,
    pub(crate) separator: Vec<u8>,
}

/// A table of which each part may be replaced.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) blocks: Vec<Block>,
    pub(crate) index: Option<Vec<u8>>,
    pub(crate) filter: Option<Vec<u8>>,
    pub(crate) directory: Option<Vec<u8>>,
    pub(crate) properties: Option<Vec<u8>>,
}

impl Table {
    /// Two keys in one block.
    pub(crate) fn small() -> Self {
        let stored = plain_block();
        let raw_bytes = length(&stored);
        let block = Block { stored, codec: 0, raw_bytes, separator: b"zz".to_vec() };
        Self { blocks: vec![block], index: None, filter: None, directory: None, properties: None }
    }

    /// The bytes of the file.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut file = FileHeader::new(*b"SILTTABL", 1).encode().to_vec();
        file.extend(TABLE.as_u128().to_le_bytes());
        assert_eq!(file.len(), HEADER_BYTES, "the header has its size");
        let mut handles = Vec::new();
        for block in &self.blocks {
            let (offset, _) = part(&mut file, &block.stored, block.codec);
            handles.push((offset, length(&block.stored), block.raw_bytes));
        }
        let data_bytes = file.len() - HEADER_BYTES;
        let filter = self.filter.as_ref().map(|filter| {
            let (offset, sum) = part(&mut file, filter, 0);
            (offset, filter.len() as u64, sum)
        });
        let index = self.index.clone().unwrap_or_else(|| self.own_index(&handles));
        let (index_offset, index_sum) = part(&mut file, &index, 0);
        let directory = self.directory.clone().unwrap_or_else(|| {
            let index = (index_offset, index.len() as u64, index_sum);
            self.own_directory(index, filter.unwrap_or((0, 0, 0)))
        });
        let (directory_offset, directory_sum) = part(&mut file, &directory, 0);
        let properties =
            self.properties.clone().unwrap_or_else(|| self.own_properties(data_bytes as u64));
        let (properties_offset, properties_sum) = part(&mut file, &properties, 0);
        let footer_at = file.len();
        for number in [
            directory_offset,
            directory.len() as u64,
            directory_sum,
            properties_offset,
            properties.len() as u64,
            properties_sum,
        ] {
            file.extend(number.to_le_bytes());
        }
        file.extend(TABLE.as_u128().to_le_bytes());
        file.extend((footer_at as u64 + 104).to_le_bytes());
        file.extend([1, 0, 0, 0, 0, 0, 0, 0]);
        file.extend(b"SILTTABL");
        file.extend([0; 8]);
        let pieces = [&file[footer_at..], &file[..HEADER_BYTES]];
        let digest = checksum::of_pieces(TABLE.as_u128(), footer_at as u64, &pieces);
        file.extend(digest.to_le_bytes());
        file
    }

    fn own_index(&self, handles: &[(u64, u32, u32)]) -> Vec<u8> {
        let mut index = length(&self.blocks).to_le_bytes().to_vec();
        index.extend([0; 4]);
        for block in &self.blocks {
            index.extend(head8(&block.separator).to_le_bytes());
        }
        let mut end = 0u32;
        index.extend(end.to_le_bytes());
        for block in &self.blocks {
            end += length(&block.separator);
            index.extend(end.to_le_bytes());
        }
        for (offset, stored, raw) in handles {
            index.extend(offset.to_le_bytes());
            index.extend(stored.to_le_bytes());
            index.extend(raw.to_le_bytes());
        }
        index.extend(self.blocks.iter().flat_map(|block| block.separator.iter().copied()));
        index
    }

    fn own_directory(&self, index: (u64, u64, u64), filter: (u64, u64, u64)) -> Vec<u8> {
        let separator = self.blocks.last().map_or(&b""[..], |block| &block.separator);
        let mut directory = 1u32.to_le_bytes().to_vec();
        varint::put(&mut directory, separator.len() as u64);
        directory.extend(separator);
        varint::put(&mut directory, 0);
        for (offset, bytes, sum) in [index, filter] {
            varint::put(&mut directory, offset);
            varint::put(&mut directory, bytes);
            directory.extend(sum.to_le_bytes());
        }
        directory
    }

    fn own_properties(&self, data_bytes: u64) -> Vec<u8> {
        let mut properties = Vec::new();
        let mut put = |tag: u64, numbers: &[u64]| {
            let mut field = Vec::new();
            for number in numbers {
                varint::put(&mut field, *number);
            }
            varint::put(&mut properties, tag);
            varint::put(&mut properties, field.len() as u64);
            properties.extend(field);
        };
        // Counts as of the small table: a byte is a varint, and a key of one letter too.
        let blocks = self.blocks.len() as u64;
        let fields: [&[u64]; 12] =
            [&[2], &[0], &[0], &[2], &[2], &[5], &[6], &[0x61], &[0x62], &[blocks], &[7], &[7, 7]];
        for (tag, numbers) in (1..).zip(fields) {
            put(tag, numbers);
        }
        put(14, &[data_bytes]);
        properties
    }
}

/// The keys `a` and `b`, with a byte of value each.
pub(crate) fn plain_block() -> Vec<u8> {
    let mut block = vec![2, 0, 0, 0, 0, 0, 0, 0];
    block.extend(5u64.to_le_bytes());
    block.extend([0, 0, 0, b'a', 0, 0, 0, b'b']);
    block.extend([0, 0, 4, 0, 8, 0]);
    block.extend([0x01, 1, b'a', b'1', 0x11, 1, b'b', b'2']);
    block
}

/// Appends a part and returns its offset and its sum.
fn part(file: &mut Vec<u8>, payload: &[u8], codec: u8) -> (u64, u64) {
    let offset = file.len();
    file.extend(payload);
    file.push(codec);
    let sum = checksum::of_part(TABLE.as_u128(), offset as u64, &file[offset..]);
    file.extend(sum.to_le_bytes());
    (offset as u64, sum)
}

fn length<T>(of: &[T]) -> u32 {
    u32::try_from(of.len()).unwrap_or(u32::MAX)
}

/// A record of a log as it must stand at `offset` of a segment.
pub(crate) fn record(
    identity: u128,
    offset: u64,
    (kind, synced_end): (u8, u64),
    payload: &[u8],
) -> Vec<u8> {
    let mut bytes = b"SR\x1e".to_vec();
    bytes.push(kind);
    bytes.extend(length(payload).to_le_bytes());
    bytes.extend(synced_end.to_le_bytes());
    let sum = checksum::of_pieces(identity, offset, &[&bytes, payload]);
    bytes.extend(sum.to_le_bytes());
    bytes.extend(payload);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

/// What the sums of a log are mixed with.
pub(crate) fn identity(magic: [u8; 8], database: u128, segment: u64) -> u128 {
    database ^ (u128::from(segment) << 64 | u128::from(u64::from_le_bytes(magic)))
}
