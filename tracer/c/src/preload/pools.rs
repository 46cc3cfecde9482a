//! The heaps and pools that hooks record in, each defined when something first happens there.

use std::sync::atomic::{AtomicU16, Ordering};

use memtrace_tracer::{Heap, MemoryKind, Pool, PoolId};

use super::{driver, keeping_errno};

/// The most devices that are told apart.
pub(crate) const MOST_DEVICES: usize = 64;

/// A pool that is defined when it is first used.
pub(crate) struct LazyPool(AtomicU16);

impl LazyPool {
    pub(crate) const fn new() -> Self {
        Self(AtomicU16::new(0))
    }

    /// The pool. Two threads may both define it; the first to store it wins, and the other heap stays empty. A pool that
    /// cannot be defined now, for recording is off, names nothing, and is defined another time.
    #[inline(always)]
    pub(crate) fn get_or_define(&self, define: impl FnOnce() -> Pool) -> Pool {
        match self.0.load(Ordering::Relaxed) {
            0 => self.define(define),
            id => Pool::from(PoolId(id)),
        }
    }

    #[cold]
    fn define(&self, define: impl FnOnce() -> Pool) -> Pool {
        let defined = PoolId::from(keeping_errno(define));
        match self.0.compare_exchange(0, defined.0, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => Pool::from(defined),
            Err(first) => Pool::from(PoolId(first)),
        }
    }
}

/// What the host's allocator hands out.
#[inline(always)]
pub(crate) fn host() -> Pool {
    static POOL: LazyPool = LazyPool::new();
    POOL.get_or_define(|| Heap::define("host", MemoryKind::Host, None).pool("", 0))
}

/// What the program maps by itself. A heap of its own, for an allocator may hand out parts of it.
#[inline(always)]
pub(crate) fn mapped() -> Pool {
    static POOL: LazyPool = LazyPool::new();
    POOL.get_or_define(|| Heap::define("mapped", MemoryKind::Host, None).pool("", 0))
}

/// Host memory that is page-locked for devices.
pub(crate) fn pinned() -> Pool {
    static POOL: LazyPool = LazyPool::new();
    POOL.get_or_define(|| Heap::define("pinned", MemoryKind::Pinned, None).pool("", 0))
}

/// Memory that the driver moves between host and devices.
pub(crate) fn managed() -> Pool {
    static POOL: LazyPool = LazyPool::new();
    POOL.get_or_define(|| Heap::define("managed", MemoryKind::Managed, None).pool("", 0))
}

/// The memory of a device of CUDA: the segments and the blocks of a caching allocator are in one heap.
#[inline(always)]
pub(crate) fn cuda(ordinal: u16) -> Pool {
    static POOLS: [LazyPool; MOST_DEVICES] = [const { LazyPool::new() }; MOST_DEVICES];
    let place = &POOLS[usize::from(ordinal).min(MOST_DEVICES - 1)];
    place.get_or_define(|| {
        let device = driver::define_device(ordinal);
        Heap::define(&format!("cuda:{ordinal}"), MemoryKind::Device, Some(device)).pool("", 0)
    })
}
