//! How the program ends: 0 done, 1 absent or a check failed, 2 wrong use, 3 the database refused
//! or is damaged. What went wrong is one line on stderr.

use clap::error::ErrorKind;
use siltstone::Error;
use std::io::{self, Write};
use std::process::ExitCode;

const ABSENT: u8 = 1;
const WRONG_USE: u8 = 2;
const REFUSED: u8 = 3;

/// A failure that is not the database's own.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// What was asked for is not there, a check found something, or the system failed.
    #[error("{0}")]
    Absent(String),
    /// It cannot be done as it was asked for.
    #[error("{0}")]
    WrongUse(String),
    /// The directory is not one that a database can be in.
    #[error("{0}")]
    Refused(String),
}

impl Failure {
    fn code(&self) -> u8 {
        match self {
            Self::Absent(_) => ABSENT,
            Self::WrongUse(_) => WRONG_USE,
            Self::Refused(_) => REFUSED,
        }
    }
}

/// Reports how a command ended.
pub(crate) fn of(done: anyhow::Result<()>) -> ExitCode {
    let Err(error) = done else { return ExitCode::SUCCESS };
    let code = code_of(&error);
    if code != 0 {
        say(&message_of(&error));
    }
    ExitCode::from(code)
}

/// Reports arguments that are wrong, or prints the help that was asked for.
pub(crate) fn of_parsing(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        return of(error.print().map_err(Into::into));
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        say("name a command, such as put, get or demo; see siltstone --help");
        return ExitCode::from(WRONG_USE);
    }
    let text = error.render().to_string();
    let lines = text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with("For more information"));
    let lines = lines.map(|line| line.trim_start_matches("error: ").replace("tip: ", "; "));
    let message = lines.collect::<Vec<_>>().join(" ").replace(" ; ", "; ");
    say(&format!("{message}; see siltstone --help"));
    ExitCode::from(WRONG_USE)
}

/// Writes one line to stderr; if that is closed, nobody is there to be told.
pub(crate) fn say(message: &str) {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    drop(writeln!(io::stderr(), "siltstone: {line}"));
}

/// The error and its causes, each said once, for many an error repeats its cause; and of a full
/// disk what helps.
fn message_of(error: &anyhow::Error) -> String {
    let mut message = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if message.is_empty() {
            message = cause;
        } else if !message.contains(&cause) {
            message = format!("{message}: {cause}");
        }
    }
    if error.chain().any(is_out_of_space) {
        message.push_str("; make room and run it again");
    }
    message
}

fn is_out_of_space(cause: &(dyn std::error::Error + 'static)) -> bool {
    cause.downcast_ref::<Error>().is_some_and(Error::is_out_of_space)
}

fn code_of(error: &anyhow::Error) -> u8 {
    for cause in error.chain() {
        if let Some(failure) = cause.downcast_ref::<Failure>() {
            return failure.code();
        }
        if let Some(error) = cause.downcast_ref::<Error>() {
            return code_of_database(error);
        }
        if let Some(error) = cause.downcast_ref::<io::Error>() {
            // Ours alone: what the database meets is within its own error.
            return if error.kind() == io::ErrorKind::BrokenPipe { 0 } else { ABSENT };
        }
    }
    ABSENT
}

const fn code_of_database(error: &Error) -> u8 {
    match error {
        Error::TooLarge { .. } | Error::InvalidOption { .. } | Error::InvalidName { .. } => {
            WRONG_USE
        }
        _ => REFUSED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_reason_that_is_known_decides() {
        let closed = io::Error::from(io::ErrorKind::BrokenPipe);
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let check = |error: anyhow::Error, code| assert_eq!(code_of(&error), code, "{error:#}");
        check(closed.into(), 0);
        check(anyhow::Error::from(full).context("stdout"), 1);
        check(anyhow::anyhow!("something else"), 1);
        check(Failure::WrongUse("so".into()).into(), 2);
        check(anyhow::Error::from(Error::Closed).context("closing"), 3);
        check(Error::InvalidOption { option: "o", why: "so".into() }.into(), 2);
    }

    #[test]
    fn a_full_disk_is_refused_with_what_helps() {
        let source = io::Error::from(io::ErrorKind::StorageFull).into();
        let full = Error::Io { path: "/db/1.log".into(), doing: "writing", source };
        let stopped = Error::Stopped { cause: full.clone().into() };
        for error in [full, stopped] {
            let error = anyhow::Error::from(error).context("loading");
            assert_eq!(code_of(&error), REFUSED);
            let message = message_of(&error);
            assert!(message.ends_with("; make room and run it again"), "{message}");
            assert!(message.contains("/db/1.log"), "{message}");
        }
        assert!(!message_of(&Error::Closed.into()).contains("room"));
    }
}
