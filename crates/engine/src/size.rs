//! How many bytes a range takes on disk, about.

use crate::Error;
use crate::store::Store;
use crate::tree::Tree;
use siltstone_base::Bounds;
use siltstone_compaction::TableMeta;
use std::ops::Bound;

/// Bytes of the tables of `tree` between two bounds, to within a block at each end of each table.
pub(crate) fn approximate(store: &Store, tree: &Tree, bounds: &Bounds) -> Result<u64, Error> {
    if bounds.is_empty() {
        return Ok(0);
    }
    let state = tree.pin();
    let mut bytes = 0;
    for table in state.version.tables().filter(|table| table.span.meets(bounds)) {
        bytes += within(store, table, bounds)?;
    }
    Ok(bytes)
}

fn within(store: &Store, meta: &TableMeta, bounds: &Bounds) -> Result<u64, Error> {
    let covers = bounds.contains(&meta.span.first) && bounds.contains(&meta.span.last);
    if covers {
        return Ok(meta.file_bytes);
    }
    let table = store.tables.get(meta)?;
    let offset =
        |key: &[u8]| table.approximate_offset(key).map_err(|error| store.tables.error(error));
    let from = match &bounds.lower {
        Bound::Included(key) | Bound::Excluded(key) => offset(key)?,
        Bound::Unbounded => 0,
    };
    let to = match &bounds.upper {
        Bound::Included(key) | Bound::Excluded(key) if *key <= meta.span.last => offset(key)?,
        _ => meta.file_bytes,
    };
    Ok(to.saturating_sub(from))
}
