//! Scans of engines whose entries come as iterators over a range.

use siltstone_bench::{Direction, Error, See};
use std::ops::Bound;

/// The keys that a scan from `from` in `direction` may meet.
pub(super) fn range(from: Option<&[u8]>, direction: Direction) -> (Bound<&[u8]>, Bound<&[u8]>) {
    let from = from.map_or(Bound::Unbounded, Bound::Included);
    match direction {
        Direction::Forward => (from, Bound::Unbounded),
        Direction::Reverse => (Bound::Unbounded, from),
    }
}

/// Shows `entries` to `see` until it breaks or none is left.
#[cfg(any(feature = "fjall", feature = "lmdb", feature = "sled"))]
pub(super) fn show<K, V, E>(
    entries: impl Iterator<Item = Result<(K, V), E>>,
    see: &mut See<'_>,
) -> Result<(), Error>
where
    K: AsRef<[u8]>,
    V: AsRef<[u8]>,
    E: std::error::Error + Send + Sync + 'static,
{
    for entry in entries {
        let (key, value) = entry.map_err(Error::engine("scan"))?;
        if see(key.as_ref(), value.as_ref()).is_break() {
            break;
        }
    }
    Ok(())
}
