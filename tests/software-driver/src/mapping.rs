//! Anonymous memory from the operating system.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::ptr::{self, NonNull};

/// A range of this process's address space, given back on drop.
#[derive(Debug)]
pub(crate) struct Mapping {
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: a mapping belongs to the process, not to a thread, and this type gives out only its raw address.
unsafe impl Send for Mapping {}
// SAFETY: as for `Send`; there is nothing in it that changes.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Addresses that nothing else will be given and that fault when touched; they cost no memory.
    pub(crate) fn reserved(bytes: usize) -> Option<Self> {
        Self::new(bytes, libc::PROT_NONE)
    }

    /// Readable and writable memory, zero at first.
    pub(crate) fn backed(bytes: usize) -> Option<Self> {
        Self::new(bytes, libc::PROT_READ | libc::PROT_WRITE)
    }

    pub(crate) fn start(&self) -> *mut u8 {
        self.start.as_ptr()
    }

    /// Puts a part of `file` where this mapping, one of addresses alone, has `bytes` at `offset`. `None`: the system will not.
    pub(crate) fn map(&self, offset: usize, bytes: usize, file: &File, from: u64) -> Option<()> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        self.replace(offset, bytes, protection, libc::MAP_SHARED, file.as_raw_fd(), from)
    }

    /// Makes a part of this mapping addresses alone again.
    pub(crate) fn unmap(&self, offset: usize, bytes: usize) -> Option<()> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        self.replace(offset, bytes, libc::PROT_NONE, flags, -1, 0)
    }

    fn replace(
        &self,
        offset: usize,
        bytes: usize,
        protection: libc::c_int,
        flags: libc::c_int,
        file: libc::c_int,
        from: u64,
    ) -> Option<()> {
        if offset.checked_add(bytes)? > self.bytes {
            return None;
        }
        let place = self.start().wrapping_add(offset).cast();
        // SAFETY: the place is a part of this mapping, which nothing but the copies of device memory looks behind.
        let there = unsafe {
            libc::mmap(place, bytes, protection, flags | libc::MAP_FIXED, file, from as libc::off_t)
        };
        (there != libc::MAP_FAILED).then_some(())
    }

    fn new(bytes: usize, protection: libc::c_int) -> Option<Self> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: without an address, a new mapping touches nothing that exists.
        let start = unsafe { libc::mmap(ptr::null_mut(), bytes, protection, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return None;
        }
        NonNull::new(start.cast()).map(|start| Self { start, bytes })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range is this mapping's own, and whoever uses its address holds the mapping.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.bytes) };
    }
}
