//! The first and the last bytes of a table: what it is, and where its directory and properties
//! are.
//! ```text
//! header = file header (32 bytes) | table id: u128
//! footer = directory (24 bytes) | properties (24 bytes) | table id: u128 | file bytes: u64
//!        | version: u32 | 0: u32 | magic: 8 bytes | 0: u64 | digest: u64
//! ```
//! Always: the digest covers footer and header, and the footer repeats the sums of directory and
//! properties; so who knows the digest knows whether every byte below is the right one.
//! Layout: docs/formats.md §4 and §4.6.

use crate::TableId;
use crate::part::{PartHandle, TRAILER_BYTES};
use siltstone_base::{DecodeError, FILE_HEADER_BYTES, FileHeader, Reader, checksum};

const MAGIC: [u8; 8] = *b"SILTTABL";
const VERSION: u32 = 1;

/// Size of a table's header.
pub(crate) const HEADER_BYTES: usize = FILE_HEADER_BYTES + 16;
/// Size of a footer.
pub(crate) const FOOTER_BYTES: usize = 104;
const DIGEST_AT: usize = FOOTER_BYTES - 8;
/// A file shorter than this is no table.
pub(crate) const TABLE_BYTES_MIN: u64 = (HEADER_BYTES + FOOTER_BYTES + 2 * TRAILER_BYTES) as u64;

const HEADER: &str = "table header";
const FOOTER: &str = "table footer";

/// The header of `table`.
pub(crate) fn encode_header(table: TableId) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    bytes[..FILE_HEADER_BYTES].copy_from_slice(&FileHeader::new(MAGIC, VERSION).encode());
    bytes[FILE_HEADER_BYTES..].copy_from_slice(&table.as_u128().to_le_bytes());
    bytes
}

/// What a footer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Footer {
    pub(crate) table: TableId,
    pub(crate) file_bytes: u64,
    pub(crate) directory: PartHandle,
    pub(crate) properties: PartHandle,
}

impl Footer {
    /// The bytes of the footer and the digest in them.
    pub(crate) fn encode(&self, header: &[u8; HEADER_BYTES]) -> ([u8; FOOTER_BYTES], u64) {
        let mut fields = Vec::with_capacity(FOOTER_BYTES);
        for part in [self.directory, self.properties] {
            fields.extend_from_slice(&part.offset.to_le_bytes());
            fields.extend_from_slice(&part.bytes.to_le_bytes());
            fields.extend_from_slice(&part.sum.to_le_bytes());
        }
        fields.extend_from_slice(&self.table.as_u128().to_le_bytes());
        fields.extend_from_slice(&self.file_bytes.to_le_bytes());
        fields.extend_from_slice(&VERSION.to_le_bytes());
        fields.extend_from_slice(&0u32.to_le_bytes());
        fields.extend_from_slice(&MAGIC);
        fields.extend_from_slice(&0u64.to_le_bytes());
        let digest = digest(self.table, self.file_bytes, &fields, header);
        fields.extend_from_slice(&digest.to_le_bytes());
        let mut bytes = [0; FOOTER_BYTES];
        bytes.copy_from_slice(&fields);
        (bytes, digest)
    }

    /// Reads the footer of `table`, a file of `file_bytes` bytes, whose digest must be this one.
    ///
    /// # Errors
    ///
    /// Unsupported if the header says that a newer version wrote the file; corruption if the
    /// bytes are not the footer and the header of this table.
    pub(crate) fn decode(
        bytes: &[u8; FOOTER_BYTES],
        header: &[u8; HEADER_BYTES],
        table: TableId,
        file_bytes: u64,
        expected_digest: u64,
    ) -> Result<Self, DecodeError> {
        FileHeader::decode(header, HEADER, MAGIC, VERSION, 0)?;
        let footer_offset = file_bytes.saturating_sub(FOOTER_BYTES as u64);
        let corrupt = |why| DecodeError::corrupt(FOOTER, footer_offset, why);
        let found = digest(table, file_bytes, &bytes[..DIGEST_AT], header);
        let mut reader = Reader::new(bytes, FOOTER);
        let footer = Self::take(&mut reader).map_err(|error| error.shifted(footer_offset))?;
        if reader.u64()? != found {
            return Err(corrupt("its checksum does not match"));
        }
        if found != expected_digest {
            return Err(corrupt("its digest is not the one on record"));
        }
        if header[FILE_HEADER_BYTES..] != table.as_u128().to_le_bytes() || footer.table != table {
            return Err(corrupt("it belongs to another table"));
        }
        if footer.file_bytes != file_bytes {
            return Err(corrupt("it says that the file has another length"));
        }
        footer.check_places(footer_offset).map_err(corrupt)?;
        Ok(footer)
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let directory = take_part(reader)?;
        let properties = take_part(reader)?;
        let table = TableId::from_u128(reader.u128()?);
        let file_bytes = reader.u64()?;
        let version = reader.u32()?;
        let zero = reader.u32()?;
        let magic = reader.array::<8>()?;
        let zeros = reader.u64()?;
        if (version, zero, magic, zeros) != (VERSION, 0, MAGIC, 0) {
            return Err(reader.corrupt("its fixed fields are wrong"));
        }
        Ok(Self { table, file_bytes, directory, properties })
    }

