//! What was acknowledged, and so must be there.
//!
//! Each thread of the child has one batch on its way at most. After a death of the process the
//! number of its batches is therefore the last acknowledged one or the next, and what was seen
//! once stays: between two runs of the writers nothing moves in either direction.

use anyhow::{Result, bail, ensure};

use super::said::Said;

/// The acknowledged numbers of all threads, in the memory of this process alone.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    threads: Vec<Known>,
    acknowledged: u64,
    survived: u64,
}

/// What is known of one thread.
#[derive(Clone, Debug, Default)]
struct Known {
    /// So many batches must be there ..
    least: u64,
    /// .. and so many may.
    most: u64,
    /// It was refused in this run of the writers: no more may be acknowledged.
    refused: bool,
}

impl Ledger {
    /// For a database with nothing in it.
    pub(super) fn new(threads: usize) -> Self {
        Self { threads: vec![Known::default(); threads], acknowledged: 0, survived: 0 }
    }

    /// Acknowledgements that were heard.
    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Batches that were found though nobody had heard of their end.
    pub(super) fn survived(&self) -> u64 {
        self.survived
    }

    /// So many batches of `thread` there may be.
    pub(super) fn most(&self, thread: usize) -> u64 {
        self.threads.get(thread).map_or(0, |known| known.most)
    }

    /// Takes in what a child said.
    ///
    /// # Errors
    ///
    /// When it cannot be: something acknowledged is missing, something nobody wrote is there,
    /// or something was acknowledged that may not be.
    pub(super) fn hear(&mut self, said: &Said) -> Result<()> {
        match said {
            Said::Begin { .. } | Said::Again => {
                self.threads.iter_mut().for_each(|known| known.refused = false);
            }
            Said::Ready => self.threads.iter_mut().for_each(|known| known.most = known.least + 1),
            Said::Found { thread, number } => self.found(*thread, *number)?,
            Said::Ack { thread, number, .. } => self.ack(*thread, *number)?,
            Said::Refused { thread, .. } => self.known(*thread)?.refused = true,
            Said::Unclear(line) => bail!("the child said {line:?}"),
            Said::Unreadable { .. } | Said::Full { .. } | Said::End { .. } | Said::Verified => {}
        }
        Ok(())
    }

    fn found(&mut self, thread: usize, number: u64) -> Result<()> {
        let known = self.known(thread)?;
        let Known { least, most, .. } = *known;
        ensure!(number >= least, "LOST: thread {thread} has {number}, acknowledged was {least}");
        ensure!(number <= most, "thread {thread} has {number}, it never wrote more than {most}");
        (known.least, known.most) = (number, number);
        self.survived += number - least;
        Ok(())
    }

    fn ack(&mut self, thread: usize, number: u64) -> Result<()> {
        let known = self.known(thread)?;
        ensure!(!known.refused, "thread {thread}: {number} acknowledged after a refusal");
        ensure!(number == known.most, "thread {thread}: {number} acknowledged, not {}", known.most);
        (known.least, known.most) = (number, number + 1);
        self.acknowledged += 1;
        Ok(())
    }

    fn known(&mut self, thread: usize) -> Result<&mut Known> {
        let count = self.threads.len();
        let known = self.threads.get_mut(thread);
        known.ok_or_else(|| anyhow::anyhow!("thread {thread} of {count}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ack(number: u64) -> Said {
        Said::Ack { thread: 0, number, seqno: number, synced: true }
    }

    fn found(number: u64) -> Said {
        Said::Found { thread: 0, number }
    }

    /// `Ok` or the first word of the error, after all of `said`.
    fn check(said: &[Said]) -> Result<()> {
        let mut ledger = Ledger::new(1);
        said.iter().try_for_each(|said| ledger.hear(said))
    }

    #[test]
    fn the_last_acknowledged_batch_or_the_next_may_be_there_and_no_other() {
        let after = |number| check(&[found(0), Said::Ready, ack(1), ack(2), found(number)]);
        assert!(after(1).unwrap_err().to_string().starts_with("LOST"));
        assert!(after(2).is_ok() && after(3).is_ok());
        assert!(after(4).is_err());
    }

    #[test]
    fn what_was_seen_once_stays_until_something_is_written() {
        let after = |number| check(&[Said::Ready, ack(1), found(2), found(number)]);
        assert!(after(2).is_ok());
        assert!(after(1).is_err() && after(3).is_err());
        assert!(check(&[found(1)]).is_err(), "nobody wrote before the word ready");
    }

    #[test]
    fn nothing_is_acknowledged_after_a_refusal_but_in_a_new_run() {
        let refused = Said::Refused { thread: 0, number: 2, why: String::new() };
        let told = [Said::Ready, ack(1), refused];
        assert!(check(&[&told[..], &[ack(2)]].concat()).is_err());
        assert!(check(&[&told[..], &[Said::Begin { pid: 1 }, ack(2)]].concat()).is_ok());
        assert!(check(&[Said::Ready, ack(2)]).is_err(), "numbers have no holes");
    }
}
