//! Which jobs run, and which may run next: each tree has at most one flush at a time, oldest
//! memtable first, its compactions share no table, and none makes a new run in level 0 beside a
//! flush.

use super::compact::PlannedMerge;
use super::failing::Failing;
use crate::Error;
use crate::store::Store;
use crate::sync::atomic::Ordering;
use crate::sync::channel::Sender;
use crate::sync::{Condvar, Mutex};
use crate::tree::{LoggedMemtable, Tree, TreeState};
use siltstone_compaction::{Action, Dest, Env, JobMeta, Pressure, RunId, VersionView, check};
use siltstone_wal::KeyspaceId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// How long somebody waits for a job to end before looking again by himself.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Jobs of an open database.
#[derive(Debug)]
pub(crate) struct Scheduler {
    running: Mutex<Running>,
    /// Told when a job ends.
    ended: Condvar,
    pub(super) failing: Failing,
    wake: Mutex<Option<Sender<()>>>,
    workers: Mutex<Vec<Box<dyn crate::Join>>>,
}

#[derive(Debug, Default)]
struct Running {
    flushing: BTreeSet<KeyspaceId>,
    merging: BTreeMap<KeyspaceId, Vec<JobMeta>>,
    /// How many jobs have ended; the stop counts as one.
    ended: u64,
    stopped: bool,
    /// Only while health says stop.
    paused: bool,
}

impl Running {
    fn is_idle(&self) -> bool {
        self.flushing.is_empty() && self.merging.values().all(Vec::is_empty)
    }
}

/// No job begins while this lives.
#[derive(Debug)]
pub(super) struct Pause<'a>(&'a Scheduler);

/// A memtable that is this job's to flush, until the claim is dropped.
#[derive(Debug)]
pub(crate) struct FlushClaim<'a> {
    scheduler: &'a Scheduler,
    pub(super) tree: Arc<Tree>,
    pub(super) memtable: Arc<LoggedMemtable>,
}

/// Tables that are this job's to merge, until the claim is dropped.
#[derive(Debug)]
pub(crate) struct MergeClaim<'a> {
    scheduler: &'a Scheduler,
    pub(super) tree: Arc<Tree>,
    pub(super) planned: PlannedMerge,
}

impl Scheduler {
    pub(crate) fn new() -> Self {
        Self {
            running: Mutex::default(),
            ended: Condvar::new(),
            failing: Failing::default(),
            wake: Mutex::new(None),
            workers: Mutex::default(),
        }
    }

    /// Has a worker look for work.
    pub(crate) fn wake(&self) {
        if let Some(wake) = &*self.wake.lock() {
            // A full channel means that they are awake.
            let _ = wake.try_send(());
        }
    }

    pub(super) fn set_workers(&self, wake: Sender<()>, workers: Vec<Box<dyn crate::Join>>) {
        *self.wake.lock() = Some(wake);
        *self.workers.lock() = workers;
    }

    /// Lets running jobs finish, starts no other, and waits for the workers.
    pub(crate) fn stop(&self) {
        {
            let mut running = self.running.lock();
            running.stopped = true;
            running.ended += 1;
        }
        *self.wake.lock() = None;
        self.ended.notify_all();
        for worker in std::mem::take(&mut *self.workers.lock()) {
            worker.join();
        }
        let mut running = self.running.lock();
        while !running.is_idle() {
            self.ended.wait_for(&mut running, LOOK_AGAIN);
        }
    }

