//! Handles to files of a simulated disk. Who calls one holds the plan first, then the tree, then
//! the file, so that a crash and the next call wait until this one is done.

use super::Disk;
use super::fault::{FaultError, FaultKind, Pages, Rot};
use super::op::Op;
use super::plan::{Last, Plan};
use super::spoil::{elsewhere, spoil};
use super::trace::TraceLine;
use crate::mem::inode::{Content, Inode};
use crate::{AppendFile, LogWindow, Map, ReadFile};
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// A file that somebody opened, by the name it had then.
pub(super) struct SimFile {
    pub(super) disk: Arc<Disk>,
    pub(super) inode: Arc<Inode>,
    pub(super) path: Arc<Path>,
}

impl SimFile {
    fn line(&self, op: Op) -> TraceLine {
        self.disk.line(op, Arc::clone(&self.path))
    }

    /// Writes `bytes` at `offset`, or does what a fault makes of that.
    fn put(
        &self,
        op: Op,
        bytes: &[u8],
        at: impl FnOnce(&Content) -> io::Result<usize>,
    ) -> io::Result<()> {
        let mut plan = self.disk.plan.lock();
        let line = self.line(op);
        self.disk.mem.begin_operation()?;
        let mut content = self.inode.content.lock();
        let offset = at(&content)?;
        let met = plan.begin(line.at(offset, bytes.len()));
        plan.last = Last::Wrote(self.inode.number);
        let Some(kind) = met else {
            content.write(bytes, offset);
            return Ok(());
        };
        match kind {
            FaultKind::Rot(rot) => {
                if put_rotten(rot, &mut content, bytes, offset, &plan) {
                    plan.count(kind);
                }
                Ok(())
            }
            FaultKind::Short => {
                let part = plan.random.below(bytes.len().max(1));
                content.write(&bytes[..part], offset);
                plan.count(kind);
                Err(io::ErrorKind::WriteZero.into())
            }
            kind => {
                let part = plan.random.below(bytes.len() + 1);
                content.write(&bytes[..part], offset);
                plan.count(kind);
                Err(error_of(kind))
            }
        }
    }

    fn sync(&self) -> io::Result<()> {
        let mut plan = self.disk.plan.lock();
        sync_content(&self.disk, &mut plan, &self.inode, self.line(Op::Sync))
    }
}

/// Syncs a file, or does what a fault makes of that.
pub(super) fn sync_content(
    disk: &Disk,
    plan: &mut Plan,
    inode: &Inode,
    line: TraceLine,
) -> io::Result<()> {
    disk.mem.begin_operation()?;
    plan.last = Last::Nothing;
    let mut content = inode.content.lock();
    let Some(kind) = plan.begin(line) else {
        content.sync();
        return Ok(());
    };
    plan.count(kind);
    match kind {
        FaultKind::FailedSync(Pages::Kept) => content.sync(),
        FaultKind::FailedSync(Pages::Half) => {
            let half = content.unsynced_bytes() / 2;
            content.fail_sync(half);
        }
        FaultKind::FailedSync(Pages::Dropped) | FaultKind::NoSpace(_) => content.fail_sync(0),
        // The call did not get as far as the disk.
        _ => {}
    }
    Err(error_of(kind))
}

/// The error that a call gives which met `kind`.
pub(super) fn error_of(kind: FaultKind) -> io::Error {
    match kind {
        FaultKind::NoSpace(error) | FaultKind::Error(error) => error.into(),
        FaultKind::Short => io::ErrorKind::WriteZero.into(),
        _ => FaultError::Eio.into(),
    }
}

/// Writes `bytes` so that they are not what is at `offset` then; whether that came to be.
fn put_rotten(rot: Rot, content: &mut Content, bytes: &[u8], offset: usize, plan: &Plan) -> bool {
    let mut piece = bytes.to_vec();
    let now = content.bytes.to_vec();
    if rot != Rot::Misdirected {
        let rotten = spoil(rot, &mut piece, offset, (&now, &now), &plan.random);
        content.write(&piece, offset);
        return rotten;
    }
    // The file gets its length all the same, and keeps what it had where the bytes belong.
    let own = now.get(offset..).unwrap_or_default();
    let kept = own.len().min(piece.len());
    piece[..kept].copy_from_slice(&own[..kept]);
    piece[kept..].fill(0);
    content.write(&piece, offset);
    if let Some(place) = elsewhere(offset, bytes.len(), now.len(), &plan.random) {
        content.write(bytes, place);
    }
    piece != bytes
}

pub(super) struct SimAppendFile(pub(super) SimFile);

impl AppendFile for SimAppendFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.put(Op::Append, bytes, |content| Ok(content.bytes.len()))
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync()
    }
}

pub(super) struct SimWindow(pub(super) SimFile);

impl LogWindow for SimWindow {
    fn allocate(&self, bytes: u64) -> io::Result<()> {
        let bytes = usize::try_from(bytes).map_err(|_| io::ErrorKind::StorageFull)?;
        let file = &self.0;
        let mut plan = file.disk.plan.lock();
        let line = file.line(Op::Allocate);
        file.disk.mem.begin_operation()?;
        let mut content = file.inode.content.lock();
        let now = content.bytes.len();
        let more = bytes.saturating_sub(now);
        let met = plan.begin(line.at(now, more));
        plan.last = Last::Wrote(file.inode.number);
        let Some(kind) = met else { return content.grow(bytes) };
        // Whoever asks for more than there is memory gets the error, and that is all.
        let _ = content.grow(now + plan.random.below(more + 1));
        plan.count(kind);
        Err(error_of(kind))
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.put(Op::Write, bytes, |content| content.room_for(bytes.len(), offset))
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync()
    }
}

pub(super) struct SimReadFile(pub(super) SimFile);

impl ReadFile for SimReadFile {
    fn bytes(&self) -> io::Result<u64> {
        let file = &self.0;
        let mut plan = file.disk.plan.lock();
        file.disk.meet(&mut plan, Op::Metadata, &file.path)?;
        Ok(file.inode.content.lock().bytes.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let file = &self.0;
        let mut plan = file.disk.plan.lock();
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let content = file.inode.content.lock();
        let count = content.bytes.len().saturating_sub(start).min(buffer.len());
        let met = plan.begin(file.line(Op::Read).at(start, count));
        if let Some(kind @ (FaultKind::Error(_) | FaultKind::NoSpace(_))) = met {
            plan.count(kind);
            return Err(error_of(kind));
        }
        content.bytes.read(buffer, start);
        match met {
            Some(kind @ FaultKind::Short) if count > 0 => {
                plan.count(kind);
                Ok(plan.random.below(count))
            }
            Some(kind @ FaultKind::Rot(rot)) => {
                let sources = (&content.stale().to_vec()[..], &content.bytes.to_vec()[..]);
                if spoil(rot, &mut buffer[..count], start, sources, &plan.random) {
                    plan.count(kind);
                }
                Ok(count)
            }
            _ => Ok(count),
        }
    }

    /// The bytes as they are now; none while reads may fail, which a map would hide.
    fn map(&self) -> io::Result<Option<Map>> {
        let plan = self.0.disk.plan.lock();
        if plan.reads_fail() {
            return Ok(None);
        }
        Ok(Some(self.0.inode.content.lock().bytes.map()))
    }
}

macro_rules! debug_by_path {
    ($($handle:ident)*) => {$(
        impl fmt::Debug for $handle {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($handle), "({})"), self.0.path.display())
            }
        }
    )*};
}
debug_by_path!(SimAppendFile SimWindow SimReadFile);
