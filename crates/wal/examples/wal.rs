//! Writes a log, crashes in two ways, then damages what was synced.

use siltstone_vfs::{MemVfs, Vfs};
use siltstone_wal::{
    Batch, Birth, GroupHeader, KeyspaceId, LogEnd, LogIdentity, LogKind, LogWriter, ReplayContext,
    ReplayError, SegmentFile, SegmentId, decode_group, replay,
};
use std::error::Error;
use std::path::Path;

const DATABASE: u128 = 0x5eed;
const LOG: &str = "/db/0000000000000001.log";

/// The keys in the log, and how it ended.
fn read(vfs: &MemVfs) -> Result<(Vec<String>, LogEnd), Box<dyn Error>> {
    let file = vfs.open_read(Path::new(LOG))?;
    let segments = [SegmentFile { id: SegmentId(1), file, cut: None }];
    let boot_id = vfs.boot_id();
    let context = ReplayContext { kind: LogKind::Log, database: DATABASE, boot_id, durable: None };
    let mut keys = Vec::new();
    let replayed = replay(&segments, &context, |record| {
        let (_, ops) = decode_group(record.payload)?;
        for op in ops {
            keys.push(String::from_utf8_lossy(op?.key).into_owned());
        }
        Ok(())
    });
    match replayed {
        Ok(replayed) => Ok((keys, replayed.end)),
        Err(ReplayError::Log(error)) => Err(error.into()),
        Err(ReplayError::Apply::<siltstone_base::DecodeError>(error)) => Err(error.into()),
    }
}

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
fn main() -> Result<(), Box<dyn Error>> {
    let vfs = MemVfs::new();
    vfs.create_dir_all(Path::new("/db"))?;
    let window = vfs.create_window(Path::new(LOG))?;
    let identity = LogIdentity { kind: LogKind::Log, database: DATABASE, segment: SegmentId(1) };
    let boot_id = vfs.boot_id();
    let birth = Birth { identity, boot_id, witness_number: 1, witness_records: 1 };
    let mut log = LogWriter::create(window, birth, None, 64 << 10)?;
    vfs.sync_dir(Path::new("/db"))?;

    let mut batch = Batch::new();
    let mut offsets = Vec::new();
    for (seqno, key) in (1..).zip(["ash", "birch", "cedar"]) {
        batch.clear();
        batch.put(KeyspaceId(0), key.as_bytes(), b"a tree");
        let header = GroupHeader { first_seqno: seqno, ops: batch.len() }.encode();
        offsets.push(usize::try_from(log.append(&[&header, batch.bytes()])?)?);
        if key == "birch" {
            log.sync()?;
        }
    }

    let (keys, end) = read(&vfs.process_death())?;
    println!("the process dies:   {keys:?}, {end:?}");
    assert_eq!((keys.len(), end), (3, LogEnd::Clean));

    let (keys, end) = read(&vfs.power_cut())?;
    println!("the power fails:    {keys:?}, {end:?}");
    assert_eq!((keys.len(), end), (2, LogEnd::Clean));

    // The last record is damaged: nothing says that it had been durable.
    let torn = vfs.power_cut_keeping(0);
    let mut bytes = vfs.read(LOG)?;
    bytes[offsets[2] + 30] ^= 1;
    torn.write(LOG, &bytes)?;
    let (keys, end) = read(&torn)?;
    println!("its write is torn:  {keys:?}, {end:?}");
    assert!(keys.len() == 2 && matches!(end, LogEnd::Torn { .. }));

    // A record before the sync is damaged: that is no crash.
    bytes[offsets[1] + 30] ^= 1;
    torn.write(LOG, &bytes)?;
    let refused = read(&torn).err().ok_or("a synced record was dropped silently")?;
    println!("a synced one rots:  {refused}");
    Ok(())
}
