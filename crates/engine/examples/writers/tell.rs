//! Lines on stdout, each by one `write` call: what was told was told whole, whenever the end comes.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;

/// Standard output without a buffer.
#[derive(Debug)]
pub(crate) struct Teller(File);

impl Teller {
    pub(crate) fn new() -> Self {
        let stdout = io::stdout().as_fd().try_clone_to_owned();
        Self(File::from(stdout.expect("stdout is open")))
    }

    /// Tells one line. If nobody listens any more there is nothing left to do for the process.
    pub(crate) fn line(&self, line: &str) {
        if (&self.0).write_all(format!("{line}\n").as_bytes()).is_err() {
            std::process::exit(5);
        }
    }
}
