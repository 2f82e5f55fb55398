//! One keyspace's tree: the state that readers pin, and how it is replaced.

use crate::Error;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{ArcSwap, Guard, Mutex};
use siltstone_base::{Seqno, key};
use siltstone_compaction::{CompactionPolicy, Version};
use siltstone_memtable::Memtable;
use siltstone_wal::KeyspaceId;
use std::sync::Arc;

/// No entry yet: the memtable needs nothing of the log.
const NO_POSITION: u64 = u64::MAX;

/// A keyspace.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) id: KeyspaceId,
    pub(crate) name: String,
    state: ArcSwap<TreeState>,
    /// Serializes replacements of `state`: leaf lock, held for no I/O.
    replace: Mutex<()>,
    /// Raised with each replacement, so that a cursor sees that what it pins is old. Release
    /// after the store of `state`; a reader that loads it with Acquire then finds that state.
    generation: AtomicU64,
    pub(crate) policy: Mutex<Box<dyn CompactionPolicy>>,
    dropped: AtomicBool,
}

/// What a read of the tree needs; never changes.
#[derive(Clone, Debug)]
pub(crate) struct TreeState {
    pub(crate) active: Arc<LoggedMemtable>,
    /// Memtables that wait for their flush, newest first.
    pub(crate) immutables: Vec<Arc<LoggedMemtable>>,
    pub(crate) version: Arc<Version>,
}

/// A memtable and where in the log its entries begin.
#[derive(Debug)]
pub(crate) struct LoggedMemtable {
    pub(crate) table: Arc<Memtable>,
    /// Log position of its first entry. Only the commit leader writes it, before the entry.
    first_position: AtomicU64,
    /// Every seqno of the keyspace up to this one is in this memtable or older; set when the
    /// memtable becomes immutable.
    last_seqno: AtomicU64,
}

impl LoggedMemtable {
    pub(crate) fn new(common_prefix: &[u8]) -> Arc<Self> {
        Arc::new(Self {
            table: Arc::new(Memtable::new(common_prefix)),
            first_position: AtomicU64::new(NO_POSITION),
            last_seqno: AtomicU64::new(0),
        })
    }

    /// Notes that an entry of the record at `position` follows.
    pub(crate) fn note_position(&self, position: u64) {
        self.first_position.fetch_min(position, Ordering::AcqRel);
    }

    /// Where in the log its entries begin; `None` if it has none.
    pub(crate) fn first_position(&self) -> Option<u64> {
        Some(self.first_position.load(Ordering::Acquire)).filter(|&at| at != NO_POSITION)
    }

    pub(crate) fn last_seqno(&self) -> Seqno {
        self.last_seqno.load(Ordering::Acquire)
    }
}

impl TreeState {
    /// All memtables, newest first.
    pub(crate) fn memtables(&self) -> impl Iterator<Item = &Arc<LoggedMemtable>> {
        std::iter::once(&self.active).chain(&self.immutables)
    }

    /// Bytes of all memtables.
    pub(crate) fn memtable_bytes(&self) -> u64 {
        self.memtables().map(|memtable| memtable.table.bytes() as u64).sum()
    }
}

impl Tree {
    pub(crate) fn new(
        id: KeyspaceId,
        name: &str,
        version: Arc<Version>,
        policy: Box<dyn CompactionPolicy>,
    ) -> Arc<Self> {
        let active = LoggedMemtable::new(&expected_prefix(&version));
        let state = TreeState { active, immutables: Vec::new(), version };
        Arc::new(Self {
            id,
            name: name.to_owned(),
            state: ArcSwap::from_pointee(state),
            replace: Mutex::new(()),
            generation: AtomicU64::new(0),
            policy: Mutex::new(policy),
            dropped: AtomicBool::new(false),
        })
    }

    /// The state of now, pinned for a short look.
    #[inline]
    pub(crate) fn state(&self) -> Guard<Arc<TreeState>> {
        self.state.load()
    }

    /// The state of now, for keeping.
    pub(crate) fn pin(&self) -> Arc<TreeState> {
        self.state.load_full()
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Replaces the state by what `change` makes of it.
    pub(crate) fn replace(&self, change: impl FnOnce(&TreeState) -> TreeState) {
        let serialized = self.replace.lock();
        let next = change(&self.state.load());
        self.state.store(Arc::new(next));
        self.generation.fetch_add(1, Ordering::Release);
        drop(serialized);
    }

    /// Makes the active memtable immutable, unless it is empty, and returns whether it did. Only
    /// the commit leader calls it; `last_seqno` is the last one given out.
    pub(crate) fn rotate(&self, last_seqno: Seqno) -> bool {
        let full = Arc::clone(&self.state().active);
        if full.table.is_empty() {
            return false;
        }
        full.last_seqno.store(last_seqno, Ordering::Release);
        let active = LoggedMemtable::new(&full.table.sample_prefix());
        self.replace(|state| {
            let mut immutables = vec![Arc::clone(&state.active)];
            immutables.extend(state.immutables.iter().cloned());
            TreeState { active, immutables, version: Arc::clone(&state.version) }
        });
        true
    }

    /// Puts `version` in place, and takes `flushed` away, which its tables now hold.
    pub(crate) fn install(&self, version: Arc<Version>, flushed: Option<&Arc<LoggedMemtable>>) {
        self.replace(|state| {
            let mut immutables = state.immutables.clone();
            if let Some(flushed) = flushed {
                let before = immutables.len();
                immutables.retain(|memtable| !Arc::ptr_eq(memtable, flushed));
                assert_eq!(immutables.len() + 1, before, "a flushed memtable was waiting");
            }
            TreeState { active: Arc::clone(&state.active), immutables, version }
        });
    }

    /// Puts `version` in place, whose tables now hold all that memtables held.
    pub(crate) fn install_all(&self, version: Arc<Version>) {
        self.replace(|state| {
            assert!(state.active.table.is_empty(), "what takes writes was made immutable before");
            TreeState { active: Arc::clone(&state.active), immutables: Vec::new(), version }
        });
    }

    /// Runs that wait in level 0.
    pub(crate) fn level0_runs(&self) -> usize {
        let state = self.state();
        state.version.runs().iter().take_while(|run| run.level() == 0).count()
    }

    /// Refuses once the keyspace was dropped. Asked after the state was pinned: the flag is set
    /// before the state is emptied.
    pub(crate) fn check_kept(&self) -> Result<(), Error> {
        if self.is_dropped() { Err(Error::KeyspaceDropped) } else { Ok(()) }
    }

    pub(crate) fn is_dropped(&self) -> bool {
        self.dropped.load(Ordering::Acquire)
    }

    /// Marks the keyspace as dropped and lets go of everything it held; returns its version.
    pub(crate) fn drop_contents(&self) -> Arc<Version> {
        self.dropped.store(true, Ordering::Release);
        let version = Arc::clone(&self.state().version);
        self.replace(|_| TreeState {
            active: LoggedMemtable::new(&[]),
            immutables: Vec::new(),
            version: Arc::new(Version::empty()),
        });
        version
    }
}

/// A guess for what the keys to come begin with, after those in `version`.
fn expected_prefix(version: &Version) -> Vec<u8> {
    let first = version.tables().map(|table| &table.span.first).min();
    let last = version.tables().map(|table| &table.span.last).max();
    first
        .zip(last)
        .map_or_else(Vec::new, |(first, last)| key::expected_prefix(first, last).to_vec())
}
