//! Names an operation and runs it where its instructions are counted.

use std::hint::black_box;
use std::io::Write;

/// Runs `work`, which does the operation `name` so many times, and counts its instructions.
///
/// What `work` does besides, a loop and the making of keys, is counted with it: it is the same
/// from run to run.
pub(crate) fn count(name: &str, repetitions: u64, mut work: impl FnMut()) {
    // A broken pipe shows in the number of lines, which the reader compares with the counts.
    let _ = writeln!(std::io::stdout(), "{name}\t{repetitions}");
    measured(&mut work);
}

/// Nothing but a call; callgrind knows it by its name.
#[inline(never)]
fn measured(work: &mut dyn FnMut()) {
    work();
    // Behind the call stands something, so it cannot become a jump, which callgrind would count
    // to whoever called this.
    black_box(());
}
