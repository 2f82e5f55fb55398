//! What can go wrong with a version or with a policy's memory.

use siltstone_base::DecodeError;
use siltstone_sstable::TableId;

/// Why a version was not made or a policy did not take its state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An edit contradicts the version it is for, so that one of them is wrong.
    #[error("table {table} does not fit the version: {why}")]
    Misfit {
        /// The table that was removed or added.
        table: TableId,
        /// What contradicts.
        why: &'static str,
    },
    /// The saved state of a policy cannot be read. A policy can begin without one.
    #[error("state of compaction policy {policy}")]
    PolicyState {
        /// Name of the policy.
        policy: &'static str,
        /// What is wrong with the bytes.
        source: DecodeError,
    },
}

impl Error {
    pub(crate) const fn misfit(table: TableId, why: &'static str) -> Self {
        Self::Misfit { table, why }
    }
}
