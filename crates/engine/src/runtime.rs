//! What the database takes from the world besides files: time, chance and threads.

use siltstone_vfs::{Clock, Random, SystemClock, SystemRandom};
use std::fmt::Debug;
use std::io;
use std::sync::Arc;

/// Starts threads.
pub trait Spawner: Debug + Send + Sync + 'static {
    /// Runs `work` on a thread of this name and returns what waits for its end.
    fn spawn(&self, name: &str, work: Box<dyn FnOnce() + Send>) -> io::Result<Box<dyn Join>>;
}

/// Waits for a thread.
pub trait Join: Debug + Send {
    /// Returns when the thread has ended.
    fn join(self: Box<Self>);
}

/// Threads of the operating system.
#[derive(Debug, Default, Clone, Copy)]
pub struct ThreadSpawner;

impl Spawner for ThreadSpawner {
    #[expect(clippy::disallowed_methods, reason = "this is the seam")]
    fn spawn(&self, name: &str, work: Box<dyn FnOnce() + Send>) -> io::Result<Box<dyn Join>> {
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work)?;
        Ok(Box::new(Thread(thread)))
    }
}

/// Starts no thread: what should run on one never runs. A database with workers on it flushes and
/// compacts when its owner calls [`Db::step`](crate::Db::step), and at no other time, as a test
/// wants that draws the moments from a seed.
#[derive(Debug, Default, Clone, Copy)]
pub struct NoThreads;

impl Spawner for NoThreads {
    fn spawn(&self, _: &str, _: Box<dyn FnOnce() + Send>) -> io::Result<Box<dyn Join>> {
        Ok(Box::new(Self))
    }
}

impl Join for NoThreads {
    fn join(self: Box<Self>) {}
}

#[derive(Debug)]
struct Thread(std::thread::JoinHandle<()>);

impl Join for Thread {
    fn join(self: Box<Self>) {
        // A panic of the work was reported where it was caught; there is nothing to add here.
        drop(self.0.join());
    }
}

/// Clock, chance and threads of one database.
#[derive(Clone, Debug)]
pub struct Runtime {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance: database ids and table epochs.
    pub random: Arc<dyn Random>,
    /// Threads.
    pub spawner: Arc<dyn Spawner>,
}

impl Default for Runtime {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock::new()),
            random: Arc::new(SystemRandom),
            spawner: Arc::new(ThreadSpawner),
        }
    }
}
