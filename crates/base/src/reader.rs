//! Reads fields from bytes that may be wrong.

use crate::{DecodeError, varint};

/// A position in bytes from disk; every take is checked against what is there.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    what: &'static str,
}

impl<'a> Reader<'a> {
    /// Reads `bytes`; `what` names them in errors.
    pub const fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self { bytes, at: 0, what }
    }

    /// How many bytes were taken.
    pub const fn offset(&self) -> usize {
        self.at
    }

    /// Bytes not taken yet.
    #[inline]
    pub fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    /// Whether every byte was taken.
    pub const fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// The error for a field at the current position that cannot be right.
    pub const fn corrupt(&self, why: &'static str) -> DecodeError {
        DecodeError::corrupt(self.what, self.at as u64, why)
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    ///
    /// Corruption if fewer are left.
    #[inline]
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let rest = self.rest();
        if count > rest.len() {
            return Err(self.corrupt("it ends too early"));
        }
        self.at += count;
        Ok(&rest[..count])
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    ///
    /// As [`bytes`](Self::bytes).
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let mut array = [0; N];
        array.copy_from_slice(self.bytes(N)?);
        Ok(array)
    }

    /// One byte.
    ///
    /// # Errors
    ///
    /// As [`bytes`](Self::bytes).
    #[inline]
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        Ok(self.array::<1>()?[0])
    }

    /// Two bytes, little endian.
    ///
    /// # Errors
    ///
    /// As [`bytes`](Self::bytes).
    #[inline]
    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    /// Four bytes, little endian.
    ///
    /// # Errors
    ///
    /// As [`bytes`](Self::bytes).
    #[inline]
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// Eight bytes, little endian.
    ///
    /// # Errors
    ///
    /// As [`bytes`](Self::bytes).
    #[inline]
    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// Sixteen bytes, little endian.
    ///
    /// # Errors
    ///
    /// As [`bytes`](Self::bytes).
    pub fn u128(&mut self) -> Result<u128, DecodeError> {
        Ok(u128::from_le_bytes(self.array()?))
    }

    /// A varint.
    ///
    /// # Errors
    ///
    /// Corruption if there is no valid one.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, DecodeError> {
        let (value, taken) = varint::take(self.rest())
            .ok_or_else(|| self.corrupt("a number is not a valid varint"))?;
        self.at += taken;
        Ok(value)
    }

    /// A varint that is a length or count in memory.
    ///
    /// # Errors
    ///
    /// As [`varint`](Self::varint), and for what does not fit.
    #[inline]
    pub fn varint_usize(&mut self) -> Result<usize, DecodeError> {
        let value = self.varint()?;
        usize::try_from(value).map_err(|_| self.corrupt("a length does not fit memory"))
    }

    /// A varint length and that many bytes.
    ///
    /// # Errors
    ///
    /// As [`varint`](Self::varint) and [`bytes`](Self::bytes).
    #[inline]
    pub fn prefixed(&mut self) -> Result<&'a [u8], DecodeError> {
        let count = self.varint_usize()?;
        self.bytes(count)
    }
}
