//! `stored N`: what is acknowledged, said often enough and never too early.

use std::io::{self, Write};
use std::time::{Duration, Instant};

/// Told before more lines than this are untold.
const LINES: u64 = 1000;
/// Told at the first batch so long after the last time.
pub(super) const PAUSE: Duration = Duration::from_millis(10);

/// Prints acknowledgements. Whoever closes stdout is told no more, and the load goes on.
#[derive(Debug)]
pub(crate) struct Acks<W> {
    out: Option<W>,
    told: u64,
    last: Instant,
    /// Whether each acknowledgement is told at once.
    eager: bool,
}

impl<W: Write> Acks<W> {
    /// Tells `out`, at least every 1,000 lines and 50 ms; nobody if there is none.
    pub(crate) fn new(out: Option<W>) -> Self {
        Self { out, told: 0, last: Instant::now(), eager: false }
    }

    /// Tells `out` each time.
    pub(crate) fn eager(out: W) -> Self {
        Self { eager: true, ..Self::new(Some(out)) }
    }

    /// Notes that the first `stored` lines or files are stored; at most `next_max` come with the
    /// next batch.
    pub(crate) fn note(&mut self, stored: u64, next_max: u64) -> io::Result<()> {
        let full = stored - self.told + next_max > LINES;
        let due = self.eager || full || self.last.elapsed() >= PAUSE;
        if due { self.tell(stored) } else { Ok(()) }
    }

    /// Tells what was not told yet, because the input pauses or has ended.
    pub(crate) fn finish(&mut self, stored: u64) -> io::Result<()> {
        if stored == self.told { Ok(()) } else { self.tell(stored) }
    }

    fn tell(&mut self, stored: u64) -> io::Result<()> {
        let Some(out) = &mut self.out else { return Ok(()) };
        match writeln!(out, "stored {stored}").and_then(|()| out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.out = None,
            told => told?,
        }
        self.told = stored;
        self.last = Instant::now();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_more_than_a_thousand_lines_are_untold() {
        let mut out = Vec::new();
        let mut acks = Acks::new(Some(&mut out));
        acks.last = Instant::now() + Duration::from_secs(3600);
        for stored in [250, 500, 750, 751, 1001, 1251, 1501, 1751] {
            acks.note(stored, 250).unwrap();
            // What `tell` did to the clock.
            acks.last = Instant::now() + Duration::from_secs(3600);
        }
        acks.finish(1800).unwrap();
        let told = String::from_utf8(out).unwrap();
        assert_eq!(told, "stored 751\nstored 1751\nstored 1800\n");
    }

    #[test]
    fn a_pause_and_an_end_tell_what_is_new() {
        let mut out = Vec::new();
        let mut acks = Acks::new(Some(&mut out));
        for stored in [0, 3, 3, 5] {
            acks.finish(stored).unwrap();
        }
        assert_eq!(String::from_utf8(out).unwrap(), "stored 3\nstored 5\n");
    }
}
