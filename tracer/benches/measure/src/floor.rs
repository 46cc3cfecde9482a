//! The floor F: the least that a timestamped 32-byte record in a shared file can cost.

use std::{
    cell::Cell,
    fs::File,
    io,
    marker::PhantomData,
    os::fd::AsRawFd,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use memmap2::{Advice, MmapOptions, MmapRaw};

use crate::BATCH;

/// A file mapped shared, which records go into: a thread-local bump pointer, a read of the processor's counter, and one
/// 32-byte store, whose last word is a Release store.
pub struct Floor {
    map: MmapRaw,
    /// A multiple of [`RECORD_BYTES`].
    bytes: usize,
    /// Two threads would write to the same records.
    not_sync: PhantomData<*mut u8>,
}

const RECORD_BYTES: usize = 32;

thread_local! {
    /// Where in the file this thread's next record goes: a multiple of [`RECORD_BYTES`].
    static NEXT: Cell<usize> = const { Cell::new(0) };
}

impl Floor {
    /// F itself: every page is there. The file holds 64 batches and is written again from its beginning when it is full.
    pub fn populated(folder: &Path) -> Self {
        let floor = Self::cold(folder, 64 * BATCH);
        floor.map.advise(Advice::PopulateWrite).expect("the kernel populates (5.14)");
        floor
    }

    /// A floor whose pages are not there: a record that is the first in its page takes the page fault. The file's room on
    /// the disk is allocated, as a log's is, and the next record goes to its beginning.
    pub fn cold(folder: &Path, records: u64) -> Self {
        let bytes = records as usize * RECORD_BYTES;
        let file = tempfile::tempfile_in(folder).expect("a file can be made");
        allocate(&file, bytes).expect("the file can grow");
        let map = MmapOptions::new().len(bytes).map_raw(&file).expect("the file can be mapped");
        NEXT.set(0);
        Self { map, bytes, not_sync: PhantomData }
    }

    /// Records `value`.
    #[inline(always)]
    pub fn record(&self, value: u64) {
        let place = NEXT.with(|next| {
            let mut offset = next.get();
            if offset >= self.bytes {
                offset = 0;
            }
            next.set(offset + RECORD_BYTES);
            self.map.as_mut_ptr().wrapping_add(offset).cast::<u64>()
        });
        // SAFETY: `offset` is less than `bytes` and both are multiples of the record's size, so the whole record lies in
        // the mapping, aligned to 8; and no other thread has this mapping.
        unsafe {
            place.write(counter());
            place.add(1).write(value);
            place.add(2).write(512);
            AtomicU64::from_ptr(place.add(3)).store(1 | 9 << 48, Ordering::Release);
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn counter() -> u64 {
    // SAFETY: every x86-64 has RDTSC, and Linux leaves it allowed unless a process forbids it to itself.
    unsafe { std::arch::x86_64::_rdtsc() }
}

#[cfg(target_arch = "aarch64")]
#[inline(always)]
fn counter() -> u64 {
    let ticks: u64;
    // SAFETY: Linux lets user code read the virtual counter; reading it has no side effect.
    unsafe {
        std::arch::asm!("mrs {}, cntvct_el0", out(reg) ticks, options(nomem, nostack, preserves_flags))
    };
    ticks
}

fn allocate(file: &File, bytes: usize) -> io::Result<()> {
    // SAFETY: fallocate takes no pointers, and the descriptor is open.
    match unsafe { libc::fallocate(file.as_raw_fd(), 0, 0, bytes as libc::off_t) } {
        0 => Ok(()),
        // The filesystem cannot; a hole serves, whose pages only cost a little more at their first write.
        _ => file.set_len(bytes as u64),
    }
}
