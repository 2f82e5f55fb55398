//! The way of a write: queue, group, log, memtables, visible.
//!
//! 1. A writer queues its batch. The first one becomes the leader, the others wait.
//! 2. The leader takes what is queued, up to about 1 MiB, gives out seqnos and appends the group
//!    to the log as one record; if one of the group asks for it, it syncs.
//! 3. It applies the group to the memtables and makes it visible. Only then does anybody return.
//! 4. It hands the lead to the next writer that waits.
//!
//! Always: one leader at a time, so seqno order is log order is the order of visibility; nothing
//! is acknowledged once health says stop.

mod log;
mod queue;

pub(crate) use log::{Log, Place, Segment, Segments, create_segment, next_segment};
pub(crate) use queue::{Each, Queue};

use crate::batch::WriteBatch;
use crate::store::Store;
use crate::sync::Mutex;
use crate::tree::Tree;
use crate::trees::Written;
use crate::watermark::Watermark;
use crate::{Durability, Error};
use siltstone_base::{MAX_SEQNO, Seqno};
use siltstone_wal::GroupHeader;
use smallvec::SmallVec;
use std::sync::Arc;

/// A group takes no further batch once it is this long, in bytes.
const GROUP_BYTES: usize = 1 << 20;

/// One writer's wish.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) batch: WriteBatch,
    pub(crate) durability: Durability,
}

/// The write side of a database.
#[derive(Debug)]
pub(crate) struct Commit {
    queue: Queue,
    /// Held by the leader, and by whoever must be sure that there is none.
    pub(crate) log: Mutex<Log>,
    /// Everything up to this seqno survives loss of power. Raised by the leader after the sync.
    synced: Watermark,
}

impl Commit {
    pub(crate) fn new(log: Log, synced: Seqno) -> Self {
        Self { queue: Queue::default(), log: Mutex::new(log), synced: Watermark::at(synced) }
    }

    pub(crate) fn synced(&self) -> Seqno {
        self.synced.get()
    }

    /// Writes one batch and returns its last seqno, once it is visible.
    pub(crate) fn write(&self, store: &Store, write: Write) -> Result<Seqno, Error> {
        let written = self.queue.run(write, GROUP_BYTES, |group| {
            store.guarded("committing", || self.commit_group(store, group))
        });
        // Whose leader panicked hears why there will be no other.
        written.map_err(|error| match error {
            Error::Closed => store.check_writes().err().unwrap_or(error),
            error => error,
        })
    }

    /// Notes that everything up to `seqno` survives loss of power, by another way than the log.
    pub(crate) fn all_is_durable(&self, seqno: Seqno) {
        self.synced.raise(seqno);
    }

    /// Returns once everything up to `seqno` survives loss of power.
    pub(crate) fn make_durable(&self, store: &Store, seqno: Seqno) -> Result<(), Error> {
        if self.synced() >= seqno {
            return Ok(());
        }
        let write = Write { batch: WriteBatch::new(), durability: Durability::Sync };
        self.write(store, write).map(drop)
    }

    /// Commits a group and returns what each of its members gets.
    fn commit_group(&self, store: &Store, group: &[&Write]) -> Each<Result<Seqno, Error>> {
        let mut log = self.log.lock();
        let trees = store.trees.read();
        let admitted: Each<Result<Written, Error>> = group
            .iter()
            .map(|write| store.health.check().and_then(|()| trees.of_batch(&write.batch)))
            .collect();
        drop(trees);
        let committed = {
            let members: Each<(&Write, &[Arc<Tree>])> = group
                .iter()
                .zip(&admitted)
                .filter_map(|(write, trees)| Some((*write, trees.as_ref().ok()?.as_slice())))
                .collect();
            self.commit_members(store, &mut log, &members)
        };
        match committed {
            Ok(seqnos) => {
                let mut seqnos = seqnos.into_iter();
                let outcome = |own: Result<_, _>| own.map(|_| seqnos.next().unwrap_or_default());
                admitted.into_iter().map(outcome).collect()
            }
            Err(error) => {
                let refused =
                    |own: Result<_, Error>| Err(own.err().unwrap_or_else(|| error.clone()));
                admitted.into_iter().map(refused).collect()
            }
        }
    }

