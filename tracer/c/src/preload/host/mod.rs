//! Host memory: what `malloc` and its kin hand out, in the heap `host`, and anonymous mappings, in the heap `mapped`.
//!
//! Small blocks are nobody's question and most of all calls, so only those from a threshold on are recorded. A block tells by
//! itself whether it was: [`recorded`] knows the addresses of those that were, so that `free` needs no size, and the free of
//! a block from before the recording is no event.

mod bootstrap;

mod malloc;

mod mapping;

mod recorded;

use std::sync::atomic::{AtomicUsize, Ordering};

use memtrace_tracer::{Address, Bytes, DropCause};

use crate::preload::{pools, records, stacks, torch};

/// Blocks of at least this many bytes are recorded; none while recording by preload is off.
static THRESHOLD: AtomicUsize = AtomicUsize::new(usize::MAX);

/// What is recorded unless the user says otherwise: as for [`memtrace_tracer::TracedAllocator`].
const DEFAULT_THRESHOLD: usize = memtrace_tracer::TracedAllocator::<()>::DEFAULT_THRESHOLD;

/// Two blocks are at least this far apart, so that each has a place of its own in [`recorded`].
const LEAST_THRESHOLD: usize = 16;

/// Begins to record blocks of at least so many bytes.
pub(crate) fn begin(threshold: Option<usize>) {
    // While one thread alone runs: a look-up later may meet with the loader's lock.
    malloc::look_up_all();
    mapping::look_up_all();
    let threshold = threshold.unwrap_or(DEFAULT_THRESHOLD).max(LEAST_THRESHOLD);
    recorded::begin(threshold, bootstrap::address());
    THRESHOLD.store(threshold, Ordering::Relaxed);
}

/// Whether a block of this size is to be recorded.
#[inline(always)]
fn is_large(size: usize) -> bool {
    // Relaxed: it is set before `main` and stays.
    size >= THRESHOLD.load(Ordering::Relaxed)
}

/// A large block was handed out.
#[inline]
fn allocated(block: usize, size: usize) {
    // PyTorch's blocks are in a heap of their own.
    if block != 0 && records() && !torch::allocates() {
        if !recorded::insert(block) {
            return memtrace_tracer::lose(DropCause::Failed);
        }
        let size = Bytes(size as u64);
        pools::host().asked_by(stacks::here()).block_alloc(Address(block as u64), size, size);
    }
}

/// A block is about to be given back. Whether it was recorded.
#[inline(always)]
fn freed(block: usize) -> bool {
    let was_recorded = recorded::remove(block);
    if was_recorded {
        // Its size is in the record of its alloc. Inside the tracer too: then the event is counted as lost.
        pools::host().block_free(Address(block as u64), Bytes(0));
    }
    was_recorded
}