    /// Lets running jobs end and starts no other until the guard goes.
    pub(super) fn pause(&self) -> Pause<'_> {
        let mut running = self.running.lock();
        running.paused = true;
        while !running.is_idle() {
            self.ended.wait_for(&mut running, LOOK_AGAIN);
        }
        Pause(self)
    }

    /// Whether no job runs.
    pub(super) fn is_idle(&self) -> bool {
        self.running.lock().is_idle()
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.running.lock().stopped
    }

    /// How many jobs have ended. Asked before looking for what only the end of a job can give.
    pub(super) fn jobs_ended(&self) -> u64 {
        self.running.lock().ended
    }

    /// Waits until another job has ended than the `seen` ones, for a moment at most.
    pub(super) fn wait_for_a_job(&self, seen: u64) {
        let mut running = self.running.lock();
        if running.ended == seen {
            self.ended.wait_for(&mut running, LOOK_AGAIN);
        }
    }

    /// The oldest memtable of the tree that has most of them waiting.
    pub(super) fn claim_flush<'a>(&'a self, store: &Store) -> Option<FlushClaim<'a>> {
        // Listed first: no lock is held while another is waited for.
        let trees = store.list_trees();
        let mut running = self.running.lock();
        let waiting = |tree: &&Arc<Tree>| tree.state().immutables.len();
        let free = |tree: &&Arc<Tree>| waiting(tree) > 0 && !running.flushing.contains(&tree.id);
        let tree = trees.iter().filter(free).max_by_key(waiting).cloned()?;
        self.claim_flush_of(&mut running, &tree)
    }

    /// The oldest memtable of `tree`, if none is being flushed.
    pub(super) fn claim_flush_in<'a>(&'a self, tree: &Arc<Tree>) -> Option<FlushClaim<'a>> {
        let mut running = self.running.lock();
        if running.flushing.contains(&tree.id) {
            return None;
        }
        self.claim_flush_of(&mut running, tree)
    }

    fn claim_flush_of<'a>(
        &'a self,
        running: &mut Running,
        tree: &Arc<Tree>,
    ) -> Option<FlushClaim<'a>> {
        if running.stopped || running.paused {
            return None;
        }
        let memtable = tree.state().immutables.last().cloned()?;
        running.flushing.insert(tree.id);
        Some(FlushClaim { scheduler: self, tree: Arc::clone(tree), memtable })
    }

    /// What the policy of some tree wants, of the one with most runs in level 0 first. One worker
    /// is left for flushes, if there are several.
    ///
    /// # Errors
    ///
    /// [`Error::IllegalPlan`] if a policy wants what must not be done, and no other wants
    /// anything.
    pub(super) fn claim_compaction<'a>(
        &'a self,
        store: &Store,
    ) -> Result<Option<MergeClaim<'a>>, Error> {
        let mut trees = store.list_trees();
        trees.sort_by_key(|tree| std::cmp::Reverse(tree.level0_runs()));
        let free_bytes = free_bytes(store);
        let mut refused = None;
        for tree in trees {
            let mut running = self.running.lock();
            let merges: usize = running.merging.values().map(Vec::len).sum();
            if running.stopped
                || running.paused
                || merges + 1 > store.options.background_threads.max(2) - 1
            {
                return Ok(None);
            }
            let is_flushing = running.flushing.contains(&tree.id);
            let state = tree.pin();
            let mut actions = Vec::new();
            let jobs = running.merging.entry(tree.id).or_default();
            let view = VersionView::new(&state.version, jobs, env(store, free_bytes));
            let mut policy = tree.policy.lock();
            policy.pick(&view, &mut actions);
            let Some(action) = actions.first() else { continue };
            if let Err(illegal) = check(&view, action) {
                let policy = policy.name().to_owned();
                refused = Some(Error::IllegalPlan { policy, why: illegal.to_string() });
                continue;
            }
            drop(policy);
            if is_flushing && is_new_in_level0(action) {
                continue;
            }
            let planned = plan(store, jobs, &state, action)?;
            drop(running);
            return Ok(Some(MergeClaim { scheduler: self, tree, planned }));
        }
        refused.map_or(Ok(None), Err)
    }

    /// Claims the next action that `choose` wants for `tree`; `None` from it means that there is
    /// nothing to do now.
    pub(super) fn claim_chosen<'a>(
        &'a self,
        store: &Store,
        tree: &Arc<Tree>,
        choose: impl FnOnce(&VersionView<'_>) -> Option<Action>,
    ) -> Result<Option<MergeClaim<'a>>, Error> {
        let free_bytes = free_bytes(store);
        let mut running = self.running.lock();
        if running.stopped {
            return Err(Error::Closed);
        }
        if running.paused {
            return store.health.check().and(Ok(None));
        }
        let state = tree.pin();
        let jobs = running.merging.entry(tree.id).or_default();
        let view = VersionView::new(&state.version, jobs, env(store, free_bytes));
        let Some(action) = choose(&view) else { return Ok(None) };
        debug_assert!(!is_new_in_level0(&action), "it would have to wait for a flush");
        check(&view, &action).map_err(|illegal| Error::IllegalPlan {
            policy: "compact_range".to_owned(),
            why: illegal.to_string(),
        })?;
        let planned = plan(store, jobs, &state, &action)?;
        Ok(Some(MergeClaim { scheduler: self, tree: Arc::clone(tree), planned }))
    }

    /// What `tree` owes, as its policy sees it.
    pub(crate) fn pressure(&self, store: &Store, tree: &Tree, state: &TreeState) -> Pressure {
        let jobs = self.running.lock().merging.get(&tree.id).cloned().unwrap_or_default();
        let view = VersionView::new(&state.version, &jobs, env(store, u64::MAX));
        tree.policy.lock().pressure(&view)
    }

    /// What the policy of `tree` would do next, in words.
    pub(crate) fn next_in_words(
        &self,
        store: &Store,
        tree: &Tree,
        state: &TreeState,
    ) -> Option<String> {
        let jobs = self.running.lock().merging.get(&tree.id).cloned().unwrap_or_default();
        let view = VersionView::new(&state.version, &jobs, env(store, u64::MAX));
        // A policy may remember what it picked; what is asked here must not count.
        let mut policy = tree.policy.lock();
        let memory = policy.save();
        let mut actions = Vec::new();
        policy.pick(&view, &mut actions);
        if !memory.is_empty() {
            drop(policy.load(&memory));
        }
        let action = actions.first()?;
        let doing = if matches!(action, Action::Move { .. }) { "move" } else { "merge" };
        Some(format!("{doing} {} tables, because {}", action.inputs().len(), action.why()))
    }
}

