//! A source that tells how much of it has been read.

use std::io::{self, Read};

/// Tells its watch with every read, in bytes from its beginning.
pub(crate) struct Watched<'w, R> {
    source: R,
    read: u64,
    watch: &'w mut dyn FnMut(u64),
}

impl<'w, R> Watched<'w, R> {
    pub(crate) fn new(source: R, watch: &'w mut dyn FnMut(u64)) -> Self {
        Self { source, read: 0, watch }
    }
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let have = self.source.read(buffer)?;
        self.read += have as u64;
        (self.watch)(self.read);
        Ok(have)
    }
}
