//! Storing what a source gives, and saying truthfully how much is stored.

mod acks;
mod loader;
mod pump;

pub(crate) use acks::Acks;
pub(crate) use loader::Loader;
pub(crate) use pump::Pump;

// From one `stored N` to the next: the pause, and then a batch that had not begun. It begins with
// the next line, ends with the first line after its age, and a line that is later than the pump's
// patience ends it too.
const _: () = {
    let batch = pump::PATIENCE.as_millis() + loader::BATCH_AGE.as_millis();
    assert!(acks::PAUSE.as_millis() + batch + pump::PATIENCE.as_millis() <= 50);
};
