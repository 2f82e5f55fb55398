//! The engines, each in a file of its own.

mod siltstone;

use crate::contender::Contender;
use crate::setup::Setup;

/// Every engine compiled in, set up with `setup`.
pub(crate) fn all(setup: Setup) -> Vec<Box<dyn Contender>> {
    vec![Box::new(siltstone::new(setup))]
}
