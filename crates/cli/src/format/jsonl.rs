//! One JSON object a line: `{"key":"k","value":"v"}`.
//!
//! A side that is not UTF-8 is `key_base64` or `value_base64` (RFC 4648, with padding). Each line
//! has exactly one of the two names for each side and nothing else.

use super::{InputError, MAX_KEY_BYTES, MAX_VALUE_BYTES, Next, Pair, Source, over_limit};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::io::{self, BufRead, Read as _, Write};

/// Longest line: six bytes (`\u0000`) for each byte of the longest pair, and the names.
const MAX_LINE_BYTES: u64 = 6 * (MAX_KEY_BYTES + MAX_VALUE_BYTES) as u64 + 1024;

/// Writes one line.
pub(crate) fn write_pair(out: &mut dyn Write, key: &[u8], value: &[u8]) -> io::Result<()> {
    out.write_all(b"{")?;
    write_side(out, "key", key)?;
    out.write_all(b",")?;
    write_side(out, "value", value)?;
    out.write_all(b"}\n")
}

/// Writes a line that has a key alone.
pub(crate) fn write_key(out: &mut dyn Write, key: &[u8]) -> io::Result<()> {
    out.write_all(b"{")?;
    write_side(out, "key", key)?;
    out.write_all(b"}\n")
}

fn write_side(out: &mut dyn Write, name: &str, bytes: &[u8]) -> io::Result<()> {
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            write!(out, "\"{name}\":")?;
            serde_json::to_writer(out, text).map_err(io::Error::from)
        }
        Err(_) => write!(out, "\"{name}_base64\":\"{}\"", STANDARD.encode(bytes)),
    }
}

/// Puts `bytes` into `object` as `name`, or as `name_base64` where they are not UTF-8.
pub(crate) fn insert(object: &mut Map<String, Value>, name: &str, bytes: &[u8]) {
    match std::str::from_utf8(bytes) {
        Ok(text) => object.insert(name.to_owned(), text.into()),
        Err(_) => object.insert(format!("{name}_base64"), STANDARD.encode(bytes).into()),
    };
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    key: Option<String>,
    key_base64: Option<String>,
    value: Option<String>,
    value_base64: Option<String>,
}

/// Reads lines.
#[derive(Debug)]
pub(crate) struct JsonlReader<R> {
    input: R,
    /// Number of the line being read, from 1.
    line: u64,
    /// What was read of it.
    partial: Vec<u8>,
}

impl<R: BufRead> JsonlReader<R> {
    pub(crate) const fn new(input: R) -> Self {
        Self { input, line: 1, partial: Vec::new() }
    }

    /// Gives the finished line and begins the next.
    fn finish(&mut self, pair: &mut Pair) -> Result<Next, InputError> {
        parse(&self.partial, pair).map_err(|why| InputError::line(self.line, why))?;
        // One long line shall not hold its memory for the rest of the input.
        self.partial.clear();
        self.partial.shrink_to(1 << 20);
        self.line += 1;
        Ok(Next::Pair)
    }
}

impl<R: BufRead> Source for JsonlReader<R> {
    fn next(&mut self, pair: &mut Pair) -> Result<Next, InputError> {
        // What no object begins with is not worth reading to its end.
        let begins_wrong =
            |bytes: &[u8]| bytes.first().is_some_and(|byte| !b" \t\r\n{".contains(byte));
        loop {
            let limit = MAX_LINE_BYTES.saturating_sub(self.partial.len() as u64);
            let step = limit.min(1 << 20);
            let read = (&mut self.input).take(step).read_until(b'\n', &mut self.partial);
            match read {
                Ok(0) if self.partial.is_empty() => return Ok(Next::End),
                Ok(0) if limit > 0 => return self.finish(pair),
                Ok(_) if self.partial.ends_with(b"\n") => return self.finish(pair),
                Ok(_) if limit == 0 || begins_wrong(&self.partial) => {
                    return Err(InputError::line(self.line, "not a JSON object"));
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Next::Idle),
                Err(error) => {
                    return Err(InputError::unreadable(format!("line {}", self.line), error));
                }
            }
        }
    }
}

