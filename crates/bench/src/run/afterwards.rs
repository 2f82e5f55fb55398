//! After a workload that wrote: the store is asked for what was written.

use super::{Filled, Limits, Run};
use crate::chance::mix;
use crate::worker::Worker;
use crate::{Error, Workload};
use siltstone::vfs::SystemClock;

impl Run<'_> {
    /// Reads some of the keys back, those that must be absent too. Returns how many.
    pub(super) fn read_back(&self, filled: &Filled, workload: Workload) -> Result<u64, Error> {
        let clock = SystemClock::new();
        let shared = self.shared(filled, workload, Limits::NONE, &clock, &|_| ());
        let session = filled.store.session(self.settings.durability)?;
        let seed = mix(self.settings.seed ^ mix(!self.generation));
        Worker::new(&shared, session, seed).read_back()
    }
}
