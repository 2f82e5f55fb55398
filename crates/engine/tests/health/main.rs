//! How the database stands when the disk fails: what stops writes, what is tried again, who is
//! told, and how writes go on.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../common/mod.rs"]
mod common;
mod full;
mod life;
mod listener;
mod panic;
mod poison;
mod stage_vfs;
mod stall;

use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// Long enough for what should not happen to happen.
const MOMENT: Duration = Duration::from_millis(100);
/// Longer than anything takes.
const LONG: Duration = Duration::from_secs(60);

/// Does `work` on a thread of its own; what does not come back within [`LONG`] hangs.
#[expect(clippy::disallowed_methods, reason = "the tests need threads of their own")]
fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
    let (done, is_done) = channel();
    thread::Builder::new().spawn(move || done.send(work())).unwrap();
    is_done
}
