//! Which table: drawn once, never used again.

use std::fmt;

/// Name of a table for ever: an epoch of 64 random bits that a writable open drew, and a counter
/// within it.
///
/// It orders by epoch, then number; it says nothing of age beyond its own epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId {
    /// What the writable open drew that made the table.
    pub epoch: u64,
    /// Counts the tables of that epoch.
    pub number: u64,
}

impl TableId {
    /// The id as one number, the epoch in its upper half: the identity that sums are mixed with.
    pub const fn as_u128(self) -> u128 {
        (self.epoch as u128) << 64 | self.number as u128
    }

    /// The id that [`as_u128`](Self::as_u128) gave.
    #[expect(clippy::cast_possible_truncation, reason = "the halves are what is wanted")]
    pub const fn from_u128(id: u128) -> Self {
        Self { epoch: (id >> 64) as u64, number: id as u64 }
    }
}

impl fmt::Display for TableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{:016x}", self.epoch, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_the_way_through_a_number_and_reads_as_a_name() {
        let id = TableId { epoch: 0xfeed, number: 7 };
        assert_eq!(TableId::from_u128(id.as_u128()), id);
        assert_eq!(id.to_string(), "000000000000feed-0000000000000007");
        assert!(id < TableId { epoch: 0xfeee, number: 0 });
    }
}
