//! `--option NAME=VALUE`: what can be set when a database is opened.

use crate::size;
use siltstone::{Compression, Durability, Leveled, Options, ReadMode};

/// One thing that was set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Setting {
    CreateIfMissing(bool),
    MemoryBudget(u64),
    MemtableBytes(u64),
    Durability(Durability),
    Compression(Compression),
    FilterBitsPerKey(u8),
    BlockBytes(u32),
    ReadMode(ReadMode),
    BackgroundThreads(usize),
    Leveled(LeveledSetting),
}

/// What was set of the leveled policy; the rest keeps its defaults.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct LeveledSetting {
    level0_runs: Option<u32>,
    ratio: Option<u32>,
    table_bytes: Option<u64>,
    base_bytes: Option<u64>,
}

const NAMES: &str = "create_if_missing, memory_budget, memtable_bytes, durability, compression, \
                     filter_bits_per_key, block_bytes, read_mode, compaction, background_threads";

impl Setting {
    /// Reads `NAME=VALUE`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
        Ok(match name {
            "create_if_missing" => {
                Self::CreateIfMissing(one_of(value, &[("true", true), ("false", false)])?)
            }
            "memory_budget" => Self::MemoryBudget(size::parse(value)?),
            "memtable_bytes" => Self::MemtableBytes(size::parse(value)?),
            "durability" => Self::Durability(one_of(
                value,
                &[("buffered", Durability::Buffered), ("sync", Durability::Sync)],
            )?),
            "compression" => Self::Compression(one_of(
                value,
                &[("none", Compression::None), ("snap", Compression::Snap)],
            )?),
            "filter_bits_per_key" => Self::FilterBitsPerKey(number(value)?),
            "block_bytes" => Self::BlockBytes(number(value)?),
            "read_mode" => Self::ReadMode(one_of(
                value,
                &[("mmap", ReadMode::Mmap), ("pread", ReadMode::Pread)],
            )?),
            "background_threads" => Self::BackgroundThreads(number(value)?),
            "compaction" => Self::Leveled(LeveledSetting::parse(value)?),
            _ => return Err(format!("there is no option {name:?}; there are {NAMES}")),
        })
    }

    fn apply(self, options: Options) -> Options {
        match self {
            Self::CreateIfMissing(create) => options.create_if_missing(create),
            Self::MemoryBudget(bytes) => options.memory_budget(bytes),
            Self::MemtableBytes(bytes) => options.memtable_bytes(bytes),
            Self::Durability(durability) => options.durability(durability),
            Self::Compression(compression) => options.compression(compression),
            Self::FilterBitsPerKey(bits) => options.filter_bits_per_key(bits),
            Self::BlockBytes(bytes) => options.block_bytes(bytes),
            Self::ReadMode(mode) => options.read_mode(mode),
            Self::BackgroundThreads(threads) => options.background_threads(threads),
            Self::Leveled(leveled) => options.compaction(leveled.policy()),
        }
    }
}

impl LeveledSetting {
    /// Reads `leveled` or `leveled:NAME=VALUE,..`.
    fn parse(text: &str) -> Result<Self, String> {
        let (policy, parameters) = text.split_once(':').unwrap_or((text, ""));
        one_of(policy, &[("leveled", ())])?;
        let mut setting = Self::default();
        for parameter in parameters.split(',').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').ok_or("write leveled:NAME=VALUE,..")?;
            match name {
                "level0_runs" => setting.level0_runs = Some(at_least(value, 1)?),
                "ratio" => setting.ratio = Some(at_least(value, 2)?),
                "table_bytes" => setting.table_bytes = Some(at_least(value, 1)?),
                "base_bytes" => setting.base_bytes = Some(at_least(value, 1)?),
                _ => {
                    let names = "level0_runs, ratio, table_bytes, base_bytes";
                    return Err(format!("leveled has no {name:?}; it has {names}"));
                }
            }
        }
        Ok(setting)
    }

    fn policy(self) -> Leveled {
        let mut policy = Leveled::default();
        if let Some(runs) = self.level0_runs {
            policy = policy.level0_runs(runs);
        }
        if let Some(ratio) = self.ratio {
            policy = policy.ratio(ratio);
        }
        if let Some(bytes) = self.table_bytes {
            policy = policy.table_bytes(bytes);
        }
        if let Some(bytes) = self.base_bytes {
            policy = policy.base_bytes(bytes);
        }
        policy
    }
}

/// `options` with every setting, the last of a name counting.
pub(crate) fn apply(settings: &[Setting], options: Options) -> Options {
    settings.iter().fold(options, |options, setting| setting.apply(options))
}

fn one_of<T: Copy>(value: &str, choices: &[(&str, T)]) -> Result<T, String> {
    let chosen = choices.iter().find(|(name, _)| *name == value);
    chosen.map(|&(_, chosen)| chosen).ok_or_else(|| {
        let names: Vec<_> = choices.iter().map(|&(name, _)| name).collect();
        format!("{value:?} is none of: {}", names.join(", "))
    })
}

/// A size that fits a smaller number.
fn number<T: TryFrom<u64>>(value: &str) -> Result<T, String> {
    T::try_from(size::parse(value)?).map_err(|_| format!("{value} is too large"))
}

fn at_least<T: TryFrom<u64> + PartialOrd + From<u8>>(value: &str, least: u8) -> Result<T, String> {
    let given = number(value)?;
    if given < T::from(least) { Err(format!("{value}: at least {least}")) } else { Ok(given) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_is_read_by_its_name() {
        for (text, setting) in [
            ("create_if_missing=false", Setting::CreateIfMissing(false)),
            ("memory_budget=256MiB", Setting::MemoryBudget(256 << 20)),
            ("memtable_bytes=65536", Setting::MemtableBytes(65_536)),
            ("durability=sync", Setting::Durability(Durability::Sync)),
            ("compression=snap", Setting::Compression(Compression::Snap)),
            ("filter_bits_per_key=0", Setting::FilterBitsPerKey(0)),
            ("block_bytes=4KiB", Setting::BlockBytes(4096)),
            ("read_mode=pread", Setting::ReadMode(ReadMode::Pread)),
            ("background_threads=1", Setting::BackgroundThreads(1)),
            ("compaction=leveled", Setting::Leveled(LeveledSetting::default())),
            (
                "compaction=leveled:ratio=4,table_bytes=1MiB",
                Setting::Leveled(LeveledSetting {
                    ratio: Some(4),
                    table_bytes: Some(1 << 20),
                    ..LeveledSetting::default()
                }),
            ),
        ] {
            assert_eq!(Setting::parse(text), Ok(setting));
            let name = text.split('=').next().unwrap();
            assert!(NAMES.contains(name) && Setting::parse(&format!("{name}=?")).is_err());
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for text in [
            "",
            "memory_budget",
            "=1",
            "memory_budgets=1",
            "filter_bits_per_key=256",
            "compaction=leveled:ratio=1",
            "compaction=leveled:x=1",
        ] {
            assert!(Setting::parse(text).is_err(), "{text}");
        }
    }
}
