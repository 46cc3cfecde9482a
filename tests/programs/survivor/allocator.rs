use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    sync::atomic::{AtomicU8, Ordering},
    thread,
};

use crate::{numbering::INSIDE, stream::Stream};

/// The system's allocator, with what this thread wants to happen at its next allocations.
pub(crate) struct Eventful;

#[derive(Clone, Copy, PartialEq)]
enum Wish {
    Nothing,
    Record,
    Wait,
}

thread_local! {
    static WISH: Cell<Wish> = const { Cell::new(Wish::Nothing) };
}

/// What became of the thread that waits: 0 nothing yet, 1 it waits, 2 it may go on.
static WAITING: AtomicU8 = AtomicU8::new(0);

/// Records an event at each allocation that `work` makes on this thread.
pub(crate) fn recording<T>(work: impl FnOnce() -> T) -> T {
    wishing(Wish::Record, work)
}

/// Waits, in the first allocation that `work` makes on this thread, for [`let_go`].
pub(crate) fn waiting<T>(work: impl FnOnce() -> T) -> T {
    wishing(Wish::Wait, work)
}

/// Whether a thread waits.
pub(crate) fn is_waiting() -> bool {
    WAITING.load(Ordering::Acquire) == 1
}

/// Lets the thread that waits go on.
pub(crate) fn let_go() {
    WAITING.store(2, Ordering::Release);
}

fn wishing<T>(wish: Wish, work: impl FnOnce() -> T) -> T {
    WISH.set(wish);
    let result = work();
    WISH.set(Wish::Nothing);
    result
}

impl Eventful {
    fn happen() {
        match WISH.replace(Wish::Nothing) {
            Wish::Nothing => {}
            Wish::Record => {
                Stream(INSIDE).record();
                WISH.set(Wish::Record);
            }
            Wish::Wait => {
                WAITING.store(1, Ordering::Release);
                while WAITING.load(Ordering::Acquire) == 1 {
                    thread::yield_now();
                }
            }
        }
    }
}

// SAFETY: all memory comes from the system's allocator and goes back to it.
unsafe impl GlobalAlloc for Eventful {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::happen();
        // SAFETY: the caller's promise is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is the same.
        unsafe { System.dealloc(pointer, layout) }
    }
}
