//! Which seqnos somebody reads at, so that no job drops what they need.
//!
//! Always: whoever registers loads the visible seqno under the same lock under which a job takes
//! its floor, so a floor is never above a seqno that is registered later.

use crate::sync::Mutex;
use crate::watermark::Watermark;
use siltstone_base::Seqno;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Registered seqnos and how many readers each has.
#[derive(Debug, Default)]
pub(crate) struct Snapshots {
    /// The newest seqno that readers may see. Raised by commit once the entries are in their
    /// memtables.
    visible: Watermark,
    readers: Mutex<BTreeMap<Seqno, u64>>,
}

impl Snapshots {
    /// The seqno up to which everything is visible.
    #[inline]
    pub(crate) fn visible(&self) -> Seqno {
        self.visible.get()
    }

    /// Makes everything up to `seqno` visible.
    pub(crate) fn publish(&self, seqno: Seqno) {
        self.visible.raise(seqno);
    }

    /// Registers the visible seqno until the guard is dropped.
    pub(crate) fn register(self: &Arc<Self>) -> Registered {
        let mut readers = self.readers.lock();
        let seqno = self.visible();
        *readers.entry(seqno).or_default() += 1;
        Registered { snapshots: Arc::clone(self), seqno }
    }

    /// Every seqno that must stay readable through a job that begins now, ascending: the
    /// registered ones and the visible one.
    pub(crate) fn needed(&self) -> Vec<Seqno> {
        let readers = self.readers.lock();
        let mut needed: Vec<Seqno> = readers.keys().copied().collect();
        let visible = self.visible();
        if needed.last() != Some(&visible) {
            needed.push(visible);
        }
        needed
    }

    /// How many readers are registered.
    pub(crate) fn count(&self) -> u64 {
        self.readers.lock().values().sum()
    }
}

/// A registered seqno.
#[derive(Debug)]
pub(crate) struct Registered {
    snapshots: Arc<Snapshots>,
    seqno: Seqno,
}

impl Registered {
    pub(crate) const fn seqno(&self) -> Seqno {
        self.seqno
    }
}

impl Clone for Registered {
    fn clone(&self) -> Self {
        // The seqno is held by `self`, so it cannot fall below a floor meanwhile.
        *self.snapshots.readers.lock().entry(self.seqno).or_default() += 1;
        Self { snapshots: Arc::clone(&self.snapshots), seqno: self.seqno }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut readers = self.snapshots.readers.lock();
        if let Some(count) = readers.get_mut(&self.seqno) {
            *count -= 1;
            if *count == 0 {
                readers.remove(&self.seqno);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seqno_is_needed_until_its_last_reader_goes() {
        let snapshots = Arc::new(Snapshots::default());
        snapshots.publish(5);
        let first = snapshots.register();
        let second = first.clone();
        snapshots.publish(9);
        assert_eq!(snapshots.needed(), [5, 9]);
        drop(first);
        assert_eq!((snapshots.needed(), snapshots.count()), (vec![5, 9], 1));
        drop(second);
        assert_eq!((snapshots.needed(), snapshots.count()), (vec![9], 0));
    }
}
