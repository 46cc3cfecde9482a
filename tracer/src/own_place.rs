//! Finds where a value of the calling thread lies, as cheaply as the processor allows.
//!
//! In a shared library a thread-local value is found by a call of the dynamic linker's, which costs about as much as storing
//! an event (the *general dynamic* model of thread-local storage). The *initial-exec* model takes two loads, and stable Rust
//! cannot ask for it. So what the linker answers is kept in a word that assembly defines and reads by that model: every
//! process has room for such a word, in a library that it opens late as well.

use std::{arch::global_asm, ptr::NonNull};

global_asm!(
    ".pushsection .tbss.memtrace_own_place,\"awT\",@nobits",
    ".hidden memtrace_own_place",
    ".globl memtrace_own_place",
    ".type memtrace_own_place, @object",
    ".size memtrace_own_place, 8",
    ".balign 8",
    "memtrace_own_place:",
    ".zero 8",
    ".popsection",
);

/// What this thread keeps, as long as it lives, or null.
#[inline(always)]
pub(crate) fn kept<T>() -> Option<NonNull<T>> {
    let place: *mut T;
    // SAFETY: it reads the word of this thread's that is defined above.
    unsafe {
        std::arch::asm!(
            "mov {place}, qword ptr [rip + memtrace_own_place@GOTTPOFF]",
            "mov {place}, qword ptr fs:[{place}]",
            place = out(reg) place,
            options(nostack, readonly, preserves_flags),
        );
    }
    NonNull::new(place)
}

/// Keeps it for this thread.
#[cold]
pub(crate) fn keep<T>(value: &T) {
    // SAFETY: it writes the word of this thread's that is defined above.
    unsafe {
        std::arch::asm!(
            "mov {place}, qword ptr [rip + memtrace_own_place@GOTTPOFF]",
            "mov qword ptr fs:[{place}], {value}",
            place = out(reg) _,
            value = in(reg) std::ptr::from_ref(value),
            options(nostack, preserves_flags),
        );
    }
}
