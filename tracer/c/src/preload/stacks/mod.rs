//! Who asks for memory: stacks of calls, where the user wants them (`memtrace record --stacks`).
//!
//! A stack is taken where an event is recorded, and known again by a number made of its frames, without a lock ([`known`]). What
//! it says is written down when it is first met with, as addresses or lines of code; names are the analysis's work.

mod known;

mod native;

use std::{
    cell::Cell,
    sync::atomic::{AtomicUsize, Ordering},
};

use memtrace_tracer::Stack;

/// How many frames are kept unless the user says otherwise.
const DEFAULT_DEPTH: usize = 32;

/// The most frames that can be kept.
const MOST_FRAMES: usize = 128;

/// How many frames are kept; none while the user does not want stacks.
static DEPTH: AtomicUsize = AtomicUsize::new(0);

/// Begins to take stacks of this kind.
pub(crate) fn begin(kind: &str, depth: Option<usize>) {
    if kind == "native" && native::begin() {
        DEPTH.store(depth.unwrap_or(DEFAULT_DEPTH).min(MOST_FRAMES), Ordering::Relaxed);
    }
}

/// The stack of whoever called the hook that asks.
#[inline(always)]
pub(crate) fn here() -> Stack {
    // Relaxed: it is set before `main` and stays.
    match DEPTH.load(Ordering::Relaxed) {
        0 => Stack::NONE,
        depth => take(depth),
    }
}

#[inline(never)]
fn take(depth: usize) -> Stack {
    // Who defines a frame, or unwinds, may ask for memory and so come here again.
    if TAKING.replace(true) {
        return Stack::NONE;
    }
    let stack = native::here(depth);
    TAKING.set(false);
    stack
}

thread_local! {
    static TAKING: Cell<bool> = const { Cell::new(false) };
}
