//! Memory for those who ask before the real allocator is found: `dlsym` itself, in some C libraries.

use std::{
    cell::UnsafeCell,
    ffi::c_void,
    ptr,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::recorded;

/// Far more than `dlsym` and `dlvsym` ask for.
const BYTES: usize = 16 << 10;

#[repr(C, align(16384))]
struct Arena(UnsafeCell<[u8; BYTES]>);

// SAFETY: nobody but the one to whom a part is handed out touches it.
unsafe impl Sync for Arena {}

static ARENA: Arena = Arena(UnsafeCell::new([0; BYTES]));

static USED: AtomicUsize = AtomicUsize::new(0);

/// Zeroed memory that is never used again, or null.
#[cold]
pub(super) fn alloc(size: usize) -> *mut c_void {
    // `free` looks no further than at what is known of an area of addresses.
    if !recorded::know_of(address()) {
        return ptr::null_mut();
    }
    const ALIGNMENT: usize = 16;
    let room = size.checked_next_multiple_of(ALIGNMENT).filter(|&room| room <= BYTES);
    let taken = room.and_then(|room| {
        USED.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            used.checked_add(room).filter(|&end| end <= BYTES)
        })
        .ok()
    });
    taken.map_or(ptr::null_mut(), |offset| start().wrapping_add(offset).cast())
}

/// Whether `block` is from here. It is not given back then.
#[inline(always)]
pub(super) fn owns(block: *mut c_void) -> bool {
    block.addr().wrapping_sub(start().addr()) < BYTES
}

/// The bytes from `block`, which is from here, to the end of the memory: at least as many as it has.
pub(super) fn readable(block: *mut c_void) -> usize {
    BYTES - (block.addr() - start().addr())
}

/// Where it is. By its alignment it is all in one area.
pub(super) fn address() -> usize {
    start().addr()
}

fn start() -> *mut u8 {
    ARENA.0.get().cast()
}
