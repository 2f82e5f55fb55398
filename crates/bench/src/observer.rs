//! Who is told how far a run is.

use crate::Workload;

/// Who is told how far a run is.
pub trait Observer: Sync {
    /// A workload begins; `ops` is how many operations it has, if that is known.
    fn began(&self, workload: Workload, ops: Option<u64>);

    /// So many more operations are done.
    fn advanced(&self, ops: u64);

    /// The workload is done.
    fn ended(&self);
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn began(&self, _: Workload, _: Option<u64>) {}
    fn advanced(&self, _: u64) {}
    fn ended(&self) {}
}
