//! Signals held back from a thread while the tracer is at work on it.
//!
//! A handler may do anything: allocate, record, fork. If it could come while its thread is inside the tracer's cold path, it
//! would find the allocator's and the tracer's locks taken further up its own stack, and a child that it forks would go on
//! with them. So but for the few instructions that store a record, a handler never interrupts the tracer.

use std::{mem, ptr};

/// Signals are held back from the thread that made this until it is dropped there. Another thread, to which they do not come
/// either, has the same mask when a clone is dropped there.
#[derive(Clone)]
pub(crate) struct HeldBack {
    before: libc::sigset_t,
}

/// The signals that an instruction of the thread's own raises. The kernel ends a process that holds one back and raises it.
const RAISED_BY_THE_THREAD: [libc::c_int; 6] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP, libc::SIGSYS];

/// Holds signals back from the calling thread. They come when the value is dropped.
pub(crate) fn hold_back() -> HeldBack {
    // SAFETY: both sets are valid places, filled before they are read; the calls change the thread's mask and nothing else.
    unsafe {
        let mut held = mem::zeroed();
        let mut before = mem::zeroed();
        libc::sigfillset(&raw mut held);
        for signal in RAISED_BY_THE_THREAD {
            libc::sigdelset(&raw mut held, signal);
        }
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const held, &raw mut before);
        HeldBack { before }
    }
}

impl HeldBack {
    /// SIGBUS will not be held back from the thread any more, whose store into the log may raise it. Whether it was.
    pub(crate) fn let_bus_errors_through(&mut self) -> bool {
        // SAFETY: the set is a valid one.
        unsafe {
            let held = libc::sigismember(&raw const self.before, libc::SIGBUS) == 1;
            libc::sigdelset(&raw mut self.before, libc::SIGBUS);
            held
        }
    }
}

impl Drop for HeldBack {
    fn drop(&mut self) {
        // SAFETY: the set is the mask that the thread had.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.before, ptr::null_mut()) };
    }
}
