//! Opening, in stages; each gives the next one what it needs.
//!
//! ```text
//! writing    lock -> Located (CURRENT or nothing) -> Recovered (manifest) -> Replayed (logs)
//!            -> new manifest, new segment -> tidy files -> workers
//! read-only  CURRENT -> manifest -> open every table -> logs into memory; again if it changed
//! ```
//! Always: until the whole log was looked at, nothing is written but LOCK; an open that met
//! corruption has deleted nothing.

mod listing;
mod locate;
mod read_only;
mod recover;
mod replay;
mod start;
mod strays;

pub(crate) use listing::Listing;
pub(crate) use locate::{check_dir, has_files_of_ours, take_lock};
pub(crate) use read_only::read_only;
pub(crate) use recover::{Recovered, load_manifest, recover};
pub(crate) use replay::Replay;

use crate::files::FileName;
use crate::store::Store;
use crate::sync::atomic::{Ordering, Tally};
use crate::{Error, Options};
use std::path::Path;
use std::sync::Arc;

/// What lies in the directory, and what of it belongs to another database and stays.
#[derive(Debug)]
struct Files {
    listing: Listing,
    foreign: Vec<FileName>,
}

/// Opens for writing; creates the database if there is none and that is allowed.
pub(crate) fn for_writing(options: Options, dir: &Path) -> Result<Arc<Store>, Error> {
    let located = locate::locate(&options, dir)?;
    let listing = Listing::of(&*options.vfs, dir)?;
    let recovered = recover(&options, dir, located.current, &listing)?;
    recover::check_tables(dir, &recovered.state, &listing)?;
    let foreign = strays::judge(&options, dir, &recovered, &listing)?;
    let replay = Replay::check(&options, dir, &recovered)?;
    start::start(options, dir, located.lock, recovered, replay, &Files { listing, foreign })
}

/// Number of the next open in this process.
pub(crate) fn next_instance() -> u64 {
    static NEXT: Tally = Tally::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
