//! Storing what a source gives, and saying truthfully how much is stored.

mod acks;
mod loader;
mod pump;

pub(crate) use acks::Acks;
pub(crate) use loader::Loader;
pub(crate) use pump::Pump;
