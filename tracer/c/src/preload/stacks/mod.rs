//! Finds who asks for memory: stacks of calls, where the user wants them (`memtrace record --stacks`).
//!
//! A stack is taken where an event is recorded, and known again by a number made of its frames, without a lock ([`known`]). What
//! it says is written down when it is first met with, as addresses or lines of code; the names of addresses are the analysis's
//! work.

mod known;

mod native;

mod python;

mod reading;

mod unwinder;

use std::sync::{
    OnceLock,
    atomic::{AtomicUsize, Ordering},
};

use memtrace_tracer::Stack;

use super::{flags::TAKING_A_STACK, keeping_errno};
use crate::boundary::guarded;

/// How many frames are kept unless the user says otherwise.
const DEFAULT_DEPTH: usize = 32;

/// The most frames that can be kept.
const MOST_FRAMES: usize = 128;

/// The stacks that the user wants.
struct Wanted {
    take: fn(usize) -> Stack,
    depth: usize,
}

static WANTED: OnceLock<Wanted> = OnceLock::new();

/// How many frames are kept; none while stacks are not wanted, or cannot be taken.
static DEPTH: AtomicUsize = AtomicUsize::new(0);

/// Begins to take stacks of this kind; of Python as soon as there is an interpreter.
pub(crate) fn begin(kind: &str, depth: Option<usize>) {
    let depth = depth.unwrap_or(DEFAULT_DEPTH).min(MOST_FRAMES);
    match kind {
        "native" if native::begin() => {
            let _ = WANTED.set(Wanted { take: native::here, depth });
            begin_as_wanted();
        }
        "python" => _ = WANTED.set(Wanted { take: python::here, depth }),
        _ => {}
    }
}

/// Stacks can be taken.
fn begin_as_wanted() {
    DEPTH.store(WANTED.get().map_or(0, |wanted| wanted.depth), Ordering::Relaxed);
}

/// The stack of whoever called the hook that asks.
#[inline(always)]
pub(crate) fn here() -> Stack {
    // Relaxed: what can be taken from now on, a thread may as well begin to take a moment later.
    match DEPTH.load(Ordering::Relaxed) {
        0 => Stack::NONE,
        depth => take(depth),
    }
}

#[inline(never)]
fn take(depth: usize) -> Stack {
    // Who defines a frame, or unwinds, may ask for memory and so come here again.
    if TAKING_A_STACK.replace(true) {
        return Stack::NONE;
    }
    let stack = keeping_errno(|| guarded(|| WANTED.get().map(|wanted| (wanted.take)(depth))));
    TAKING_A_STACK.replace(false);
    stack.unwrap_or(Stack::NONE)
}
