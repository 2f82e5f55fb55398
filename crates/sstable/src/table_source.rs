//! The file of a table, and the first things that are read of it.
//!
//! Always: what is returned here is what the writer wrote, if the caller's digest is the one that
//! the writer returned: the digest covers header and footer, the footer directory and properties.

use crate::directory::Directory;
use crate::footer::{FOOTER_BYTES, Footer, HEADER_BYTES, TABLE_BYTES_MIN};
use crate::part::{PartHandle, TRAILER_BYTES};
use crate::{Error, Properties, TableId, parts};
use siltstone_vfs::ReadFile;
use std::sync::Arc;

/// How the bytes of a table are reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReadMode {
    /// Through a map of the file. A block's sum holds for the bytes as they were at the block's
    /// first use; a device that fails below the map ends the process by SIGBUS.
    #[default]
    Mmap,
    /// By positioned reads into the cache: every read from the file is verified.
    Pread,
}

/// A file that is to be opened as a table.
#[derive(Clone, Debug)]
pub struct TableSource {
    /// The file.
    pub file: Arc<dyn ReadFile>,
    /// Which table it must be.
    pub id: TableId,
    /// How long it must be.
    pub file_bytes: u64,
    /// The digest its footer must have.
    pub digest: u64,
    /// A number that no other table has or will have in this process: the cache knows the table
    /// by it.
    pub handle: u64,
    /// How to read it. Without a map (none is possible here, or no room for it) it is
    /// [`ReadMode::Pread`].
    pub mode: ReadMode,
}

impl TableSource {
    /// The table in `file` as it says itself: for who lost the record of length and digest.
    /// Whether they are the right ones, nobody knows then.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if the file is too short for a table; [`Error::Io`].
    pub fn as_it_says(file: Arc<dyn ReadFile>, id: TableId) -> Result<Self, Error> {
        let io = |source| Error::Io { table: id, offset: 0, doing: "opening a table", source };
        let file_bytes = file.bytes().map_err(io)?;
        if file_bytes < TABLE_BYTES_MIN {
            return Err(Error::corrupt(id, "table file", 0, "it is too short for a table"));
        }
        let mut digest = [0; 8];
        file.read_exact_at(&mut digest, file_bytes - 8).map_err(io)?;
        let digest = u64::from_le_bytes(digest);
        Ok(Self { file, id, file_bytes, digest, handle: 0, mode: ReadMode::Pread })
    }
}

/// The file is shorter or longer than the caller knows it.
pub(crate) fn wrong_length(source: &TableSource) -> Error {
    let why = "it does not have the length on record";
    Error::corrupt(source.id, "table file", 0, why)
}

/// Reads header and footer, and verifies them.
pub(crate) fn read_footer(source: &TableSource) -> Result<Footer, Error> {
    let (table, doing) = (source.id, "opening a table");
    let io = |offset, error| Error::Io { table, offset, doing, source: error };
    let bytes = source.file.bytes().map_err(|error| io(0, error))?;
    if bytes != source.file_bytes || bytes < TABLE_BYTES_MIN {
        return Err(wrong_length(source));
    }
    let mut header = [0; HEADER_BYTES];
    source.file.read_exact_at(&mut header, 0).map_err(|error| io(0, error))?;
    let footer_at = bytes - FOOTER_BYTES as u64;
    let mut footer = [0; FOOTER_BYTES];
    source.file.read_exact_at(&mut footer, footer_at).map_err(|error| io(footer_at, error))?;
    Footer::decode(&footer, &header, table, bytes, source.digest)
        .map_err(|error| Error::of_decode(table, error))
}

/// Reads directory and properties, which lie side by side, and verifies them.
pub(crate) fn read_directory(
    source: &TableSource,
    footer: &Footer,
) -> Result<(Directory, Properties), Error> {
    let start = footer.directory.offset;
    let bytes = footer.properties.end() - start;
    let both = parts::read(&*source.file, source.id, start, bytes, "opening a table")?;
    let split = usize::try_from(footer.directory.end() - start).unwrap_or(usize::MAX);
    let (directory, properties) = both.split_at_checked(split).unwrap_or_default();
    let of_part = |handle: PartHandle, error: siltstone_base::DecodeError| {
        Error::of_decode(source.id, error.shifted(handle.offset))
    };
    let verified = |handle, sealed, what| {
        parts::verify_metadata(source.id, handle, sealed, what)
            .map_err(|error| Error::of_decode(source.id, error))
    };
    let payload = verified(footer.properties, properties, "properties")?;
    let properties =
        Properties::decode(payload).map_err(|error| of_part(footer.properties, error))?;
    let corrupt = |why| Error::corrupt(source.id, "properties", footer.properties.offset, why);
    // Each block has a byte and a trailer at least, so that a forged count costs no memory.
    let blocks_max = properties.data_bytes / (TRAILER_BYTES as u64 + 1);
    if properties.data_bytes > start || properties.data_blocks > blocks_max {
        return Err(corrupt("it cannot have so many blocks in so many bytes"));
    }
    let payload = verified(footer.directory, directory, "directory")?;
    let extent = HEADER_BYTES as u64 + properties.data_bytes..start;
    let directory = Directory::decode(payload, extent, properties.data_blocks);
    let directory = directory.map_err(|error| of_part(footer.directory, error))?;
    Ok((directory, properties))
}
