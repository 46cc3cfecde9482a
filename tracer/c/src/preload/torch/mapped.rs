//! Storages that are mapped: files of weights that are read where they lie, and memory that processes share.
//!
//! They are reported as blocks of the host's, but no allocator hands them out: the sum that comes with such a report is 0, which no sum
//! is that a block was just added to. They are in a heap of their own, `torch mapped`, and the sums of the host's allocator are held
//! against its own blocks alone.

use memtrace_tracer::{Address, Bytes, Heap, MemoryKind, Pool};

use crate::preload::{
    extents::{Extent, Extents},
    pools::LazyPool,
    stacks,
};

/// Those that are recorded as live.
static STORAGES: Extents<()> = Extents::new();

/// Sees to forked children.
pub(in crate::preload) fn watch_forks() {
    extern "C" fn in_child() {
        STORAGES.unlock();
    }
    // SAFETY: the handler is a function that lives as long as the program and may be called at any fork.
    unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
}

/// Records the report of one that comes or goes. `false`: it is a block of the allocator's.
pub(super) fn record(address: u64, size: i64, allocated: u64) -> bool {
    if allocated != 0 {
        return false;
    }
    let storage = extent(address, size.unsigned_abs());
    let bytes = Bytes(size.unsigned_abs());
    if size > 0 {
        // One that is mapped where another was has replaced it.
        while let Some((gone, ())) = STORAGES.take(&storage) {
            pool().block_free(Address(gone.start as u64), Bytes(gone.len() as u64));
        }
        if STORAGES.insert(&storage, ()) {
            pool().asked_by(stacks::here()).block_alloc(Address(address), bytes, bytes);
        }
        return true;
    }
    let known = STORAGES.take(&storage);
    if let Some((gone, ())) = &known {
        pool().block_free(Address(gone.start as u64), Bytes(gone.len() as u64));
    }
    known.is_some()
}

fn pool() -> Pool {
    static POOL: LazyPool = LazyPool::new();
    POOL.get_or_define(|| Heap::define("torch mapped", MemoryKind::Host, None).pool("", 0))
}

fn extent(address: u64, bytes: u64) -> Extent {
    let start = address as usize;
    start..start.saturating_add(bytes as usize)
}
