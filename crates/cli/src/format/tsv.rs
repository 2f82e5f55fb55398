//! One `key TAB value LF` a line, for people and for `cut`, `sort` and `join`.
//! ```text
//! line   = key TAB value LF      the last LF may be missing
//! escape = \t | \n | \\ | \xHH   (HH: two hex digits)
//! ```
//! Written: `\t`, `\n`, `\\`, and `\xHH` in lower case for every other byte below 0x20, 0x7f and
//! bytes that are not valid UTF-8. Read: these escapes and no others; everything else stands for
//! itself, a CR and a second TAB too.
//!
//! The reader takes its input piece by piece and stops at the first byte over a limit, so that a
//! line without an end costs no more memory than the longest pair.

use super::{InputError, Next, Pair, Source, over_limit};
use std::io::{self, BufRead, Write};

/// Writes one line.
pub(crate) fn write_pair(out: &mut dyn Write, key: &[u8], value: &[u8]) -> io::Result<()> {
    write_escaped(out, key)?;
    out.write_all(b"\t")?;
    write_escaped(out, value)?;
    out.write_all(b"\n")
}

/// Writes a key (or a value) as it stands in a line.
pub(crate) fn write_escaped(out: &mut dyn Write, bytes: &[u8]) -> io::Result<()> {
    for chunk in bytes.utf8_chunks() {
        write_valid(out, chunk.valid().as_bytes())?;
        for byte in chunk.invalid() {
            write!(out, "\\x{byte:02x}")?;
        }
    }
    Ok(())
}

fn write_valid(out: &mut dyn Write, mut bytes: &[u8]) -> io::Result<()> {
    let special = |&byte: &u8| byte < 0x20 || byte == 0x7f || byte == b'\\';
    while let Some(at) = bytes.iter().position(special) {
        out.write_all(&bytes[..at])?;
        match bytes[at] {
            b'\t' => out.write_all(b"\\t")?,
            b'\n' => out.write_all(b"\\n")?,
            b'\\' => out.write_all(b"\\\\")?,
            byte => write!(out, "\\x{byte:02x}")?,
        }
        bytes = &bytes[at + 1..];
    }
    out.write_all(bytes)
}

/// `bytes` as a line would show them, for messages.
pub(crate) fn escaped(bytes: &[u8]) -> String {
    let mut out = Vec::new();
    // A vector takes every write, and what is written is UTF-8.
    drop(write_escaped(&mut out, bytes));
    String::from_utf8_lossy(&out).into_owned()
}

/// Reads lines.
#[derive(Debug)]
pub(crate) struct TsvReader<R> {
    input: R,
    line: Line,
}

impl<R: BufRead> TsvReader<R> {
    pub(crate) fn new(input: R) -> Self {
        Self { input, line: Line::new() }
    }
}

impl<R: BufRead> Source for TsvReader<R> {
    fn next(&mut self, pair: &mut Pair) -> Result<Next, InputError> {
        loop {
            let piece = match self.input.fill_buf() {
                Ok(piece) => piece,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Next::Idle),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(InputError::unreadable(self.line.place(), error)),
            };
            if piece.is_empty() {
                return if self.line.begun { self.line.finish(pair) } else { Ok(Next::End) };
            }
            let (taken, ended) = self.line.take(piece)?;
            self.input.consume(taken);
            if ended {
                return self.line.finish(pair);
            }
        }
    }
}

/// The line being read.
#[derive(Debug)]
struct Line {
    /// Counted from 1.
    number: u64,
    partial: Pair,
    side: Side,
    escape: Escape,
    /// Whether a byte of it was taken, if only a TAB or half an escape.
    begun: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Key,
    Value,
}

/// How much of an escape was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escape {
    None,
    Backslash,
    X,
    Digit(u8),
}

impl Line {
    fn new() -> Self {
        let partial = Pair::default();
        Self { number: 1, partial, side: Side::Key, escape: Escape::None, begun: false }
    }

    fn place(&self) -> String {
        format!("line {}", self.number)
    }

    fn malformed(&self, why: impl Into<String>) -> InputError {
        InputError::line(self.number, why)
    }

