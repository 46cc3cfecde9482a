//! The C library's allocator, hooked.
//!
//! What is most often called, for blocks that are not recorded, goes on to the next function as a jump, without a frame of its
//! own; all else is in functions beside (`benches/preload_cost.rs`).

#[cfg(target_arch = "x86_64")]
use std::arch::naked_asm;
use std::{
    ffi::{c_int, c_void},
    ptr,
};

use super::{allocated, bootstrap, freed, is_large, recorded};
use crate::preload::next::{Jump, next};

type Block = *mut c_void;

next! {
    MALLOC = malloc(usize) -> Block;
    CALLOC = calloc(usize, usize) -> Block;
    REALLOC = realloc(Block, usize) -> Block;
    FREE = free(Block) -> ();
    POSIX_MEMALIGN = posix_memalign(*mut Block, usize, usize) -> c_int;
    ALIGNED_ALLOC = aligned_alloc(usize, usize) -> Block;
    MEMALIGN = memalign(usize, usize) -> Block;
    VALLOC = valloc(usize) -> Block;
    PVALLOC = pvalloc(usize) -> Block;
    USABLE_SIZE = malloc_usable_size(Block) -> usize;
}

// SAFETY: they are of these types.
static TO_MALLOC: Jump<unsafe extern "C" fn(usize) -> Block> =
    unsafe { Jump::to(first_malloc as *mut c_void) };
// SAFETY: as above.
static TO_CALLOC: Jump<unsafe extern "C" fn(usize, usize) -> Block> =
    unsafe { Jump::to(first_calloc as *mut c_void) };
// SAFETY: as above.
static TO_FREE: Jump<unsafe extern "C" fn(Block)> = unsafe { Jump::to(first_free as *mut c_void) };

/// In assembly, for where the few instructions lie counts for as much as how many there are: as one piece in a line of the cache, to
/// whose size what ends with the alignment is aligned.
#[cfg(target_arch = "x86_64")]
#[unsafe(no_mangle)]
#[unsafe(naked)]
unsafe extern "C" fn malloc(size: usize) -> Block {
    naked_asm!(
        "cmp rdi, qword ptr [rip + {threshold}]",
        "jae {large}",
        "jmp qword ptr [rip + {next}]",
        ".p2align 6",
        threshold = sym super::THRESHOLD,
        large = sym recorded_malloc,
        next = sym TO_MALLOC,
    )
}

/// As above, as compilers have it.
#[cfg(not(target_arch = "x86_64"))]
#[unsafe(no_mangle)]
unsafe extern "C" fn malloc(size: usize) -> Block {
    if is_large(size) {
        return recorded_malloc(size);
    }
    // SAFETY: whatever the caller passes is passed on.
    unsafe { TO_MALLOC.get()(size) }
}

#[cold]
unsafe extern "C" fn first_malloc(size: usize) -> Block {
    let Some(next) = MALLOC.get() else { return bootstrap::alloc(size) };
    TO_MALLOC.lead_to(next);
    // SAFETY: whatever the caller passes is passed on.
    unsafe { next(size) }
}

