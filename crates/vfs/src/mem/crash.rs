//! What a crash leaves of a [`MemVfs`](super::MemVfs): a new tree with copies of what survives.

use super::directory::{Directory, Names, Node};
use super::inode::{Content, Inode};
use super::state::State;
use crate::SeededRandom;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What survives.
#[derive(Clone, Copy)]
pub(super) enum Survival<'a> {
    /// Every operation that returned.
    Everything,
    /// What was synced.
    Synced,
    /// What was synced, and some of the rest.
    Drawn(&'a SeededRandom),
    /// What the simulated disk chooses.
    #[cfg(feature = "sim")]
    Chosen(&'a dyn super::seam::Survivor),
}

impl State {
    /// The file system that is found after a crash now. It shares nothing with this one.
    pub(super) fn after(&self, survival: Survival<'_>) -> Self {
        let mut copies = Copies { survival, by_number: BTreeMap::new() };
        let copy = |(path, dir): (&PathBuf, &Directory)| {
            let mut names = survival.names(path, dir);
            for node in names.values_mut() {
                copies.copy(node);
            }
            (path.clone(), Directory::of(names))
        };
        let dirs = self.dirs.iter().map(copy).collect();
        let boot_id = match survival {
            Survival::Everything => self.boot_id,
            _ => self.boot_id + 1,
        };
        Self { dirs, inodes_made: self.inodes_made, boot_id, ..Self::new() }
    }
}

impl Survival<'_> {
    #[cfg_attr(not(feature = "sim"), expect(unused_variables, reason = "only a policy asks"))]
    fn names(self, path: &Path, dir: &Directory) -> Names {
        match self {
            Self::Everything => dir.names().clone(),
            Self::Synced => dir.synced_names().clone(),
            Self::Drawn(random) => dir.drawn_names(random),
            #[cfg(feature = "sim")]
            Self::Chosen(survivor) => survivor.names(path, dir),
        }
    }

    #[cfg_attr(not(feature = "sim"), expect(unused_variables, reason = "only a policy asks"))]
    fn content(self, number: u64, content: &Content) -> Content {
        match self {
            Self::Everything => content.all(),
            Self::Synced => content.synced(),
            Self::Drawn(random) => content.drawn(random),
            #[cfg(feature = "sim")]
            Self::Chosen(survivor) => Content::of(survivor.bytes(number, content)),
        }
    }
}

/// The files copied so far: names of one file stay names of one file.
struct Copies<'a> {
    survival: Survival<'a>,
    by_number: BTreeMap<u64, Arc<Inode>>,
}

impl Copies<'_> {
    fn copy(&mut self, node: &mut Node) {
        let Node::File(inode) = node else { return };
        let copy = self.by_number.entry(inode.number).or_insert_with(|| {
            let content = self.survival.content(inode.number, &inode.content.lock());
            Arc::new(Inode::new(inode.number, content))
        });
        *inode = Arc::clone(copy);
    }
}
