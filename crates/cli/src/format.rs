//! The three text and file formats that `load` reads and `dump` writes.
//!
//! They know nothing of a database: a reader fills a [`Pair`], a writer takes a key and a value.
//! A reader may say [`Next::Idle`] when its input pauses, so that what it gave so far can be
//! stored and acknowledged; the next call goes on where it was.

pub(crate) mod files;
pub(crate) mod jsonl;
pub(crate) mod tsv;

use std::io;

/// Longest key that a database takes, in bytes.
pub(crate) const MAX_KEY_BYTES: usize = 65_535;
/// Longest value that a database takes, in bytes: 1 GiB.
pub(crate) const MAX_VALUE_BYTES: usize = 1 << 30;

/// A key and its value; readers reuse the memory.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) key: Vec<u8>,
    pub(crate) value: Vec<u8>,
}

impl Pair {
    pub(crate) fn clear(&mut self) {
        self.key.clear();
        self.value.clear();
    }
}

/// What a reader gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// The pair was filled.
    Pair,
    /// Nothing yet: the input pauses, or the next pair takes long to read.
    Idle,
    /// The input has ended.
    End,
}

/// Why a reader stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InputError {
    /// The input is not what the format says, or is over a limit.
    #[error("{place}: {why}; mend it and load again, earlier ones stay")]
    Malformed {
        /// `line 7`, or a file's name.
        place: String,
        /// What is wrong there.
        why: String,
    },
    /// The operating system failed, or a file changed under the reader.
    #[error("{place}: {source}; earlier ones stay")]
    Unreadable {
        /// What was read.
        place: String,
        /// What the system said.
        source: io::Error,
    },
}

impl InputError {
    pub(crate) fn line(number: u64, why: impl Into<String>) -> Self {
        Self::Malformed { place: format!("line {number}"), why: why.into() }
    }

    pub(crate) fn unreadable(place: impl Into<String>, source: io::Error) -> Self {
        Self::Unreadable { place: place.into(), source }
    }
}

/// Anything that gives pairs.
pub(crate) trait Source {
    /// Fills `pair` with the next one.
    ///
    /// # Errors
    ///
    /// The first one ends the input: the reader is not asked again.
    fn next(&mut self, pair: &mut Pair) -> Result<Next, InputError>;
}

/// What is wrong with the lengths of a key and a value, if anything is.
pub(crate) fn over_limit(key_bytes: usize, value_bytes: usize) -> Option<String> {
    let over = |what, bytes, limit| format!("{what} of {bytes} bytes is over the limit of {limit}");
    if key_bytes > MAX_KEY_BYTES {
        Some(over("key", key_bytes, MAX_KEY_BYTES))
    } else if value_bytes > MAX_VALUE_BYTES {
        Some(over("value", value_bytes, MAX_VALUE_BYTES))
    } else {
        None
    }
}

/// Every pair of a source, for tests: idle moments are passed over.
#[cfg(test)]
pub(crate) fn all_of(source: &mut dyn Source) -> Result<Vec<Pair>, InputError> {
    let (mut pairs, mut pair) = (Vec::new(), Pair::default());
    loop {
        match source.next(&mut pair)? {
            Next::Pair => pairs.push(pair.clone()),
            Next::Idle => {}
            Next::End => return Ok(pairs),
        }
    }
}

/// An input that pauses (`WouldBlock`) before every byte, for tests of resuming.
#[cfg(test)]
#[derive(Debug)]
pub(crate) struct Hesitant<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) ready: bool,
}

#[cfg(test)]
impl io::Read for Hesitant<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = io::BufRead::fill_buf(self)?;
        let taken = bytes.len().min(buffer.len());
        buffer[..taken].copy_from_slice(&bytes[..taken]);
        io::BufRead::consume(self, taken);
        Ok(taken)
    }
}

#[cfg(test)]
impl io::BufRead for Hesitant<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.ready = !self.ready;
        if self.ready {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(&self.bytes[..self.bytes.len().min(1)])
    }

    fn consume(&mut self, bytes: usize) {
        self.bytes = &self.bytes[bytes..];
    }
}