    /// Steps 2 and 3 for those whose keyspaces exist; the last seqno of each.
    fn commit_members(
        &self,
        store: &Store,
        log: &mut Log,
        members: &[(&Write, &[Arc<Tree>])],
    ) -> Result<Each<Seqno>, Error> {
        if members.is_empty() {
            return Ok(Each::new());
        }
        let ops: u32 = members.iter().map(|(write, _)| write.batch.ops.len()).sum();
        let sync = members.iter().any(|(write, _)| write.durability == Durability::Sync);
        let first_seqno = log.last_seqno + 1;
        let position = if ops == 0 { None } else { Some(append(store, log, members, ops)?) };
        if sync {
            self.sync(store, log)?;
        }
        let seqnos = apply(members, first_seqno, position);
        store.snapshots.publish(log.last_seqno);
        if ops > 0 {
            count(store, members, ops);
            store.rotate_full_memtables(
                members.iter().flat_map(|(_, trees)| *trees),
                log.last_seqno,
            );
            if log.is_due_to_look(store.memory.memtable_bytes / 16) {
                store.rotate_largest_if_over_budget(log.last_seqno);
            }
        }
        Ok(seqnos)
    }

    /// Syncs the log; everything appended so far is durable then.
    pub(crate) fn sync(&self, store: &Store, log: &mut Log) -> Result<(), Error> {
        log.sync(store)?;
        store.counters.log_syncs.add(1);
        self.all_is_durable(log.last_seqno);
        Ok(())
    }
}

/// Appends the group as one record and returns its position.
fn append(
    store: &Store,
    log: &mut Log,
    members: &[(&Write, &[Arc<Tree>])],
    ops: u32,
) -> Result<u64, Error> {
    log.make_room(store)?;
    if MAX_SEQNO - log.last_seqno < Seqno::from(ops) {
        return Err(Error::TooLarge { what: "seqno", bytes: log.last_seqno, limit: MAX_SEQNO });
    }
    let header = GroupHeader { first_seqno: log.last_seqno + 1, ops }.encode();
    let mut pieces: SmallVec<[&[u8]; 2]> = SmallVec::with_capacity(members.len() + 1);
    pieces.push(&header);
    pieces.extend(members.iter().map(|(write, _)| write.batch.ops.bytes()));
    let position = log.append(store, &pieces)?;
    log.last_seqno += Seqno::from(ops);
    store.counters.groups.add(1);
    store.counters.log_bytes.add(pieces.iter().map(|piece| piece.len() as u64).sum());
    Ok(position)
}

/// Puts the group into the memtables; the last seqno of each member.
fn apply(
    members: &[(&Write, &[Arc<Tree>])],
    first_seqno: Seqno,
    position: Option<u64>,
) -> Each<Seqno> {
    let mut next = first_seqno;
    let mut seqnos = Each::with_capacity(members.len());
    for (write, trees) in members {
        for tree in *trees {
            let active = &tree.state().active;
            active.note_position(position.unwrap_or(0));
            let applied = active.table.apply(tree.id, next, write.batch.ops.ops());
            applied.unwrap_or_else(|error| panic!("a batch of our own must decode: {error}"));
        }
        next += Seqno::from(write.batch.ops.len());
        seqnos.push(next - 1);
    }
    seqnos
}

fn count(store: &Store, members: &[(&Write, &[Arc<Tree>])], ops: u32) {
    store.counters.writes.add(ops.into());
    let bytes = members.iter().map(|(write, _)| write.batch.user_bytes()).sum();
    store.counters.user_bytes.add(bytes);
}
