//! The file of a table that is being written, with its writes gathered.
//!
//! Always: after a failed write nothing more is written, and the file is never synced.

use crate::part::{self, Codec, PartHandle};
use crate::{Error, TableId};
use siltstone_base::Sabotage;
use siltstone_vfs::AppendFile;
use std::io;

/// Bytes that are gathered before they are written.
const WRITE_BYTES: usize = 256 << 10;

/// Appends parts to a file.
#[derive(Debug)]
pub(crate) struct Output {
    file: Box<dyn AppendFile>,
    table: TableId,
    buffer: Vec<u8>,
    /// Offset in the file of the buffer's first byte.
    written: u64,
    failed: bool,
}

impl Output {
    pub(crate) fn new(file: Box<dyn AppendFile>, table: TableId) -> Self {
        Self { file, table, buffer: Vec::new(), written: 0, failed: false }
    }

    /// Where the next byte goes.
    pub(crate) fn offset(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    /// Refuses to go on after a failed write.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.failed {
            let source = io::Error::other("an earlier write of this table failed");
            return Err(self.io(source, "writing a table"));
        }
        Ok(())
    }

    /// Appends `bytes` as they are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.check()?;
        self.buffer.extend_from_slice(bytes);
        self.write_if(WRITE_BYTES)
    }

    /// Appends a part that is not compressed.
    pub(crate) fn part(&mut self, payload: &[u8]) -> Result<PartHandle, Error> {
        self.part_with(|buffer| {
            buffer.extend_from_slice(payload);
            Codec::None
        })
    }

    /// Appends a part whose payload `encode` appends to the buffer.
    pub(crate) fn part_with(
        &mut self,
        encode: impl FnOnce(&mut Vec<u8>) -> Codec,
    ) -> Result<PartHandle, Error> {
        self.check()?;
        let offset = self.offset();
        let start = self.buffer.len();
        let codec = encode(&mut self.buffer);
        let bytes = (self.buffer.len() - start) as u64;
        let sum = part::seal(&mut self.buffer, start, self.table, offset, codec);
        self.write_if(WRITE_BYTES)?;
        Ok(PartHandle { offset, bytes, sum })
    }

    /// Writes what is left and makes the file durable.
    pub(crate) fn sync(mut self) -> Result<(), Error> {
        self.check()?;
        self.write_if(1)?;
        if Sabotage::TableUnsynced.is_on() {
            return Ok(());
        }
        self.file.sync().map_err(|source| self.io(source, "syncing a new table"))
    }

    fn write_if(&mut self, bytes: usize) -> Result<(), Error> {
        if self.buffer.len() < bytes {
            return Ok(());
        }
        if let Err(source) = self.file.append(&self.buffer) {
            self.failed = true;
            return Err(self.io(source, "writing a table"));
        }
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        // One large value must not hold its memory until the table is finished.
        self.buffer.shrink_to(4 * WRITE_BYTES);
        Ok(())
    }

    fn io(&self, source: io::Error, doing: &'static str) -> Error {
        Error::Io { table: self.table, offset: self.written, doing, source }
    }
}
