//! Stacks of machine code: return addresses, each with the file that it is in.

use std::{
    ops::{ControlFlow, Range},
    sync::OnceLock,
};

use memtrace_tracer::{Address, Frame, Name, Stack};

use super::{MOST_FRAMES, known, unwinder};
use crate::preload::{callers, code::Code};

/// Where this library is, whose own frames are nobody's question.
static THIS_LIBRARY: OnceLock<Range<usize>> = OnceLock::new();

/// Whether stacks can be taken.
pub(super) fn begin() -> bool {
    let this = Code::around(begin as *const () as usize).and_then(Code::range);
    this.is_some_and(|range| THIS_LIBRARY.set(range).is_ok())
}

/// The calls that this thread is in, the hook's left out.
pub(super) fn here(depth: usize) -> Stack {
    let Some(this_library) = THIS_LIBRARY.get() else { return Stack::NONE };
    let mut stack = Callers { found: [0; MOST_FRAMES], count: 0, depth };
    if !unwinder::each(|caller| stack.take(caller, this_library)) {
        stack.count = 0;
        callers::each(|caller| stack.take(caller, this_library));
    }
    let found = &stack.found[..stack.count];
    known::stack(found, |place| frame(found[place]))
}

/// Return addresses, the innermost first.
struct Callers {
    found: [u64; MOST_FRAMES],
    count: usize,
    depth: usize,
}

impl Callers {
    /// Takes one, and says whether another is wanted.
    #[inline(always)]
    fn take(&mut self, caller: usize, this_library: &Range<usize>) -> ControlFlow<()> {
        // Behind the outermost call there may be one from nowhere.
        if caller != 0 && (self.count > 0 || !this_library.contains(&caller)) {
            self.found[self.count] = caller as u64;
            self.count += 1;
        }
        if self.count < self.depth { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

fn frame(caller: u64) -> Frame {
    let code = Code::around(caller as usize);
    let bias = code.and_then(Code::bias);
    // An address that no file numbers is told as it is.
    let file = code.filter(|_| bias.is_some()).map(|code| Name::intern(&code.identity()));
    Frame { function: None, file, line: 0, address: Address(caller.wrapping_sub(bias.unwrap_or(0) as u64)) }
}
