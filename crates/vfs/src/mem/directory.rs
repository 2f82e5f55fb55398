//! One directory of [`MemVfs`](super::MemVfs): its names now, at its last sync, and the changes
//! between.

use super::inode::Inode;
use crate::SeededRandom;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::sync::Arc;

/// What a name stands for.
#[derive(Clone)]
pub(super) enum Node {
    File(Arc<Inode>),
    Dir,
}

pub(super) type Names = BTreeMap<OsString, Node>;

/// A directory's names.
///
/// Always: `synced` with all of `unsynced` done to it in order is `current`.
#[derive(Clone, Default)]
pub(super) struct Directory {
    current: Names,
    synced: Names,
    unsynced: Vec<NameChange>,
}

/// One change, which a crash keeps or loses as a whole: first a name goes, then one is set.
#[derive(Clone, Default)]
pub(super) struct NameChange {
    pub(super) removed: Option<OsString>,
    pub(super) set: Option<(OsString, Node)>,
}

impl NameChange {
    fn apply(&self, names: &mut Names) {
        if let Some(name) = &self.removed {
            names.remove(name);
        }
        if let Some((name, node)) = &self.set {
            names.insert(name.clone(), node.clone());
        }
    }
}

impl Directory {
    /// A directory with these names, all durable.
    pub(super) fn of(names: Names) -> Self {
        Self { current: names.clone(), synced: names, unsynced: Vec::new() }
    }

    /// Its names now.
    pub(super) fn names(&self) -> &Names {
        &self.current
    }

    /// Its names as of its last sync.
    pub(super) fn synced_names(&self) -> &Names {
        &self.synced
    }

    /// Its synced names with some of the changes since, each kept or lost by itself.
    pub(super) fn drawn_names(&self, random: &SeededRandom) -> Names {
        let mut names = self.synced.clone();
        for change in &self.unsynced {
            if random.below(2) == 0 {
                change.apply(&mut names);
            }
        }
        names
    }

    /// Changes the names, until the next sync perhaps for nothing.
    pub(super) fn change(&mut self, change: NameChange) {
        change.apply(&mut self.current);
        self.unsynced.push(change);
    }

    /// Makes the names durable.
    pub(super) fn sync(&mut self) {
        self.synced.clone_from(&self.current);
        self.unsynced.clear();
    }

    /// Sets a name, durable at once.
    pub(super) fn set_durable(&mut self, name: &OsStr, node: &Node) {
        self.current.insert(name.to_owned(), node.clone());
        self.synced.insert(name.to_owned(), node.clone());
    }

    /// Takes a name away, durable at once, from what a crash may bring back too.
    pub(super) fn forget(&mut self, name: &OsStr) {
        self.current.remove(name);
        self.synced.remove(name);
        for change in &mut self.unsynced {
            change.set.take_if(|(set, _)| set == name);
        }
    }
}
