//! Host memory at the host's end of a copy.

use cudarc::driver::{HostSlice, PinnedHostSlice};
use memtrace_tracer::{HostMemory, Tier};

/// Host memory that a copy can read or write, and what kind it is: that decides how fast a copy can be.
pub trait TracedHost<T>: HostSlice<T> {
    /// The kind of memory.
    const MEMORY: HostMemory;
    /// Where that is.
    const TIER: Tier;
}

impl<T> TracedHost<T> for [T] {
    const MEMORY: HostMemory = HostMemory::Pageable;
    const TIER: Tier = Tier::Host;
}

impl<T, const N: usize> TracedHost<T> for [T; N] {
    const MEMORY: HostMemory = HostMemory::Pageable;
    const TIER: Tier = Tier::Host;
}

impl<T> TracedHost<T> for Vec<T> {
    const MEMORY: HostMemory = HostMemory::Pageable;
    const TIER: Tier = Tier::Host;
}

impl<T> TracedHost<T> for PinnedHostSlice<T> {
    const MEMORY: HostMemory = HostMemory::Pinned;
    const TIER: Tier = Tier::Pinned;
}
