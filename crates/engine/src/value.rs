//! A value that was read.

use crate::sync::atomic::{Ordering, Tally};
use siltstone_base::PinnedBytes;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// Longest value that is copied instead of pinning what holds it, in bytes.
pub(crate) const COPIED_BYTES_MAX: usize = 1024;

/// Bytes that were read: a copy where they are short, else a share in the block or map that holds
/// them. It stays valid whatever happens to the database.
#[derive(Clone)]
pub struct Value(Repr);

#[derive(Clone)]
enum Repr {
    Copied(Box<[u8]>),
    Pinned(Pinned),
}

struct Pinned {
    bytes: PinnedBytes,
    /// Sum of all pinned values, for the metrics.
    gauge: Arc<Tally>,
}

impl Pinned {
    fn new(bytes: PinnedBytes, gauge: Arc<Tally>) -> Self {
        gauge.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Self { bytes, gauge }
    }
}

impl Clone for Pinned {
    fn clone(&self) -> Self {
        Self::new(self.bytes.clone(), Arc::clone(&self.gauge))
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        self.gauge.fetch_sub(self.bytes.len() as u64, Ordering::Relaxed);
    }
}

impl Value {
    pub(crate) fn copy_of(bytes: &[u8]) -> Self {
        Self(Repr::Copied(bytes.into()))
    }

    /// `bytes`, copied if they are short; pinned ones are counted in `gauge`.
    pub(crate) fn of_pinned(bytes: PinnedBytes, gauge: &Arc<Tally>) -> Self {
        if bytes.len() <= COPIED_BYTES_MAX {
            return Self::copy_of(&bytes);
        }
        Self(Repr::Pinned(Pinned::new(bytes, Arc::clone(gauge))))
    }

    /// The bytes as a vector of the caller's own; no copy if the value was one already.
    pub fn into_vec(self) -> Vec<u8> {
        match self.0 {
            Repr::Copied(bytes) => bytes.into_vec(),
            Repr::Pinned(pinned) => pinned.bytes.to_vec(),
        }
    }
}

impl Deref for Value {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Repr::Copied(bytes) => bytes,
            Repr::Pinned(pinned) => &pinned.bytes,
        }
    }
}

impl AsRef<[u8]> for Value {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({:?})", String::from_utf8_lossy(self))
    }
}

impl<B: AsRef<[u8]> + ?Sized> PartialEq<B> for Value {
    fn eq(&self, other: &B) -> bool {
        **self == *other.as_ref()
    }
}

impl Eq for Value {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_pin_and_are_counted_until_the_last_share_goes() {
        let gauge = Arc::new(Tally::new(0));
        let short = Value::of_pinned(PinnedBytes::copy_of(&[1; COPIED_BYTES_MAX]), &gauge);
        assert_eq!(gauge.load(Ordering::Relaxed), 0);
        let long = Value::of_pinned(PinnedBytes::copy_of(&[2; COPIED_BYTES_MAX + 1]), &gauge);
        let again = long.clone();
        assert_eq!(gauge.load(Ordering::Relaxed), 2 * (COPIED_BYTES_MAX as u64 + 1));
        drop(long);
        assert_eq!(again, [2; COPIED_BYTES_MAX + 1]);
        drop(again);
        assert_eq!(gauge.load(Ordering::Relaxed), 0);
        assert_eq!(short.into_vec(), [1; COPIED_BYTES_MAX]);
    }
}