    /// Directory, properties and footer follow each other and end the file.
    fn check_places(&self, footer_offset: u64) -> Result<(), &'static str> {
        if self.directory.offset < HEADER_BYTES as u64
            || self.directory.bytes > self.file_bytes
            || self.directory.end() != self.properties.offset
            || self.properties.bytes > self.file_bytes
            || self.properties.end() != footer_offset
        {
            return Err("directory and properties do not lie before it");
        }
        Ok(())
    }
}

fn take_part(reader: &mut Reader<'_>) -> Result<PartHandle, DecodeError> {
    Ok(PartHandle { offset: reader.u64()?, bytes: reader.u64()?, sum: reader.u64()? })
}

fn digest(table: TableId, file_bytes: u64, fields: &[u8], header: &[u8]) -> u64 {
    let offset = file_bytes.saturating_sub(FOOTER_BYTES as u64);
    checksum::of_pieces(table.as_u128(), offset, &[fields, header])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: TableId = TableId { epoch: 3, number: 4 };

    fn footer() -> Footer {
        let directory = PartHandle { offset: 500, bytes: 30, sum: 7 };
        let properties = PartHandle { offset: directory.end(), bytes: 40, sum: 8 };
        let file_bytes = properties.end() + FOOTER_BYTES as u64;
        Footer { table: ID, file_bytes, directory, properties }
    }

    #[test]
    fn a_footer_comes_back_to_who_knows_its_digest() {
        let header = encode_header(ID);
        let footer = footer();
        let (bytes, digest) = footer.encode(&header);
        let decode = |id, length, digest| Footer::decode(&bytes, &header, id, length, digest);
        assert_eq!(decode(ID, footer.file_bytes, digest), Ok(footer));
        let other = TableId { epoch: 3, number: 5 };
        decode(other, footer.file_bytes, digest).unwrap_err();
        decode(ID, footer.file_bytes + 1, digest).unwrap_err();
        decode(ID, footer.file_bytes, digest ^ 1).unwrap_err();
    }

    #[test]
    fn a_newer_version_is_told_from_damage() {
        let mut header = encode_header(ID);
        header[8] = 2;
        let (bytes, digest) = footer().encode(&header);
        let refused = Footer::decode(&bytes, &header, ID, footer().file_bytes, digest);
        let (what, found, offset) = ("format version", 2, 8);
        assert_eq!(refused, Err(DecodeError::Unsupported { what, found, offset }));
    }

    proptest! {
        #[test]
        fn every_changed_bit_is_found(at in 0..(FOOTER_BYTES + HEADER_BYTES) * 8) {
            let mut header = encode_header(ID);
            let (mut bytes, digest) = footer().encode(&header);
            match at.checked_sub(FOOTER_BYTES * 8) {
                Some(at) => header[at / 8] ^= 1 << (at % 8),
                None => bytes[at / 8] ^= 1 << (at % 8),
            }
            let decoded = Footer::decode(&bytes, &header, ID, footer().file_bytes, digest);
            prop_assert!(decoded.is_err());
        }

        #[test]
        fn any_places_with_a_matching_digest_are_taken_or_refused(
            numbers in proptest::array::uniform4(prop_oneof![any::<u64>(), 0u64..700]),
        ) {
            let header = encode_header(ID);
            let mut forged = footer();
            [forged.directory.offset, forged.directory.bytes, forged.properties.offset,
                forged.properties.bytes] = numbers;
            let (bytes, digest) = forged.encode(&header);
            let _ = Footer::decode(&bytes, &header, ID, forged.file_bytes, digest);
        }
    }
}
