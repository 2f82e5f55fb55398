//! What can go wrong in a run.

use std::error::Error as StdError;

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Settings that cannot be run.
    #[error("{option}: {why}")]
    Invalid {
        /// Which setting.
        option: &'static str,
        /// What it must be.
        why: String,
    },
    /// The engine failed.
    #[error("the engine failed to {doing}")]
    Engine {
        /// What it was asked for.
        doing: &'static str,
        /// What it said.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The engine returned something else than was written.
    #[error("{workload}: wrong answer for key {key:?}: {why}")]
    Mismatch {
        /// During which workload.
        workload: &'static str,
        /// The key, bytes outside ASCII escaped.
        key: String,
        /// What is wrong.
        why: String,
    },
    /// Fewer than 1 of 100 answers were compared with what was written.
    #[error("{workload}: only {verified} of {answers} answers were verified")]
    Unverified {
        /// During which workload.
        workload: &'static str,
        /// How many were.
        verified: u64,
        /// How many there were.
        answers: u64,
    },
    /// The store still owed compaction when waiting for it was given up.
    #[error("the store did not settle in {} seconds", .0.as_secs())]
    Unsettled(std::time::Duration),
    /// The system failed.
    #[error("cannot {doing}")]
    System {
        /// What was tried.
        doing: &'static str,
        /// What it said.
        source: std::io::Error,
    },
}

impl Error {
    /// For `map_err`: the engine failed while `doing` this.
    pub fn engine<E: StdError + Send + Sync + 'static>(doing: &'static str) -> impl Fn(E) -> Self {
        move |source| Self::Engine { doing, source: Box::new(source) }
    }

    pub(crate) fn system(doing: &'static str) -> impl Fn(std::io::Error) -> Self {
        move |source| Self::System { doing, source }
    }
}
