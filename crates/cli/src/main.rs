//! The `siltstone` program: a database in a directory, from the command line.
//!
//! Read in this order: [`args`] (what can be asked), [`commands`] (one file each), [`format`] (the
//! text and file formats), [`load`] (storing and acknowledging), [`demo`], [`exit`] (how it ends).

mod args;
mod commands;
mod database;
mod demo;
mod exit;
mod format;
mod load;
mod options;
mod progress;
mod size;

use clap::Parser;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let command = match args::Args::try_parse() {
        Ok(args) => args.command,
        Err(error) => return exit::of_parsing(&error),
    };
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let done = commands::run(command, &mut out);
    // What was shown before a failure is shown all the same.
    let flushed = out.flush();
    // What a closed stdout could not take must not be tried again when the writer goes.
    drop(out.into_parts());
    exit::of(done.and_then(|()| Ok(flushed?)))
}
