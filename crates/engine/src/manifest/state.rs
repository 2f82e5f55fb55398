//! What all records of a manifest add up to.

use super::record::Field;
use siltstone_base::{MAX_SEQNO, Seqno};
use siltstone_compaction::{Version, VersionEdit};
use siltstone_wal::{KeyspaceId, SegmentId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The state of a database as its manifest tells it.
#[derive(Clone, Debug, Default)]
pub(crate) struct ManifestState {
    pub(crate) keyspaces: BTreeMap<KeyspaceId, KeyspaceState>,
    /// Segments that may hold records, oldest first, with the end at which replay stops if one
    /// was decided.
    pub(crate) segments: BTreeMap<SegmentId, Option<u64>>,
    pub(crate) epochs: BTreeSet<u64>,
    pub(crate) next_keyspace: u32,
    pub(crate) last_seqno: Seqno,
    pub(crate) next_run: u64,
}

/// One keyspace in it.
#[derive(Clone, Debug)]
pub(crate) struct KeyspaceState {
    pub(crate) name: String,
    pub(crate) policy: String,
    pub(crate) policy_state: Vec<u8>,
    pub(crate) version: Arc<Version>,
    pub(crate) installed: Seqno,
}

impl ManifestState {
    /// Applies one record.
    ///
    /// # Errors
    ///
    /// What cannot be, for the caller to say where; then the state is good for nothing.
    pub(crate) fn apply(&mut self, fields: &[Field]) -> Result<(), &'static str> {
        fields.iter().try_for_each(|field| self.apply_field(field))
    }

    fn apply_field(&mut self, field: &Field) -> Result<(), &'static str> {
        match field {
            Field::Begin => *self = Self::default(),
            Field::Epoch(epoch) => {
                self.epochs.insert(*epoch);
            }
            Field::Keyspace { id, policy, name } => self.add_keyspace(*id, policy, name)?,
            Field::Dropped(id) => {
                self.keyspaces.remove(id).ok_or("it drops a keyspace that does not exist")?;
            }
            Field::NextKeyspace(next) => self.next_keyspace = *next,
            Field::Version { keyspace, edit } => {
                let keyspace = self.keyspace(*keyspace)?;
                let version = keyspace.version.apply(edit);
                let version = version.map_err(|_| "its version edit does not fit the tables")?;
                keyspace.version = Arc::new(version);
            }
            Field::Installed { seqno, .. } | Field::LastSeqno(seqno) if *seqno > MAX_SEQNO => {
                return Err("it holds a seqno that cannot be");
            }
            Field::Installed { keyspace, seqno } => self.keyspace(*keyspace)?.installed = *seqno,
            Field::Segment(segment) => {
                self.segments.insert(*segment, None);
            }
            Field::SegmentFreed(segment) => {
                self.segments.remove(segment).ok_or("it frees a segment that does not exist")?;
            }
            Field::Cut { segment, end } => {
                let cut = self.segments.get_mut(segment);
                *cut.ok_or("it cuts a segment that does not exist")? = Some(*end);
            }
            Field::PolicyState { keyspace, state } => {
                self.keyspace(*keyspace)?.policy_state.clone_from(state);
            }
            Field::LastSeqno(seqno) => self.last_seqno = self.last_seqno.max(*seqno),
            Field::NextRun(next) => self.next_run = self.next_run.max(*next),
        }
        Ok(())
    }

    fn add_keyspace(
        &mut self,
        id: KeyspaceId,
        policy: &str,
        name: &str,
    ) -> Result<(), &'static str> {
        if self.keyspaces.contains_key(&id) {
            return Err("it makes a keyspace that exists");
        }
        let state = KeyspaceState {
            name: name.to_owned(),
            policy: policy.to_owned(),
            policy_state: Vec::new(),
            version: Arc::new(Version::empty()),
            installed: 0,
        };
        self.keyspaces.insert(id, state);
        Ok(())
    }

    fn keyspace(&mut self, id: KeyspaceId) -> Result<&mut KeyspaceState, &'static str> {
        self.keyspaces.get_mut(&id).ok_or("it speaks of a keyspace that does not exist")
    }

    /// The whole state as the fields of one record.
    pub(crate) fn to_fields(&self) -> Vec<Field> {
        let mut fields = vec![Field::Begin];
        fields.extend(self.epochs.iter().map(|&epoch| Field::Epoch(epoch)));
        for (&id, keyspace) in &self.keyspaces {
            let (policy, name) = (keyspace.policy.clone(), keyspace.name.clone());
            fields.push(Field::Keyspace { id, policy, name });
            let edit = VersionEdit::of_version(&keyspace.version);
            fields.push(Field::Version { keyspace: id, edit });
            fields.push(Field::Installed { keyspace: id, seqno: keyspace.installed });
            let state = keyspace.policy_state.clone();
            fields.push(Field::PolicyState { keyspace: id, state });
        }
        for (&segment, &cut) in &self.segments {
            fields.push(Field::Segment(segment));
            fields.extend(cut.map(|end| Field::Cut { segment, end }));
        }
        fields.push(Field::NextKeyspace(self.next_keyspace));
        fields.push(Field::LastSeqno(self.last_seqno));
        fields.push(Field::NextRun(self.next_run));
        fields
    }
}