    /// Takes what it can of `bytes`; returns how many it took and whether the line ended.
    fn take(&mut self, bytes: &[u8]) -> Result<(usize, bool), InputError> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            self.begun = true;
            at += match byte {
                _ if self.escape != Escape::None && byte != b'\n' => self.take_escape(byte)?,
                b'\n' => return Ok((at + 1, true)),
                b'\\' => {
                    self.escape = Escape::Backslash;
                    1
                }
                b'\t' if self.side == Side::Key => {
                    self.side = Side::Value;
                    1
                }
                _ => self.take_plain(&bytes[at..])?,
            };
        }
        Ok((at, false))
    }

    /// Takes a run of bytes that stand for themselves and returns its length.
    fn take_plain(&mut self, bytes: &[u8]) -> Result<usize, InputError> {
        let key = self.side == Side::Key;
        let ends = |&byte: &u8| matches!(byte, b'\n' | b'\\') || (key && byte == b'\t');
        let run = bytes.iter().position(ends).unwrap_or(bytes.len());
        self.push(&bytes[..run])?;
        Ok(run)
    }

    /// Takes the next byte of an escape and returns 1, the number of bytes taken.
    fn take_escape(&mut self, byte: u8) -> Result<usize, InputError> {
        let digit = char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let stands_for = match (self.escape, byte, digit) {
            (Escape::Backslash, b't', _) => b'\t',
            (Escape::Backslash, b'n', _) => b'\n',
            (Escape::Backslash, b'\\', _) => b'\\',
            (Escape::Backslash, b'x', _) => {
                self.escape = Escape::X;
                return Ok(1);
            }
            (Escape::X, _, Some(high)) => {
                self.escape = Escape::Digit(high);
                return Ok(1);
            }
            (Escape::Digit(high), _, Some(low)) => high << 4 | low,
            _ => return Err(self.malformed(UNKNOWN_ESCAPE)),
        };
        self.escape = Escape::None;
        self.push(&[stands_for])?;
        Ok(1)
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), InputError> {
        let (Pair { key, value }, at_key) = (&mut self.partial, self.side == Side::Key);
        if at_key { key } else { value }.extend_from_slice(bytes);
        match over_limit(self.partial.key.len(), self.partial.value.len()) {
            // Whether a TAB would have followed is not known: reading on could have no end.
            Some(_) if at_key => Err(self.malformed("no TAB within 65535 bytes, the longest key")),
            Some(why) => Err(self.malformed(why)),
            None => Ok(()),
        }
    }

    /// Gives the finished line and begins the next.
    fn finish(&mut self, pair: &mut Pair) -> Result<Next, InputError> {
        if self.escape != Escape::None {
            return Err(self.malformed(UNKNOWN_ESCAPE));
        }
        if self.side == Side::Key {
            return Err(self.malformed("no TAB between key and value"));
        }
        std::mem::swap(pair, &mut self.partial);
        self.partial.clear();
        self.number += 1;
        self.side = Side::Key;
        self.begun = false;
        Ok(Next::Pair)
    }
}

const UNKNOWN_ESCAPE: &str = r"unknown escape, there are \t, \n, \\ and \xHH";

#[cfg(test)]
mod tests {
    use super::super::{Hesitant, all_of};
    use super::*;

    fn read(text: &[u8]) -> Result<Vec<Pair>, InputError> {
        let whole = all_of(&mut TsvReader::new(text));
        let pieces = all_of(&mut TsvReader::new(Hesitant { bytes: text, ready: false }));
        assert_eq!(format!("{whole:?}"), format!("{pieces:?}"), "pauses change nothing");
        whole
    }

    fn pair(key: &[u8], value: &[u8]) -> Pair {
        Pair { key: key.to_vec(), value: value.to_vec() }
    }

    fn write(key: &[u8], value: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        write_pair(&mut out, key, value).unwrap();
        out
    }

    #[test]
    fn any_bytes_come_back() {
        let all: Vec<u8> = (0..=255).collect();
        let mut text = Vec::new();
        let mut pairs = vec![pair(b"", b""), pair(&all, &all), pair("käse".as_bytes(), b"\r")];
        for byte in 0..=255u8 {
            pairs.push(pair(&[byte], &[byte, byte]));
            pairs.push(pair(&[0xe2, byte, 0xac], &[0xf0, 0x9f, byte]));
        }
        for Pair { key, value } in &pairs {
            text.extend(write(key, value));
        }
        assert!(std::str::from_utf8(&text).is_ok(), "what is written is UTF-8");
        assert_eq!(read(&text).unwrap(), pairs);
    }

    #[test]
    fn escapes_are_written_as_said() {
        assert_eq!(
            write(b"a\tb\nc\\d", b"\r\x00\x7f\xff"),
            b"a\\tb\\nc\\\\d\t\\x0d\\x00\\x7f\\xff\n"
        );
        assert_eq!(write("é~ ".as_bytes(), b""), "é~ \t\n".as_bytes());
    }

    #[test]
    fn the_first_tab_splits_and_cr_is_data() {
        assert_eq!(
            read(b"k\tv\tw\r\nl\\x4A\\x4a\t").unwrap(),
            [pair(b"k", b"v\tw\r"), pair(b"lJJ", b"")]
        );
        assert_eq!(read(b"\t\n\t").unwrap(), [pair(b"", b""), pair(b"", b"")]);
        assert_eq!(read(b"").unwrap(), []);
    }

    #[test]
    fn malformed_lines_are_named() {
        for (text, place) in [
            (&b"no tab"[..], "line 1"),
            (b"a\tb\n\nc\td\n", "line 2"),
            (b"a\tb\nc\\q\td", "line 2"),
            (b"a\tb\\", "line 1"),
            (b"a\tb\\x\n", "line 1"),
            (b"a\tb\\x4\nc\td", "line 1"),
            (b"a\tb\\x4g", "line 1"),
            (b"a\tb\\T", "line 1"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.to_string().starts_with(place), "{error}");
            assert!(matches!(error, InputError::Malformed { .. }));
        }
    }

    #[test]
    fn an_endless_line_is_given_up_at_the_limit() {
        let mut endless = TsvReader::new(io::BufReader::new(io::repeat(b'a')));
        let error = endless.next(&mut Pair::default()).unwrap_err();
        assert!(error.to_string().contains("no TAB within 65535 bytes"), "{error}");
        let longest = [vec![b'k'; MAX_KEY], b"\tv\n".to_vec()].concat();
        assert_eq!(read(&longest).unwrap().len(), 1);
    }

    const MAX_KEY: usize = super::super::MAX_KEY_BYTES;
}
