//! Writes a table: entries in order go in, a finished and synced file comes out.
//!
//! 1. Entries gather in a block; when the next one would make it larger than it should be, the
//!    block goes to the file, and with the next key known, a short separator to the index.
//! 2. Index and filter are cut into partitions, which wait in memory.
//! 3. At the end they are written behind the data, then directory, properties and footer.

use crate::block_builder::BlockBuilder;
use crate::footer::{Footer, encode_header};
use crate::output::Output;
use crate::part::{BlockHandle, Codec};
use crate::partitions::Partitions;
use crate::{Error, Origin, Properties, TableId};
use siltstone_base::{
    Entry, EntryKind, MAX_KEY_BYTES, MAX_SEQNO, MAX_VALUE_BYTES, Seqno, internal_cmp, key,
};
use siltstone_vfs::AppendFile;

/// Smallest and largest size that a data block may be asked to have.
const BLOCK_BYTES: std::ops::RangeInclusive<usize> = 64..=16 << 20;

/// How data blocks are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all: blocks are read from the map without a copy.
    #[default]
    None,
    /// By snap; a block that does not get smaller by an eighth stays as it is.
    Snap,
}

/// How a table is laid out. Every reader reads any of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableOptions {
    /// Size that data blocks do not exceed unless one entry alone does; at least 64, at most 16
    /// MiB.
    pub block_bytes: usize,
    /// How data blocks are compressed.
    pub compression: Compression,
    /// Bits of filter for each key; 10 let about 1.3 % of absent keys through, 0 is no filter.
    pub filter_bits_per_key: u8,
    /// Size at which an index partition ends.
    pub partition_bytes: usize,
}

impl Default for TableOptions {
    fn default() -> Self {
        Self {
            block_bytes: 4096,
            compression: Compression::None,
            filter_bits_per_key: 10,
            partition_bytes: 64 << 10,
        }
    }
}

/// What a finished table is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSummary {
    /// Its name.
    pub id: TableId,
    /// Length of its file.
    pub file_bytes: u64,
    /// What its footer must say: with the length, all that is needed to believe every byte.
    pub digest: u64,
    /// What it holds.
    pub properties: Properties,
}

/// Writes one table.
#[derive(Debug)]
pub struct TableWriter {
    id: TableId,
    options: TableOptions,
    output: Output,
    block: BlockBuilder,
    compressor: Compressor,
    partitions: Partitions,
    last: Option<(Vec<u8>, Seqno)>,
    properties: Properties,
}

impl TableWriter {
    /// Begins the table `id` in a new and empty file.
    pub fn new(
        file: Box<dyn AppendFile>,
        id: TableId,
        options: TableOptions,
        origin: Origin,
    ) -> Result<Self, Error> {
        let block_bytes = options.block_bytes.clamp(*BLOCK_BYTES.start(), *BLOCK_BYTES.end());
        // Offsets within a partition are 32 bits wide.
        let partition_bytes = options.partition_bytes.min(1 << 30);
        let options = TableOptions { block_bytes, partition_bytes, ..options };
        let mut output = Output::new(file, id);
        output.raw(&encode_header(id))?;
        Ok(Self {
            id,
            options,
            output,
            block: BlockBuilder::default(),
            compressor: Compressor::new(options.compression),
            partitions: Partitions::new(&options),
            last: None,
            properties: Properties { origin, ..Properties::default() },
        })
    }

    /// Appends an entry.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfOrder`] if it does not come after the last one, [`Error::TooLarge`] beyond
    /// the limits of keys and values: then nothing was added. [`Error::Io`]: the writer must be
    /// dropped.
    ///
    /// # Panics
    ///
    /// If the seqno is above [`MAX_SEQNO`], or a tombstone has a value.
    pub fn add(&mut self, entry: Entry<'_>) -> Result<(), Error> {
        assert!(entry.seqno <= MAX_SEQNO, "seqnos have 56 bits");
        assert!(entry.kind == EntryKind::Put || entry.value.is_empty(), "a tombstone has no value");
        self.output.check()?;
        self.check_limits(&entry)?;
        let is_new_key = self.check_order(&entry)?;
        if !self.block.is_empty()
            && self.block.encoded_bytes_with(&entry) > self.options.block_bytes
        {
            self.finish_block(Some(entry.key))?;
        }
        if is_new_key || self.partitions.filter_is_new() {
            self.partitions.add_key(entry.key);
        }
        self.block.add(&entry);
        self.note(&entry, is_new_key);
        Ok(())
    }

    fn check_limits(&self, entry: &Entry<'_>) -> Result<(), Error> {
        let check = |what, bytes: usize, most: usize| {
            let (bytes, most) = (bytes as u64, most as u64);
            let error = Error::TooLarge { table: self.id, what, bytes, most };
            if bytes > most { Err(error) } else { Ok(()) }
        };
        check("key", entry.key.len(), MAX_KEY_BYTES)?;
        check("value", entry.value.len(), MAX_VALUE_BYTES)
    }

    /// Whether the entry's key is another one than the last.
    fn check_order(&self, entry: &Entry<'_>) -> Result<bool, Error> {
        let Some((key, seqno)) = &self.last else { return Ok(true) };
        if internal_cmp((key, *seqno), (entry.key, entry.seqno)).is_ge() {
            return Err(Error::OutOfOrder { table: self.id });
        }
        Ok(key != entry.key)
    }

