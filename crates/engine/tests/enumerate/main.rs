//! Every crash that there can be: workloads crashed at each operation on files, in every way that
//! the simulated disk knows, and what is left opened, checked, used, and opened again.
//!
//! `oracle.rs` says what must hold, `case.rs` how one failed case is seen alone.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../common/mod.rs"]
mod common;

mod case;
mod events;
mod images;
mod oracle;
mod run;
mod script;
mod scripted;
mod shape;
mod workloads;

use run::Jobs;

#[test]
fn a_log_that_rotates_and_is_removed_survives_every_crash() {
    scripted::enumerate(&workloads::LOG, Jobs::Writer);
}

#[test]
fn a_tree_that_is_flushed_and_compacted_survives_every_crash() {
    scripted::enumerate(&workloads::TREE, Jobs::Steps(1));
}
