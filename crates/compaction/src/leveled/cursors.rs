//! Where each level's last pick ended, so that equal candidates take turns.
//! ```text
//! state  = version: u8 = 1 | cursor*       nothing at all if there are no cursors
//! cursor = level: u8 | length: varint | key
//! ```

use siltstone_base::{DecodeError, Reader, varint};
use std::collections::BTreeMap;

const VERSION: u8 = 1;

/// The last key of each level's last pick.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cursors {
    ends: BTreeMap<u8, Vec<u8>>,
}

impl Cursors {
    /// Whether `key` lies behind the level's last pick.
    pub(super) fn is_behind(&self, level: u8, key: &[u8]) -> bool {
        self.ends.get(&level).is_some_and(|end| end.as_slice() < key)
    }

    /// Notes a pick in `level` that ended at `key`.
    pub(super) fn advance(&mut self, level: u8, key: &[u8]) {
        self.ends.insert(level, key.to_vec());
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (&level, key) in &self.ends {
            if bytes.is_empty() {
                bytes.push(VERSION);
            }
            bytes.push(level);
            varint::put(&mut bytes, key.len() as u64);
            bytes.extend_from_slice(key);
        }
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut cursors = Self::default();
        let mut reader = Reader::new(bytes, "state of a policy");
        if reader.is_empty() {
            return Ok(cursors);
        }
        let version = reader.u8()?;
        if version != VERSION {
            let what = "version of a policy's state";
            return Err(DecodeError::Unsupported { what, found: u64::from(version), offset: 0 });
        }
        while !reader.is_empty() {
            let level = reader.u8()?;
            let key = reader.prefixed()?;
            if cursors.ends.last_key_value().is_some_and(|(&last, _)| last >= level) {
                return Err(reader.corrupt("its levels do not rise"));
            }
            cursors.advance(level, key);
        }
        Ok(cursors)
    }
}
