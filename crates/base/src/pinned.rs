//! Bytes that keep their owner alive.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

/// A slice of bytes together with a share in whatever holds them: a memtable entry, a cached
/// block, a mapped table. Cloning it copies no bytes.
#[derive(Clone)]
pub struct PinnedBytes {
    owner: Owner,
    range: Range<usize>,
}

#[derive(Clone)]
enum Owner {
    Bytes(Arc<[u8]>),
    Other(Arc<dyn AsRef<[u8]> + Send + Sync>),
}

impl Owner {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Other(owner) => (**owner).as_ref(),
        }
    }
}

impl PinnedBytes {
    /// A copy of `bytes`, which pins nothing else.
    pub fn copy_of(bytes: &[u8]) -> Self {
        Self { owner: Owner::Bytes(Arc::from(bytes)), range: 0..bytes.len() }
    }

    /// `range` of `bytes`, shared.
    ///
    /// # Panics
    ///
    /// If `range` does not lie within `bytes`.
    pub fn of_bytes(bytes: Arc<[u8]>, range: Range<usize>) -> Self {
        assert!(range.start <= range.end && range.end <= bytes.len(), "range outside its owner");
        Self { owner: Owner::Bytes(bytes), range }
    }

    /// `range` of what `owner` derefs to, which must not change while it is shared.
    ///
    /// # Panics
    ///
    /// If `range` does not lie within the owner's bytes.
    pub fn of_owner(owner: Arc<dyn AsRef<[u8]> + Send + Sync>, range: Range<usize>) -> Self {
        let bytes = (*owner).as_ref().len();
        assert!(range.start <= range.end && range.end <= bytes, "range outside its owner");
        Self { owner: Owner::Other(owner), range }
    }
}

impl Deref for PinnedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.owner.bytes()[self.range.clone()]
    }
}

impl fmt::Debug for PinnedBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PinnedBytes({} bytes)", self.range.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_outlives_every_other_share() {
        let owner: Arc<[u8]> = Arc::from(&b"0123456789"[..]);
        let pin = PinnedBytes::of_bytes(Arc::clone(&owner), 2..5);
        drop(owner);
        assert_eq!(&*pin, b"234");
        let other = PinnedBytes::of_owner(Arc::new(vec![7u8; 4]), 1..4);
        assert_eq!(&*other.clone(), &[7; 3]);
    }

    #[test]
    #[should_panic(expected = "outside its owner")]
    fn a_range_outside_its_owner_is_a_mistake() {
        drop(PinnedBytes::of_bytes(Arc::from(&b"ab"[..]), 1..3));
    }
}