/// Whether the action makes a run among those of flushes. While a memtable of its tree is flushed it
/// must wait: runs of a level are ordered by their numbers, and that of the flush, which has the
/// newer entries and is in no version yet, may have been drawn.
fn is_new_in_level0(action: &Action) -> bool {
    matches!(action.dest(), Dest::NewRun { level: 0 })
}

/// Enters a legal action into the list of jobs.
fn plan(
    store: &Store,
    jobs: &mut Vec<JobMeta>,
    state: &TreeState,
    action: &Action,
) -> Result<PlannedMerge, Error> {
    let run = RunId(store.writer()?.next_run.fetch_add(1, Ordering::Relaxed));
    let view = VersionView::new(&state.version, jobs, env(store, u64::MAX));
    let job = action.job(&view, run);
    let job = job.unwrap_or_else(|| panic!("a legal action has a place to go"));
    let planned = PlannedMerge::new(state, action.clone(), job.clone());
    jobs.push(job);
    Ok(planned)
}

fn free_bytes(store: &Store) -> u64 {
    store.vfs.free_bytes(&store.dir).unwrap_or(u64::MAX)
}

/// What policies see besides the tree.
fn env(store: &Store, free_bytes: u64) -> Env {
    Env {
        now: store.options.runtime.clock.unix_ms(),
        seed: store.instance,
        memtable_bytes: store.memory.memtable_bytes,
        table_bytes: store.memory.table_bytes,
        oldest_seqno: store.snapshots.needed().first().copied().unwrap_or(0),
        free_bytes,
    }
}

impl Drop for Pause<'_> {
    fn drop(&mut self) {
        self.0.running.lock().paused = false;
    }
}

impl Drop for FlushClaim<'_> {
    fn drop(&mut self) {
        let mut running = self.scheduler.running.lock();
        running.flushing.remove(&self.tree.id);
        running.ended += 1;
        drop(running);
        self.scheduler.ended.notify_all();
    }
}

impl Drop for MergeClaim<'_> {
    fn drop(&mut self) {
        let mut running = self.scheduler.running.lock();
        if let Some(jobs) = running.merging.get_mut(&self.tree.id) {
            jobs.retain(|job| *job != self.planned.job);
        }
        running.ended += 1;
        drop(running);
        self.scheduler.ended.notify_all();
    }
}
