//! Stacks of machine code: return addresses, each with the file that it is in.

use std::{
    ops::{ControlFlow, Range},
    sync::OnceLock,
};

use memtrace_tracer::{Address, Frame, Name, Stack};

use super::{MOST_FRAMES, known};
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
    let (mut callers, mut count) = ([0; MOST_FRAMES], 0);
    callers::each(|caller| {
        // Behind the outermost call there may be one from nowhere.
        if caller != 0 && (count > 0 || !this_library.contains(&caller)) {
            callers[count] = caller as u64;
            count += 1;
        }
        if count < depth { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    known::stack(&callers[..count], |place| frame(callers[place]))
}

fn frame(caller: u64) -> Frame {
    let code = Code::around(caller as usize);
    let bias = code.and_then(Code::bias);
    // An address that no file numbers is told as it is.
    let file = code.filter(|_| bias.is_some()).map(|code| Name::intern(&code.identity()));
    Frame { function: None, file, line: 0, address: Address(caller.wrapping_sub(bias.unwrap_or(0) as u64)) }
}
