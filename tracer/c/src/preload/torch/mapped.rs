//! Storages that are mapped: files of weights that are read where they lie, and memory that processes share.
//!
//! They are reported as blocks of the host's, but no allocator hands them out: the sum that comes with such a report is 0, which no sum
//! is that a block was just added to. They are in a heap of their own, `torch mapped`, and the sums of the host's allocator are held
//! against its own blocks alone.

use memtrace_tracer::{Address, Bytes, Heap, MemoryKind, Pool};

use crate::preload::{
    extents::{Extent, Extents, Taken},
    pools::LazyPool,
    stacks,
};

/// Those that are recorded as live.
static STORAGES: Extents<()> = Extents::new();

/// Records the report of one that comes or goes. `false`: it is a block of the allocator's.
pub(super) fn record(address: u64, size: i64, allocated: u64) -> bool {
    if allocated != 0 {
        return false;
    }
    let storage = extent(address, size.unsigned_abs());
    let bytes = Bytes(size.unsigned_abs());
    if size > 0 {
        // One that is mapped where another was has replaced it.
        while let Some(Taken { extent: gone, .. }) = STORAGES.take(&storage) {
            pool().block_free(Address(gone.start as u64), Bytes(gone.len() as u64));
        }
        if STORAGES.insert(&storage, ()) {
            pool().asked_by(stacks::here()).block_alloc(Address(address), bytes, bytes);
        }
        return true;
    }
    let known = STORAGES.take(&storage);
    if let Some(Taken { extent: gone, .. }) = &known {
        pool().block_free(Address(gone.start as u64), Bytes(gone.len() as u64));
    }
    known.is_some()
}

/// Whether one that is live begins here.
pub(super) fn begins_at(address: u64) -> bool {
    STORAGES.around(address as usize).is_some_and(|(storage, ())| storage.start == address as usize)
}

pub(super) fn pool() -> Pool {
    static POOL: LazyPool = LazyPool::new();
    POOL.get_or_define(|| Heap::define("torch mapped", MemoryKind::Host, None).pool("", 0))
}

fn extent(address: u64, bytes: u64) -> Extent {
    let start = address as usize;
    start..start.saturating_add(bytes as usize)
}
