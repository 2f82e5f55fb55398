//! What a run is told: the directory, and numbers by name.

use crate::Failure;
use siltstone::{Db, Error, Options};

/// How to open, what to write, how to look.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) dir: String,
    pub(crate) threads: u64,
    /// Batches of each thread in this run; 0: no end.
    pub(crate) batches: u64,
    /// Each batch whose number this divides is synced; 0: none is.
    pub(crate) sync_every: u64,
    /// Batches of a thread that stay in the ledger, the older ones are deleted; 0: all stay.
    pub(crate) window: u64,
    /// Bytes of a value, at most, the few large ones left out.
    pub(crate) value_bytes: u64,
    memtable_bytes: u64,
    /// Threads for flush and compaction; 0: the writer does that itself, and all is one thread.
    workers: usize,
    /// Whether to wait for a line on stdin when nothing goes on any more.
    pub(crate) wait: bool,
    /// Whether a check leaves out the open for writing.
    pub(crate) read_only: bool,
}

impl Settings {
    pub(crate) fn parse(args: &[String]) -> Result<Self, String> {
        let (dir, rest) = args.split_first().ok_or("no directory")?;
        let mut settings = Self {
            dir: dir.clone(),
            threads: 8,
            batches: 0,
            sync_every: 1,
            window: 256,
            value_bytes: 400,
            memtable_bytes: 64 << 10,
            workers: 2,
            wait: false,
            read_only: false,
        };
        for arg in rest {
            settings.set(arg)?;
        }
        Ok(settings)
    }

    fn set(&mut self, arg: &str) -> Result<(), String> {
        let number = |text: &str| text.parse::<u64>().map_err(|error| format!("{arg}: {error}"));
        let (name, value) = arg.split_once('=').ok_or_else(|| format!("{arg}: no ="))?;
        let value = number(value)?;
        match name {
            "threads" => self.threads = value,
            "batches" => self.batches = value,
            "sync-every" => self.sync_every = value,
            "window" => self.window = value,
            "value-bytes" => self.value_bytes = value,
            "memtable-bytes" => self.memtable_bytes = value,
            "workers" => {
                self.workers = usize::try_from(value).map_err(|error| error.to_string())?;
            }
            "wait" => self.wait = value != 0,
            "read-only" => self.read_only = value != 0,
            _ => return Err(format!("{arg}: no such setting")),
        }
        Ok(())
    }

    fn options(&self) -> Options {
        Options::new()
            .memory_budget(8 << 20)
            .memtable_bytes(self.memtable_bytes)
            .background_threads(self.workers)
    }

    pub(crate) fn open(&self) -> Result<Db, Failure> {
        Ok(self.options().open(&self.dir)?)
    }

    /// The database as a reader sees it; none if there is none yet.
    pub(crate) fn open_read_only(&self) -> Result<Option<Db>, Failure> {
        match self.options().open_read_only(&self.dir) {
            Ok(db) => Ok(Some(db)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
