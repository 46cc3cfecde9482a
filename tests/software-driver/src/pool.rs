//! The books of a memory pool: what stream-ordered allocation uses and what it keeps.

use crate::boundary::Out;
use crate::code::Code;

/// The numbers of `CUmemPool_attribute` in cuda.h.
mod attribute {
    pub(super) const REUSE_FIRST: u32 = 1;
    pub(super) const REUSE_LAST: u32 = 3;
    pub(super) const RELEASE_THRESHOLD: u32 = 4;
    pub(super) const RESERVED: u32 = 5;
    pub(super) const RESERVED_HIGH: u32 = 6;
    pub(super) const USED: u32 = 7;
    pub(super) const USED_HIGH: u32 = 8;
}

/// All in bytes. Between `used` and `threshold`, freed memory stays reserved, and only this pool can use it.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    used: usize,
    used_high: usize,
    reserved: usize,
    reserved_high: usize,
    threshold: u64,
    reuse: [i32; 3],
}

impl Pool {
    pub(crate) fn new() -> Self {
        Self { reuse: [1; 3], ..Self::default() }
    }

    /// Bytes this pool holds of its device.
    pub(crate) fn reserved(&self) -> usize {
        self.reserved
    }

    /// Whether anything is allocated from it.
    pub(crate) fn is_in_use(&self) -> bool {
        self.used > 0
    }

    /// Bytes the pool needs of the device beyond what it holds, to give out `bytes` more.
    pub(crate) fn growth(&self, bytes: usize) -> usize {
        (self.used + bytes).saturating_sub(self.reserved)
    }

    pub(crate) fn take(&mut self, bytes: usize) {
        self.reserved += self.growth(bytes);
        self.used += bytes;
        self.used_high = self.used_high.max(self.used);
        self.reserved_high = self.reserved_high.max(self.reserved);
    }

    pub(crate) fn put_back(&mut self, bytes: usize) {
        self.used -= bytes;
        self.trim(usize::try_from(self.threshold).unwrap_or(usize::MAX));
    }

    /// Gives the device all that is unused beyond `keep` bytes.
    pub(crate) fn trim(&mut self, keep: usize) {
        self.reserved = self.reserved.min(self.used.max(keep));
    }

    /// Answers with the value of `number`: an `int` for the reuse flags, else 64 bits.
    pub(crate) fn attribute(&self, number: u32, value: Out<u64>) -> Result<(), Code> {
        match number {
            attribute::REUSE_FIRST..=attribute::REUSE_LAST => {
                let flag = self.reuse[(number - attribute::REUSE_FIRST) as usize];
                value.cast::<i32>().set(flag)
            }
            attribute::RELEASE_THRESHOLD => value.set(self.threshold),
            attribute::RESERVED => value.set(self.reserved as u64),
            attribute::RESERVED_HIGH => value.set(self.reserved_high as u64),
            attribute::USED => value.set(self.used as u64),
            attribute::USED_HIGH => value.set(self.used_high as u64),
            _ => Err(Code::INVALID_VALUE),
        }
    }

    /// Whether attribute `number` is one of the flags, which are 32 bits wide.
    pub(crate) fn is_flag(number: u32) -> bool {
        (attribute::REUSE_FIRST..=attribute::REUSE_LAST).contains(&number)
    }

    /// A high-water mark can only be set to 0, which makes it the present value.
    pub(crate) fn set_attribute(&mut self, number: u32, value: u64) -> Result<(), Code> {
        match (number, value) {
            (attribute::REUSE_FIRST..=attribute::REUSE_LAST, _) => {
                self.reuse[(number - attribute::REUSE_FIRST) as usize] = i32::from(value != 0);
            }
            (attribute::RELEASE_THRESHOLD, _) => self.threshold = value,
            (attribute::RESERVED_HIGH, 0) => self.reserved_high = self.reserved,
            (attribute::USED_HIGH, 0) => self.used_high = self.used,
            _ => return Err(Code::INVALID_VALUE),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freed_memory_stays_reserved_up_to_the_threshold() {
        let mut pool = Pool::new();
        pool.set_attribute(attribute::RELEASE_THRESHOLD, 50).unwrap();
        pool.take(80);
        pool.put_back(80);
        assert_eq!((pool.used, pool.reserved), (0, 50));
        assert_eq!((pool.growth(50), pool.growth(60)), (0, 10));
        pool.trim(0);
        assert_eq!(pool.reserved(), 0);
        assert_eq!((pool.used_high, pool.reserved_high), (80, 80));
    }
}
