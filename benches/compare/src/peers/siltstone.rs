//! Siltstone: its defaults and the memory of all.

use crate::contender::Contender;
use crate::setup::{Compression, FILTER_BITS, Setup};
use ::siltstone::Options;
use siltstone_bench::{Engine, Error, Siltstone, Store};
use std::path::Path;

/// Siltstone as it is set up here.
#[derive(Debug)]
pub(crate) struct Ours {
    setup: Setup,
    engine: Siltstone,
}

pub(crate) fn new(setup: Setup) -> Ours {
    let compression = match setup.compression {
        Compression::Snap => ::siltstone::Compression::Snap,
        Compression::None | Compression::Lz4 => ::siltstone::Compression::None,
    };
    let options = Options::new()
        .memory_budget(setup.memory)
        .filter_bits_per_key(FILTER_BITS)
        .compression(compression);
    Ours { setup, engine: Siltstone::new(options) }
}

impl Engine for Ours {
    fn name(&self) -> &'static str {
        "siltstone"
    }

    fn create(&self, dir: &Path) -> Result<Box<dyn Store>, Error> {
        self.setup.refuse(&[Compression::Lz4])?;
        self.engine.create(dir)
    }
}

impl Contender for Ours {
    fn version(&self) -> String {
        crate::contender::locked_version("siltstone").to_owned()
    }

    fn buffered_survives_kill(&self) -> bool {
        true
    }

    fn settings(&self) -> String {
        format!("memory_budget {}, all else default", self.setup.memory)
    }
}
