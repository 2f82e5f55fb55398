//! What a power cut may leave.

/// Which of the unsynced bytes and names survive a power cut. Nothing that was synced is ever
/// touched, even when it shares a sector with what was not.
///
/// Where a policy is about bytes, each directory keeps its first few changes, often all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CrashPolicy {
    /// Nothing (K1).
    LoseUnsynced,
    /// Of each file, and each directory, the first few operations (K2).
    Prefix,
    /// All but the end of the last operation: of a write its first `bytes`; of a change of names
    /// nothing if `bytes` is 0 (K2). Not drawn: the seed is not used.
    CutLast {
        /// How many bytes of the last write survive; all of them if there are fewer.
        bytes: usize,
    },
    /// Of each 4 KiB block some of its writes, blocks independent of each other and of the file's
    /// length; holes are zeros (K3).
    Blocks,
    /// Of each sector of 512 bytes some of its writes, or every write up to some byte (K4).
    Torn(Unwritten),
    /// The length of each file without the bytes: old bytes, then zeros (K5).
    SizeWithoutData,
    /// What was overwritten in each file, but not its new length (K5).
    DataWithoutSize,
    /// Each change of a name by itself, kept or lost; a rename within a directory as a whole (K6).
    /// Of each file the first few writes.
    Names,
}

/// What is found in a torn sector where an unsynced write did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unwritten {
    /// What was there before; zeros behind the old end.
    Old,
    /// Zeros.
    Zeros,
    /// Anything.
    Garbage,
}

impl CrashPolicy {
    /// Every policy that needs no number.
    pub const ALL: [Self; 9] = [
        Self::LoseUnsynced,
        Self::Prefix,
        Self::Blocks,
        Self::Torn(Unwritten::Old),
        Self::Torn(Unwritten::Zeros),
        Self::Torn(Unwritten::Garbage),
        Self::SizeWithoutData,
        Self::DataWithoutSize,
        Self::Names,
    ];
}
