//! Takes out of a damaged segment every record that is still sound.
//!
//! A replay stops at the first bad record, since what follows may belong to a past that never
//! was. A salvage goes on behind it: who has nothing else takes what there is.
//!
//! Always: only a record whose sum matched in this place of this segment is handed out.

use crate::format::{
    ALIGN_BYTES, HEADER_BYTES, LogIdentity, LogKind, RECORDS_OFFSET, RecordKind, SegmentHeader,
};
use crate::segment_reader::{Found, SegmentReader};
use crate::{Error, SegmentId};
use siltstone_base::Reader;
use siltstone_vfs::ReadFile;
use std::io;

const BYTES: usize = 128;
const _: () = assert!(BYTES as u64 == HEADER_BYTES, "a whole header is read");

/// What a walk through a damaged segment meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Salvaged<'a> {
    /// A record of the caller's.
    Record {
        /// Where it begins in the file.
        offset: u64,
        /// Its payload.
        payload: &'a [u8],
    },
    /// Bytes without a sound record.
    Lost {
        /// Where they begin in the file.
        offset: u64,
        /// How many there are, zeros at the end left out.
        bytes: u64,
        /// What is wrong with the first of them.
        why: &'static str,
        /// Whether nothing sound follows: then it may be a write that was never acknowledged.
        is_tail: bool,
    },
}

/// What the file says itself which segment it is; `None` if its header is damaged.
pub fn identify(file: &dyn ReadFile, kind: LogKind) -> io::Result<Option<LogIdentity>> {
    let mut bytes = [0; BYTES];
    if file.read_at(&mut bytes, 0)? < bytes.len() {
        return Ok(None);
    }
    let mut reader = Reader::new(bytes.get(32..).unwrap_or_default(), "log header");
    let (Ok(database), Ok(segment)) = (reader.u128(), reader.u64()) else { return Ok(None) };
    let identity = LogIdentity { kind, database, segment: SegmentId(segment) };
    Ok(SegmentHeader::decode(&bytes, &identity).is_ok().then_some(identity))
}

/// Hands out the records of the segment `identity`, up to `cut` if there is one, and the places
/// where there should be some and are none.
///
/// # Errors
///
/// Those of the file and of `found`. No bytes are an error.
pub fn salvage<E: From<Error>>(
    file: &dyn ReadFile,
    identity: LogIdentity,
    cut: Option<u64>,
    mut found: impl FnMut(Salvaged<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut reader = SegmentReader::new(file, identity, cut)?;
    let mut offset = RECORDS_OFFSET;
    loop {
        let why = match reader.record_at(offset)? {
            Found::Record(record) => {
                let payload = record.payload;
                let next = offset + record.header.record_bytes();
                match record.header.kind {
                    kind if kind == RecordKind::Data as u8 => {
                        found(Salvaged::Record { offset, payload })?;
                    }
                    kind if kind == RecordKind::Beacon as u8 || kind == RecordKind::Link as u8 => {}
                    _ => {
                        let (bytes, is_tail) = (next - offset, false);
                        let why = "a newer version wrote it";
                        found(Salvaged::Lost { offset, bytes, why, is_tail })?;
                    }
                }
                offset = next;
                continue;
            }
            Found::Nothing(why) => why,
        };
        let written_end = reader.written_end(offset)?;
        let next = reader.next_record(offset + ALIGN_BYTES, written_end)?;
        let end = next.unwrap_or(written_end);
        if end > offset {
            let is_tail = next.is_none();
            found(Salvaged::Lost { offset, bytes: end - offset, why, is_tail })?;
        }
        match next {
            Some(next) => offset = next,
            None => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Birth, LogWriter};
    use siltstone_vfs::{MemVfs, Vfs};
    use std::path::Path;

    const IDENTITY: LogIdentity =
        LogIdentity { kind: LogKind::Log, database: 5, segment: SegmentId(7) };

    /// A segment with ten records, and where each begins.
    fn segment() -> (MemVfs, Vec<u64>) {
        let vfs = MemVfs::new();
        let birth = Birth { identity: IDENTITY, boot_id: 1, witness_number: 3, witness_records: 9 };
        let window = vfs.create_window(Path::new("/7.log")).unwrap();
        let mut writer = LogWriter::create(window, birth, None, 4096).unwrap();
        let mut offsets = Vec::new();
        for number in 0..10u8 {
            offsets.push(writer.append(&[&vec![number; 20 + usize::from(number)]]).unwrap());
        }
        writer.sync().unwrap();
        (vfs, offsets)
    }

    type Met = (Vec<u8>, Vec<(u64, u64, bool)>);

    /// The first bytes of the records that are left, and the lost places.
    fn met(bytes: &[u8], cut: Option<u64>) -> Met {
        let vfs = MemVfs::new();
        vfs.write("/7.log", bytes).unwrap();
        let file = vfs.open_read(Path::new("/7.log")).unwrap();
        let (mut records, mut lost) = (Vec::new(), Vec::new());
        salvage(&*file, IDENTITY, cut, |found| {
            match found {
                Salvaged::Record { payload, .. } => records.push(payload[0]),
                Salvaged::Lost { offset, bytes, is_tail, .. } => {
                    lost.push((offset, bytes, is_tail));
                }
            }
            Ok::<(), Error>(())
        })
        .unwrap();
        (records, lost)
    }

    #[test]
    fn every_record_but_the_damaged_one_is_saved() {
        let (vfs, offsets) = segment();
        let bytes = vfs.read("/7.log").unwrap();
        assert_eq!(met(&bytes, None), ((0..10).collect(), vec![]));
        assert_eq!(met(&bytes, Some(offsets[3])), ((0..3).collect(), vec![]));
        for (number, window) in (0u8..).zip(offsets.windows(2)) {
            for at in window[0]..window[1] {
                let mut damaged = bytes.clone();
                damaged[usize::try_from(at).unwrap()] ^= 0x10;
                let (records, lost) = met(&damaged, None);
                let others: Vec<u8> = (0..10).filter(|other| *other != number).collect();
                assert_eq!(records, others, "byte {at}");
                assert_eq!(lost, [(window[0], window[1] - window[0], false)], "byte {at}");
            }
        }
    }

    #[test]
    fn a_damaged_header_costs_no_record_and_a_whole_one_names_itself() {
        let (vfs, _) = segment();
        let file = vfs.open_read(Path::new("/7.log")).unwrap();
        assert_eq!(identify(&*file, LogKind::Log).unwrap(), Some(IDENTITY));
        assert_eq!(identify(&*file, LogKind::Manifest).unwrap(), None);
        let mut bytes = vfs.read("/7.log").unwrap();
        bytes[..128].fill(0xee);
        assert_eq!(met(&bytes, None), ((0..10).collect(), vec![]));
        vfs.write("/7.log", &bytes).unwrap();
        let file = vfs.open_read(Path::new("/7.log")).unwrap();
        assert_eq!(identify(&*file, LogKind::Log).unwrap(), None);
    }
}
