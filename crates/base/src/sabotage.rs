//! Deliberate bugs, to show that the tests find what they are for.
//!
//! Each names a mistake that some engine made once, or nearly did, and the layers ask at the place
//! where it would be made whether they shall make it. Without the feature `sabotage` the answer is
//! no when the program is built, and nothing of the question is left in it. With the feature it is
//! the one bug that the variable `SILTSTONE_SABOTAGE` names, so that one build serves all of them.
//! `cargo xtask sabotage` builds that, chooses one after the other, and expects a failed test.

/// Writes down each bug once: its layer, what it is, and its name.
macro_rules! bugs {
    ($($layer:ident { $($(#[$about:meta])* $bug:ident = $name:literal,)* })*) => {
        /// A bug that can be chosen.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Sabotage {
            $($($(#[$about])* $bug,)*)*
        }

        impl Sabotage {
            /// Every bug.
            pub const ALL: [Self; 20] = [$($(Self::$bug,)*)*];

            /// As `SILTSTONE_SABOTAGE` takes it.
            pub const fn name(self) -> &'static str {
                match self {
                    $($(Self::$bug => $name,)*)*
                }
            }

            /// The layer that would make it.
            pub const fn layer(self) -> &'static str {
                match self {
                    $($(Self::$bug)|* => stringify!($layer),)*
                }
            }
        }
    };
}

bugs! {
    wal {
        /// A log's sync says it is done and does nothing.
        LogSyncSkipped = "log-sync-skipped",
        /// A log's append says it is done although the write failed.
        LogAppendErrorIgnored = "log-append-error-ignored",
        /// A replay leaves out one record in eight.
        LogRecordsDropped = "log-records-dropped",
        /// A replay believes a record without looking at its checksum.
        LogChecksumUnread = "log-checksum-unread",
        /// A replay takes the first bad record for the end, whatever lies behind it.
        LogCutAtFirstBadRecord = "log-cut-at-first-bad-record",
    }
    sstable {
        /// A table's filter is not told of one key in ten.
        FilterMissesKeys = "filter-misses-keys",
        /// A table's block is believed without looking at its checksum.
        BlockChecksumUnread = "block-checksum-unread",
        /// A search in a table's index goes one block too far when the key is a separator.
        SeekSkipsBlock = "seek-skips-block",
        /// A finished table is not synced.
        TableUnsynced = "table-unsynced",
    }
    compaction {
        /// A merge drops a tombstone although something older may lie below.
        TombstoneDroppedEarly = "tombstone-dropped-early",
        /// A merge does not know of the oldest snapshot.
        SnapshotForgotten = "snapshot-forgotten",
        /// A merge may put versions of one key into two tables.
        KeySplitOverTables = "key-split-over-tables",
        /// A merge loses the entry before which it begins a new table.
        EntryLostAtCut = "entry-lost-at-cut",
    }
    engine {
        /// The directory is not synced before the manifest names a new table.
        DirectorySyncSkipped = "directory-sync-skipped",
        /// A manifest's record is not synced before it is acted on.
        ManifestSyncSkipped = "manifest-sync-skipped",
        /// A reopened database gives out ids of tables that were given out before.
        TableIdReused = "table-id-reused",
        /// A flush does not make the log durable before it installs its table.
        FlushBeforeLogSync = "flush-before-log-sync",
        /// A log segment goes when the first keyspace needs it no more, not when the last does.
        LogFreedEarly = "log-freed-early",
        /// Where a torn log was cut is not noted in the manifest.
        CutForgotten = "cut-forgotten",
        /// After a failed write or sync of the log the next one is taken.
        FailureForgotten = "failure-forgotten",
    }
}

impl Sabotage {
    /// Whether the bug is to be made; always `false` without the feature `sabotage`.
    #[cfg(not(feature = "sabotage"))]
    #[inline]
    pub const fn is_on(self) -> bool {
        false
    }

    /// Whether the bug is to be made: whether `SILTSTONE_SABOTAGE` names it.
    ///
    /// # Panics
    ///
    /// If the variable names no bug, which would look like one that no test finds.
    #[cfg(feature = "sabotage")]
    pub fn is_on(self) -> bool {
        static CHOSEN: std::sync::OnceLock<Option<Sabotage>> = std::sync::OnceLock::new();
        let chosen = CHOSEN.get_or_init(|| {
            let name = std::env::var("SILTSTONE_SABOTAGE").ok()?;
            let found = Self::ALL.into_iter().find(|bug| bug.name() == name);
            assert!(found.is_some(), "SILTSTONE_SABOTAGE names no bug: {name}");
            found
        });
        *chosen == Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn each_bug_has_a_name_of_its_own_and_each_layer_three() {
        let names: HashSet<_> = Sabotage::ALL.into_iter().map(Sabotage::name).collect();
        assert_eq!(names.len(), Sabotage::ALL.len());
        for layer in ["wal", "sstable", "compaction", "engine"] {
            let count = Sabotage::ALL.into_iter().filter(|bug| bug.layer() == layer).count();
            assert!(count >= 3, "{layer}: {count}");
        }
    }

    #[cfg(not(feature = "sabotage"))]
    #[test]
    fn without_the_feature_nothing_is_sabotaged() {
        assert!(Sabotage::ALL.into_iter().all(|bug| !bug.is_on()));
    }
}