#[inline(never)]
extern "C" fn recorded_malloc(size: usize) -> Block {
    let Some(next) = MALLOC.get() else { return bootstrap::alloc(size) };
    // SAFETY: whatever the caller passes is passed on.
    handed_out(unsafe { next(size) }, size)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn calloc(count: usize, size: usize) -> Block {
    if is_large(count.saturating_mul(size)) {
        return recorded_calloc(count, size);
    }
    // SAFETY: whatever the caller passes is passed on.
    unsafe { TO_CALLOC.get()(count, size) }
}

#[cold]
unsafe extern "C" fn first_calloc(count: usize, size: usize) -> Block {
    let Some(next) = CALLOC.get() else { return bootstrap::alloc(count.saturating_mul(size)) };
    TO_CALLOC.lead_to(next);
    // SAFETY: whatever the caller passes is passed on.
    unsafe { next(count, size) }
}

#[inline(never)]
extern "C" fn recorded_calloc(count: usize, size: usize) -> Block {
    let Some(next) = CALLOC.get() else { return bootstrap::alloc(count.saturating_mul(size)) };
    // SAFETY: whatever the caller passes is passed on.
    let block = unsafe { next(count, size) };
    // A product that overflows was refused.
    handed_out(block, count.wrapping_mul(size))
}

/// As [`malloc`].
#[cfg(target_arch = "x86_64")]
#[unsafe(no_mangle)]
#[unsafe(naked)]
unsafe extern "C" fn free(block: Block) {
    naked_asm!(
        "mov rax, rdi",
        "shr rax, {shift}",
        "and eax, {mask}",
        "lea rcx, [rip + {table}]",
        "cmp qword ptr [rcx + rax], 0",
        "jne {known}",
        "jmp qword ptr [rip + {next}]",
        ".p2align 6",
        shift = const recorded::SHIFT,
        mask = const recorded::MASK,
        table = sym recorded::TABLE,
        known = sym known_free,
        next = sym TO_FREE,
    )
}

/// As above, as compilers have it.
#[cfg(not(target_arch = "x86_64"))]
#[unsafe(no_mangle)]
unsafe extern "C" fn free(block: Block) {
    if recorded::knows_of(block.addr()) {
        return known_free(block);
    }
    // SAFETY: whatever the caller passes is passed on.
    unsafe { TO_FREE.get()(block) }
}

/// The free of a block that lies where some are known. (What is `extern "C"` does not unwind, so calling it is a jump.)
#[cold]
#[inline(never)]
extern "C" fn known_free(block: Block) {
    if !freed(block.addr()) && bootstrap::owns(block) {
        return;
    }
    // SAFETY: whatever the caller passes is passed on.
    unsafe { TO_FREE.get()(block) }
}

#[cold]
unsafe extern "C" fn first_free(block: Block) {
    let Some(next) = FREE.get() else { return };
    TO_FREE.lead_to(next);
    // SAFETY: whatever the caller passes is passed on.
    unsafe { next(block) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn free_sized(block: Block, _size: usize) {
    // SAFETY: the caller keeps the contract of `free`.
    unsafe { free(block) };
}

#[unsafe(no_mangle)]
unsafe extern "C" fn free_aligned_sized(block: Block, _alignment: usize, _size: usize) {
    // SAFETY: the caller keeps the contract of `free`.
    unsafe { free(block) };
}

#[unsafe(no_mangle)]
unsafe extern "C" fn realloc(block: Block, size: usize) -> Block {
    if bootstrap::owns(block) {
        // SAFETY: the caller keeps the contract of `realloc`.
        return unsafe { moved_from_bootstrap(block, size) };
    }
    // The old block is given back inside the call, so its free goes first; if the call fails, it is handed out again.
    let was_recorded = freed(block.addr());
    let Some(next) = REALLOC.get() else { return bootstrap::alloc(size) };
    // SAFETY: whatever the caller passes is passed on.
    let moved = unsafe { next(block, size) };
    if moved.is_null() && size > 0 && was_recorded {
        // SAFETY: the call failed, so the block is as it was.
        let kept = USABLE_SIZE.get().map_or(0, |usable_size| unsafe { usable_size(block) });
        allocated(block.addr(), kept);
    }
    handed_out(moved, size)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn reallocarray(block: Block, count: usize, size: usize) -> Block {
    let Some(size) = count.checked_mul(size) else {
        // SAFETY: the place is this thread's own.
        unsafe { *libc::__errno_location() = libc::ENOMEM };
        return ptr::null_mut();
    };
    // SAFETY: the caller keeps the contract of `realloc`.
    unsafe { realloc(block, size) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn posix_memalign(place: *mut Block, alignment: usize, size: usize) -> c_int {
    let Some(next) = POSIX_MEMALIGN.get() else { return libc::ENOMEM };
    // SAFETY: whatever the caller passes is passed on.
    let result = unsafe { next(place, alignment, size) };
    if result == 0 && is_large(size) {
        // SAFETY: the call has just written the block there.
        allocated(unsafe { *place }.addr(), size);
    }
    result
}

macro_rules! aligned {
    ($($name:ident($($argument:ident),*) by $place:ident;)*) => {
        $(
            #[unsafe(no_mangle)]
            unsafe extern "C" fn $name($($argument: usize,)* size: usize) -> Block {
                let Some(next) = $place.get() else { return ptr::null_mut() };
                // SAFETY: whatever the caller passes is passed on.
                handed_out(unsafe { next($($argument,)* size) }, size)
            }
        )*
    };
}

aligned! {
    aligned_alloc(alignment) by ALIGNED_ALLOC;
    memalign(alignment) by MEMALIGN;
    valloc() by VALLOC;
    pvalloc() by PVALLOC;
}

#[inline(always)]
fn handed_out(block: Block, size: usize) -> Block {
    if is_large(size) {
        allocated(block.addr(), size);
    }
    block
}

#[cold]
unsafe fn moved_from_bootstrap(block: Block, size: usize) -> Block {
    // SAFETY: it is the hook above; the copy stays inside both blocks.
    unsafe {
        let moved = malloc(size);
        if !moved.is_null() {
            ptr::copy_nonoverlapping(block.cast::<u8>(), moved.cast(), size.min(bootstrap::readable(block)));
        }
        moved
    }
}
