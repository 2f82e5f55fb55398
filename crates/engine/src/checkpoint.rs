//! A copy of the database in another directory: tables linked, log copied, a manifest of its own.
//!
//! 1. No leader and no install runs while the copy is made, so manifest, tables and log agree;
//!    the log is synced first.
//! 2. Tables are linked: they never change. Logs are copied up to their ends, since a link would
//!    be written on through the original.
//! 3. The manifest, with the log's end as a cut, and CURRENT come last: a copy that was cut short
//!    is no database.

use crate::Error;
use crate::commit::Log;
use crate::files::FileName;
use crate::manifest::{Field, Manifest, ManifestState};
use crate::store::Store;
use siltstone_vfs::{AppendFile, Vfs};
use std::path::Path;
use std::sync::Arc;

/// Bytes of log copied at once.
const COPY_BYTES: usize = 1 << 20;

/// Makes the copy.
pub(crate) fn write(store: &Store, dir: &Path) -> Result<(), Error> {
    let writer = store.writer()?;
    let vfs = &*store.vfs;
    prepare_dir(vfs, dir)?;
    let mut log = writer.commit.log.lock();
    store.check_writes()?;
    writer.commit.sync(store, &mut log)?;
    let manifest = writer.manifest.lock();
    let mut state = manifest.state().clone();
    link_tables(store, &state, dir)?;
    copy_logs(store, &mut log, &mut state, dir)?;
    state.last_seqno = log.last_seqno;
    // Above every manifest that the headers of the copied logs saw.
    let number = manifest.witness().0 + 1;
    drop((manifest, log));
    vfs.sync_dir(dir).map_err(|error| Error::io(dir, "syncing", error))?;
    Manifest::begin(Arc::clone(&store.vfs), dir, store.database, number, state)?.close()
}

/// Makes `dir`, or sees that it is empty.
pub(crate) fn prepare_dir(vfs: &dyn Vfs, dir: &Path) -> Result<(), Error> {
    vfs.create_dir_all(dir).map_err(|error| Error::io(dir, "creating", error))?;
    let entries = vfs.list(dir).map_err(|error| Error::io(dir, "listing", error))?;
    if entries.is_empty() {
        return Ok(());
    }
    Err(Error::NotEmpty { path: dir.to_path_buf() })
}

fn link_tables(store: &Store, state: &ManifestState, dir: &Path) -> Result<(), Error> {
    for table in state.keyspaces.values().flat_map(|keyspace| keyspace.version.tables()) {
        let (from, to) = (store.tables.path(table.id), FileName::Table(table.id).path(dir));
        store.vfs.link_or_copy(&from, &to).map_err(|error| Error::io(&to, "linking", error))?;
    }
    Ok(())
}

fn copy_logs(
    store: &Store,
    log: &mut Log,
    state: &mut ManifestState,
    dir: &Path,
) -> Result<(), Error> {
    let (last, end) = log.end()?;
    let segments: Vec<_> = state.segments.iter().map(|(&id, &cut)| (id, cut)).collect();
    for (id, cut) in segments {
        let cut = if id == last { Some(end) } else { cut };
        let (from, to) = (FileName::Log(id).path(&store.dir), FileName::Log(id).path(dir));
        copy(&*store.vfs, &from, &to, cut)?;
        let fields = cut.map(|end| Field::Cut { segment: id, end });
        state
            .apply(fields.as_slice())
            .unwrap_or_else(|why| panic!("a segment of the manifest can be cut: {why}"));
    }
    Ok(())
}

/// Copies a file up to `end`, or all of it, and makes the bytes durable.
pub(crate) fn copy(vfs: &dyn Vfs, from: &Path, to: &Path, end: Option<u64>) -> Result<(), Error> {
    let source = vfs.open_read(from).map_err(|error| Error::io(from, "opening", error))?;
    let mut copy: Box<dyn AppendFile> =
        vfs.create_new(to).map_err(|error| Error::io(to, "creating", error))?;
    let mut buffer = vec![0; COPY_BYTES];
    let mut offset = 0;
    let end = end.unwrap_or(u64::MAX);
    while offset < end {
        let wanted = usize::try_from(end - offset).map_or(COPY_BYTES, |left| left.min(COPY_BYTES));
        let read = source.read_at(&mut buffer[..wanted], offset);
        let read = read.map_err(|error| Error::io(from, "reading", error))?;
        if read == 0 {
            let there = source.bytes().map_err(|error| Error::io(from, "reading", error))?;
            if offset < end.min(there) {
                let source = std::io::ErrorKind::UnexpectedEof.into();
                return Err(Error::io(from, "reading", source));
            }
            break;
        }
        copy.append(&buffer[..read]).map_err(|error| Error::io(to, "writing", error))?;
        offset += read as u64;
    }
    copy.sync().map_err(|error| Error::io(to, "syncing", error))
}
