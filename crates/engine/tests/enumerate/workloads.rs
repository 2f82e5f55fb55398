//! The scripted workloads: about fifty calls each, with memtables of 1 KiB, so that every kind of
//! work happens in them.

/// A script, and what must have happened in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) script: &'static str,
    pub(crate) crosses: &'static [&'static str],
}

/// The log fills segment after segment, which go as soon as their last memtable is a table.
pub(crate) const LOG: Workload = Workload {
    name: "log",
    script: "
        open; put a..f 200; delete b; synced put g 150
        put a..e 300; batch a=10 h=300 -c; sync
        put i..m 250; synced batch k=20 -d; put a 700; put b 10
        close; open; put c 500; delete k; put d..h 260; sync
        put a..c 90; synced delete a; put n 900; put o..q 120; close",
    crosses: &["open", "reopen", "close", "log rotation", "log removal", "flush", "compaction"],
};

/// Tables on several levels, tombstones above what they hide, and a snapshot that needs it.
pub(crate) const TREE: Workload = Workload {
    name: "tree",
    script: "
        open; put a..d 180; flush; step 1; put e..h 180; flush; step 2
        put c..f 120; delete d; snapshot; delete e; flush; step 2
        put i..l 200; batch a=50 -b -i; flush; step 3; compact default
        put a..c 60; delete l; flush; step 2; snapshot; delete a; put m..p 220
        release; compact default; step 2; put q..s 240; delete q; flush; step 2
        release; put t 400; compact default; step 3; close",
    crosses: &[
        "open",
        "close",
        "flush",
        "compaction",
        "move",
        "table removal",
        "manifest roll",
        "snapshot release",
    ],
};
