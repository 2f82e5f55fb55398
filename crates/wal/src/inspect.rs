//! A look at a segment, named or not: whose it is, and what it saw of the manifest.

use crate::format::{HEADER_BYTES, LogIdentity, RECORDS_OFFSET, SegmentHeader, to_usize};
use crate::witness;
use siltstone_base::DecodeError;
use siltstone_vfs::ReadFile;
use std::io;

/// What the header of a file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderState {
    /// It is the segment that was asked for, and saw this manifest with so many records, at its
    /// birth or since.
    Ours {
        /// Number of the manifest.
        witness_number: u64,
        /// Records in it.
        witness_records: u64,
    },
    /// It is whole, and of another database or segment, or a newer version wrote it.
    Foreign,
    /// It is not whole: a creation was cut short, or the bytes are damaged.
    Unfinished,
}

/// Reads the header of `file`, which by its name is the segment `identity`.
pub fn inspect(file: &dyn ReadFile, identity: &LogIdentity) -> io::Result<HeaderState> {
    let there = file.bytes()?.min(RECORDS_OFFSET);
    if there < HEADER_BYTES {
        return Ok(HeaderState::Unfinished);
    }
    let mut bytes = vec![0; to_usize(there)];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(match SegmentHeader::decode(&bytes, identity) {
        Ok((header, _)) => {
            let at_birth = (header.birth.witness_number, header.birth.witness_records);
            let latest = witness::latest(&bytes, identity).max(at_birth);
            HeaderState::Ours { witness_number: latest.0, witness_records: latest.1 }
        }
        // A torn header may show any version.
        Err(DecodeError::Unsupported { .. }) if SegmentHeader::is_whole(&bytes, identity.kind) => {
            HeaderState::Foreign
        }
        // The sum is looked at first, with the header's own identity.
        Err(DecodeError::Corrupt(corruption)) if IDENTITY_OFFSETS.contains(&corruption.offset) => {
            HeaderState::Foreign
        }
        Err(_) => HeaderState::Unfinished,
    })
}

/// Where the header holds its database and its segment: docs/formats.md §2.
const IDENTITY_OFFSETS: [u64; 2] = [32, 48];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Birth, LogKind, LogWriter, SegmentId};
    use siltstone_base::checksum;
    use siltstone_vfs::{MemVfs, Vfs};
    use std::path::Path;

    #[test]
    fn a_header_is_ours_foreign_or_unfinished() {
        let vfs = MemVfs::new();
        let path = Path::new("/7.log");
        let ours = LogIdentity { kind: LogKind::Log, database: 5, segment: SegmentId(7) };
        let birth = Birth { identity: ours, boot_id: 1, witness_number: 3, witness_records: 9 };
        let window = vfs.create_window(path).unwrap();
        drop(LogWriter::create(window, birth, None, 4096).unwrap());
        let inspect = |identity| inspect(&*vfs.open_read(path).unwrap(), &identity).unwrap();
        let witness = HeaderState::Ours { witness_number: 3, witness_records: 9 };
        assert_eq!(inspect(ours), witness);
        assert_eq!(inspect(LogIdentity { database: 6, ..ours }), HeaderState::Foreign);
        assert_eq!(inspect(LogIdentity { segment: SegmentId(8), ..ours }), HeaderState::Foreign);
        let whole = vfs.read(path).unwrap();
        let mut newer = whole.clone();
        newer[8] += 1;
        let sum = checksum::of_part(ours.mixed(), 0, &newer[..120]).to_le_bytes();
        newer[120..128].copy_from_slice(&sum);
        vfs.write(path, &newer).unwrap();
        assert_eq!(inspect(ours), HeaderState::Foreign);
        for cut in 0..128 {
            vfs.write(path, &whole[..cut]).unwrap();
            assert_eq!(inspect(ours), HeaderState::Unfinished, "{cut}");
            for unwritten in [0, 0xa5] {
                let mut torn = whole.clone();
                torn[cut..128].fill(unwritten);
                vfs.write(path, &torn).unwrap();
                assert_eq!(inspect(ours), HeaderState::Unfinished, "torn at {cut}");
            }
        }
    }
}
