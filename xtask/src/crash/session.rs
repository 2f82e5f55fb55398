//! One run of the child: what it says, its end, and its killing.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::said::Said;

/// A started child. It does not outlive this value.
#[derive(Debug)]
pub(super) struct Session {
    child: Child,
    lines: Receiver<Said>,
    stderr: File,
    /// The child itself, also where a tool stands between.
    pid: Option<u32>,
    is_over: bool,
}

/// How a child ended, and what it wrote on stderr.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) stderr: String,
}

impl Session {
    /// Starts `command` and listens to it.
    pub(super) fn start(command: &mut Command) -> Result<Self> {
        let stderr = tempfile::tempfile().context("make a file for stderr")?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(stderr.try_clone().context("share a file")?);
        let mut child = command.spawn().with_context(|| format!("start {command:?}"))?;
        let stdout = child.stdout.take().context("the child has no stdout")?;
        let (say, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if say.send(Said::parse(&line)).is_err() {
                    break;
                }
            }
        });
        Ok(Self { child, lines, stderr, pid: None, is_over: false })
    }

    /// The next thing it says, `None` when it ended, within `wait`.
    ///
    /// # Errors
    ///
    /// When it said nothing for so long.
    pub(super) fn next(&mut self, wait: Duration) -> Result<Option<Said>> {
        match self.lines.recv_timeout(wait) {
            Ok(said) => {
                if let Said::Begin { pid } = said {
                    self.pid = Some(pid);
                }
                Ok(Some(said))
            }
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => bail!("HANGS: nothing was said for {wait:?}"),
        }
    }

    /// Hears everything to the end.
    ///
    /// # Errors
    ///
    /// When `hear` objects, or the child hangs.
    pub(super) fn listen(
        &mut self,
        wait: Duration,
        hear: &mut dyn FnMut(&Said) -> Result<()>,
    ) -> Result<()> {
        while let Some(said) = self.next(wait)? {
            hear(&said)?;
        }
        Ok(())
    }

    /// Hears what is said until `moment`; returns whether the child ended before.
    ///
    /// # Errors
    ///
    /// When `hear` objects.
    pub(super) fn until(
        &mut self,
        moment: Instant,
        hear: &mut dyn FnMut(&Said) -> Result<()>,
    ) -> Result<bool> {
        while let Some(wait) = moment.checked_duration_since(Instant::now()) {
            match self.lines.recv_timeout(wait) {
                Ok(said) => hear(&said)?,
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return Ok(true),
            }
        }
        Ok(false)
    }

    /// Gives the child the line it waits for: `go`, or `probe` to try and wait again.
    pub(super) fn answer(&mut self, word: &str) -> Result<()> {
        let stdin = self.child.stdin.as_mut().context("the child has no stdin")?;
        stdin.write_all(format!("{word}\n").as_bytes()).context("answer the child")
    }

    /// SIGKILL.
    pub(super) fn kill(&mut self) -> Result<()> {
        self.child.kill().context("kill the child")
    }

    /// Waits for the end of the process.
    pub(super) fn end(mut self) -> Result<Ended> {
        let status = self.child.wait().context("wait for the child")?;
        self.is_over = true;
        let mut stderr = String::new();
        self.stderr.rewind().context("read stderr")?;
        self.stderr.read_to_string(&mut stderr).context("read stderr")?;
        Ok(Ended { status, stderr })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        if let Some(pid) = self.pid {
            // Under a tool this is another process than `child`.
            let _ = Command::new("kill").args(["-9", &pid.to_string()]).output();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// Whether SIGKILL was its end.
    pub(super) fn was_killed(&self) -> bool {
        self.status.signal() == Some(9) || self.status.code() == Some(128 + 9)
    }

    /// Whether it ended well, or with the error that the database returned.
    pub(super) fn is_orderly(&self) -> bool {
        self.status.success() || self.is_refused()
    }

    /// Whether the database returned an error.
    pub(super) fn is_refused(&self) -> bool {
        self.status.code() == Some(super::writers::REFUSED)
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.status, self.stderr.trim().replace('\n', " | "))
    }
}
