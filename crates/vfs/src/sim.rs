//! A disk that fails as disks do, from a seed: crashes that keep any part of what was not synced,
//! failed syncs, full disks, I/O errors, rot, foreign hands, time that passes.
//!
//! For tests of code that keeps its files through [`Vfs`]: run it on a [`SimVfs`], crash it
//! anywhere, open what is left, and see that nothing is lost that was synced.
//!
//! ```
//! use siltstone_vfs::{CrashPolicy, Fault, FaultError, FaultKind, SimVfs, Vfs};
//! use std::path::Path;
//!
//! # fn main() -> std::io::Result<()> {
//! let (disk, dir) = (SimVfs::new(7), Path::new("/db"));
//! disk.create_dir_all(dir)?;
//! let mut file = disk.create_new(&dir.join("log"))?;
//! disk.sync_dir(dir)?;
//! file.append(b"synced")?;
//! file.sync()?;
//! file.append(b", not synced")?;
//!
//! // Whatever a crash keeps, it keeps what was synced.
//! for policy in CrashPolicy::ALL {
//!     for seed in 0..10 {
//!         let left = disk.crash(policy, seed).read("/db/log")?;
//!         assert_eq!(&left[..6], b"synced", "{policy:?}, seed {seed}");
//!     }
//! }
//!
//! // The second write from here finds the disk full.
//! disk.arm(Fault::new(1, FaultKind::NoSpace(FaultError::Enospc)));
//! file.append(b"fits")?;
//! let full = file.append(b"does not").unwrap_err();
//! assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
//! # Ok(())
//! # }
//! ```
//!
//! The same calls, faults and seeds give the same bytes, always, as long as one thread calls. Locks:
//! the plan of faults first, then the memory's own.

mod counts;
mod fault;
mod files;
mod foreign;
mod op;
mod plan;
mod policy;
mod spoil;
mod survivor;
mod trace;
mod tree;

use crate::{ManualClock, MemVfs, SeededRandom};
use counts::Counters;
pub use counts::{FaultClass, FaultCounts};
pub use fault::{Fault, FaultError, FaultKind, Pages, Rot, Until};
pub use op::{Op, Ops};
use parking_lot::Mutex;
use plan::{Armed, Last, Plan};
pub use policy::{CrashPolicy, Unwritten};
use std::cell::Cell;
use std::collections::VecDeque;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use survivor::Choice;
pub use trace::TraceLine;

/// A simulated disk: a [`MemVfs`] that crashes in every way allowed and does what armed faults say.
///
/// A clone is the same disk; what [`crash`](Self::crash) gives is another, without armed faults,
/// which goes on counting in the same [`counts`](Self::counts).
#[derive(Clone)]
pub struct SimVfs {
    disk: Arc<Disk>,
}

struct Disk {
    mem: MemVfs,
    plan: Mutex<Plan>,
    /// Crashes behind this disk.
    crashes: u64,
    /// Whether the last of them lost something.
    lost: bool,
}

impl SimVfs {
    /// An empty disk. The seed draws what armed faults leave open.
    pub fn new(seed: u64) -> Self {
        Self::of(MemVfs::new(), seed, Arc::default(), None, (0, false))
    }

    /// An empty disk on which [`FaultKind::Latency`] moves `clock`.
    pub fn with_clock(seed: u64, clock: Arc<ManualClock>) -> Self {
        Self::of(MemVfs::new(), seed, Arc::default(), Some(clock), (0, false))
    }

    fn of(
        mem: MemVfs,
        seed: u64,
        counters: Arc<Counters>,
        clock: Option<Arc<ManualClock>>,
        (crashes, lost): (u64, bool),
    ) -> Self {
        let plan = Plan {
            armed: Vec::new(),
            random: SeededRandom::new(seed),
            performed: [0; Op::COUNT],
            trace: VecDeque::new(),
            last: Last::Nothing,
            clock,
            counters,
        };
        Self { disk: Arc::new(Disk { mem, plan: Mutex::new(plan), crashes, lost }) }
    }

    /// Lets `fault` happen from now on, beside those that are armed already.
    pub fn arm(&self, fault: Fault) {
        self.disk.plan.lock().armed.push(Armed::new(fault));
    }

    /// Takes all faults back: the disk is mended, or has room again.
    pub fn disarm(&self) {
        self.disk.plan.lock().armed.clear();
    }

    /// How many armed faults may still happen.
    pub fn armed(&self) -> usize {
        self.disk.plan.lock().armed.iter().filter(|armed| armed.is_live()).count()
    }

