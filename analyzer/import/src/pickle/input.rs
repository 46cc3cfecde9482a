//! The bytes of a pickle, window by window.

use std::io::Read;

use super::PickleFault;

/// How much is read at once.
const WINDOW: usize = 1 << 20;

/// Bytes of a known length that are read forwards, once.
#[derive(Debug)]
pub(super) struct Input<R> {
    source: R,
    window: Vec<u8>,
    /// The next byte in the window.
    at: usize,
    /// The bytes in the window.
    end: usize,
    /// The offset of the window's end.
    read: u64,
    length: u64,
}

impl<R: Read> Input<R> {
    pub(super) fn new(source: R, length: u64) -> Self {
        Self { source, window: vec![0; WINDOW], at: 0, end: 0, read: 0, length }
    }

    /// The offset of the next byte.
    #[inline]
    pub(super) fn offset(&self) -> u64 {
        self.read - (self.end - self.at) as u64
    }

    /// The length of the whole.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// The bytes that are left, as far as the length that was given is right.
    pub(super) fn left(&self) -> u64 {
        self.length.saturating_sub(self.offset())
    }

    /// The next byte.
    #[inline(always)]
    pub(super) fn byte(&mut self) -> Result<u8, PickleFault> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    /// The next `N` bytes.
    #[inline(always)]
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], PickleFault> {
        if let Some(array) = self.window[self.at..self.end].first_chunk() {
            self.at += N;
            return Ok(*array);
        }
        self.fill(N)?;
        let array = self.window[self.at..self.end].first_chunk().ok_or(PickleFault::Truncated)?;
        self.at += N;
        Ok(*array)
    }

    /// The next `count` bytes, which are there if the length of the whole is right.
    #[inline]
    pub(super) fn bytes(&mut self, count: u64) -> Result<&[u8], PickleFault> {
        let left = self.left();
        let there = usize::try_from(count).ok().filter(|_| count <= left);
        let count = there.ok_or(PickleFault::Length { claimed: count, left })?;
        if self.end - self.at < count {
            self.fill(count)?;
        }
        let bytes = &self.window[self.at..self.at + count];
        self.at += count;
        Ok(bytes)
    }

    /// Sees to it that the next `count` bytes are in the window.
    #[cold]
    fn fill(&mut self, count: usize) -> Result<(), PickleFault> {
        self.window.copy_within(self.at..self.end, 0);
        self.end -= self.at;
        self.at = 0;
        if self.window.len() < count {
            self.window.resize(count, 0);
        }
        while self.end < count {
            match self.source.read(&mut self.window[self.end..]) {
                Ok(0) => return Err(PickleFault::Truncated),
                Ok(more) => {
                    self.end += more;
                    self.read += more as u64;
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
