//! Anonymous mappings that can be written to, as engines and allocators of their own make them, in the heap `mapped`.
//!
//! A reservation, which cannot be written to, takes no memory and is left alone. What is unmapped need not be what was
//! mapped: of a mapping that loses a part, the rest is recorded as blocks of their own.

use std::ffi::{c_int, c_void};

use memtrace_tracer::{Address, Bytes, Stack};

use super::is_large;
use crate::preload::{
    extents::{Extent, Extents},
    next::next,
    pools, records, stacks,
};

type Place = *mut c_void;

next! {
    MMAP = mmap(Place, usize, c_int, c_int, c_int, libc::off_t) -> Place;
    MUNMAP = munmap(Place, usize) -> c_int;
    MREMAP = mremap(Place, usize, usize, c_int, Place) -> Place;
}

/// Each with who asked for it.
static MAPPINGS: Extents<Stack> = Extents::new();

#[unsafe(no_mangle)]
unsafe extern "C" fn mmap(
    address: Place,
    length: usize,
    access: c_int,
    flags: c_int,
    file: c_int,
    offset: libc::off_t,
) -> Place {
    // What lies where a mapping is to be, at all costs, goes.
    let replaced = extent(address, if flags & libc::MAP_FIXED != 0 { length } else { 0 });
    let lost = loses(&replaced);
    let mapped = match MMAP.get() {
        // SAFETY: whatever the caller passes is passed on.
        Some(next) => unsafe { next(address, length, access, flags, file, offset) },
        None => libc::MAP_FAILED,
    };
    let done = mapped != libc::MAP_FAILED;
    if let Some(lost) = lost {
        remains(lost, &replaced, done);
    }
    let takes_memory = flags & (libc::MAP_ANONYMOUS | libc::MAP_NORESERVE) == libc::MAP_ANONYMOUS
        && access & libc::PROT_WRITE != 0;
    if done && takes_memory && is_large(length) && records() {
        begins(&extent(mapped, length), stacks::here());
    }
    mapped
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mmap64(
    address: Place,
    length: usize,
    access: c_int,
    flags: c_int,
    file: c_int,
    offset: libc::off_t,
) -> Place {
    // SAFETY: the same function, where addresses have 64 bits.
    unsafe { mmap(address, length, access, flags, file, offset) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn munmap(address: Place, length: usize) -> c_int {
    let unmapped = extent(address, length);
    let lost = loses(&unmapped);
    // SAFETY: whatever the caller passes is passed on.
    let result = MUNMAP.get().map_or(-1, |next| unsafe { next(address, length) });
    if let Some(lost) = lost {
        remains(lost, &unmapped, result == 0);
    }
    result
}

/// The last argument is there only with `MREMAP_FIXED`, and is passed as though it always were.
#[unsafe(no_mangle)]
unsafe extern "C" fn mremap(
    address: Place,
    length: usize,
    new_length: usize,
    flags: c_int,
    new_address: Place,
) -> Place {
    let old = extent(address, length);
    let replaced = extent(new_address, if flags & libc::MREMAP_FIXED != 0 { new_length } else { 0 });
    let (moving, lost) = (loses(&old), loses(&replaced));
    let moved = match MREMAP.get() {
        // SAFETY: whatever the caller passes is passed on.
        Some(next) => unsafe { next(address, length, new_length, flags, new_address) },
        None => libc::MAP_FAILED,
    };
    let done = moved != libc::MAP_FAILED;
    if let Some(lost) = lost {
        remains(lost, &replaced, done);
    }
    if let Some(moving) = moving {
        remains(moving, &old, done);
        if done && records() {
            begins(&extent(moved, new_length), stacks::here());
        }
    }
    moved
}

fn begins(extent: &Extent, stack: Stack) {
    if MAPPINGS.insert(extent, stack) {
        let size = Bytes(extent.len() as u64);
        pools::mapped().asked_by(stack).block_alloc(Address(extent.start as u64), size, size);
    }
}

/// Some or all of `range` is about to be unmapped: records the frees of what lies there, and returns from where to where
/// that was, with who asked for the lowest of it.
fn loses(range: &Extent) -> Option<(Extent, Stack)> {
    let mut lost: Option<(Extent, Stack)> = None;
    let mut may_be_more = !range.is_empty();
    while may_be_more && let Some(taken) = MAPPINGS.take(range) {
        let extent = taken.extent;
        pools::mapped().block_free(Address(extent.start as u64), Bytes(extent.len() as u64));
        let end = lost.map_or(extent.end, |(above, _)| above.end);
        lost = Some((extent.start..end, taken.about));
        may_be_more = taken.is_one_of_several;
    }
    lost
}

/// Records what is left of what was `lost`: all of it, or if `range` was unmapped indeed, what sticks out of that.
fn remains((lost, stack): (Extent, Stack), range: &Extent, unmapped: bool) {
    if !unmapped {
        return begins(&lost, stack);
    }
    for rest in [lost.start..range.start, range.end..lost.end] {
        if !rest.is_empty() {
            begins(&rest, stack);
        }
    }
}

fn extent(start: Place, length: usize) -> Extent {
    const PAGE: usize = 4096;
    let start = start.addr();
    start..start.saturating_add(length.checked_next_multiple_of(PAGE).unwrap_or(length))
}
