//! What a workload crossed, seen from outside: by the files that came and went, and by metrics.

use crate::common::files;
use crate::run::DIR;
use crate::script::Call;
use siltstone::vfs::SimVfs;
use siltstone::{Db, Metrics};
use std::collections::{BTreeMap, BTreeSet};

/// How often each thing happened, by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Events {
    counts: BTreeMap<&'static str, usize>,
    released: bool,
}

/// What there was before a call.
pub(crate) struct Before {
    names: BTreeSet<String>,
    metrics: Metrics,
}

impl Before {
    pub(crate) fn look(disk: &SimVfs, db: Option<&Db>) -> Self {
        Self { names: names(disk), metrics: db.map(Db::metrics).unwrap_or_default() }
    }
}

impl Events {
    pub(crate) fn end(&mut self, before: &Before, call: &Call, disk: &SimVfs, db: Option<&Db>) {
        let now = names(disk);
        let came = |kind: &str| now.difference(&before.names).any(|name| name.ends_with(kind));
        let went = |kind: &str| before.names.difference(&now).any(|name| name.ends_with(kind));
        let metrics = db.map(Db::metrics).unwrap_or_default();
        let (then, is_open) = (&before.metrics, !matches!(call, Call::Open | Call::Close));
        self.released |= *call == Call::Release;
        let dropped = metrics.dropped_entries > then.dropped_entries;
        for (name, happened) in [
            ("open", *call == Call::Open),
            ("reopen", *call == Call::Open && !before.names.is_empty()),
            ("close", *call == Call::Close),
            ("log rotation", is_open && came(".log")),
            ("log removal", is_open && went(".log")),
            ("manifest roll", is_open && came(".manifest")),
            ("flush", is_open && metrics.flushes > then.flushes),
            ("compaction", is_open && metrics.compactions > then.compactions),
            ("move", is_open && metrics.moves > then.moves),
            ("table removal", is_open && went(".sst")),
            ("snapshot release", is_open && self.released && dropped),
            ("stepped job", matches!(call, Call::Step(_)) && now != before.names),
        ] {
            if happened {
                *self.counts.entry(name).or_default() += 1;
            }
        }
    }

    /// # Panics
    ///
    /// If one of these never happened.
    pub(crate) fn assert_crossed(&self, names: &[&str]) {
        for name in names {
            assert!(self.counts.contains_key(name), "no {name}, but {:?}", self.counts);
        }
    }

    pub(crate) const fn counts(&self) -> &BTreeMap<&'static str, usize> {
        &self.counts
    }
}

fn names(disk: &SimVfs) -> BTreeSet<String> {
    files(disk, DIR).into_iter().map(|(name, _)| name).collect()
}
