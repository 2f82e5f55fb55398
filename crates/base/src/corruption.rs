//! What a decoder says of bytes from disk that it will not take.

/// Bytes that cannot be right: what was being read, where, and why it was refused.
///
/// Whoever opened the file adds its name; the layers below know none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("corrupt {what} at byte {offset}: {why}")]
pub struct Corruption {
    /// The part that was being read, such as `"data block"`.
    pub what: &'static str,
    /// Where it begins, in bytes from the start of the file (of the payload where there is no
    /// file yet).
    pub offset: u64,
    /// What is wrong with it.
    pub why: &'static str,
}

/// Why bytes were not decoded: they are damaged, or this version does not know them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes cannot be right.
    #[error(transparent)]
    Corrupt(#[from] Corruption),
    /// The bytes may be right, but a newer version wrote them.
    #[error("{what} {found} at byte {offset} is not known to this version")]
    Unsupported {
        /// What is unknown, such as `"entry kind"` or `"format version"`.
        what: &'static str,
        /// The number that was found.
        found: u64,
        /// Where, in bytes from the start of the file.
        offset: u64,
    },
}

impl DecodeError {
    /// Shorthand for a [`Corruption`].
    pub const fn corrupt(what: &'static str, offset: u64, why: &'static str) -> Self {
        Self::Corrupt(Corruption { what, offset, why })
    }

    /// The same finding, `by` bytes further into the file: for a decoder that saw only a part.
    #[must_use]
    pub const fn shifted(self, by: u64) -> Self {
        match self {
            Self::Corrupt(Corruption { what, offset, why }) => {
                Self::Corrupt(Corruption { what, offset: offset.saturating_add(by), why })
            }
            Self::Unsupported { what, found, offset } => {
                Self::Unsupported { what, found, offset: offset.saturating_add(by) }
            }
        }
    }
}
