//! The library's own memory: what the tracer allocates, definitions for the most part, lies in pages of its own.
//!
//! A hook may be called where the program's allocator cannot be: by that allocator itself, which asks the kernel for memory under
//! its lock.

use std::{
    alloc::{GlobalAlloc, Layout},
    cell::UnsafeCell,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use dlmalloc::{Allocator, Dlmalloc};

use super::{keeping_errno, pages};

#[global_allocator]
static MEMORY: Memory = Memory {
    owner: AtomicUsize::new(NOBODY),
    watches_forks: AtomicBool::new(false),
    heap: UnsafeCell::new(Dlmalloc::new_with_allocator(Pages)),
};

struct Memory {
    /// The thread that is at work in the heap.
    owner: AtomicUsize,
    watches_forks: AtomicBool,
    heap: UnsafeCell<Dlmalloc<Pages>>,
}

const NOBODY: usize = 0;

// SAFETY: the heap is touched by its owner alone.
unsafe impl Sync for Memory {}

impl Memory {
    fn with<R>(&self, work: impl FnOnce(&mut Dlmalloc<Pages>) -> R) -> R {
        prepare();
        // No handler finds its own thread at work here.
        memtrace_tracer::without_handlers(|| {
            let is_new = self.enter();
            // SAFETY: this thread is the owner, and not at work in the heap further up its stack: it was not its owner before, or
            // it was in order to fork.
            let result = work(unsafe { &mut *self.heap.get() });
            if is_new {
                self.leave();
            }
            result
        })
    }

    /// Makes this thread the owner. Whether it was not.
    fn enter(&self) -> bool {
        let this = this_thread();
        loop {
            match self.owner.compare_exchange(NOBODY, this, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(owner) if owner == this => return false,
                // Nobody is at work here for long.
                // SAFETY: it has no argument.
                Err(_) => _ = keeping_errno(|| unsafe { libc::sched_yield() }),
            }
        }
    }

    /// This thread is the owner no longer, if it was.
    fn leave(&self) {
        let _ = self.owner.compare_exchange(this_thread(), NOBODY, Ordering::Release, Ordering::Relaxed);
    }
}

/// The same in a forked child.
fn this_thread() -> usize {
    // SAFETY: it has no argument.
    unsafe { libc::pthread_self() as usize }
}

/// Sees to it that no thread is at work in the heap when another one forks: the child's would be as it left it. Before the
/// program's allocator sees to forks, for before a fork whoever came first is asked last: while that allocator waits for a thread
/// that has one of its locks, and comes here from a hook, nobody may own the heap.
pub(super) fn prepare() {
    if !MEMORY.watches_forks.swap(true, Ordering::Relaxed) {
        watch_forks();
        // Behind it, so that what the tracer does before a fork it does before this.
        memtrace_tracer::watch_forks();
    }
}

#[cold]
fn watch_forks() {
    extern "C" fn before() {
        MEMORY.enter();
    }
    extern "C" fn after() {
        MEMORY.leave();
    }
    // SAFETY: the handlers are functions that live as long as the program and may be called at any fork.
    unsafe { libc::pthread_atfork(Some(before), Some(after), Some(after)) };
}

// SAFETY: what the heap hands out is as the layout says, and stays until it is given back.
unsafe impl GlobalAlloc for Memory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's layout.
        self.with(|heap| unsafe { heap.malloc(layout.size(), layout.align()) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's layout.
        self.with(|heap| unsafe { heap.calloc(layout.size(), layout.align()) })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller gives back what it was handed out by this layout.
        self.with(|heap| unsafe { heap.free(block, layout.size(), layout.align()) });
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        self.with(|heap| unsafe { heap.realloc(block, layout.size(), layout.align(), size) })
    }
}

/// Where the heap has its memory from: the kernel itself.
struct Pages;

// SAFETY: what it hands out are mappings of their own.
unsafe impl Allocator for Pages {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        (keeping_errno(|| pages::lasting(size)).cast(), size, 0)
    }

    fn remap(&self, _block: *mut u8, _from: usize, _to: usize, _can_move: bool) -> *mut u8 {
        std::ptr::null_mut()
    }

    fn free_part(&self, _block: *mut u8, _from: usize, _to: usize) -> bool {
        false
    }

    fn free(&self, block: *mut u8, size: usize) -> bool {
        // SAFETY: the heap gives back what it has from here, all of it.
        unsafe { pages::give_back(block.cast(), size) };
        true
    }

    fn can_release_part(&self, _flags: u32) -> bool {
        false
    }

    fn allocates_zeros(&self) -> bool {
        true
    }

    fn page_size(&self) -> usize {
        4096
    }
}
