//! CURRENT: which manifest is the one.
//! ```text
//! file header (32) | database id: u128le | manifest number: u64le | sum: u64le
//! ```
//! Always: replaced as a whole by a rename, after what it names is durable.
//! Layout: docs/formats.md §5.

use crate::Error;
use crate::files::FileName;
use siltstone_base::{DecodeError, FILE_HEADER_BYTES, FileHeader, Reader, checksum};
use siltstone_vfs::Vfs;
use std::io;
use std::path::Path;

const MAGIC: [u8; 8] = *b"SILTCURR";
const VERSION: u32 = 1;
const BYTES: usize = FILE_HEADER_BYTES + 32;
const WHAT: &str = "CURRENT";

/// The content of CURRENT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Current {
    pub(crate) database: u128,
    pub(crate) manifest: u64,
}

impl Current {
    fn encode(self) -> Vec<u8> {
        let mut bytes = FileHeader::new(MAGIC, VERSION).encode().to_vec();
        bytes.extend(self.database.to_le_bytes());
        bytes.extend(self.manifest.to_le_bytes());
        bytes.extend(checksum::of_part(self.database, 0, &bytes).to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        FileHeader::decode(bytes, WHAT, MAGIC, VERSION, 0)?;
        if bytes.len() != BYTES {
            return Err(DecodeError::corrupt(WHAT, bytes.len() as u64, "it has another length"));
        }
        let mut reader = Reader::new(bytes, WHAT);
        reader.bytes(FILE_HEADER_BYTES)?;
        let current = Self { database: reader.u128()?, manifest: reader.u64()? };
        let sum = reader.u64()?;
        if sum != checksum::of_part(current.database, 0, &bytes[..BYTES - 8]) {
            return Err(DecodeError::corrupt(WHAT, 0, "its checksum does not match"));
        }
        Ok(current)
    }

    /// Reads CURRENT of `dir`; `None` if there is none.
    pub(crate) fn load(vfs: &dyn Vfs, dir: &Path) -> Result<Option<Self>, Error> {
        let path = FileName::Current.path(dir);
        let failed = |source| Error::io(&path, "reading", source);
        let file = match vfs.open_read(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        // One byte more than there may be shows a file that is too long.
        let mut bytes = vec![0; BYTES + 1];
        let read = file.read_at(&mut bytes, 0).map_err(failed)?;
        bytes.truncate(read);
        Self::decode(&bytes).map(Some).map_err(|error| Error::decode(&path, error))
    }

    /// Replaces CURRENT of `dir`; when it returns, the new one is durable.
    pub(crate) fn store(self, vfs: &dyn Vfs, dir: &Path) -> Result<(), Error> {
        let (new, path) = (FileName::CurrentNew.path(dir), FileName::Current.path(dir));
        match vfs.unlink(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::io(&new, "removing", error));
            }
            _ => {}
        }
        let mut file = vfs.create_new(&new).map_err(|e| Error::io(&new, "creating", e))?;
        file.append(&self.encode()).map_err(|e| Error::io(&new, "writing", e))?;
        file.sync().map_err(|e| Error::io(&new, "syncing", e))?;
        vfs.rename(&new, &path).map_err(|e| Error::io(&new, "renaming", e))?;
        vfs.sync_dir(dir).map_err(|e| Error::io(dir, "syncing", e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use siltstone_vfs::MemVfs;

    #[test]
    fn every_flipped_bit_and_every_cut_is_refused() {
        let bytes = Current { database: 77, manifest: 3 }.encode();
        assert_eq!(Current::decode(&bytes), Ok(Current { database: 77, manifest: 3 }));
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Current::decode(&flipped).is_err(), "bit {bit}");
        }
        for cut in 0..bytes.len() {
            assert!(Current::decode(&bytes[..cut]).is_err(), "cut {cut}");
        }
        assert!(Current::decode(&[&bytes[..], &[0]].concat()).is_err());
    }

    #[test]
    fn the_bytes_are_those_of_the_golden_file() {
        let golden = crate::golden::bytes(include_str!("../tests/golden/current.hex"));
        let current = Current { database: 0x0011_2233_4455_6677_8899_aabb_ccdd_eeff, manifest: 3 };
        crate::golden::check(&current.encode(), &golden);
        assert_eq!(Current::decode(&golden), Ok(current));
    }

    #[test]
    fn a_stored_one_survives_a_power_cut() {
        let vfs = MemVfs::new();
        let dir = Path::new("/db");
        vfs.create_dir_all(dir).unwrap();
        assert_eq!(Current::load(&vfs, dir).unwrap(), None);
        for manifest in 1..4 {
            let current = Current { database: 5, manifest };
            current.store(&vfs, dir).unwrap();
            assert_eq!(Current::load(&vfs.power_cut(), dir).unwrap(), Some(current));
        }
    }
}
