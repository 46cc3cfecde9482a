//! Ranges of addresses that are recorded as live, with something about each: mappings, and what the driver handed out.
//!
//! Whoever maps or asks the driver takes a lock of the kernel's or of the driver's, so a lock of its own and a sorted list
//! serve. Nothing here waits for long: a signal handler that comes while its thread is in here gives up.

use std::{
    cell::UnsafeCell,
    hint,
    ops::Range,
    ptr,
    sync::atomic::{AtomicBool, Ordering},
};

use super::{keeping_errno, pages};

/// The addresses of one of them.
pub(crate) type Extent = Range<usize>;

/// As many as mappings that the kernel lets a process have, unless it is told otherwise.
const CAPACITY: usize = 1 << 16;

/// How often it is tried to get the lock.
const PATIENCE: usize = 1 << 14;

/// Extents that do not overlap, each with a `T`.
pub(crate) struct Extents<T> {
    locked: AtomicBool,
    /// Whether anything was ever in it.
    in_use: AtomicBool,
    list: UnsafeCell<*mut List<T>>,
}

// SAFETY: the list is touched by whoever holds the lock, and what is in it is plain data.
unsafe impl<T: Copy + Send> Sync for Extents<T> {}

/// In pages that begin as zeros, which are an empty list.
#[repr(C)]
struct List<T> {
    count: usize,
    /// Highest first, for the kernel maps below what is mapped already.
    entries: [Entry<T>; CAPACITY],
}

#[derive(Clone, Copy)]
struct Entry<T> {
    start: usize,
    end: usize,
    about: T,
}

impl<T: Copy> Extents<T> {
    pub(crate) const fn new() -> Self {
        Self {
            locked: AtomicBool::new(false),
            in_use: AtomicBool::new(false),
            list: UnsafeCell::new(ptr::null_mut()),
        }
    }

    /// Keeps an extent. `false`: there is no room, and it must not be recorded.
    pub(crate) fn insert(&self, extent: &Extent, about: T) -> bool {
        self.in_use.store(true, Ordering::Relaxed);
        let inserted = self.with(|list| {
            if list.count == CAPACITY {
                return false;
            }
            let place = list.filled().partition_point(|entry| entry.start > extent.start);
            list.entries.copy_within(place..list.count, place + 1);
            list.entries[place] = Entry { start: extent.start, end: extent.end, about };
            list.count += 1;
            true
        });
        inserted.unwrap_or(false)
    }

    /// Takes out one that overlaps `range`, the highest first.
    pub(crate) fn take(&self, range: &Extent) -> Option<(Extent, T)> {
        self.find(range, true)
    }

    /// What `address` is in.
    pub(crate) fn around(&self, address: usize) -> Option<(Extent, T)> {
        self.find(&(address..address.checked_add(1)?), false)
    }

    fn find(&self, range: &Extent, take: bool) -> Option<(Extent, T)> {
        if !self.in_use.load(Ordering::Relaxed) {
            return None;
        }
        self.with(|list| {
            let place = list.filled().partition_point(|entry| entry.start >= range.end);
            let found = *list.filled().get(place).filter(|entry| entry.end > range.start)?;
            if take {
                list.entries.copy_within(place + 1..list.count, place);
                list.count -= 1;
            }
            Some((found.start..found.end, found.about))
        })?
    }

    fn with<R>(&self, work: impl FnOnce(&mut List<T>) -> R) -> Option<R> {
        let mut tries = 0;
        while self.locked.swap(true, Ordering::Acquire) {
            tries += 1;
            if tries > PATIENCE {
                return None;
            }
            hint::spin_loop();
        }
        // SAFETY: this thread holds the lock. The list is in pages of zeros, which are an empty one.
        let result = unsafe {
            let place = self.list.get();
            if (*place).is_null() {
                *place = keeping_errno(|| pages::zeroed(size_of::<List<T>>())).cast();
            }
            (*place).as_mut().map(work)
        };
        self.locked.store(false, Ordering::Release);
        result
    }

    /// In a forked child, where another thread of the parent's may have held it: nobody holds the lock.
    pub(crate) fn unlock(&self) {
        self.locked.store(false, Ordering::Release);
    }
}

impl<T> List<T> {
    fn filled(&self) -> &[Entry<T>] {
        &self.entries[..self.count]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_overlaps_is_taken_out() {
        let extents = Extents::new();
        for (extent, about) in [(0x5000..0x7000, 'b'), (0x1000..0x2000, 'a'), (0x8000..0xa000, 'c')] {
            assert!(extents.insert(&extent, about));
        }
        assert_eq!(extents.take(&(0x2000..0x5000)), None);
        assert_eq!(extents.around(0x6fff), Some((0x5000..0x7000, 'b')));
        assert_eq!(extents.around(0x7000), None);
        assert_eq!(extents.take(&(0x6000..0x9000)), Some((0x8000..0xa000, 'c')));
        assert_eq!(extents.take(&(0x6000..0x9000)), Some((0x5000..0x7000, 'b')));
        assert_eq!(extents.take(&(0x6000..0x9000)), None);
        assert_eq!(extents.take(&(0..usize::MAX)), Some((0x1000..0x2000, 'a')));
    }
}
