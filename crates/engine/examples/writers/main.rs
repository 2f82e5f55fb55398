//! Threads that write while somebody watches, or kills them: a program for `cargo xtask crash`.
//!
//! ```text
//! writers                        a demonstration: a child writes, is killed, nothing is missing
//! writers write DIR NAME=N ..    opens the database, looks at it, writes until it is stopped
//! writers check DIR NAME=N ..    looks at it twice, read-only and for writing, and verifies it
//! ```
//! What is in the database follows from one number per thread: how many batches it wrote. So the
//! watcher needs to remember numbers only. The program tells on stdout, one `write` call a line:
//!
//! ```text
//! begin PID                      the program runs
//! found THREAD NUMBER            the database opened, and so many batches of the thread are there
//! ready                          writing begins
//! ack THREAD NUMBER SEQNO HOW    a batch was acknowledged; HOW is sync or buffered
//! refused THREAD NUMBER WHY      a batch was not
//! unreadable WHY                 reading failed twice in a row
//! full HEALTH                    nothing goes on; what can be read is right; a line on stdin is awaited
//! again                          that line came
//! end HEALTH                     all was written or refused, what can be read is right
//! verified FILES ENTRIES         nothing is damaged
//! ```
//! It exits with 0, 3 if the database refused (as `siltstone` does), 4 if something is wrong.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

mod check;
mod demonstration;
mod history;
mod settings;
mod tell;
mod work;

use settings::Settings;
use std::fmt;
use std::process::ExitCode;

/// Why the program ends without success.
#[derive(Debug)]
enum Failure {
    /// The database returned an error, as it may.
    Refused(siltstone::Error),
    /// What may never be.
    Wrong(String),
}

impl From<siltstone::Error> for Failure {
    fn from(error: siltstone::Error) -> Self {
        Self::Refused(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => write!(f, "refused: {error}"),
            Self::Wrong(why) => write!(f, "wrong: {why}"),
        }
    }
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let ended = match args.split_first() {
        None => demonstration::run(),
        Some((command, rest)) => match (command.as_str(), Settings::parse(rest)) {
            ("write", Ok(settings)) => work::run(&settings),
            ("check", Ok(settings)) => check::run(&settings),
            (_, Err(why)) => Err(Failure::Wrong(why)),
            _ => Err(Failure::Wrong(format!("no command {command}"))),
        },
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::from(if matches!(failure, Failure::Refused(_)) { 3 } else { 4 })
        }
    }
}
