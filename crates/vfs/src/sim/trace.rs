//! What was done to a simulated disk, for the message of a failed test.

use super::fault::FaultKind;
use super::op::Op;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// One call that changes something, or that a fault met.
#[derive(Clone, Debug)]
pub struct TraceLine {
    /// How many mutating operations were begun before it.
    pub operation: u64,
    /// What was called.
    pub op: Op,
    /// The file or directory; of a rename and a link the one they take.
    pub path: Arc<Path>,
    /// Where and how much, in bytes, if bytes were written, read or allocated.
    pub place: Option<(u64, u64)>,
    /// The fault it met.
    pub fault: Option<FaultKind>,
}

impl TraceLine {
    pub(super) fn at(self, offset: usize, count: usize) -> Self {
        Self { place: Some((offset as u64, count as u64)), ..self }
    }
}

impl fmt::Display for TraceLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?} {}", self.operation, self.op, self.path.display())?;
        if let Some((offset, count)) = self.place {
            write!(f, " {count} bytes at {offset}")?;
        }
        if let Some(fault) = self.fault {
            write!(f, " met {fault:?}")?;
        }
        Ok(())
    }
}
