//! The engines, each in a file of its own, set up as docs/performance-compare.md says.

#[cfg(feature = "fjall")]
mod fjall;
#[cfg(feature = "lmdb")]
mod lmdb;
#[cfg(feature = "redb")]
mod redb;
#[cfg(feature = "rocksdb")]
mod rocksdb;
mod siltstone;
#[cfg(feature = "sled")]
mod sled;

use crate::contender::Contender;
use crate::setup::Setup;

/// Every engine compiled in, set up with `setup`.
pub(crate) fn all(setup: Setup) -> Vec<Box<dyn Contender>> {
    vec![
        Box::new(siltstone::new(setup)),
        #[cfg(feature = "rocksdb")]
        Box::new(rocksdb::RocksDb(setup)),
        #[cfg(feature = "fjall")]
        Box::new(fjall::Fjall(setup)),
        #[cfg(feature = "redb")]
        Box::new(redb::Redb(setup)),
        #[cfg(feature = "lmdb")]
        Box::new(lmdb::Lmdb { setup, writes: lmdb::Writes::Copied }),
        #[cfg(feature = "lmdb")]
        Box::new(lmdb::Lmdb { setup, writes: lmdb::Writes::Mapped }),
        #[cfg(feature = "sled")]
        Box::new(sled::Sled(setup)),
    ]
}