fn parse(line: &[u8], pair: &mut Pair) -> Result<(), String> {
    // serde would take an array for the fields in their order.
    if line.trim_ascii_start().first() != Some(&b'{') {
        return Err("not a JSON object".to_owned());
    }
    let fields: Fields = serde_json::from_slice(line).map_err(|error| {
        let text = error.to_string();
        // serde_json counts lines too, but sees only this one.
        let why = text.split(" at line ").next().unwrap_or(&text).to_owned();
        format!("{why} (at column {})", error.column())
    })?;
    pair.key = side("key", fields.key, fields.key_base64)?;
    pair.value = side("value", fields.value, fields.value_base64)?;
    over_limit(pair.key.len(), pair.value.len()).map_or(Ok(()), Err)
}

fn side(name: &str, text: Option<String>, base64: Option<String>) -> Result<Vec<u8>, String> {
    match (text, base64) {
        (Some(text), None) => Ok(text.into_bytes()),
        (None, Some(base64)) => {
            STANDARD.decode(base64).map_err(|error| format!("{name}_base64: {error}"))
        }
        (Some(_), Some(_)) => Err(format!("both {name} and {name}_base64")),
        (None, None) => Err(format!("neither {name} nor {name}_base64")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Hesitant, all_of};
    use super::*;

    fn read(text: &[u8]) -> Result<Vec<Pair>, InputError> {
        let whole = all_of(&mut JsonlReader::new(text));
        let pieces = all_of(&mut JsonlReader::new(Hesitant { bytes: text, ready: false }));
        assert_eq!(format!("{whole:?}"), format!("{pieces:?}"), "pauses change nothing");
        whole
    }

    fn pair(key: &[u8], value: &[u8]) -> Pair {
        Pair { key: key.to_vec(), value: value.to_vec() }
    }

    #[test]
    fn any_bytes_come_back() {
        let all: Vec<u8> = (0..=255).collect();
        let pairs = [
            pair(b"", b""),
            pair(&all, b"\0\n\r\t\"\\"),
            pair("käse".as_bytes(), &all),
            pair(b"\xff\xff", "\u{1f600}\u{7f}".as_bytes()),
        ];
        let mut text = Vec::new();
        for Pair { key, value } in &pairs {
            write_pair(&mut text, key, value).unwrap();
        }
        assert_eq!(read(&text).unwrap(), pairs);
        assert_eq!(text.split_inclusive(|&byte| byte == b'\n').count(), pairs.len());
    }

    #[test]
    fn sides_are_named_by_what_they_are() {
        let mut text = Vec::new();
        write_pair(&mut text, b"k", b"\xff").unwrap();
        write_key(&mut text, b"\xfe").unwrap();
        assert_eq!(text, b"{\"key\":\"k\",\"value_base64\":\"/w==\"}\n{\"key_base64\":\"/g==\"}\n");
    }

    #[test]
    fn order_spaces_and_a_missing_last_line_end_do_not_matter() {
        let text =
            b" {\"value\": \"v\", \"key\": \"k\"} \r\n{\"key\":\"\\u00e9\",\"value_base64\":\"\"}";
        assert_eq!(read(text).unwrap(), [pair(b"k", b"v"), pair("é".as_bytes(), b"")]);
    }

    #[test]
    fn malformed_lines_are_named() {
        let good = "{\"key\":\"k\",\"value\":\"v\"}\n";
        for bad in [
            "",
            "[]",
            "[\"k\",null,\"v\",null]",
            "null",
            "k\tv",
            "{\"key\":\"k\"}",
            "{\"value\":\"v\"}",
            "{\"key\":\"k\",\"value\":1}",
            "{\"key\":\"k\",\"value\":\"v\",\"ttl\":1}",
            "{\"key\":\"k\",\"key_base64\":\"aw==\",\"value\":\"v\"}",
            "{\"key\":\"k\",\"key\":\"l\",\"value\":\"v\"}",
            "{\"key_base64\":\"a\",\"value\":\"v\"}",
            "{\"key\":\"\\ud800\",\"value\":\"v\"}",
            "{\"key\":\"k\",\"value\":\"v\"} x",
            "{\"key\":\"k\",\"value\":\"v",
        ] {
            let error = read(format!("{good}{bad}\n{good}").as_bytes()).unwrap_err();
            assert!(error.to_string().starts_with("line 2: "), "{bad}: {error}");
        }
        let not_utf8 = [good.as_bytes(), b"{\"key\":\"\xff\",\"value\":\"v\"}"].concat();
        assert!(read(&not_utf8).unwrap_err().to_string().starts_with("line 2: "));
    }

    #[test]
    fn endless_input_of_another_kind_is_given_up() {
        let mut endless = JsonlReader::new(io::BufReader::new(io::repeat(0)));
        assert!(endless.next(&mut Pair::default()).is_err());
    }
}
