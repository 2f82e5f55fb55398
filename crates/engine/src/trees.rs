//! The keyspaces of an open database, by id and by name.

use crate::tree::Tree;
use crate::{Error, WriteBatch};
use siltstone_wal::KeyspaceId;
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Name of the keyspace that always exists.
pub(crate) const DEFAULT_NAME: &str = "default";
/// Its id.
pub(crate) const DEFAULT_ID: KeyspaceId = KeyspaceId(0);
/// Longest name, in bytes.
const NAME_BYTES_MAX: usize = 255;

/// The trees that a batch writes to: mostly one.
pub(crate) type Written = SmallVec<[Arc<Tree>; 1]>;

/// Keyspaces that exist.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trees(BTreeMap<KeyspaceId, Arc<Tree>>);

impl Trees {
    pub(crate) fn insert(&mut self, tree: Arc<Tree>) {
        self.0.insert(tree.id, tree);
    }

    pub(crate) fn remove(&mut self, id: KeyspaceId) -> Option<Arc<Tree>> {
        self.0.remove(&id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Tree>> {
        self.0.values()
    }

    pub(crate) fn by_id(&self, id: KeyspaceId) -> Option<&Arc<Tree>> {
        self.0.get(&id)
    }

    pub(crate) fn by_name(&self, name: &str) -> Option<&Arc<Tree>> {
        self.iter().find(|tree| tree.name == name)
    }

    /// The trees that a batch writes to.
    ///
    /// # Errors
    ///
    /// [`Error::KeyspaceDropped`] if one of them is gone.
    pub(crate) fn of_batch(&self, batch: &WriteBatch) -> Result<Written, Error> {
        let tree = |id| self.by_id(id).cloned().ok_or(Error::KeyspaceDropped);
        batch.keyspaces.iter().map(|keyspace| tree(keyspace.keyspace)).collect()
    }
}

/// Refuses names that no keyspace may have.
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    let invalid = |why| Err(Error::InvalidName { name: name.to_owned(), why });
    if name.is_empty() {
        return invalid("it is empty");
    }
    if name.len() > NAME_BYTES_MAX {
        return invalid("it is longer than 255 bytes");
    }
    Ok(())
}
