//! How far a workload is.

use crate::progress;
use indicatif::ProgressBar;
use siltstone_bench::{Observer, Workload};
use std::sync::{Mutex, PoisonError};

/// A bar for each workload.
#[derive(Debug, Default)]
pub(super) struct Bar(Mutex<Option<ProgressBar>>);

impl Bar {
    fn with(&self, show: impl FnOnce(&mut Option<ProgressBar>)) {
        show(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn clear(&self) {
        self.with(|bar| {
            if let Some(bar) = bar.take() {
                bar.finish_and_clear();
            }
        });
    }
}

impl Observer for Bar {
    fn began(&self, workload: Workload, ops: Option<u64>) {
        self.with(|bar| {
            *bar = Some(match ops {
                Some(ops) => progress::of_count(workload.name(), ops),
                None => progress::of_work(workload.name()),
            });
        });
    }

    fn advanced(&self, ops: u64) {
        self.with(|bar| {
            if let Some(bar) = bar {
                bar.inc(ops);
            }
        });
    }

    fn ended(&self) {
        self.clear();
    }
}
