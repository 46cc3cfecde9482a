//! The host allocator as a heap: a wrapper for the program's global allocator.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicU32, Ordering},
};

use memtrace_format::{Address, BlockAlloc, BlockFree, Bytes, Event, MemoryKind, ModuleId, PoolId, StackId};

use crate::{cursor, heap::Heap, state};

/// A global allocator that records what it hands out, in a heap named `host`.
///
/// ```
/// use memtrace_tracer::TracedAllocator;
///
/// #[global_allocator]
/// static ALLOCATOR: TracedAllocator = TracedAllocator::system();
/// # fn main() {}
/// ```
///
/// Blocks smaller than a threshold are not recorded, neither when they are handed out nor when they come back. An allocation
/// made inside the tracer is counted in the log as lost. Any other heap that the engine records stays as it is.
#[derive(Debug)]
pub struct TracedAllocator<A = System> {
    inner: A,
    threshold: usize,
}

impl TracedAllocator<System> {
    /// Wraps the system's allocator; see [`TracedAllocator::new`].
    pub const fn system() -> Self {
        Self::new(System)
    }
}

impl<A> TracedAllocator<A> {
    /// Blocks of at least this many bytes are recorded unless another threshold is set: weights and tensors, but not the
    /// small objects of a program.
    pub const DEFAULT_THRESHOLD: usize = 4 << 10;

    /// Wraps `inner`, with the default threshold.
    pub const fn new(inner: A) -> Self {
        Self { inner, threshold: Self::DEFAULT_THRESHOLD }
    }

    /// Records blocks of at least `bytes` bytes. Zero records everything.
    pub const fn with_threshold(self, bytes: usize) -> Self
    where
        A: Copy,
    {
        Self { inner: self.inner, threshold: bytes }
    }

    #[inline(always)]
    fn records(&self, size: usize) -> bool {
        size >= self.threshold && !state::mode().is_off()
    }
}

// SAFETY: every call goes to the inner allocator with the caller's own arguments, so whatever it promises holds. Recording
// touches no memory of the block and cannot unwind.
unsafe impl<A: GlobalAlloc> GlobalAlloc for TracedAllocator<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `alloc`.
        let block = unsafe { self.inner.alloc(layout) };
        if self.records(layout.size()) {
            allocated(block, layout.size());
        }
        block
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        let block = unsafe { self.inner.alloc_zeroed(layout) };
        if self.records(layout.size()) {
            allocated(block, layout.size());
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if self.records(layout.size()) {
            freed(block, layout.size());
        }
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { self.inner.dealloc(block, layout) };
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // The old block is given back inside the call, so its free goes first; if the call fails, it is handed out again.
        if self.records(layout.size()) {
            freed(block, layout.size());
        }
        // SAFETY: the caller keeps the contract of `realloc`.
        let moved = unsafe { self.inner.realloc(block, layout, new_size) };
        if moved.is_null() {
            if self.records(layout.size()) {
                allocated(block, layout.size());
            }
        } else if self.records(new_size) {
            allocated(moved, new_size);
        }
        moved
    }
}

#[inline]
fn allocated(block: *mut u8, size: usize) {
    if block.is_null() {
        return;
    }
    let (pool, size) = (host_pool(), Bytes(size as u64));
    cursor::record(|| {
        Event::BlockAlloc(BlockAlloc {
            pool,
            address: Address(block.addr() as u64),
            size,
            requested: size,
            module: ModuleId::NONE,
            stack: StackId::NONE,
        })
    });
}

#[inline]
fn freed(block: *mut u8, size: usize) {
    let pool = host_pool();
    cursor::record(|| {
        Event::BlockFree(BlockFree { pool, address: Address(block.addr() as u64), size: Bytes(size as u64) })
    });
}

/// The pool of the heap `host`, defined when it is first used.
#[inline]
fn host_pool() -> PoolId {
    static POOL: AtomicU32 = AtomicU32::new(0);
    let id = POOL.load(Ordering::Relaxed);
    if id != 0 { PoolId(id as u16) } else { define_host_pool(&POOL) }
}

#[cold]
fn define_host_pool(place: &AtomicU32) -> PoolId {
    // Defining allocates; those allocations come back here with the cursor taken, name no pool, and are counted as lost.
    // Two threads may both define one; the first to store it wins, and the other heap stays empty.
    let pool = Heap::define("host", MemoryKind::Host, None).pool("", 0).0;
    if pool.is_none() {
        return pool;
    }
    match place.compare_exchange(0, u32::from(pool.0), Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => pool,
        Err(first) => PoolId(first as u16),
    }
}
