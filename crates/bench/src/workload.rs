//! The workloads, by the names that users of other benchmarks know.
//!
//! The fills begin with a new store, the others go on with what is there. `num` is the number of
//! keys; where no time is set, each workload does about `num` operations.

use std::fmt;
use std::str::FromStr;

/// What is done to a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Workload {
    /// New store: every key once, in order.
    FillSeq,
    /// New store: every key once, in the order of a random permutation.
    FillRandom,
    /// As `FillRandom`, 100 keys in each batch.
    FillBatch,
    /// As `FillRandom` with the first `num / 100` keys of the order, each synced.
    FillSync,
    /// Random keys with replacement get new values.
    Overwrite,
    /// Reads of random keys.
    ReadRandom,
    /// Reads of keys after Zipf with 0.99; the popular ones are scattered.
    ReadRandomZipf,
    /// Reads of absent keys, each between two present ones.
    ReadMissing,
    /// All entries in key order.
    ReadSeq,
    /// All entries against key order.
    ReadReverse,
    /// Seek to a random key, read 10 entries.
    SeekRandom10,
    /// Seek to a random key, read 100 entries.
    SeekRandom100,
    /// As `ReadRandom`, while one more thread overwrites as fast as it can.
    ReadWhileWriting,
    /// Deletes random keys with replacement.
    DeleteRandom,
    /// Half reads, half updates, Zipf.
    YcsbA,
    /// 95 % reads, 5 % updates, Zipf.
    YcsbB,
    /// Reads, Zipf.
    YcsbC,
    /// 95 % reads, mostly of the newest keys, 5 % inserts.
    YcsbD,
    /// 95 % scans of 1 to 100 entries from a key after Zipf, 5 % inserts.
    YcsbE,
    /// Half reads, half read-modify-writes, Zipf.
    YcsbF,
}

impl Workload {
    /// All of them, in an order in which they can be run.
    pub const ALL: [Self; 20] = [
        Self::FillSeq,
        Self::FillBatch,
        Self::FillSync,
        Self::FillRandom,
        Self::Overwrite,
        Self::ReadRandom,
        Self::ReadRandomZipf,
        Self::ReadMissing,
        Self::ReadSeq,
        Self::ReadReverse,
        Self::SeekRandom10,
        Self::SeekRandom100,
        Self::ReadWhileWriting,
        Self::YcsbA,
        Self::YcsbB,
        Self::YcsbC,
        Self::YcsbD,
        Self::YcsbE,
        Self::YcsbF,
        Self::DeleteRandom,
    ];

    /// The name on command lines and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FillSeq => "fillseq",
            Self::FillRandom => "fillrandom",
            Self::FillBatch => "fillbatch",
            Self::FillSync => "fillsync",
            Self::Overwrite => "overwrite",
            Self::ReadRandom => "readrandom",
            Self::ReadRandomZipf => "readrandom-zipf",
            Self::ReadMissing => "readmissing",
            Self::ReadSeq => "readseq",
            Self::ReadReverse => "readreverse",
            Self::SeekRandom10 => "seekrandom-10",
            Self::SeekRandom100 => "seekrandom-100",
            Self::ReadWhileWriting => "readwhilewriting",
            Self::DeleteRandom => "deleterandom",
            Self::YcsbA => "ycsb-a",
            Self::YcsbB => "ycsb-b",
            Self::YcsbC => "ycsb-c",
            Self::YcsbD => "ycsb-d",
            Self::YcsbE => "ycsb-e",
            Self::YcsbF => "ycsb-f",
        }
    }

    /// Whether it begins with a new store.
    pub const fn is_fill(self) -> bool {
        matches!(self, Self::FillSeq | Self::FillRandom | Self::FillBatch | Self::FillSync)
    }

    /// Whether it reads all there is, from one end to the other: it has no rate.
    pub const fn is_sweep(self) -> bool {
        matches!(self, Self::ReadSeq | Self::ReadReverse)
    }

    /// Whether it reads short scans.
    pub(crate) const fn scans(self) -> bool {
        matches!(self, Self::SeekRandom10 | Self::SeekRandom100 | Self::YcsbE)
    }

    /// Whether it changes nothing.
    pub const fn only_reads(self) -> bool {
        matches!(
            self,
            Self::ReadRandom
                | Self::ReadRandomZipf
                | Self::ReadMissing
                | Self::ReadSeq
                | Self::ReadReverse
                | Self::SeekRandom10
                | Self::SeekRandom100
                | Self::YcsbC
        )
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Workload {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|workload| workload.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("there is no workload {text:?}; there are {names}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_to_its_workload() {
        for workload in Workload::ALL {
            assert_eq!(workload.name().parse(), Ok(workload));
            assert!(!(workload.is_fill() && workload.only_reads()));
        }
        assert!("fill".parse::<Workload>().is_err());
    }
}