    /// Counts the entry and keeps it as the last one.
    fn note(&mut self, entry: &Entry<'_>, is_new_key: bool) {
        let properties = &mut self.properties;
        match &mut self.last {
            None => {
                properties.first_key = entry.key.to_vec();
                properties.smallest_seqno = entry.seqno;
                self.last = Some((entry.key.to_vec(), entry.seqno));
            }
            Some((key, seqno)) => {
                if is_new_key {
                    key.clear();
                    key.extend_from_slice(entry.key);
                }
                *seqno = entry.seqno;
            }
        }
        properties.entries += 1;
        properties.point_tombstones += u64::from(entry.kind == EntryKind::Delete);
        properties.raw_key_bytes += entry.key.len() as u64;
        properties.raw_value_bytes += entry.value.len() as u64;
        properties.smallest_seqno = properties.smallest_seqno.min(entry.seqno);
        properties.largest_seqno = properties.largest_seqno.max(entry.seqno);
    }

    /// Writes the current block; `next` is the key behind it.
    fn finish_block(&mut self, next: Option<&[u8]>) -> Result<(), Error> {
        let mut raw_bytes = 0;
        let (block, compressor) = (&mut self.block, &mut self.compressor);
        let part = self.output.part_with(|buffer| {
            let codec;
            (codec, raw_bytes) = compressor.encode(block, buffer);
            codec
        })?;
        let handle = BlockHandle {
            offset: part.offset,
            stored_bytes: u32::try_from(part.bytes).expect("a block is smaller than 4 GiB"),
            raw_bytes: u32::try_from(raw_bytes).expect("a block is smaller than 4 GiB"),
        };
        let last = self.last.as_ref().map_or(&[][..], |(key, _)| key);
        match next {
            Some(next) if last < next => {
                self.partitions.add_block(&key::separator(last, next), handle);
            }
            _ => self.partitions.add_block(last, handle),
        }
        self.properties.data_bytes += handle.sealed_bytes();
        Ok(())
    }

    /// About how long the file would be if it were finished now, in bytes.
    pub fn estimated_bytes(&self) -> u64 {
        self.output.offset() + self.block.gathered_bytes() + self.partitions.estimated_bytes()
    }

    /// How many entries were added.
    pub fn entries(&self) -> u64 {
        self.properties.entries
    }

    /// Key of the last entry.
    pub fn last_key(&self) -> Option<&[u8]> {
        self.last.as_ref().map(|(key, _)| key.as_slice())
    }

    /// Bytes of the keys and values added.
    pub fn raw_bytes(&self) -> u64 {
        self.properties.raw_bytes()
    }

    /// Writes the rest and syncs the file. Its name is durable only once its directory is synced.
    ///
    /// # Errors
    ///
    /// [`Error::Empty`] if no entry was added.
    pub fn finish(mut self) -> Result<TableSummary, Error> {
        let Some((last_key, _)) = &self.last else { return Err(Error::Empty { table: self.id }) };
        self.output.check()?;
        self.properties.last_key.clone_from(last_key);
        self.finish_block(None)?;
        self.properties.data_blocks = self.partitions.blocks();
        self.settle_tombstones();
        let directory = self.partitions.write(&mut self.output)?;
        let directory = self.output.part(&directory.encode())?;
        let properties = self.output.part(&self.properties.encode())?;
        let file_bytes = self.output.offset() + crate::footer::FOOTER_BYTES as u64;
        let footer = Footer { table: self.id, file_bytes, directory, properties };
        let (footer, digest) = footer.encode(&encode_header(self.id));
        self.output.raw(&footer)?;
        debug_assert_eq!(self.output.offset(), file_bytes, "the footer ends the file");
        self.output.sync()?;
        Ok(TableSummary { id: self.id, file_bytes, digest, properties: self.properties })
    }

    /// A tombstone of unknown age is as old as the table; without one there is no age.
    fn settle_tombstones(&mut self) {
        let origin = &mut self.properties.origin;
        origin.oldest_tombstone = match self.properties.point_tombstones {
            0 => None,
            _ => Some(origin.oldest_tombstone.unwrap_or(origin.born)),
        };
    }
}

/// Encodes blocks, compressed where that pays.
struct Compressor {
    compression: Compression,
    encoder: snap::raw::Encoder,
    raw: Vec<u8>,
}

impl std::fmt::Debug for Compressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compressor").field("compression", &self.compression).finish_non_exhaustive()
    }
}

impl Compressor {
    fn new(compression: Compression) -> Self {
        Self { compression, encoder: snap::raw::Encoder::new(), raw: Vec::new() }
    }

    /// Appends the block to `buffer` and returns how it is stored and how long it is raw.
    fn encode(&mut self, block: &mut BlockBuilder, buffer: &mut Vec<u8>) -> (Codec, usize) {
        let start = buffer.len();
        if self.compression == Compression::None {
            block.encode(buffer);
            return (Codec::None, buffer.len() - start);
        }
        self.raw.clear();
        self.raw.shrink_to(1 << 20);
        block.encode(&mut self.raw);
        let raw_bytes = self.raw.len();
        buffer.resize(start + snap::raw::max_compress_len(raw_bytes), 0);
        let stored_bytes = self.encoder.compress(&self.raw, &mut buffer[start..]);
        match stored_bytes {
            Ok(bytes) if bytes <= raw_bytes - raw_bytes / 8 => {
                buffer.truncate(start + bytes);
                (Codec::Snap, raw_bytes)
            }
            _ => {
                buffer.truncate(start);
                buffer.extend_from_slice(&self.raw);
                (Codec::None, raw_bytes)
            }
        }
    }
}
