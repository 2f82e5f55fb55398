//! One file for each command, or for a few that are alike.

mod bench;
mod dump;
mod explain;
mod input;
mod load;
mod maintain;
mod point;
mod range;
mod repair;
mod scan;
mod stats;
pub(crate) mod text;
mod tree;
mod verify;

use crate::args::Command;
use crate::demo;
use anyhow::Result;
use std::io::Write;

pub(crate) use explain::write_explanation;
pub(crate) use stats::write_amplifications;
pub(crate) use tree::write_tree;

/// Does what was asked; what is shown goes to `out`.
pub(crate) fn run(command: Command, out: &mut dyn Write) -> Result<()> {
    match command {
        Command::Put(args) => point::put(&args),
        Command::Get(args) => point::get(&args, out),
        Command::Delete(args) => point::delete(&args),
        Command::Scan(args) => scan::run(&args, out),
        Command::Load(args) => load::run(&args, out),
        Command::Dump(args) => dump::run(&args, out),
        Command::Stats(args) => stats::run(&args, out),
        Command::Tree(args) => tree::run(&args, out),
        Command::Explain(args) => explain::run(&args, out),
        Command::Verify(args) => verify::run(&args, out),
        Command::Repair(args) => repair::run(&args, out),
        Command::Compact(args) => maintain::compact(&args),
        Command::Checkpoint(args) => maintain::checkpoint(&args),
        Command::Bench(args) => bench::run(&args, out),
        Command::Demo(args) => demo::run(&args, out),
        Command::DemoChild(args) => demo::run_child(&args, out),
    }
}
