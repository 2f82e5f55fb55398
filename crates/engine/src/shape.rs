//! The runs of a database, for people who look at them.

use crate::store::Store;
use crate::tree::Tree;
use siltstone_base::Seqno;
use siltstone_compaction::TableMeta;

/// The runs of one keyspace, newest first.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KeyspaceTree {
    /// Its name.
    pub name: String,
    /// Its runs.
    pub runs: Vec<TreeRun>,
    /// What its policy would do next, in words, if anything.
    pub next_compaction: Option<String>,
}

/// A sorted run of tables.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TreeRun {
    /// Its level.
    pub level: u8,
    /// Its number; later runs have larger ones.
    pub run: u64,
    /// Its tables by rising keys.
    pub tables: Vec<TreeTable>,
}

/// A table.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TreeTable {
    /// Its id, as in its file's name.
    pub id: String,
    /// First key.
    pub first: Vec<u8>,
    /// Last key.
    pub last: Vec<u8>,
    /// Size of its file, in bytes.
    pub bytes: u64,
    /// Entries in it.
    pub entries: u64,
    /// Tombstones among these.
    pub tombstones: u64,
    /// Smallest seqno.
    pub smallest_seqno: Seqno,
    /// Largest seqno.
    pub largest_seqno: Seqno,
}

/// The runs of every keyspace.
pub(crate) fn of_store(store: &Store) -> Vec<KeyspaceTree> {
    let trees = store.list_trees();
    trees.iter().map(|tree| of_tree(store, tree)).collect()
}

fn of_tree(store: &Store, tree: &Tree) -> KeyspaceTree {
    let state = tree.pin();
    let runs = state.version.runs().iter().map(|run| TreeRun {
        level: run.level(),
        run: run.id().0,
        tables: run.tables().iter().map(|table| of_table(table)).collect(),
    });
    KeyspaceTree {
        name: tree.name.clone(),
        runs: runs.collect(),
        next_compaction: store.scheduler.next_in_words(store, tree, &state),
    }
}

fn of_table(table: &TableMeta) -> TreeTable {
    TreeTable {
        id: table.id.to_string(),
        first: table.span.first.clone(),
        last: table.span.last.clone(),
        bytes: table.file_bytes,
        entries: table.entries,
        tombstones: table.point_tombstones,
        smallest_seqno: table.seqnos.0,
        largest_seqno: table.seqnos.1,
    }
}