    /// What is found when the power failed now, and `policy` with `seed` says what survived: no
    /// lock, another boot id, no armed fault.
    #[must_use = "the disk after the crash is a new one"]
    pub fn crash(&self, policy: CrashPolicy, seed: u64) -> Self {
        let plan = self.disk.plan.lock();
        let random = SeededRandom::new(seed);
        let choice = Choice { policy, random, last: &plan.last, lost: Cell::new(false) };
        let mem = self.disk.mem.after(&choice);
        let lost = choice.lost.get();
        if lost {
            plan.counters.add(FaultClass::of_policy(policy));
        }
        if self.disk.crashes > 0 {
            plan.counters.add(FaultClass::CrashAgain);
        }
        Self::after(&plan, mem, seed, (self.disk.crashes + 1, lost))
    }

    /// What is found when the process died now: every call that returned, no lock, the same boot
    /// id, no armed fault. What was not synced still is not: a power cut may take it unless the
    /// next process syncs it.
    #[must_use = "the disk after the crash is a new one"]
    pub fn process_death(&self) -> Self {
        let plan = self.disk.plan.lock();
        Self::after(&plan, self.disk.mem.next_process(), 0, (self.disk.crashes, false))
    }

    fn after(plan: &Plan, mem: MemVfs, seed: u64, crashes: (u64, bool)) -> Self {
        Self::of(mem, seed, Arc::clone(&plan.counters), plan.clock.clone(), crashes)
    }

    /// Every disk that a power cut during the last operation may leave if all before it survived:
    /// of a write each first part (of an allocation each 4 KiB), of another operation all or
    /// nothing. Made one at a time.
    pub fn crash_images(&self) -> impl Iterator<Item = Self> + '_ {
        let (count, step) = self.last_write();
        let cuts = (0..count).step_by(step).chain([count]);
        cuts.map(|bytes| self.crash(CrashPolicy::CutLast { bytes }, 0))
    }

    /// Bytes of the last unsynced write, and how many to go on by to see all that it may leave.
    fn last_write(&self) -> (usize, usize) {
        let plan = self.disk.plan.lock();
        let Last::Wrote(number) = plan.last else { return (1, 1) };
        let mut found = None;
        self.disk.mem.every_inode(|inode| {
            if inode.number == number {
                let history = inode.content.lock().history();
                found = history.writes.last().map(|write| {
                    let zeros = write.bytes.are_zeros();
                    (write.bytes.len(), if zeros { 4096 } else { 1 })
                });
            }
        });
        found.unwrap_or((0, 1))
    }

    /// How many power cuts lie behind this disk.
    pub fn crashes(&self) -> u64 {
        self.disk.crashes
    }

    /// Whether the crash that gave this disk lost something that a process death would have left.
    pub fn lost_something(&self) -> bool {
        self.disk.lost
    }

    /// How many mutating operations were begun: see [`MemVfs::operations`].
    pub fn operations(&self) -> u64 {
        self.disk.mem.operations()
    }

    /// Lets the first `operations` mutating operations happen and no other: see
    /// [`MemVfs::cut_after`].
    pub fn cut_after(&self, operations: u64) {
        self.disk.mem.cut_after(operations);
    }

    /// How many calls of these kinds were begun: so many places there are for a [`Fault`].
    pub fn performed(&self, ops: impl Into<Ops>) -> u64 {
        let plan = self.disk.plan.lock();
        ops.into().iter().map(|op| plan.performed[op as usize]).sum()
    }

    /// How often each class of fault was really applied, to this disk and all that it came from or
    /// that came from it.
    pub fn counts(&self) -> FaultCounts {
        self.disk.plan.lock().counters.counts()
    }

    /// The last calls that changed something or met a fault, at most about a thousand, the oldest
    /// first: for the message of a failed test.
    pub fn trace(&self) -> Vec<TraceLine> {
        self.disk.plan.lock().trace.iter().cloned().collect()
    }

    /// A number that differs, almost certainly, if any name or byte differs.
    pub fn fingerprint(&self) -> u64 {
        self.disk.mem.fingerprint()
    }

    /// All bytes of the file `path`, whatever is armed; not counted as a call.
    pub fn read(&self, path: impl AsRef<Path>) -> std::io::Result<Vec<u8>> {
        self.disk.mem.read(path)
    }
}

impl fmt::Debug for SimVfs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimVfs").field("crashes", &self.disk.crashes).finish_non_exhaustive()
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk").finish_non_exhaustive()
    }
}
