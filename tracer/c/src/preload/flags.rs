//! Flags that a hook keeps for the calling thread while it does something that may come back to a hook.
//!
//! They are words of the thread, which are found in two loads. A thread-local value of Rust's, in a shared library, is found by a call of
//! the dynamic linker's, which costs as much as the record of an event (`memtrace_tracer` has its cursor in the same way).
//!
//! A signal handler may leave for good, by `siglongjmp`, while a flag is up. So the place on the stack is kept where it was put up:
//! once the stack has come back there, the flag means nothing.

use memtrace_tracer::{has_come_back, stack_place};

/// One thing to remember of a thread: a bit of the first word, and a word for where it was put up.
pub(crate) struct Flag {
    bit: u64,
    place: usize,
}

/// The thread looks a function up.
pub(crate) static LOOKING_UP: Flag = Flag::new(1);
/// The thread takes a stack.
pub(crate) static TAKING_A_STACK: Flag = Flag::new(2);
/// The thread is in PyTorch's allocator of the host.
pub(crate) static IN_TORCH: Flag = Flag::new(3);

/// The first word, and one for each flag.
const WORDS: usize = 4;

impl Flag {
    const fn new(number: usize) -> Self {
        assert!(number > 0 && number < WORDS);
        Self { bit: 1 << number, place: number }
    }

    /// Whether the thread has put it up, further up the stack.
    #[inline(always)]
    pub(crate) fn is_up(&self) -> bool {
        words::get(0) & self.bit != 0 && self.is_held()
    }

    /// Whether whoever put it up is still there. If not, it goes down.
    #[inline(always)]
    fn is_held(&self) -> bool {
        let is_held = !has_come_back(words::get(self.place) as usize);
        if !is_held {
            words::set(0, words::get(0) & !self.bit);
        }
        is_held
    }

    /// Puts it up or down. Whether it was up.
    #[inline(always)]
    pub(crate) fn replace(&self, up: bool) -> bool {
        let was_up = self.is_up();
        let word = words::get(0);
        if up && !was_up {
            words::set(self.place, stack_place() as u64);
        }
        words::set(0, if up { word | self.bit } else { word & !self.bit });
        was_up
    }
}

#[cfg(target_arch = "x86_64")]
mod words {
    use std::arch::{asm, global_asm};

    global_asm!(
        ".pushsection .tbss.memtrace_hook_flags,\"awT\",@nobits",
        ".hidden memtrace_hook_flags",
        ".globl memtrace_hook_flags",
        ".type memtrace_hook_flags, @object",
        ".size memtrace_hook_flags, 32",
        ".balign 8",
        "memtrace_hook_flags:",
        ".zero 32",
        ".popsection",
    );

    #[inline(always)]
    pub(super) fn get(index: usize) -> u64 {
        debug_assert!(index < super::WORDS);
        let word;
        // SAFETY: it reads one of this thread's words that are defined above.
        unsafe {
            asm!(
                "mov {word}, qword ptr [rip + memtrace_hook_flags@GOTTPOFF]",
                "mov {word}, qword ptr fs:[{word} + 8 * {index}]",
                word = out(reg) word,
                index = in(reg) index,
                options(nostack, readonly, preserves_flags),
            );
        }
        word
    }

    #[inline(always)]
    pub(super) fn set(index: usize, word: u64) {
        debug_assert!(index < super::WORDS);
        // SAFETY: it writes one of this thread's words that are defined above.
        unsafe {
            asm!(
                "mov {place}, qword ptr [rip + memtrace_hook_flags@GOTTPOFF]",
                "mov qword ptr fs:[{place} + 8 * {index}], {word}",
                place = out(reg) _,
                index = in(reg) index,
                word = in(reg) word,
                options(nostack, preserves_flags),
            );
        }
    }
}

/// Where the linker's call costs less.
#[cfg(not(target_arch = "x86_64"))]
mod words {
    use std::cell::Cell;

    thread_local! {
        static WORDS: [Cell<u64>; super::WORDS] = const { [const { Cell::new(0) }; super::WORDS] };
    }

    pub(super) fn get(index: usize) -> u64 {
        WORDS.with(|words| words[index].get())
    }

    pub(super) fn set(index: usize, word: u64) {
        WORDS.with(|words| words[index].set(word));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a hook further down the stack sees.
    #[inline(never)]
    fn deeper<T>(look: impl FnOnce() -> T) -> T {
        std::hint::black_box(look())
    }

    #[test]
    fn a_flag_is_of_one_thread_and_no_other_flag() {
        assert!(!TAKING_A_STACK.replace(true));
        deeper(|| {
            assert!(TAKING_A_STACK.is_up() && !IN_TORCH.is_up());
            assert!(!std::thread::spawn(|| TAKING_A_STACK.is_up()).join().expect("it does not panic"));
            assert!(TAKING_A_STACK.replace(true), "it stays where it was put up");
            deeper(|| assert!(TAKING_A_STACK.is_up()));
        });
        TAKING_A_STACK.replace(false);
        deeper(|| assert!(!TAKING_A_STACK.is_up()));
    }

    #[test]
    fn a_flag_that_was_left_up_means_nothing() {
        deeper(|| deeper(|| assert!(!IN_TORCH.replace(true))));
        assert!(!IN_TORCH.is_up());
        // Whoever comes by the same way puts it up, and down.
        deeper(|| {
            deeper(|| {
                assert!(!IN_TORCH.replace(true));
                deeper(|| assert!(IN_TORCH.is_up()));
                IN_TORCH.replace(false);
            });
        });
        deeper(|| assert!(!IN_TORCH.is_up()));
    }
}
