//! What can be asked of the program.

mod bench;

pub(crate) use bench::{Bench, WriteDurability};

use crate::options::Setting;
use clap::{Args as Group, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

/// An ordered key-value store in a directory.
///
/// Exit codes: 0 done; 1 absent, or a check failed; 2 wrong use; 3 the database refused or is
/// damaged. Keys are raw bytes; after `--` they may begin with `-`, and so they may in `--from=-k`.
#[derive(Debug, Parser)]
#[command(name = "siltstone", version)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Stores a value; creates the database in a missing or empty directory.
    Put(Put),
    /// Writes a value to stdout as it is; 1 if the key is absent.
    Get(OneKey),
    /// Removes a key, which need not be there.
    Delete(OneKey),
    /// Shows a range of keys and values as tsv lines.
    Scan(Scan),
    /// Stores what a file, stdin or a directory holds; creates the database in a missing or
    /// empty directory.
    Load(Load),
    /// Writes everything in key order, as `load` reads it.
    Dump(Dump),
    /// Shows counters, levels and amplifications.
    Stats(Look),
    /// Shows the runs and tables of each level.
    Tree(Look),
    /// Shows each place that a lookup asks, and what decides.
    Explain(OneKey),
    /// Checks every checksum, every order and every file; findings go to stdout, and then the
    /// exit code is 1.
    Verify(Look),
    /// Saves what can be saved of a damaged database into a new directory; shows what is lost,
    /// and then the exit code is 1.
    Repair(Repair),
    /// Flushes, and merges everything down to the last level.
    Compact(Plain),
    /// Makes a copy that opens as a database of its own.
    Checkpoint(Checkpoint),
    /// Runs workloads over a new database, verifies what it reads, and shows speed, latencies and
    /// what it cost.
    Bench(Bench),
    /// Loads real files, is killed, reopens, compares everything byte for byte.
    Demo(Demo),
    /// The part of `demo` that is killed.
    #[command(hide = true)]
    DemoChild(Plain),
}

/// Which database, and how it is opened.
#[derive(Debug, Group)]
pub(crate) struct Place {
    /// Directory of the database.
    #[arg(value_name = "DB")]
    pub(crate) dir: PathBuf,
    /// Keyspace to work on.
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub(crate) keyspace: String,
    /// Sets an option, such as `memory_budget=256MiB`; may be given several times.
    #[arg(long = "option", value_name = "NAME=VALUE", value_parser = Setting::parse)]
    pub(crate) settings: Vec<Setting>,
}

#[derive(Debug, Group)]
pub(crate) struct Plain {
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Group)]
pub(crate) struct Look {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Shows it as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Group)]
pub(crate) struct OneKey {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The key, raw bytes.
    #[arg(value_name = "KEY")]
    pub(crate) key: OsString,
    /// Reads the key as hex digits.
    #[arg(long)]
    pub(crate) hex: bool,
    /// Shows it as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Group)]
pub(crate) struct Put {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The key, raw bytes.
    #[arg(value_name = "KEY")]
    pub(crate) key: OsString,
    /// The value, raw bytes; `-` takes all of stdin.
    #[arg(value_name = "VALUE|-")]
    pub(crate) value: OsString,
    /// Reads the key as hex digits.
    #[arg(long)]
    pub(crate) hex: bool,
}

#[derive(Debug, Group)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(crate) struct Scan {
    #[command(flatten)]
    pub(crate) place: Place,
    /// First key of the range.
    #[arg(long, value_name = "K")]
    pub(crate) from: Option<OsString>,
    /// Key before which the range ends.
    #[arg(long, value_name = "K")]
    pub(crate) to: Option<OsString>,
    /// Only keys that begin with this.
    #[arg(long, value_name = "P")]
    pub(crate) prefix: Option<OsString>,
    /// From the last key to the first.
    #[arg(long)]
    pub(crate) reverse: bool,
    /// At most this many.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// Keys alone; no values are read.
    #[arg(long)]
    pub(crate) keys: bool,
    /// Reads the keys given here as hex digits.
    #[arg(long)]
    pub(crate) hex: bool,
    /// Shows JSON lines.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What `load` reads and `dump` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One `key TAB value` a line, with escapes.
    Tsv,
    /// One JSON object a line.
    Jsonl,
    /// A directory tree: paths and contents.
    Files,
}

#[derive(Debug, Group)]
pub(crate) struct Load {
    #[command(flatten)]
    pub(crate) place: Place,
    /// What PATH holds.
    #[arg(long, value_enum, default_value = "tsv")]
    pub(crate) format: Format,
    /// Acknowledged means: survives loss of power.
    #[arg(long)]
    pub(crate) sync: bool,
    /// Prints `stored N` when the first N lines or files are acknowledged.
    #[arg(long)]
    pub(crate) ack: bool,
    /// A file, a directory (for files), or `-` for stdin.
    #[arg(value_name = "PATH|-")]
    pub(crate) path: PathBuf,
}

#[derive(Debug, Group)]
pub(crate) struct Dump {
    #[command(flatten)]
    pub(crate) place: Place,
    /// How it is written.
    #[arg(long, value_enum, default_value = "tsv")]
    pub(crate) format: Format,
    /// Missing or empty directory for the files.
    #[arg(long, value_name = "DIR")]
    pub(crate) to: Option<PathBuf>,
}

#[derive(Debug, Group)]
pub(crate) struct Checkpoint {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Missing or empty directory for the copy.
    #[arg(value_name = "DIR")]
    pub(crate) to: PathBuf,
}

#[derive(Debug, Group)]
pub(crate) struct Repair {
    /// Directory of the damaged database, which stays as it is.
    #[arg(value_name = "DB")]
    pub(crate) dir: PathBuf,
    /// Missing or empty directory for what is saved.
    #[arg(value_name = "NEWDIR")]
    pub(crate) to: PathBuf,
    /// Sets an option of the new database, such as `compression=snap`; may be given several times.
    #[arg(long = "option", value_name = "NAME=VALUE", value_parser = Setting::parse)]
    pub(crate) settings: Vec<Setting>,
    /// Shows it as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Group)]
pub(crate) struct Demo {
    /// Missing or empty directory for the database, which then stays; else a temporary one.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Keeps the temporary directory and says where it is.
    #[arg(long)]
    pub(crate) keep: bool,
    /// Shows the report as JSON at the end.
    #[arg(long)]
    pub(crate) json: bool,
    /// Sets an option over what the demo chooses; may be given several times.
    #[arg(long = "option", value_name = "NAME=VALUE")]
    pub(crate) settings: Vec<String>,
    /// At most this many files.
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    pub(crate) files: usize,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_arguments_fit_together() {
        Args::command().debug_assert();
    }

    #[test]
    fn keys_may_be_empty_and_may_begin_with_a_hyphen_after_two() {
        let args = Args::try_parse_from(["siltstone", "get", "db", ""]).unwrap();
        assert!(matches!(args.command, Command::Get(OneKey { key, .. }) if key.is_empty()));
        let args = Args::try_parse_from(["siltstone", "put", "db", "--", "-k", "-v"]).unwrap();
        assert!(matches!(args.command, Command::Put(Put { key, .. }) if key == "-k"));
        assert!(Args::try_parse_from(["siltstone", "get", "db", "-k"]).is_err());
    }
}
