//! Keys and values from the command line.

use crate::exit::Failure;
use crate::format::{MAX_VALUE_BYTES, over_limit};
use anyhow::{Context as _, Result};
use std::ffi::OsStr;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;

/// The key's bytes, as given or from hex digits.
pub(crate) fn key(text: &OsStr, hex: bool) -> Result<Vec<u8>> {
    let key = if hex { from_hex(text.as_bytes()) } else { Some(text.as_bytes().to_vec()) };
    let key = key.ok_or_else(|| {
        let text = text.to_string_lossy();
        Failure::WrongUse(format!("key {text:?} is not hex: write two digits for each byte"))
    })?;
    check(key.len(), 0)?;
    Ok(key)
}

/// The value's bytes: as given, or all of stdin for `-`.
pub(crate) fn value(text: &OsStr) -> Result<Vec<u8>> {
    if text != "-" {
        return Ok(text.as_bytes().to_vec());
    }
    let mut value = Vec::new();
    let limit = MAX_VALUE_BYTES as u64 + 1;
    io::stdin().lock().take(limit).read_to_end(&mut value).context("reading stdin")?;
    check(0, value.len())?;
    Ok(value)
}

/// Refuses what no database takes before one is opened or made for it.
fn check(key_bytes: usize, value_bytes: usize) -> Result<()> {
    over_limit(key_bytes, value_bytes).map_or(Ok(()), |why| Err(Failure::WrongUse(why).into()))
}

fn from_hex(digits: &[u8]) -> Option<Vec<u8>> {
    let digit =
        |&byte: &u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = digits.chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_is_read_byte_by_byte() {
        assert_eq!(from_hex(b""), Some(vec![]));
        assert_eq!(from_hex(b"00fFaB"), Some(vec![0, 0xff, 0xab]));
        for bad in ["0", "0g", "0x00", "+1", " 1"] {
            assert_eq!(from_hex(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn keys_over_the_limit_are_wrong_use() {
        assert!(key(OsStr::new(&"k".repeat(65_535)), false).is_ok());
        assert!(key(OsStr::new(&"k".repeat(65_536)), false).is_err());
    }
}
