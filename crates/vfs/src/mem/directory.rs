//! One directory of [`MemVfs`](super::MemVfs): its names now, at its last sync, and the changes
//! between.

use super::inode::Inode;
use crate::SeededRandom;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::sync::Arc;

/// What a name stands for.
#[derive(Clone)]
pub(crate) enum Node {
    File(Arc<Inode>),
    Dir,
}

/// Names are shared by all copies of a directory.
pub(crate) type Names = BTreeMap<Arc<OsStr>, Node>;

/// A directory's names.
///
/// Always: `synced` with all of `unsynced` done to it in order is `current`.
#[derive(Clone, Default)]
pub(crate) struct Directory {
    current: Arc<Names>,
    synced: Arc<Names>,
    unsynced: Vec<NameChange>,
}

/// One change, which a crash keeps or loses as a whole: first a name goes, then one is set.
#[derive(Clone, Default)]
pub(crate) struct NameChange {
    pub(crate) removed: Option<Arc<OsStr>>,
    pub(crate) set: Option<(Arc<OsStr>, Node)>,
}

impl NameChange {
    fn apply(&self, names: &mut Names) {
        if let Some(name) = &self.removed {
            names.remove(name);
        }
        if let Some((name, node)) = &self.set {
            names.insert(Arc::clone(name), node.clone());
        }
    }
}

impl Directory {
    /// A directory with these names, all durable.
    pub(crate) fn of(names: Names) -> Self {
        let current = Arc::new(names);
        Self { synced: Arc::clone(&current), current, unsynced: Vec::new() }
    }

    /// Its names now.
    pub(crate) fn names(&self) -> &Names {
        &self.current
    }

    /// Its names as of its last sync.
    pub(crate) fn synced_names(&self) -> &Names {
        &self.synced
    }

    /// Its synced names with some of the changes since, each kept or lost by itself.
    pub(crate) fn drawn_names(&self, random: &SeededRandom) -> Names {
        self.names_keeping(|_| random.below(2) == 0)
    }

    /// Its synced names with those changes since, by number from 0, that `keeps` agrees to.
    pub(crate) fn names_keeping(&self, mut keeps: impl FnMut(usize) -> bool) -> Names {
        let mut names = Names::clone(&self.synced);
        for (number, change) in self.unsynced.iter().enumerate() {
            if keeps(number) {
                change.apply(&mut names);
            }
        }
        names
    }

    /// The same names and changes of other files, which `copy` gives.
    #[cfg(feature = "sim")]
    pub(crate) fn copied(&self, mut copy: impl FnMut(&Node) -> Node) -> Self {
        let mut names = |names: &Names| -> Arc<Names> {
            Arc::new(names.iter().map(|(name, node)| (Arc::clone(name), copy(node))).collect())
        };
        let (current, synced) = (names(&self.current), names(&self.synced));
        let change = |change: &NameChange| NameChange {
            removed: change.removed.clone(),
            set: change.set.as_ref().map(|(name, node)| (Arc::clone(name), copy(node))),
        };
        Self { current, synced, unsynced: self.unsynced.iter().map(change).collect() }
    }

    /// How many changes its last sync did not see.
    #[cfg(feature = "sim")]
    pub(crate) fn unsynced_count(&self) -> usize {
        self.unsynced.len()
    }

    /// Changes the names, until the next sync perhaps for nothing.
    pub(crate) fn change(&mut self, change: NameChange) {
        change.apply(Arc::make_mut(&mut self.current));
        self.unsynced.push(change);
    }

    /// Makes the names durable.
    pub(crate) fn sync(&mut self) {
        self.synced = Arc::clone(&self.current);
        self.unsynced.clear();
    }

    /// Sets a name, durable at once.
    pub(crate) fn set_durable(&mut self, name: Arc<OsStr>, node: &Node) {
        Arc::make_mut(&mut self.current).insert(Arc::clone(&name), node.clone());
        Arc::make_mut(&mut self.synced).insert(name, node.clone());
    }

    /// Takes a name away, durable at once, from what a crash may bring back too.
    pub(crate) fn forget(&mut self, name: &OsStr) {
        Arc::make_mut(&mut self.current).remove(name);
        Arc::make_mut(&mut self.synced).remove(name);
        for change in &mut self.unsynced {
            change.set.take_if(|(set, _)| **set == *name);
        }
    }
}
