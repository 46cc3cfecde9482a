//! The addresses of the blocks that were recorded, as a table over the address space: no lock, and no search.
//!
//! Recorded blocks have at least as many bytes as the threshold, so of a *cell*, an aligned range no longer than that, at most
//! one of them can begin in it. The table has a number of two bytes for each cell: where in it a recorded block begins. It
//! is made area by area as addresses are used, of pages that appear when they are first written to. A thread writes
//! only of a block that it owns at that moment, so plain stores serve; in a forked child, whose log knows nothing of
//! what was live, the kernel wipes the table.

use std::{
    ptr,
    sync::atomic::{AtomicPtr, AtomicU16, AtomicU32, Ordering},
};

use crate::preload::{keeping_errno, pages};

/// Bytes of address space that one part of the table is for, as a power of two.
const AREA_BITS: u32 = 30;

/// Bits of an address of a process. What lies higher, where a program asks for it, is not recorded.
const ADDRESS_BITS: u32 = 48;

const AREAS: usize = 1 << (ADDRESS_BITS - AREA_BITS);

/// A larger cell would save little.
const LARGEST_CELL_BITS: u32 = 16;

/// Allocators align to this at least.
const ALIGNMENT_BITS: u32 = 3;

/// How an address becomes the offset of its area's place in the table, in bytes: shifted, and masked.
pub(super) const SHIFT: u32 = AREA_BITS - PLACE_BITS;
pub(super) const MASK: usize = (AREAS - 1) << PLACE_BITS;
const PLACE_BITS: u32 = size_of::<AtomicPtr<AtomicU16>>().ilog2();

pub(super) static TABLE: [AtomicPtr<AtomicU16>; AREAS] = [const { AtomicPtr::new(ptr::null_mut()) }; AREAS];

/// The bytes of a cell, as a power of two.
static CELL_BITS: AtomicU32 = AtomicU32::new(LARGEST_CELL_BITS);

/// Blocks of at least `threshold` bytes will be kept here. None is yet, and no thread looks; but the area of one address may
/// be [known of](know_of), and is to be on.
pub(super) fn begin(threshold: usize, known: usize) {
    let area = TABLE.get(known >> AREA_BITS).filter(|area| !area.load(Ordering::Relaxed).is_null());
    CELL_BITS.store(threshold.ilog2().min(LARGEST_CELL_BITS), Ordering::Relaxed);
    if let Some(area) = area {
        // It was made for cells of another size, and has nothing in it.
        area.store(ptr::null_mut(), Ordering::Relaxed);
        make(area);
    }
}

/// Keeps the address of a recorded block. `false`: there is no place for it, and it must not be recorded.
#[inline(always)]
pub(super) fn insert(block: usize) -> bool {
    let Some(cells) = cells(block) else { return false };
    let (cell, mark) = place(block);
    // SAFETY: an area has as many cells as `place` counts.
    unsafe { &*cells.add(cell) }.store(mark, Ordering::Relaxed);
    true
}

/// From now on the area of this address is one that there is something to know of. `false`: there is no place for that.
pub(super) fn know_of(address: usize) -> bool {
    cells(address).is_some()
}

/// Whether there may be anything to know of an address.
#[cfg(any(test, not(target_arch = "x86_64")))]
#[inline(always)]
pub(super) fn knows_of(address: usize) -> bool {
    // Addresses that are not a process's are as others, which does no harm.
    let offset = address >> SHIFT & MASK;
    // SAFETY: the offset is that of a place in the table.
    !unsafe { &*TABLE.as_ptr().byte_add(offset) }.load(Ordering::Acquire).is_null()
}

/// The cells of an address's area, made if need be.
#[inline(always)]
fn cells(address: usize) -> Option<*mut AtomicU16> {
    let area = TABLE.get(address >> AREA_BITS)?;
    let mut cells = area.load(Ordering::Acquire);
    if cells.is_null() {
        cells = make(area);
    }
    (!cells.is_null()).then_some(cells)
}

/// Whether the block that begins here was recorded; from now on it is not.
#[inline(always)]
pub(super) fn remove(block: usize) -> bool {
    let Some(area) = TABLE.get(block >> AREA_BITS) else { return false };
    let cells = area.load(Ordering::Acquire);
    if cells.is_null() {
        return false;
    }
    let (cell, mark) = place(block);
    // SAFETY: as in `insert`.
    let cell = unsafe { &*cells.add(cell) };
    if cell.load(Ordering::Relaxed) != mark {
        return false;
    }
    cell.store(0, Ordering::Relaxed);
    true
}

/// The number of a block's cell in its area, and what stands there for the block.
#[inline(always)]
fn place(block: usize) -> (usize, u16) {
    let cell_bits = CELL_BITS.load(Ordering::Relaxed);
    let cell = (block & ((1 << AREA_BITS) - 1)) >> cell_bits;
    let offset = block & ((1 << cell_bits) - 1);
    (cell, (offset >> ALIGNMENT_BITS) as u16 + 1)
}

#[cold]
#[inline(never)]
fn make(area: &AtomicPtr<AtomicU16>) -> *mut AtomicU16 {
    let cells = 1 << (AREA_BITS - CELL_BITS.load(Ordering::Relaxed));
    let made: *mut AtomicU16 = keeping_errno(|| pages::zeroed(cells * size_of::<AtomicU16>())).cast();
    if made.is_null() {
        return made;
    }
    match area.compare_exchange(ptr::null_mut(), made, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => made,
        // Another thread's are there; these were never written to, and cost nothing but addresses.
        Err(first) => first,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_recorded_is_known_once() {
        let known = 0x7f00_0000_0000;
        assert!(know_of(known));
        begin(4096, known);
        assert!(knows_of(known) && !knows_of(known - 1));
        let block = 0x7f12_3456_7010;
        assert!(!remove(block));
        assert!(insert(block));
        assert!(!remove(block + 16), "a small block in the same cell");
        assert!(!remove(block & !4095), "another one");
        assert!(remove(block));
        assert!(!remove(block), "it was given back");
        assert!(!insert(usize::MAX - 15), "no address of a process");
    }
}
