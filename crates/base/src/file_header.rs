//! The first 32 bytes of every file.
//! ```text
//! magic: 8 bytes | version: u32le | transform: u32le | required: u64le | optional: u64le
//! ```
//! Always: a reader refuses a version, transform or required bit that it does not know and takes
//! any optional bit. The bytes have no checksum of their own: the structure that follows covers
//! them with its first one.
//! Layout: docs/formats.md §1.

use crate::DecodeError;

/// Size of an encoded [`FileHeader`].
pub const FILE_HEADER_BYTES: usize = 32;

/// What a file is and what its reader must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileHeader {
    /// Which kind of file: eight letters.
    pub magic: [u8; 8],
    /// Format version of that kind.
    pub version: u32,
    /// How the bytes were transformed (0: not at all; others are kept for encryption).
    pub transform: u32,
    /// Features without which the file cannot be read.
    pub required: u64,
    /// Features that a reader may ignore.
    pub optional: u64,
}

impl FileHeader {
    /// A header with no features.
    pub const fn new(magic: [u8; 8], version: u32) -> Self {
        Self { magic, version, transform: 0, required: 0, optional: 0 }
    }

    /// The bytes of the header.
    pub fn encode(&self) -> [u8; FILE_HEADER_BYTES] {
        let mut bytes = [0; FILE_HEADER_BYTES];
        bytes[..8].copy_from_slice(&self.magic);
        bytes[8..12].copy_from_slice(&self.version.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.transform.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.required.to_le_bytes());
        bytes[24..].copy_from_slice(&self.optional.to_le_bytes());
        bytes
    }

    /// Reads the header at the start of `bytes` and refuses what this version cannot read.
    ///
    /// `what` names the file's kind in errors.
    ///
    /// # Errors
    ///
    /// Corruption for too few bytes or another magic; [`DecodeError::Unsupported`] for a
    /// version other than `version`, a transform, or a required feature outside `known`.
    pub fn decode(
        bytes: &[u8],
        what: &'static str,
        magic: [u8; 8],
        version: u32,
        known: u64,
    ) -> Result<Self, DecodeError> {
        let mut reader = crate::Reader::new(bytes, what);
        let header = Self {
            magic: reader.array()?,
            version: reader.u32()?,
            transform: reader.u32()?,
            required: reader.u64()?,
            optional: reader.u64()?,
        };
        if header.magic != magic {
            return Err(DecodeError::corrupt(
                what,
                0,
                "the magic bytes are not those of such a file",
            ));
        }
        let unsupported = |what, found, offset| DecodeError::Unsupported { what, found, offset };
        if header.version != version {
            return Err(unsupported("format version", header.version.into(), 8));
        }
        if header.transform != 0 {
            return Err(unsupported("transform", header.transform.into(), 12));
        }
        if header.required & !known != 0 {
            return Err(unsupported("required features", header.required & !known, 16));
        }
        Ok(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAGIC: [u8; 8] = *b"TESTFILE";

    fn decode(header: FileHeader) -> Result<FileHeader, DecodeError> {
        FileHeader::decode(&header.encode(), "test file", MAGIC, 3, 0b1)
    }

    #[test]
    fn known_features_and_any_optional_ones_are_taken() {
        let header = FileHeader { required: 1, optional: u64::MAX, ..FileHeader::new(MAGIC, 3) };
        assert_eq!(decode(header), Ok(header));
    }

    #[test]
    fn what_a_newer_version_wrote_is_refused_by_name() {
        let header = FileHeader::new(MAGIC, 3);
        let refused = |header, what, found, offset| {
            assert_eq!(decode(header), Err(DecodeError::Unsupported { what, found, offset }));
        };
        refused(FileHeader { version: 4, ..header }, "format version", 4, 8);
        refused(FileHeader { transform: 9, ..header }, "transform", 9, 12);
        refused(FileHeader { required: 0b110, ..header }, "required features", 0b110, 16);
    }

    #[test]
    fn foreign_and_short_bytes_are_corruption() {
        let foreign = decode(FileHeader::new(*b"OTHERONE", 3));
        assert!(matches!(foreign, Err(DecodeError::Corrupt(_))));
        for cut in 0..FILE_HEADER_BYTES {
            let bytes = &FileHeader::new(MAGIC, 3).encode()[..cut];
            let short = FileHeader::decode(bytes, "test file", MAGIC, 3, 0);
            assert!(matches!(short, Err(DecodeError::Corrupt(_))), "{cut}");
        }
    }
}
