//! Little-endian integers at fixed places of a byte slice.
//!
//! The places are chained constants of the structures' own modules, so a slice that is too short is a mistake of this
//! crate, not of the file: callers hand in arrays or slices whose length they have checked.

/// A place in a structure: where a field starts and how long it is. `next()` chains fields without a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Where the field starts.
    pub offset: usize,
    /// How long it is.
    pub length: usize,
}

impl Field {
    pub(crate) const fn first(length: usize) -> Self {
        Self { offset: 0, length }
    }

    pub(crate) const fn then(self, length: usize) -> Self {
        Self { offset: self.end(), length }
    }

    /// The offset just behind the field.
    pub const fn end(self) -> usize {
        self.offset + self.length
    }

    pub(crate) fn of(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.offset..self.end()]
    }

    pub(crate) fn put(self, bytes: &mut [u8], value: &[u8]) {
        bytes[self.offset..self.end()].copy_from_slice(value);
    }

    pub(crate) fn read_u16(self, bytes: &[u8]) -> u16 {
        u16::from_le_bytes(self.array(bytes))
    }

    pub(crate) fn read_u32(self, bytes: &[u8]) -> u32 {
        u32::from_le_bytes(self.array(bytes))
    }

    pub(crate) fn read_u64(self, bytes: &[u8]) -> u64 {
        u64::from_le_bytes(self.array(bytes))
    }

    pub(crate) fn array<const N: usize>(self, bytes: &[u8]) -> [u8; N] {
        self.of(bytes).try_into().expect("the field has the length of its type")
    }
}

/// The CRC-32 (IEEE 802.3) of several slices one after the other.
pub(crate) fn crc32(parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize()
}
