//! Every crash that there can be: workloads crashed at each operation on files, in every way that
//! the simulated disk knows, and what is left opened, checked, used, and opened again.
//!
//! `oracle.rs` says what must hold, `case.rs` how one failed case is seen alone.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../common/mod.rs"]
mod common;

mod again;
mod case;
mod errors;
mod events;
mod images;
mod oracle;
mod run;
mod script;
mod scripted;
mod shape;
mod small;
mod spoil;
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

#[test]
fn keyspaces_that_come_and_go_survive_every_crash() {
    scripted::enumerate(&workloads::KEYSPACES, Jobs::Steps(7));
}

#[test]
fn copies_and_reopenings_survive_every_crash() {
    scripted::enumerate(&workloads::LIVES, Jobs::Writer);
}

#[test]
fn a_crash_during_recovery_changes_nothing() {
    again::enumerate(&workloads::LOG, Jobs::Writer, 1);
    again::enumerate(&workloads::TREE, Jobs::Steps(1), 7);
    again::enumerate(&workloads::KEYSPACES, Jobs::Steps(7), 7);
    again::enumerate(&workloads::LIVES, Jobs::Writer, 7);
}

#[test]
fn every_workload_of_three_calls_survives_every_crash() {
    small::enumerate();
}

#[test]
fn any_error_in_the_life_of_a_log_is_told_and_loses_nothing() {
    errors::enumerate(&workloads::LOG, Jobs::Writer);
}

#[test]
fn any_error_in_the_life_of_a_tree_is_told_and_loses_nothing() {
    errors::enumerate(&workloads::TREE, Jobs::Steps(1));
}

#[test]
fn any_error_among_keyspaces_is_told_and_loses_nothing() {
    errors::enumerate(&workloads::KEYSPACES, Jobs::Steps(7));
}

#[test]
fn any_error_among_copies_and_reopenings_is_told_and_loses_nothing() {
    errors::enumerate(&workloads::LIVES, Jobs::Writer);
}

#[test]
fn what_rots_at_rest_gives_the_right_answer_or_an_error_that_names_it() {
    spoil::enumerate(&workloads::LOG, Jobs::Writer);
    spoil::enumerate(&workloads::TREE, Jobs::Steps(1));
    spoil::enumerate(&workloads::KEYSPACES, Jobs::Steps(7));
    spoil::enumerate(&workloads::LIVES, Jobs::Writer);
}
