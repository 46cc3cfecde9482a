//! Stacks of Python's calls, read from the frames of the calling thread as debuggers do: no function of CPython's tells them
//! without asking for memory.
//!
//! A thread's frames are its own. While it is in a hook nobody else enters or leaves one, whoever has the interpreter's lock,
//! and what a frame runs lives as long as the frame. Where the fields are depends on the version ([`layout`]), so nothing is read
//! in a program before the package `memtrace` has begun it there: what is read then, with care for addresses that lead
//! nowhere, must be word for word what Python itself says of its frames.
//!
//! A call is known again by what it says, not by where it lies, for the memory of a code object may be another's later: by the
//! hashes that CPython keeps of file, name and lines, and by its place in these.

mod interpreter;

mod layout;

use std::{
    ffi::{CStr, c_char, c_int},
    fmt::Write as _,
    ops::ControlFlow,
    sync::OnceLock,
};

use memtrace_tracer::{Address, Frame, Name, Stack};

use self::{
    interpreter::{Interpreter, Text},
    layout::Call,
};
use super::{MOST_FRAMES, known};

/// The interpreter of this process, once it is known how its frames are read.
static INTERPRETER: OnceLock<Interpreter> = OnceLock::new();

/// The package says what Python says of the calls that this thread is in, the innermost first, each as `file:line:function`
/// and a line's end. If that is what is read here, stacks are taken from now on. `minor` is the second number of the version.
#[unsafe(no_mangle)]
unsafe extern "C" fn memtrace_python_stacks(minor: c_int, told: *const c_char) -> bool {
    // SAFETY: the package passes a string.
    let told = unsafe { CStr::from_ptr(told) };
    let Some(interpreter) = Interpreter::find(minor) else { return false };
    let agrees = read_with_care(&interpreter).is_some_and(|read| read.as_bytes() == told.to_bytes());
    if agrees && INTERPRETER.set(interpreter).is_ok() {
        super::begin_as_wanted();
    }
    agrees
}

/// The calls that this thread is in, of Python.
pub(super) fn here(depth: usize) -> Stack {
    let Some((interpreter, state)) = INTERPRETER.get().and_then(|it| Some((it, it.thread()?))) else {
        return Stack::NONE;
    };
    let (mut calls, mut numbers, mut count) = ([Call::default(); MOST_FRAMES], [0; MOST_FRAMES], 0);
    interpreter.layout.each::<false>(state, |call| {
        (calls[count], numbers[count]) = (call, interpreter.number(call));
        count += 1;
        if count < depth { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    known::stack(&numbers[..count], |place| frame(interpreter, calls[place]))
}

/// Apart from what is done for every event, for it takes room on the stack, of which a thread may have little.
#[cold]
#[inline(never)]
fn frame(interpreter: &Interpreter, call: Call) -> Frame {
    let code = interpreter.layout.code::<false>(call.code).unwrap_or_default();
    let (function, file) = (name(interpreter, code.function), name(interpreter, code.file));
    let line = u32::try_from(interpreter.line(call)).unwrap_or(0);
    Frame { function: Some(function), file: Some(file), line, address: Address(0) }
}

#[inline(never)]
fn name(interpreter: &Interpreter, text: usize) -> Name {
    Name::intern(interpreter.text(text, &mut Text::new()))
}

/// All calls of this thread in words. `None`: what is read there makes no sense.
fn read_with_care(interpreter: &Interpreter) -> Option<String> {
    let (mut words, mut makes_sense) = (String::new(), true);
    let state = interpreter.thread()?;
    let walked = interpreter.layout.each::<true>(state, |call| match interpreter.in_words(call) {
        Some((file, line, function)) => {
            let _ = writeln!(words, "{file}:{line}:{function}");
            ControlFlow::Continue(())
        }
        None => {
            makes_sense = false;
            ControlFlow::Break(())
        }
    });
    walked.filter(|()| makes_sense)?;
    Some(words)
}
