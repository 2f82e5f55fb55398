//! How the database stands when the disk fails: what stops writes, what is tried again, who is
//! told, and how writes go on.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../common/mod.rs"]
mod common;
mod full;
mod life;
mod poison;
