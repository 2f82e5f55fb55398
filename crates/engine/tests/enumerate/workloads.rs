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

/// Batches over several keyspaces, which come and go, and a log that the quiet one pins.
pub(crate) const KEYSPACES: Workload = Workload {
    name: "keyspaces",
    script: "
        open; create users; create brief; put users/a..c 150; put brief/a 80
        batch a=60 users/a=60 brief/b=60; synced batch b=90 -users/b brief/c=30
        flush users; drop brief; put c..f 210; batch users/d=40 -c
        create brief; put brief/a 20; batch brief/b=10 users/e=120 a=5; flush brief; step 2
        put users/f..i 240; snapshot; drop brief; create brief; sync
        batch -a -users/a brief/a=7; put g..j 230; step 2; compact users; release
        put users/a..c 190; flush; step 3; batch brief/d=300 users/j=300 k=300
        create last; put last/a 100; compact default; drop last; put l 500; step 2; close",
    crosses: &["open", "close", "log rotation", "log removal", "flush", "move", "manifest roll"],
};

/// Copies, ends and beginnings.
pub(crate) const LIVES: Workload = Workload {
    name: "lives",
    script: "
        open; put a..c 200; checkpoint /early; delete b; put d 300; close; read-only
        open; batch a=20 e=200 -c; put f..h 220; flush; put i 100; close; open
        create users; put users/a..d 260; snapshot; delete users/b; compact users
        checkpoint /late; release; synced put j 60; put k 40; close; close; read-only; open
        drop users; put a..e 170; flush; compact default; delete c; delete d; sync
        close; open; put l..o 250; batch -a -e f=9; close; read-only; open; put p 10; close",
    crosses: &["open", "reopen", "close", "log removal", "flush", "compaction", "table removal"],
};
