//! What a failed sync leaves is not trusted by the next opening.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use siltstone::vfs::{CrashPolicy, Fault, FaultKind, Op, Pages, SimVfs};
use siltstone::{Db, Options};
use std::sync::Arc;

fn open(disk: &SimVfs) -> Db {
    Options::new().background_threads(0).vfs(Arc::new(disk.clone())).open("/db").unwrap()
}

/// After a failed sync the system calls the pages clean: a sync by the next opening succeeds and
/// writes none of them. So it must write them anew before it says that they are durable.
#[test]
fn a_log_whose_sync_failed_is_written_anew_by_the_next_opening() {
    for pages in [Pages::Dropped, Pages::Half, Pages::Kept] {
        let disk = SimVfs::new(1);
        let db = open(&disk);
        db.put("acknowledged", "before the sync failed").unwrap();
        disk.arm(Fault::new(0, FaultKind::FailedSync(pages)).on(Op::Sync));
        db.sync().unwrap_err();
        db.close().unwrap_err();
        drop(db);

        let db = open(&disk);
        assert!(db.get("acknowledged").unwrap().is_some(), "{pages:?}: the process alone ended");
        db.sync().unwrap();
        drop(db);
        let db = open(&disk.crash(CrashPolicy::LoseUnsynced, 1));
        assert!(db.get("acknowledged").unwrap().is_some(), "{pages:?}: a synced write is lost");
    }
}
