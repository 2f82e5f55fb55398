//! From the ops of a batch, or of a replayed log record, to entries.

use crate::Memtable;
use siltstone_base::{DecodeError, MAX_SEQNO, Seqno};
use siltstone_wal::{KeyspaceId, Ops};

impl Memtable {
    /// Inserts the ops of `keyspace`, passing over those of others; op i has seqno
    /// `first_seqno + i`, others' ops counted too.
    ///
    /// # Errors
    ///
    /// What [`Ops`] gives for bytes that cannot be right or are not known, and corruption for
    /// seqnos out of range or a version that is there already, as after a record replayed twice.
    /// The ops before the refused one stay in: give up the table then.
    pub fn apply(
        &self,
        keyspace: KeyspaceId,
        first_seqno: Seqno,
        ops: Ops<'_>,
    ) -> Result<(), DecodeError> {
        for (index, op) in (0u64..).zip(ops) {
            let op = op?;
            if op.keyspace != keyspace {
                continue;
            }
            let seqno = first_seqno
                .checked_add(index)
                .filter(|&seqno| seqno <= MAX_SEQNO)
                .ok_or_else(|| refused("its seqnos are out of range"))?;
            if !self.try_insert(op.key, seqno, op.kind, op.value) {
                return Err(refused("one of its versions was there before"));
            }
        }
        Ok(())
    }
}

/// Where in the batch is not known here: the offset is that of the batch.
const fn refused(why: &'static str) -> DecodeError {
    DecodeError::corrupt("batch", 0, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Found;
    use siltstone_base::EntryKind;
    use siltstone_wal::Batch;

    const OURS: KeyspaceId = KeyspaceId(3);
    const OTHER: KeyspaceId = KeyspaceId(4);

    fn batch() -> Batch {
        let mut batch = Batch::new();
        batch.put(OTHER, b"k", b"not ours");
        batch.put(OURS, b"k", b"first");
        batch.delete(OTHER, b"k");
        batch.put(OURS, b"", b"");
        batch.delete(OURS, b"k");
        batch
    }

    fn seen(memtable: &Memtable, key: &[u8], seqno: Seqno) -> Option<(Seqno, EntryKind, Vec<u8>)> {
        let found = memtable.get(key, seqno);
        found.map(|Found { seqno, kind, value }| (seqno, kind, value.to_vec()))
    }

    #[test]
    fn each_op_of_the_keyspace_gets_its_place_in_the_batch_as_seqno() {
        let memtable = Memtable::new(b"");
        memtable.apply(OURS, 10, batch().ops()).unwrap();
        assert_eq!((memtable.len(), memtable.seqnos()), (3, Some((11, 14))));
        assert_eq!(seen(&memtable, b"k", 10), None);
        assert_eq!(seen(&memtable, b"k", 13), Some((11, EntryKind::Put, b"first".to_vec())));
        assert_eq!(seen(&memtable, b"k", 14), Some((14, EntryKind::Delete, Vec::new())));
        assert_eq!(seen(&memtable, b"", 99), Some((13, EntryKind::Put, Vec::new())));
    }

    #[test]
    fn a_batch_without_ops_of_the_keyspace_changes_nothing() {
        let memtable = Memtable::new(b"");
        memtable.apply(KeyspaceId(5), 10, batch().ops()).unwrap();
        memtable.apply(OURS, 10, Batch::new().ops()).unwrap();
        assert!(memtable.is_empty());
    }

    #[test]
    fn what_cannot_be_right_is_an_error() {
        let memtable = Memtable::new(b"");
        memtable.apply(OURS, 10, batch().ops()).unwrap();
        memtable.apply(OURS, 10, batch().ops()).unwrap_err();
        memtable.apply(OURS, MAX_SEQNO - 3, batch().ops()).unwrap_err();
        memtable.apply(OURS, u64::MAX - 3, batch().ops()).unwrap_err();
        let cut = &batch().bytes()[..batch().encoded_bytes() - 1].to_vec();
        memtable.apply(OURS, 20, Ops::new(cut)).unwrap_err();
    }
}
