//! What can be asked of `bench`.

use crate::options::Setting;
use clap::{Args as Group, ValueEnum};
use siltstone_bench::{KeyStyle, Workload};
use std::path::PathBuf;

/// What each write of `bench` survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WriteDurability {
    /// The death of the process.
    Buffered,
    /// Loss of power.
    Sync,
}

#[derive(Debug, Group)]
pub(crate) struct Bench {
    /// Missing or empty directory for the databases, which the last of them stays in; else a
    /// temporary one.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// What is run, in this order, with commas between.
    #[arg(long, value_name = "A,B,..", value_delimiter = ',', default_values_t = Workload::ALL)]
    pub(crate) workloads: Vec<Workload>,
    /// How many keys.
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    pub(crate) num: u64,
    /// What keys look like: digits, random or prefixed.
    #[arg(long, value_name = "STYLE", default_value = "digits")]
    pub(crate) keys: KeyStyle,
    /// How long a key is [default: 16, or 40 for prefixed].
    #[arg(long, value_name = "N")]
    pub(crate) key_bytes: Option<usize>,
    /// How long a value is.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) value_bytes: usize,
    /// To what share of their size values can be compressed, about.
    #[arg(long, value_name = "SHARE", default_value_t = 0.5)]
    pub(crate) compression_ratio: f64,
    /// How many threads work at once.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) threads: usize,
    /// How long each workload runs [default: about as many operations as keys].
    #[arg(long, value_name = "N")]
    pub(crate) seconds: Option<u64>,
    /// So many operations begin in each second, all threads together, and latency counts from
    /// when they should have; without it each thread goes on when it is done.
    #[arg(long, value_name = "OPS")]
    pub(crate) rate: Option<u64>,
    /// What each write survives.
    #[arg(long, value_enum, default_value = "buffered")]
    pub(crate) durability: WriteDurability,
    /// From which everything random comes.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Sets an option, such as `memory_budget=256MiB`; may be given several times.
    #[arg(long = "option", alias = "options", value_name = "NAME=VALUE", value_parser = Setting::parse)]
    pub(crate) settings: Vec<Setting>,
    /// Shows one JSON object a workload.
    #[arg(long)]
    pub(crate) json: bool,
    /// Writes a page with the table and with plots of throughput and latency over time, anew
    /// after each workload.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}
