//! Detects whether an event that a signal handler interrupted is still under way, further up the stack.
//!
//! A handler need not return: one that leaves by `siglongjmp` leaves the event that it interrupted for good. The next event of
//! the thread cannot know that, but by the stack: what the stack has come back to is over.

use std::{mem, ptr};

use crate::sync::own_thread::AtomicUsize;

/// What the kernel puts on the stack below whatever it interrupts, at the very least: the red zone, the registers and those of
/// floating point. So a handler on the same stack is further down than this.
#[cfg(not(loom))]
const SIGNAL_FRAME: usize = 1024;

/// Where the stack of the calling thread ends now.
#[inline(always)]
pub(crate) fn place() -> usize {
    let place: usize;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: it reads a register.
    unsafe {
        std::arch::asm!("mov {}, rsp", out(reg) place, options(nomem, nostack, preserves_flags));
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above.
    unsafe {
        std::arch::asm!("mov {}, sp", out(reg) place, options(nomem, nostack, preserves_flags));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        let local = 0_u8;
        place = std::hint::black_box(&raw const local).addr();
    }
    place
}

/// Stores where the stack of the calling thread ends now, in one instruction where the processor has one.
#[inline(always)]
pub(crate) fn note_place(word: &AtomicUsize) {
    #[cfg(all(target_arch = "x86_64", not(loom)))]
    // SAFETY: the word is an atomic that this thread alone writes, and a store of an aligned word is whole.
    unsafe {
        std::arch::asm!(
            "mov qword ptr [{word}], rsp",
            word = in(reg) word.as_ptr(),
            options(nostack, preserves_flags),
        );
    }
    #[cfg(not(all(target_arch = "x86_64", not(loom))))]
    word.store(place(), std::sync::atomic::Ordering::Relaxed);
}

/// Whether the event at `interrupted` on this thread's stack will never go on. `false` where that is not known: further down the
/// stack than the event was, a handler may have interrupted it, or something else may have been called since it was left; and
/// a handler may have a stack of its own.
///
/// (A handler that changes to the stack of another fiber, and comes back later, would be taken for one that is over.)
#[cfg(not(loom))]
pub(crate) fn is_over(interrupted: usize) -> bool {
    place().saturating_add(SIGNAL_FRAME) > interrupted && !is_on_a_handlers_stack()
}

/// Whether places on the stack can be compared: not in a handler that has a stack of its own.
#[cold]
pub(crate) fn is_known_here() -> bool {
    cfg!(loom) || !is_on_a_handlers_stack()
}

/// In a model a handler is a function that is called.
#[cfg(loom)]
pub(crate) fn is_over(_: usize) -> bool {
    false
}

fn is_on_a_handlers_stack() -> bool {
    // SAFETY: all zeros are a valid `stack_t`, and it is a valid place to write to; no stack is set.
    unsafe {
        let mut stack: libc::stack_t = mem::zeroed();
        libc::sigaltstack(ptr::null(), &raw mut stack) != 0 || stack.ss_flags & libc::SS_ONSTACK != 0
    }
}
