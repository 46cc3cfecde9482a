//! What a hook remembers of the calling thread, while it does something that may come back to a hook.
//!
//! All of it is one word, which is found in two loads. A thread-local value of Rust's, in a shared library, is found by a call of
//! the dynamic linker's, which costs as much as the record of an event (`memtrace_tracer` has its cursor in the same way).

/// One thing to remember of a thread: a bit of the word.
pub(crate) struct Flag(u64);

/// The thread looks a function up.
pub(crate) static LOOKING_UP: Flag = Flag(1);
/// The thread takes a stack.
pub(crate) static TAKING_A_STACK: Flag = Flag(2);
/// The thread is in PyTorch's allocator of the host.
pub(crate) static IN_TORCH: Flag = Flag(4);

impl Flag {
    #[inline(always)]
    pub(crate) fn is_up(&self) -> bool {
        word::get() & self.0 != 0
    }

    /// Puts it up or down. Whether it was up.
    #[inline(always)]
    pub(crate) fn replace(&self, up: bool) -> bool {
        let before = word::get();
        word::set(if up { before | self.0 } else { before & !self.0 });
        before & self.0 != 0
    }
}

#[cfg(target_arch = "x86_64")]
mod word {
    use std::arch::{asm, global_asm};

    global_asm!(
        ".pushsection .tbss.memtrace_hook_flags,\"awT\",@nobits",
        ".hidden memtrace_hook_flags",
        ".globl memtrace_hook_flags",
        ".type memtrace_hook_flags, @object",
        ".size memtrace_hook_flags, 8",
        ".balign 8",
        "memtrace_hook_flags:",
        ".zero 8",
        ".popsection",
    );

    #[inline(always)]
    pub(super) fn get() -> u64 {
        let word;
        // SAFETY: it reads the word of this thread's that is defined above.
        unsafe {
            asm!(
                "mov {word}, qword ptr [rip + memtrace_hook_flags@GOTTPOFF]",
                "mov {word}, qword ptr fs:[{word}]",
                word = out(reg) word,
                options(nostack, readonly, preserves_flags),
            );
        }
        word
    }

    #[inline(always)]
    pub(super) fn set(word: u64) {
        // SAFETY: it writes the word of this thread's that is defined above.
        unsafe {
            asm!(
                "mov {place}, qword ptr [rip + memtrace_hook_flags@GOTTPOFF]",
                "mov qword ptr fs:[{place}], {word}",
                place = out(reg) _,
                word = in(reg) word,
                options(nostack, preserves_flags),
            );
        }
    }
}

/// Where the linker's call costs less.
#[cfg(not(target_arch = "x86_64"))]
mod word {
    use std::cell::Cell;

    thread_local! {
        static WORD: Cell<u64> = const { Cell::new(0) };
    }

    pub(super) fn get() -> u64 {
        WORD.get()
    }

    pub(super) fn set(word: u64) {
        WORD.set(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_is_of_one_thread_and_no_other_flag() {
        assert!(!TAKING_A_STACK.replace(true));
        assert!(TAKING_A_STACK.is_up() && !IN_TORCH.is_up());
        assert!(!std::thread::spawn(|| TAKING_A_STACK.is_up()).join().expect("it does not panic"));
        assert!(TAKING_A_STACK.replace(false) && !TAKING_A_STACK.is_up());
    }
}
