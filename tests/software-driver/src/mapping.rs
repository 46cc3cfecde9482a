//! Anonymous memory from the operating system.

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
