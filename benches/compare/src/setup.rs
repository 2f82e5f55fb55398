//! What all engines are given alike.

use clap::Args;
use siltstone_bench::Error;

/// The memory and the compression of a store. Each engine divides the memory as its own
/// documentation recommends; filters have 10 bits a key wherever there are filters.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Setup {
    /// Memory for write buffers, caches and indexes together, as 268435456 or 256MiB
    #[arg(long, default_value = "256MiB", value_parser = bytes)]
    pub(crate) memory: u64,
    /// How tables are compressed
    #[arg(long, value_enum, default_value = "none")]
    pub(crate) compression: Compression,
    /// What the process may use altogether, the page cache included
    #[arg(long, default_value = "2GiB", value_parser = bytes)]
    pub(crate) limit: u64,
    /// About how many bytes of keys and values there will be.
    #[arg(skip)]
    pub(crate) data: u64,
}

/// How tables are compressed. An engine that cannot refuses to make a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Compression {
    /// Not at all
    None,
    /// Snappy
    Snap,
    /// LZ4
    Lz4,
}

/// Bits of filter for each key.
pub(crate) const FILTER_BITS: u8 = 10;

impl Setup {
    /// `memory` bytes, and nothing compressed.
    pub(crate) const fn with_memory(memory: u64) -> Self {
        Self { memory, compression: Compression::None, limit: 2 << 30, data: 0 }
    }

    /// An error if the compression is one of `unknown`, which the engine cannot do.
    pub(crate) fn refuse(self, unknown: &[Compression]) -> Result<(), Error> {
        if unknown.contains(&self.compression) {
            let why = format!("this engine has no {:?}", self.compression);
            return Err(Error::Invalid { option: "compression", why });
        }
        Ok(())
    }

    /// Whether a store may become larger than the memory that its process may use: files take
    /// several times what is in them, in some engines.
    #[cfg_attr(
        not(any(test, feature = "lmdb")),
        expect(dead_code, reason = "only LMDB asks for it")
    )]
    pub(crate) const fn may_exceed_limit(self) -> bool {
        self.data > self.limit / 4
    }

    /// Memory for one write buffer: a quarter of what there is, 64 MiB at most.
    #[cfg_attr(
        not(any(test, feature = "rocksdb", feature = "fjall")),
        expect(dead_code, reason = "Siltstone divides its memory itself")
    )]
    pub(crate) const fn write_buffer_bytes(self) -> u64 {
        let quarter = self.memory / 4;
        if quarter < 64 << 20 { quarter } else { 64 << 20 }
    }
}

/// A number of bytes, `KiB`, `MiB` or `GiB` behind it if they are meant.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match &text[digits.len()..] {
        "" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        unit => return Err(format!("{unit:?} is none of KiB, MiB, GiB")),
    };
    let number: u64 = digits.parse().map_err(|error| format!("{error}"))?;
    number.checked_mul(1 << shift).ok_or_else(|| "more than there can be".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(bytes("268435456"), Ok(256 << 20));
        assert_eq!(bytes("256MiB"), Ok(256 << 20));
        assert_eq!(bytes("2GiB"), Ok(2 << 30));
        assert!(bytes("2GB").is_err() && bytes("MiB").is_err() && bytes("-1").is_err());
        assert!(bytes("99999999999GiB").is_err());
    }

    #[test]
    fn a_store_of_a_quarter_of_the_limit_may_outgrow_it() {
        let setup = |data| Setup { data, ..Setup::with_memory(1) };
        assert!(!setup(512 << 20).may_exceed_limit() && setup((512 << 20) + 1).may_exceed_limit());
    }

    #[test]
    fn a_write_buffer_leaves_room_for_the_rest() {
        assert_eq!(Setup::with_memory(1 << 30).write_buffer_bytes(), 64 << 20);
        assert_eq!(Setup::with_memory(16 << 20).write_buffer_bytes(), 4 << 20);
    }
}
